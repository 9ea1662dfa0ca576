"""The images that people review: worst, newly wrong and random, drawn by the seed, also after a stop."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.gallery.test_selection import Stopped, Stopping
from engine.small_audits import Net, audit, groups_of, measured, samples, settings, values

from modelaudit.contexts import swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import KeptImage, Measured
from modelaudit.engine.store.store import Store
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_dependence

IMAGES = 48
SWAP = swap_background("other_class")


def asked(**options: Any) -> dict[str, Any]:
    one = audit(Net(3), samples(IMAGES), **options)
    return {
        "maps": one.expect(background_dependence("saliency", "gradcam") < 0.5, reviewed_by=2),
        "swapped": one.expect(background_dependence("saliency").under(SWAP) < 0.5, reviewed_by=1),
        "drop": one.expect(accuracy - accuracy.under(SWAP) < 0.5, reviewed_by=2),
        "unasked": one.expect(accuracy > 0.5),
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    return measured(tmp_path_factory.mktemp("run"), **asked())


def ranks(rows: list[KeptImage]) -> Counter[str]:
    return Counter(row.rank for row in rows)


def is_newly_wrong(found: Measured) -> set[str]:
    right, changed = values(found, "accuracy"), values(found, f"accuracy.under({SWAP})")
    return {found.samples[at].id for at in np.flatnonzero((right == 1) & (changed == 0))}


def test_a_third_each_and_where_nothing_changes_none_is_newly_wrong(found: Measured) -> None:
    assert set(found.reviews) == {"maps", "swapped", "drop"}
    assert ranks(found.reviews["maps"]) == {"worst": 4, "random": 8}
    assert len(is_newly_wrong(found)) >= 8
    for name in ("swapped", "drop"):
        assert ranks(found.reviews[name]) == {"worst": 4, "newly_wrong": 4, "random": 4}
        assert len({row.sample for row in found.reviews[name]}) == 12


def test_ranks_are_what_they_say(found: Measured) -> None:
    newly = is_newly_wrong(found)
    for name in ("swapped", "drop"):
        assert {row.sample for row in found.reviews[name] if row.rank == "newly_wrong"} <= newly
    dependence = values(found, f"background_dependence(saliency).under({SWAP})")
    worst = sorted(dependence, reverse=True)[:4]
    assert [row.value for row in found.reviews["swapped"] if row.rank == "worst"] == pytest.approx(worst)


def test_each_row_is_one_picture_to_review(found: Measured) -> None:
    for row in found.reviews["maps"]:
        assert [(one.kind, one.context) for one in row.pictures] == [("original", None), ("attribution", None)]
    assert {row.pictures[1].method for row in found.reviews["maps"]} == {"saliency", "gradcam"}
    for row in found.reviews["swapped"]:
        assert [one.kind for one in row.pictures] == ["original", "context", "attribution"]
        assert {one.context for one in row.pictures[1:]} == {str(SWAP)}
    for row in found.reviews["drop"]:
        right = [one.right for one in row.pictures[:2]]
        assert row.rank != "newly_wrong" or right == [True, False]


def test_random_ones_are_drawn_by_the_seed_and_more_images_move_few(tmp_path: Path, found: Measured) -> None:
    def random_ones(one: Measured) -> set[str]:
        return {row.sample for row in one.reviews["maps"] if row.rank == "random"}

    again, other = (measured(tmp_path / str(seed), **asked(seed=seed)) for seed in (0, 1))
    assert random_ones(again) == random_ones(found) != random_ones(other)


@pytest.mark.parametrize(("count", "expected"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (7, [3, 2, 2])])
def test_as_many_as_were_agreed(tmp_path: Path, count: int, expected: list[int]) -> None:
    cases = {"drop": asked()["drop"]}
    rows = measured(tmp_path, {"reviewed": count}, **cases).reviews["drop"]
    assert [ranks(rows)[rank] for rank in ("worst", "newly_wrong", "random")] == expected


def test_a_case_that_asks_for_no_reviewers_measures_no_more_than_before(tmp_path: Path) -> None:
    one = audit(Net(), samples(4))
    plain, reviewed = (
        one.expect(background_dependence("saliency").under(SWAP) < 0.5, reviewed_by=by) for by in (None, 1)
    )
    assert [len(group.passes) for group in (*groups_of(case=plain), *groups_of(case=reviewed))] == [1, 2]
    found = measured(tmp_path, case=plain)
    assert found.reviews == {} and len(found.columns) == 1


def test_pictures_of_a_resumed_run_are_those_of_an_undisturbed_one(tmp_path: Path, found: Measured) -> None:
    (group,) = groups_of(**asked())

    def run(chunks: int | None) -> Measured | None:
        store = Store(tmp_path / "store")
        try:
            return measure(group, settings(tmp_path), Stopping(chunks) if chunks else Silent(), store)
        except Stopped:
            return None
        finally:
            store.close()

    assert run(4) is None
    for number in range(2):  # resumed, and once more from the store alone
        again = run(None)
        assert again is not None
        assert again.reviews == found.reviews
        assert (again.passes.forward == 0) == bool(number)
    names = {file.name for file in (tmp_path / "run" / "images").iterdir()}
    assert {Path(one.file).name for rows in found.reviews.values() for row in rows for one in row.pictures} <= names
    assert np.isfinite([row.value for rows in found.reviews.values() for row in rows]).all()
