"""Changes and what they come to: MOVER, Holm, and rates where the truth is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.releases.change import ChangePart, mover, step_down
from modelaudit.statistics import Counts, wilson
from modelaudit.statistics.equivalence import (
    EquivalenceTarget,
    change_of_proportion,
    images_for_equivalence,
    images_unpaired,
)

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import release_comparison as benchmark


def side(estimate: float | None, lower: float | None, upper: float | None) -> ChangePart:
    return ChangePart(estimate, lower, upper, "clopper_pearson", True, Counts(10, 10, 0, 0))


def test_mover_gives_the_numbers_of_newcombe() -> None:
    """56 of 70 against 48 of 80 from Wilson's intervals: .2000 (.0524, .3339), method 10 of Newcombe 1998, table II."""
    old, new = (side(ones / n, *wilson(ones, n, 0.975)) for ones, n in ((48, 80), (56, 70)))
    found = mover(old, new)
    assert (found.estimate, found.lower, found.upper) == (
        pytest.approx(0.2),
        pytest.approx(0.0524, abs=1e-4),
        pytest.approx(0.3339, abs=1e-4),
    )
    assert not found.guaranteed and found.rule == "mover of clopper_pearson"


def test_mover_has_no_bound_where_a_side_has_none() -> None:
    found = mover(side(0.5, None, 0.6), side(0.7, 0.6, 0.8))
    assert found.lower == pytest.approx(0.2 - 2**0.5 / 10) and found.upper is None
    assert mover(side(None, None, None), side(0.7, 0.6, 0.8)).estimate is None


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_step_down_is_holm(p: list[float]) -> None:
    """Against the definition: by rising p, until one is above the error rate shared among those that are left."""
    found = step_down(p, lambda one, among: one <= 0.05 / among)
    rejected: set[int] = set()
    for rank, at in enumerate(sorted(range(len(p)), key=lambda one: p[one])):
        if p[at] > 0.05 / (len(p) - rank):
            break
        rejected.add(at)
    assert {at for at, (shown, _) in enumerate(found) if shown} == rejected
    assert all(among == len(p) - len(rejected) for shown, among in found if not shown)


def small_settings() -> Iterator[benchmark.Setting]:
    """The benchmark's kinds of pairs, with a margin of ten points, so that few images are enough."""
    n = images_for_equivalence(change_of_proportion(0.1), EquivalenceTarget(0.1))
    assert n is not None
    yield benchmark.Setting("shares", "shares", n, benchmark.shares(0.1))
    yield benchmark.Setting("clusters", "clusters", 3 * n, benchmark.shares(0.1, 0.9, 0.3, 3), cluster=3)
    n = images_unpaired(0.8, EquivalenceTarget(0.1))
    assert n is not None
    yield benchmark.Setting("no common image", "unpaired", n, benchmark.separate(0.8), common=False)
    n = images_for_equivalence(benchmark.uniform_change(0.15), EquivalenceTarget(0.1))
    assert n is not None
    yield benchmark.Setting("means", "means", n, benchmark.means(0.15), "mean")
    n = images_for_equivalence(change_of_proportion(0.1), EquivalenceTarget(0.1, requirements=4))
    assert n is not None
    yield benchmark.Setting("several", "several", n, benchmark.shares(0.1), requirements=4)


@pytest.mark.parametrize("setting", list(small_settings()), ids=lambda one: one.name)
def test_outcomes_are_right_as_often_as_they_say(setting: benchmark.Setting) -> None:
    """With 150 pairs: 95 % of rates of .05 are at most .087, and of rates of .8 at least .73."""
    found = benchmark.rates(setting, 150, seed=1, margin=0.1)
    assert found.differs <= 0.087 and found.wrongly_equivalent <= 0.087
    assert found.equivalent >= 0.73 and found.worse >= 0.73


def test_the_rates_summed_over_all_outcomes_are_those_of_the_simulation() -> None:
    n = 548
    exact, simulated = (
        benchmark.exact_rates(0.02, n),
        benchmark.rates(benchmark.Setting("shares", "shares", n, benchmark.shares(0.02)), 200, seed=2),
    )
    assert simulated.equivalent == pytest.approx(exact.equivalent, abs=0.09)
    assert simulated.differs == pytest.approx(exact.differs, abs=0.05)
    assert exact.differs <= 0.05 and exact.wrongly_equivalent <= 0.05 and exact.equivalent >= 0.8
