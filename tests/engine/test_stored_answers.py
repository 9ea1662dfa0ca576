"""An audit of stored answers measures what an audit of the model itself measures, where the answers hold enough."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.answered import Box, box
from engine.small_audits import CLASSES, Net, audit, column, groups_of, measured, results, samples, settings, values

from modelaudit.contexts import gaussian_noise, mean_fill, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.decision.case import Result
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language.checks import CheckSettings
from modelaudit.language.progress import Silent
from modelaudit.language.reasons import Missing
from modelaudit.measures import (
    accuracy,
    adversarial_background_rate,
    confidence,
    flip_rate,
    margin,
    miss_rate,
    predicted,
    top_k_accuracy,
)

SWAP = swap_background("other_class")
OF_LABELS = {
    "right": accuracy > 0,
    "flips": flip_rate.under(SWAP) < 1,
    "blank": accuracy.under(mean_fill("background")) > 0,
    "worst": adversarial_background_rate(3).under(SWAP) < 1,
    "called": predicted("bolt") < 1,
    "missed": miss_rate("bolt") < 1,
}
OF_SCORES = {
    "sure": confidence.under(gaussian_noise(2)) > 0,
    "margin": margin > 0,
    "second": top_k_accuracy(2) > 0,
}
EVERYTHING = {**OF_LABELS, **OF_SCORES}


@pytest.fixture(scope="module")
def small_box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return box(tmp_path_factory.mktemp("box"), EVERYTHING)


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    small = audit(Net().eval(), samples(12))
    cases = {name: small.expect(one) for name, one in EVERYTHING.items()}
    return measured(tmp_path_factory.mktemp("direct"), **cases)


def measured_from(
    reference: str,
    folder: Path,
    expectations: dict[str, Any] = EVERYTHING,
    of_measurement: dict[str, Any] | None = None,
    **options: Any,
) -> Measured:
    small = audit(reference, samples(12), **{"preprocessing": None, "classes": None, **options})
    return measured(folder, of_measurement, **{name: small.expect(one) for name, one in expectations.items()})


def measured_with_store(reference: str, folder: Path, expectations: dict[str, Any], **options: Any) -> Measured:
    small = audit(reference, samples(12), **{"preprocessing": None, "classes": None, **options})
    (group,) = groups_of(**{name: small.expect(one) for name, one in expectations.items()})
    with contextlib.closing(Store(folder / "store")) as store:
        return measure(group, settings(folder), Silent(), store)


def results_of(
    reference: str,
    folder: Path,
    expectations: dict[str, Any],
    of_measurement: dict[str, Any] | None = None,
    **options: Any,
) -> dict[str, Result]:
    small = audit(reference, samples(12), **{"preprocessing": None, "classes": None, **options})
    return results(folder, of_measurement, **{name: small.expect(one) for name, one in expectations.items()})


def keys(found: Measured) -> set[str]:
    return {one.key for one in found.columns}


def assert_same(found: Measured, direct: Measured, key: str, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(values(found, key), values(direct, key), atol=tolerance)
    assert column(found, key).missing == column(direct, key).missing


@pytest.mark.parametrize("form", ["scores", "lines"])
def test_scores_measure_as_the_model_itself(form: str, small_box: Box, direct: Measured, tmp_path: Path) -> None:
    found = measured_from(getattr(small_box, form)(), tmp_path)
    assert not found.failures
    for key in keys(direct):
        assert_same(found, direct, key)
    assert found.passes.forward == 0
    assert any("scores of every class" in note for note in found.models[0].notes)


def test_labels_alone_measure_what_labels_can_and_name_the_rest(
    small_box: Box, direct: Measured, tmp_path: Path
) -> None:
    found = measured_from(small_box.labels(), tmp_path)
    of_labels = keys(found) - {one.split("|", 1)[1] for one in found.failures if "|" in one}
    assert len(of_labels) >= len(OF_LABELS)
    for key in of_labels:
        assert_same(found, direct, key)
    told = "\n".join(found.failures.values())
    assert len(found.failures) == len(OF_SCORES)
    assert told.count("not applicable: ") == len(OF_SCORES)
    assert "confidence needs the probabilities of the labels" in told
    assert "margin needs the scores of every class" in told
    assert "top_k_accuracy(2) needs the 2 strongest labels" in told
    assert told.count("hold labels alone") == len(OF_SCORES)


def test_the_strongest_labels_measure_a_ranking_of_as_many(small_box: Box, direct: Measured, tmp_path: Path) -> None:
    asked = {**OF_SCORES, "third": top_k_accuracy(3) > 0}
    found = measured_from(small_box.top(2), tmp_path, asked)
    assert_same(found, direct, "top_k_accuracy(2)")
    assert len(found.failures) == 3
    assert "top_k_accuracy(3) needs the 3 strongest labels" in "\n".join(found.failures.values())


def test_probabilities_beside_labels_count_where_they_are_said_to_be_some(
    small_box: Box, direct: Measured, tmp_path: Path
) -> None:
    """An image whose label is not among them has no value, whatever probability might be left for it."""
    reference = small_box.top(2, scored=True)
    unsaid = measured_from(reference, tmp_path / "unsaid", OF_SCORES)
    assert "needs the probabilities" in "\n".join(unsaid.failures.values())
    found = measured_from(reference, tmp_path / "said", OF_SCORES, scores="probabilities")
    (key,) = [key for key in keys(found) if key.startswith("confidence")]
    known, expected = values(found, key), values(direct, key)
    missing = column(found, key).missing
    shown = {one.sample: name for name, one in small_box.origins.items() if one.context.startswith("gaussian_noise")}
    there = {at for at, one in enumerate(samples(12)) if str(one.label) in small_box.ranked(shown[one.id])[:2]}
    assert 0 < len(missing) < 12 and set(missing) == set(range(12)) - there
    assert set(missing.values()) == {Missing.NO_ANSWER}
    np.testing.assert_allclose(known[sorted(there)], expected[sorted(there)], atol=1e-6)


def test_a_share_of_missing_answers_counts_at_its_worst_where_it_is_allowed(small_box: Box, tmp_path: Path) -> None:
    gone = [name for name, one in small_box.origins.items() if one.sample == "003.png"]
    names = [name for name in small_box.logits if name not in gone]
    reference = small_box.table(CLASSES, {name: small_box.logits[name] for name in names}, "fewer.csv")
    refused = measured_from(reference, tmp_path / "refused")
    assert f"{len(gone)} of {len(small_box.logits)} pictures without an answer" in "\n".join(refused.failures.values())
    found = measured_from(f"{reference}?unanswered=0.2", tmp_path / "allowed")
    assert not found.failures
    for one in found.columns:
        assert one.missing[3] is Missing.NO_ANSWER, one.key
    assert f"{len(gone)} without an answer" in found.models[0].notes[0]
    decided = results_of(f"{reference}?unanswered=0.2", tmp_path / "decided", {"right": accuracy > 0})["right"]
    assert decided.verdict is not None


def test_the_original_s_missing_answer_is_one_of_what_compares_with_it(small_box: Box, tmp_path: Path) -> None:
    (gone,) = [
        name
        for name, one in small_box.origins.items()
        if one.sample == "003.png" and one.context.startswith("original@")
    ]
    rows = {name: row for name, row in small_box.logits.items() if name != gone}
    reference = f"{small_box.table(CLASSES, rows, 'original.csv')}?unanswered=0.2"
    found = measured_from(reference, tmp_path)
    for one in found.columns:
        compared = one.key.startswith(("flip_rate", "adversarial"))
        of_originals = "under" not in one.key
        assert (one.missing.get(3) is Missing.NO_ANSWER) == (compared or of_originals), one.key


def test_a_picture_that_was_not_rendered_fails_its_pass_alone(small_box: Box, tmp_path: Path) -> None:
    asked = {**OF_LABELS, "rain": accuracy.under(gaussian_noise(4)) > 0}
    found = measured_from(small_box.scores(), tmp_path, asked)
    (key,) = found.failures
    why = found.failures[key]
    assert "gaussian_noise" in key
    assert "were not rendered (000.png: another context, or another version of it; " in why
    assert why.count(".png:") == 4 and "render again" in why  # one micro-batch


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mask": np.ones((16, 16), dtype=np.uint8)}, "another mask"),
        ({"image": np.zeros((16, 16, 3), dtype=np.uint8)}, "another image"),
        ({"id": "new.png"}, "no picture of it was rendered"),
    ],
)
def test_what_changed_since_the_pictures_were_rendered_is_named(
    changes: dict[str, Any], told: str, small_box: Box, tmp_path: Path
) -> None:
    data = [replace(one, **changes) if one.id == "003.png" else one for one in samples(12)]
    small = audit(small_box.scores(), data, preprocessing=None, classes=None)
    found = measured(tmp_path, blank=small.expect(accuracy.under(mean_fill("background")) > 0))
    assert told in "\n".join(found.failures.values())


def test_another_seed_is_named(small_box: Box, tmp_path: Path) -> None:
    small = audit(small_box.scores(), samples(12), preprocessing=None, classes=None)
    found = measured(tmp_path, {"seed": 5}, noisy=small.expect(confidence.under(gaussian_noise(2)) > 0))
    assert "another seed" in "\n".join(found.failures.values())


def test_a_check_that_was_not_rendered_is_not_made_and_named(small_box: Box, tmp_path: Path) -> None:
    checks = CheckSettings(masks=8, noise=8, blind=8, seams=8, sensitivity=8)
    asked = {"lost": accuracy - accuracy.under(SWAP) < 1}
    found = measured_from(small_box.scores(), tmp_path / "stored", asked, of_measurement={"checks": checks})
    assert not found.failures
    told = {rerun.variant: "\n".join(rerun.failures.values()) for rerun in found.variants}
    assert all("were not rendered" in why for why in told.values() if why)
    assert "a variant that a check asks for" in told["eroded"] and "another seed" in told["redrawn"]
    decided = results_of(small_box.scores(), tmp_path / "decided", asked, of_measurement={"checks": checks})["lost"]
    assert [note.partition(":")[0] for note in decided.checks.notes if "could not be checked" in note] == [
        "masks",
        "noise floor",
        "blind control",
    ]


def test_what_is_stored_of_answers_is_theirs_alone(small_box: Box, tmp_path: Path) -> None:
    """The second run reads the store; other answers to the same pictures are read anew."""
    asked = {"right": accuracy > 0, "flips": flip_rate.under(SWAP) < 1, "second": top_k_accuracy(2) > 0}
    rows = {name: [small_box.label(name)] for name in small_box.logits}
    first = measured_with_store(small_box.table(["label"], rows), tmp_path, asked)
    again = measured_with_store(small_box.table(["label"], rows), tmp_path, asked)
    assert (again.passes.decoded, again.passes.stored) == (0, 24)
    assert again.failures == first.failures and len(first.failures) == 1
    other = small_box.table(["label"], {name: ["bolt"] for name in rows})
    changed = measured_with_store(other, tmp_path, asked)
    assert changed.passes.stored == 0
    assert values(changed, "accuracy").tolist() == [float(one.label == "bolt") for one in samples(12)]
    scored = measured_with_store(small_box.scores(), tmp_path, asked)
    assert not scored.failures and scored.passes.stored == 0


def test_a_new_question_about_stored_answers_knows_what_they_lack(small_box: Box, tmp_path: Path) -> None:
    """Logits of an earlier run are in the store, and do not tell which of them were never answered."""
    reference = small_box.top(1, scored=True)
    kept = {"scores": "probabilities"}
    measured_with_store(reference, tmp_path, {"right": accuracy > 0}, **kept)
    found = measured_with_store(reference, tmp_path, {"right": accuracy > 0, "sure": confidence > 0}, **kept)
    wrong = set(np.flatnonzero(values(found, "accuracy") == 0).tolist())
    assert wrong and set(column(found, "confidence").missing) == wrong


def test_an_audit_of_answers_may_stop_early(small_box: Box, tmp_path: Path) -> None:
    asked = {"right": accuracy >= 0.01}
    small = audit(small_box.labels(), samples(12), preprocessing=None, classes=None, stop="early")
    assert results(tmp_path, **{name: small.expect(one) for name, one in asked.items()})["right"].verdict is not None
