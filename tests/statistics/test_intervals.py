"""One-sided bounds of proportions and means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.statistics import bca, clopper_pearson, gaffke, wilson

UNIT = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=60)
CONFIDENCE = st.floats(0.55, 0.999)


def test_seventeen_of_nineteen_clear_70_percent_one_sided_but_not_two_sided():
    assert clopper_pearson(17, 19, 0.95)[0] > 0.70
    assert clopper_pearson(17, 19, 0.975)[0] < 0.70


def test_no_failure_in_58_images_leaves_5_percent_open_and_59_close_it():
    assert clopper_pearson(0, 58, 0.95)[1] > 0.05 > clopper_pearson(0, 59, 0.95)[1]


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ValueError, match="successes must be between"):
        clopper_pearson(successes, n, 0.95)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), CONFIDENCE)
def test_proportion_bounds_mirror_and_enclose(counts, confidence):
    k, n = counts
    for rule in (clopper_pearson, wilson):
        low, high = rule(k, n, confidence)
        assert low <= k / n + 1e-12 and k / n <= high + 1e-12
        assert rule(n - k, n, confidence) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(UNIT, CONFIDENCE)
def test_gaffke_mirrors_encloses_and_has_a_width(values, confidence):
    low, high = gaffke(values, confidence)
    assert 0 <= low <= np.mean(values) + 1e-9 and np.mean(values) <= high + 1e-9 and high <= 1
    assert high - low > 1e-4
    mirrored = gaffke(1 - np.asarray(values), confidence)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-7)


@settings(max_examples=40, deadline=None)
@given(UNIT, st.randoms(use_true_random=False))
def test_gaffke_does_not_know_the_order_of_the_images(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    assert gaffke(shuffled, 0.95) == pytest.approx(gaffke(values, 0.95), abs=1e-9)


#: one value besides zeros is exact, more are approximated: across that a bound may fall by this (of 2 images: 0.002)
APPROXIMATED = 5e-3


@settings(max_examples=40, deadline=None)
@given(UNIT, st.data())
def test_gaffke_rises_with_every_value(values, data):
    index = data.draw(st.integers(0, len(values) - 1))
    raised = list(values)
    raised[index] = data.draw(st.floats(raised[index], 1))
    before, after = gaffke(values, 0.95), gaffke(raised, 0.95)
    assert after[0] >= before[0] - APPROXIMATED and after[1] >= before[1] - APPROXIMATED


def test_gaffke_is_near_its_exact_value_where_approximation_begins():
    exact, approximated = gaffke([0, 1], 0.95), gaffke([1e-11, 1], 0.95)
    assert approximated == pytest.approx(exact, abs=APPROXIMATED)
    assert approximated[0] < exact[0] and approximated[1] >= exact[1]  # to the safe side


@settings(max_examples=40, deadline=None)
@given(UNIT, CONFIDENCE, CONFIDENCE)
def test_more_confidence_widens(values, one, other):
    less, more = sorted((one, other))
    assert gaffke(values, more)[0] <= gaffke(values, less)[0] + 1e-7


@pytest.mark.parametrize(("ones", "n"), [(0, 200), (6, 200), (100, 200), (200, 200), (17, 20), (20, 20)])
def test_gaffke_is_clopper_pearson_on_zeros_and_ones(ones, n):
    assert gaffke(np.arange(n) < ones, 0.95) == pytest.approx(clopper_pearson(ones, n, 0.95), abs=1.2e-3)


def test_repeating_every_image_is_what_planning_means_by_it():
    values = np.random.default_rng(0).beta(2, 5, 80)
    assert gaffke(values, 0.95, repeat=5) == pytest.approx(gaffke(np.tile(values, 5), 0.95), abs=1e-8)


def test_bca_gives_nothing_rather_than_a_zero_width():
    assert bca(np.full(300, 0.2), 0.95) is None
    assert bca(np.append(np.zeros(299), 1.0), 0.95) is None


def test_bca_bounds_mirror():
    values = np.random.default_rng(1).exponential(1, 400)
    low, high = bca(values, 0.9)
    assert bca(-values, 0.9) == pytest.approx((-high, -low))
