"""The betting bound: guaranteed at every n, for every distribution on [0, 1]."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.statistics import betting

UNIT = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60)
CONFIDENCE = st.floats(0.55, 0.999)


@settings(max_examples=40, deadline=None)
@given(UNIT, CONFIDENCE)
def test_bounds_enclose_the_mean_and_mirror(values, confidence):
    low, high = betting(values, confidence)
    assert 0 <= low <= np.mean(values) + 1e-9 and np.mean(values) <= high + 1e-9 and high <= 1
    assert betting(1 - np.asarray(values), confidence) == pytest.approx((1 - high, 1 - low), abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(UNIT, CONFIDENCE, CONFIDENCE)
def test_more_confidence_widens(values, one, other):
    less, more = sorted((one, other))
    assert betting(values, more)[0] <= betting(values, less)[0] + 1e-8
    assert betting(values, more)[1] >= betting(values, less)[1] - 1e-8


@pytest.mark.parametrize("value", [0.0, 0.2, 1.0])
def test_equal_values_never_have_a_zero_width(value):
    low, high = betting(np.full(100, value), 0.95)
    assert high - low > 0.02


def test_the_same_values_give_the_same_bound_to_the_bit():
    values = np.random.default_rng(0).random(150)
    assert betting(values, 0.95) == betting(values.copy(), 0.95)


def test_an_ordering_by_class_does_not_steer_the_bound():
    values = np.random.default_rng(0).beta(2, 5, 190)
    sorted_up, sorted_down = betting(np.sort(values), 0.95), betting(np.sort(values)[::-1], 0.95)
    usual = betting(values, 0.95)
    for bounds in (sorted_up, sorted_down):
        assert bounds == pytest.approx(usual, abs=0.03)


def test_two_hundred_images_take_milliseconds_and_two_thousand_less_than_a_tenth_of_a_second():
    values = np.random.default_rng(0).random(2000)
    betting(values, 0.95)
    started = time.process_time()  # its own: other processes may have the machine
    for _ in range(5):
        betting(values, 0.95)
    assert (time.process_time() - started) / 5 < 0.1


def test_false_bounds_are_rarer_than_promised():
    generator = np.random.default_rng(7)
    for mean, draw in ((0.5, generator.random), (0.2, lambda n: (generator.random(n) < 0.2).astype(float))):
        wrong = [betting(draw(60), 0.95) for _ in range(800)]
        assert np.mean([low > mean for low, _ in wrong]) <= 0.057
        assert np.mean([high < mean for _, high in wrong]) <= 0.057
