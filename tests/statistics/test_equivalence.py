"""Images for equivalence: the smallest number, held to the rules that decide and to the normal approximation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelaudit.language.errors import ExpressionError
from modelaudit.statistics.assumed_distribution import Distribution
from modelaudit.statistics.equivalence import (
    EquivalenceTarget,
    change_of_difference,
    change_of_proportion,
    equivalence_power,
    images_for_equivalence,
    images_unpaired,
    unpaired_power,
    with_clusters,
)


@pytest.mark.parametrize("discordance", [0.1, 0.2])
def test_it_is_the_smallest_number_and_near_the_normal_one(discordance: float) -> None:
    """``(z_.95 + z_.90)^2 d / margin^2``: the textbook number of two one-sided tests without a true difference."""
    target = EquivalenceTarget(0.05)
    n = images_for_equivalence(change_of_proportion(discordance), target)
    assert n is not None
    change = change_of_proportion(discordance)
    assert equivalence_power(change, n, 0.05, 0.95) >= 0.8
    assert min(equivalence_power(change, one, 0.05, 0.95) for one in range(n - 15, n)) < 0.8
    textbook = (1.6449 + 1.2816) ** 2 * discordance / 0.05**2
    assert n == pytest.approx(textbook, rel=0.1)


def test_more_requirements_more_power_and_proven_bounds_take_more_images() -> None:
    change, least = change_of_proportion(0.05), EquivalenceTarget(0.05)
    stricter = (
        EquivalenceTarget(0.05, requirements=10),
        EquivalenceTarget(0.05, power=0.95),
        EquivalenceTarget(0.05, confidence=0.99),
        EquivalenceTarget(0.05, bounds="guaranteed"),
    )
    n = images_for_equivalence(change, least)
    assert n is not None
    assert all((images_for_equivalence(change, one) or 0) > n for one in stricter)


def test_a_difference_of_two_shares_changes_twice_as_much() -> None:
    one, two = change_of_proportion(0.1), change_of_difference(0.1)
    assert two.mean == pytest.approx(0.0) and two.deviation == pytest.approx(math.sqrt(2) * one.deviation)
    target = EquivalenceTarget(0.05)
    n, more = images_for_equivalence(one, target), images_for_equivalence(two, target)
    assert n is not None and more is not None and 1.9 < more / n < 2.4


def test_means_are_planned_by_the_rule_that_decides() -> None:
    values = np.linspace(-0.3, 0.3, 61)
    change = Distribution("mean", values, np.full(61, 1 / 61), -1.0, 1.0)
    n = images_for_equivalence(change, EquivalenceTarget(0.05))
    textbook = (1.6449 + 1.2816) ** 2 * change.deviation**2 / 0.05**2
    assert n == pytest.approx(textbook, rel=0.5) and n > textbook  # Gaffke's bound is wider than the normal one
    assert (images_for_equivalence(change, EquivalenceTarget(0.05, bounds="guaranteed")) or 0) > n
    unbounded = Distribution("mean", values, np.full(61, 1 / 61), -math.inf, math.inf)
    assert equivalence_power(unbounded, 500, 0.05, 0.95) == 0.0


def test_without_common_images_each_side_needs_its_own() -> None:
    n = images_unpaired(0.9, EquivalenceTarget(0.05))
    assert n is not None and unpaired_power(0.9, n, 0.05, 0.95) >= 0.8 > unpaired_power(0.9, n - 20, 0.05, 0.95)
    textbook = (1.6449 + 1.2816) ** 2 * 2 * 0.09 / 0.05**2
    assert n == pytest.approx(textbook, rel=0.1)


def test_images_of_clusters_count_less() -> None:
    assert with_clusters(100, 1, 0.5) == 100
    assert with_clusters(100, 5, 0.25) == 240


@pytest.mark.parametrize(
    "wrong",
    [
        {"margin": 0.0},
        {"margin": 0.1, "power": 0.3},
        {"margin": 0.1, "confidence": 1.0},
        {"margin": 0.1, "requirements": 0},
    ],
)
def test_targets_have_a_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ExpressionError, match="must be"):
        EquivalenceTarget(**{"margin": 0.1, **wrong})  # type: ignore[arg-type]
