"""The smallest effect that the images at hand would FAIL: simulated audits at it FAIL in about 80 %."""

from __future__ import annotations

import time

import numpy as np
import pytest
from statistics_tables import Values, column, mapped, named, proportion

from modelaudit.statistics import Clustering, Verdict, decide
from modelaudit.statistics.effect import smallest_effect

a, b, m = named("a"), named("b"), named("m")


def effect(expectation, columns, clusters=None, **options):
    shared = {} if clusters is None else {"*": (Clustering("cluster", clusters),)}
    return smallest_effect(expectation, Values(columns, clusters=shared), confidence=0.95, **options)


def failed(expectation, draw, audits=200, clusters=None, **options):
    """The share of audits that FAIL."""
    generator, count = np.random.default_rng(3), 0
    shared = {} if clusters is None else {"*": (Clustering("cluster", clusters),)}
    for _ in range(audits):
        table = Values(draw(generator), clusters=shared)
        found = decide(expectation, table, confidence=0.95, about="process", brief=True, **options)
        count += found.verdict is Verdict.FAIL
    return count / audits


@pytest.mark.parametrize(("ones", "n"), [(60, 60), (113, 125), (480, 500)])
def test_of_a_proportion(ones, n):
    value = effect(a > 0.8, {"a": proportion(ones, n)})
    assert value < 0.8
    assert 0.75 <= failed(a > 0.8, lambda g: {"a": column(g.random(n) < value, "proportion")}) <= 0.92


@pytest.mark.parametrize("n", [60, 125, 300])
@pytest.mark.parametrize("bounds", ["approximate", "guaranteed"])
def test_the_smallest_effect_on_a_drop_between_two_proportions(n, bounds):
    first, second = np.arange(n) < 0.9 * n, np.arange(n) < 0.88 * n
    columns = {"a": column(first, "proportion"), "b": column(second, "proportion")}
    value = effect(a - b < 0.05, columns, bounds=bounds)
    assert value > 0.05

    def draw(g):
        lost = g.random(n) < value
        return {"a": column(np.ones(n), "proportion"), "b": column(~lost, "proportion")}

    assert 0.72 <= failed(a - b < 0.05, draw, bounds=bounds) <= 0.95


@pytest.mark.parametrize("bounds", ["approximate", "guaranteed"])
@pytest.mark.parametrize("n", [40, 200])
def test_of_a_mean(n, bounds):
    values = np.random.default_rng(1).beta(2, 6, n)
    value = effect(m < 0.4, {"m": column(values)}, bounds=bounds)
    moved = np.clip(values + value - values.mean(), 0, 1)
    reached = failed(m < 0.4, lambda g: {"m": column(g.choice(moved, n))}, bounds=bounds)
    assert 0.68 <= reached <= 0.92


def test_the_smallest_effect_on_a_ratio():
    n = 200
    columns = {"a": column(np.arange(n) < 170, "proportion"), "b": column(np.arange(n) < 180, "proportion")}
    value = effect(a / b > 0.8, columns)
    base = 0.9

    def draw(g):
        u = g.random(n)
        return {"a": column(u < base * value, "proportion"), "b": column(u < base, "proportion")}

    assert 0.6 < value < 0.8
    assert 0.68 <= failed(a / b > 0.8, draw, audits=100) <= 0.97


@pytest.mark.parametrize("icc", [0.0, 0.5])
def test_clusters_make_the_smallest_effect_larger_and_it_fails_about_as_often(icc):
    codes = np.arange(200) // 5

    def draw(p):
        def one(g):
            same = g.random(200) < np.sqrt(icc)
            return {"a": column(np.where(same, g.random(40)[codes], g.random(200)) < p, "proportion")}

        return one

    columns = draw(0.9)(np.random.default_rng(7))
    value = effect(a > 0.8, columns, codes)
    assert value < effect(a > 0.8, columns)
    assert 0.68 <= failed(a > 0.8, draw(value), clusters=codes) <= 0.99


def test_with_several_methods_it_is_that_of_one_of_them_after_holm():
    values = np.random.default_rng(1).beta(2, 6, 100)
    one = effect(mapped("x") < 0.4, {"x": column(values)})
    two = effect(mapped("x", "y") < 0.4, {"x": column(values), "y": column(values)})
    assert one < two


def test_missing_values_make_it_larger():
    gone = np.where(np.arange(125) < 12, np.nan, np.arange(125) % 10 > 0)
    whole = np.arange(125) % 10 > 0
    assert effect(a > 0.8, {"a": column(gone, "proportion")}) < effect(a > 0.8, {"a": column(whole, "proportion")})


def test_there_is_no_smallest_effect_without_an_interval():
    columns = {"a": proportion(90, 100), "b": proportion(80, 100)}
    assert effect(a > 0.8, columns, about="this_set") is None
    assert effect(a > 0.8, columns, sequential=100) is None
    assert effect(a * b > 0.5, columns) is None
    assert effect(a > 0.8, columns, np.arange(100) % 9) is None
    assert effect(a > 0.8, columns, np.arange(100) % 9, claim="these_clusters") == effect(a > 0.8, columns)
    assert effect(a > 0.1, {"a": proportion(9, 10)}) is None, "not even 0 of 10 would be shown to be below .1"


def test_it_costs_next_to_nothing_beside_an_audit():
    n = 500
    columns = {"m": column(np.random.default_rng(0).beta(2, 6, n)), "a": proportion(450, n), "b": proportion(440, n)}
    began = time.process_time()
    for expectation in (m < 0.4, a > 0.8, a - b < 0.05):
        effect(expectation, columns)
    assert (time.process_time() - began) / 3 < 0.25
