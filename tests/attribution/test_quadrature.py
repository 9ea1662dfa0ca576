from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import scipy.integrate
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from modelaudit.attribution.integrated import PANELS, gauss_legendre, new_nodes, simpson

LEVELS = range(len(PANELS))
coefficients = st.lists(st.floats(-3, 3), min_size=1, max_size=8)


def nested(level: int, integrand: Callable[[float], float]) -> float:
    """The integral on a level, put together as an adaptive method does: node by node, and no node twice."""
    older = newer = 0.0
    for below in range(level + 1):
        older, newer = older + newer, 0.0
        for node in new_nodes(below):
            if node.weight == 0:
                continue
            if node.old:
                older += node.weight * integrand(node.at)
            else:
                newer += node.weight * integrand(node.at)
    of_newer, of_older, of_end = simpson(level)
    return of_newer * newer + of_older * older + of_end * integrand(1)


@pytest.mark.parametrize("level", LEVELS)
def test_the_nested_rule_is_simpsons_in_the_root_of_the_way(level: int) -> None:
    root = np.linspace(0, 1, PANELS[level] + 1)
    expected = scipy.integrate.simpson(2 * root * np.exp(-5 * root**2), x=root)
    assert nested(level, lambda at: float(np.exp(-5 * at))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_keeps_all_nodes_of_the_one_before_and_meets_none_twice(level: int) -> None:
    nodes = [node.at for below in range(level + 1) for node in new_nodes(below)]
    assert len(nodes) == len(set(nodes)) == PANELS[level]
    assert sorted([*nodes, 1.0]) == [(index / PANELS[level]) ** 2 for index in range(PANELS[level] + 1)]


def test_every_level_doubles_the_work() -> None:
    assert [len(new_nodes(level)) for level in LEVELS] == [8, *PANELS[:-1]]
    assert all(
        node.old == (level == 0 and index % 2 == 0) for level in LEVELS for index, node in enumerate(new_nodes(level))
    )


@pytest.mark.parametrize("level", LEVELS)
@given(constant=st.floats(-10, 10), slope=st.floats(-10, 10))
def test_straight_lines_are_exact_on_every_level(level: int, constant: float, slope: float) -> None:
    found = nested(level, lambda at: constant + slope * at)
    assert found == pytest.approx(constant + slope / 2, rel=1e-9, abs=1e-9)


def test_smooth_integrands_converge() -> None:
    def wave(at: float) -> float:
        return float(np.sin(9 * at) + 1 / (1 + 20 * at))

    truth = scipy.integrate.quad(wave, 0, 1, epsabs=1e-13)[0]
    errors = [abs(nested(level, wave) - truth) for level in LEVELS]
    assert errors[0] < 0.01 and errors[-1] < 1e-7
    assert all(later < earlier / 3 for earlier, later in itertools.pairwise(errors))


def test_what_varies_near_the_start_is_seen_with_fewer_nodes_than_evenly_spaced_ones_need() -> None:
    def step(at: float) -> float:
        return float(at > 0.003)

    even = abs(np.mean([step((index + 0.5) / 8) for index in range(8)]) - 0.997)
    assert abs(nested(2, step) - 0.997) < 0.003 <= even


@pytest.mark.parametrize("steps", [1, 2, 5, 64, 300])
def test_gauss_legendre_is_scipys(steps: int) -> None:
    nodes, weights = gauss_legendre(steps)
    expected, theirs = scipy.special.roots_legendre(steps)
    np.testing.assert_allclose(nodes, (1 + expected) / 2, atol=1e-13)
    np.testing.assert_allclose(weights, theirs / 2, rtol=1e-9, atol=1e-14)
    assert sum(weights) == pytest.approx(1, abs=1e-12)


@given(coefficients)
def test_gauss_legendre_is_exact_up_to_twice_its_nodes(parts: list[float]) -> None:
    polynomial = Polynomial(parts)
    nodes, weights = gauss_legendre(max(1, (len(parts) + 1) // 2))
    found = sum(weight * float(polynomial(node)) for node, weight in zip(nodes, weights, strict=True))
    assert found == pytest.approx(float(polynomial.integ()(1)), abs=1e-11)
