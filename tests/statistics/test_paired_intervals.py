"""Differences of two proportions on the same images."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.statistics import clopper_pearson, discordant_clopper_pearson, tango

CELLS = st.integers(2, 150).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)


def test_a_drop_below_5_percent_needs_59_images_without_discordance():
    assert tango(0, 0, 58, 0.95)[1] > 0.05 > tango(0, 0, 59, 0.95)[1]


def test_losses_alone_are_bounded_as_a_single_proportion_at_least():
    assert tango(3, 0, 100, 0.95)[1] >= clopper_pearson(3, 100, 0.95)[1]
    assert tango(0, 3, 100, 0.95)[1] >= -clopper_pearson(3, 100, 0.95)[0]


@settings(max_examples=40, deadline=None)
@given(CELLS, st.floats(0.55, 0.999))
def test_bounds_enclose_and_swapping_the_terms_mirrors_them(cells, confidence):
    b, c, n = cells
    for rule in (tango, discordant_clopper_pearson):
        low, high = rule(b, c, n, confidence)
        assert -1 <= low <= (b - c) / n + 1e-9 and (b - c) / n <= high + 1e-9 and high <= 1
        assert rule(c, b, n, confidence) == pytest.approx((-high, -low), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(CELLS, st.floats(0.55, 0.999), st.floats(0.55, 0.999))
def test_more_confidence_widens(cells, one, other):
    less, more = sorted((one, other))
    assert tango(*cells, more)[1] >= tango(*cells, less)[1] - 1e-9


@pytest.mark.parametrize("n", [12, 30])
def test_one_image_more_in_a_cell_moves_the_bounds_its_way(n):
    bounds = {(b, c): tango(b, c, n, 0.95) for b, c in itertools.product(range(n + 1), repeat=2) if b + c <= n}
    for (b, c), (low, high) in bounds.items():
        for neighbour in ((b + 1, c), (b, c - 1), (b + 1, c - 1)):
            if neighbour in bounds:
                assert bounds[neighbour][0] >= low - 1e-9 and bounds[neighbour][1] >= high - 1e-9
