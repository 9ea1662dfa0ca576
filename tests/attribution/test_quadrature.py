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

from modelaudit.attribution.integrated import MOST_PANELS, STRETCHES, gauss_legendre, inner_roots, simpson

LEVELS = (2, 4, 8, 16, 32)
coefficients = st.lists(st.floats(-3, 3), min_size=1, max_size=8)


def stretch_integral(stretch: int, panels: int, integrand: Callable[[float], float]) -> float:
    """The integral over a stretch, put together as an adaptive method does: halved from one panel on, no node twice."""

    def share(root: float) -> float:
        return 2 * root * integrand(root**2)

    older = newer = 0.0
    count = 1
    while count < panels:
        count *= 2
        older, newer = older + newer, sum(map(share, inner_roots(stretch, count)))
    of_newer, of_older, of_end = simpson(panels)
    ends = share(stretch / STRETCHES) + share((stretch + 1) / STRETCHES)
    return of_newer * newer + of_older * older + of_end * ends


def nested(panels: int, integrand: Callable[[float], float]) -> float:
    return sum(stretch_integral(stretch, panels, integrand) for stretch in range(STRETCHES))


@pytest.mark.parametrize("level", LEVELS)
def test_the_nested_rule_is_simpsons_in_the_root_of_the_way(level: int) -> None:
    for stretch in (0, 3, 7):
        root = np.linspace(stretch, stretch + 1, level + 1) / STRETCHES
        expected = scipy.integrate.simpson(2 * root * np.exp(-5 * root**2), x=root)
        found = stretch_integral(stretch, level, lambda at: float(np.exp(-5 * at)))
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("stretch", [0, 5])
def test_a_halved_stretch_keeps_all_its_nodes_and_meets_none_twice(stretch: int) -> None:
    nodes = [root for level in LEVELS for root in inner_roots(stretch, level)]
    assert sorted(nodes) == [(stretch + index / MOST_PANELS) / STRETCHES for index in range(1, MOST_PANELS)]
    assert LEVELS[-1] == MOST_PANELS


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
    assert abs(nested(4, step) - 0.997) < 0.003 <= even


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
