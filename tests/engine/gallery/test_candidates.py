"""The kept images of a case: worst, typical and best, whatever the order, and never more than a few."""

from __future__ import annotations

import random

import numpy as np
import pytest
from engine.small_audits import audit, groups_of
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.engine.gallery.candidates import _TYPICAL_POOL, BEST, TYPICAL, WORST, CaseCandidates, GalleryChoice
from modelaudit.engine.results.measured import orders_of, tie_break
from modelaudit.language.expression import Expectation
from modelaudit.measures import background_dependence, confidence

LOW, HIGH = background_dependence("gradcam") < 0.5, confidence > 0.5


def gallery(expectation: Expectation = LOW) -> CaseCandidates:
    (group,) = groups_of(case=audit().expect(expectation))
    return CaseCandidates(group.cases[0])


def shown(values: dict[str, float], expectation: Expectation = LOW, parts: int = 1) -> list[tuple[str, str, float]]:
    """(rank, image, value) of what is shown; the images are offered in so many parts."""
    kept, names = gallery(expectation), list(values)
    for part in np.array_split(np.arange(len(names)), parts):
        chosen = [names[at] for at in part]
        kept.offer(part, np.array([values[name] for name in chosen]), orders_of(chosen))
    return [(rank, names[at], value) for rank, at, value in kept.chosen()]


def by_rank(rows: list[tuple[str, str, float]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"worst": [], "typical": [], "best": []}
    for rank, name, _ in rows:
        found[rank].append(name)
    return found


@pytest.mark.parametrize(("expectation", "worst_is_high"), [(LOW, True), (HIGH, False)])
def test_worst_is_what_speaks_against_the_expectation(expectation: Expectation, worst_is_high: bool) -> None:
    values = {f"{at:02d}": at / 100 for at in range(100)}
    rising = sorted(values, key=lambda name: values[name], reverse=worst_is_high)
    found = by_rank(shown(values, expectation))
    assert found["worst"] == rising[:WORST]
    assert found["best"] == rising[-BEST:]
    assert len(found["typical"]) == TYPICAL
    # of 16 images at random the two nearest to the median: within a quarter of the ranks but in one case of 10,000
    assert all(0.25 < values[name] < 0.75 for name in found["typical"])


@pytest.mark.parametrize("expectation", [LOW, HIGH])
def test_rows_carry_their_own_values(expectation: Expectation) -> None:
    values = {f"{at:02d}": at / 100 for at in range(40)}
    for _, name, value in shown(values, expectation):
        assert value == values[name]


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
    st.integers(1, 9),
)
def test_ties_do_not_depend_on_the_order_and_no_image_stands_twice(
    values: list[float], shuffle: random.Random, parts: int
) -> None:
    named = {f"image {at}": value for at, value in enumerate(values)}
    rows = shown(named)
    names = [name for _, name, _ in rows]
    assert len(names) == len(set(names)) == min(len(values), WORST + TYPICAL + BEST)
    order = list(named)
    shuffle.shuffle(order)
    assert shown({name: named[name] for name in order}, parts=parts) == rows


def test_ties_are_not_taken_from_the_beginning_of_the_data() -> None:
    names = [f"{at:03d}" for at in range(200)]
    found = by_rank(shown(dict.fromkeys(names, 0.0)))
    assert found["worst"] == sorted(names, key=tie_break)[:WORST]
    assert not set(found["worst"]) & set(names[: WORST * 3])


def test_of_equal_images_those_that_show_object_and_surroundings_come_first() -> None:
    names = [f"{at:03d}" for at in range(40)]
    areas = np.array([(0.999, 0.001, 0.3, np.nan)[at % 4] for at in range(40)])
    clear = sorted((name for at, name in enumerate(names) if at % 4 > 1), key=tie_break)
    kept = gallery()
    kept.offer(np.arange(40), np.ones(40), orders_of(names), areas)
    assert [names[one.position] for one in kept.chosen() if one.rank == "worst"] == clear[:WORST]
    worse = gallery()
    worse.offer(np.arange(40), np.where(np.arange(40) < 4, 2.0, 1.0), orders_of(names), areas)
    assert {one.position for one in worse.chosen() if one.rank == "worst"} < {0, 1, 2, 3}  # the value comes first


def test_orders_are_those_of_the_tie_break() -> None:
    names = [f"{at}.png" for at in range(300)]
    assert [names[at] for at in np.argsort(orders_of(names))] == sorted(names, key=tie_break)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 8])
def test_few_images_are_all_shown_once(count: int) -> None:
    rows = shown({str(at): at / 10 for at in range(count)})
    assert len(rows) == min(count, WORST + TYPICAL + BEST)
    assert len({name for _, name, _ in rows}) == len(rows)


def test_what_may_be_shown_does_not_pile_up_with_the_data_and_holds_what_is_shown() -> None:
    kept = gallery()
    values = np.random.default_rng(0).permutation(5000) / 5000
    orders = orders_of(str(at) for at in range(5000))
    entered: set[int] = set()
    for part in np.array_split(np.arange(5000), 100):
        before = kept.kept
        kept.offer(part, values[part], orders[part])
        assert len(kept.kept) <= 2 * WORST + BEST + _TYPICAL_POOL
        entered |= kept.kept - before
    assert {one.position for one in kept.chosen()} <= kept.kept
    assert len(entered) < 250  # about k log(n / k) for each of the three, of 5,000 that were offered
    assert all(isinstance(one, GalleryChoice) for one in kept.chosen())
