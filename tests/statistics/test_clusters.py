"""Clusters and shared donors: what is independent is the cluster."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_tables import Values, column, named

from modelaudit.statistics import Clustering, Reason, Verdict, decide
from modelaudit.statistics.clusters import cluster_gaffke_lower, clusters_of, jackknife_variance
from modelaudit.statistics.intervals import gaffke_lower

a, b = named("a"), named("b")
seeds = st.integers(0, 10_000)


def grouped(values, codes, scale="mean", **others):
    shared = [Clustering(name, np.asarray(each)) for name, each in {"cluster": codes, **others}.items()]
    return Values({"a": column(values, scale)}, clusters={"*": tuple(shared), "a": tuple(shared)})


def decided(table, expectation=a > 0.5, about="process", brief=False):
    return decide(expectation, table, confidence=0.95, about=about, brief=brief)


@pytest.mark.parametrize("scale", ["mean", "proportion"])
@pytest.mark.parametrize("codes", [np.arange(60), np.full(60, -1)])
def test_clusters_of_one_are_decided_as_independent_images_to_the_bit(scale, codes):
    x = (np.random.default_rng(1).random(60) < 0.6).astype(float)
    assert decided(grouped(x, codes, scale)) == decided(Values({"a": column(x, scale)}))


def test_fewer_than_ten_clusters_decide_nothing_and_say_so():
    result = decided(grouped(np.ones(90), np.arange(90) % 9, "proportion"))
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.TOO_FEW_CLUSTERS)
    assert result.more_images is None
    assert "90 images of 9 clusters, and at least 10 are needed" in result.note
    assert "more images of the same ones do not help" in result.note and "claim='these_clusters'" in result.note


def test_the_value_of_an_agreed_set_knows_no_clusters():
    assert decided(grouped(np.ones(90), np.arange(90) % 9), about="this_set").verdict is Verdict.PASS


def test_the_rule_is_approximate_and_says_how_many_images_it_counts():
    codes = np.arange(200) // 10
    result = decided(grouped((codes % 4 > 0).astype(float), codes, "proportion"))
    assert (result.rule, result.guaranteed) == ("gaffke, clustered", False)
    assert "20 clusters: counts as about 19 independent" in result.note


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_neither_the_order_of_images_nor_of_clusterings_matters(seed):
    g = np.random.default_rng(seed)
    x, one, two, order = g.random(80), g.integers(0, 20, 80), g.integers(0, 30, 80), g.permutation(80)
    first, moved = (decided(grouped(x[at], one[at], donor=two[at]), brief=True) for at in (np.arange(80), order))
    swapped = decided(grouped(x, two, donor=one), brief=True)
    for other in (moved, swapped):
        assert (other.lower, other.upper) == pytest.approx((first.lower, first.upper), abs=1e-8)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(2, 5))
def test_copies_of_images_inside_their_cluster_do_not_tighten_the_bound(seed, copies):
    g = np.random.default_rng(seed)
    x, codes = g.random(60), np.arange(60) % 15
    once = cluster_gaffke_lower(x, clusters_of([("cluster", codes)]), 0.95)
    again = cluster_gaffke_lower(np.repeat(x, copies), clusters_of([("cluster", np.repeat(codes, copies))]), 0.95)
    assert again <= once + 1e-8


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_equal_images_of_a_cluster_count_as_one_image(seed):
    x = np.random.default_rng(seed).random(25)
    clusters = clusters_of([("cluster", np.repeat(np.arange(25), 4))])
    assert cluster_gaffke_lower(np.repeat(x, 4), clusters, 0.95) == pytest.approx(gaffke_lower(x, 0.95), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_variance_is_that_of_the_mean_without_each_cluster_in_turn(seed):
    g = np.random.default_rng(seed)
    x, codes = g.random(50), np.append(np.arange(12), g.integers(0, 12, 38))
    left = np.array([x[codes != one].mean() for one in range(12)])
    found = jackknife_variance(x, clusters_of([("cluster", codes)])[0])
    assert found == pytest.approx(11 / 12 * np.sum((left - x.mean()) ** 2))


def test_the_same_partition_twice_counts_once():
    codes = np.array([0, 0, 1, 1, -1])
    assert len(clusters_of([("cluster", codes), ("donor", np.array([7, 7, 3, 3, 5]))])) == 1


def test_shared_donors_on_top_of_groups_widen_the_bound():
    g = np.random.default_rng(3)
    donors, codes = np.arange(200) % 20, np.arange(200) // 10
    x = 0.5 * g.random(20)[donors] + 0.5 * g.random(20)[codes]
    assert decided(grouped(x, codes, donor=donors)).lower < decided(grouped(x, codes)).lower


def test_all_equal_values_leave_the_width_that_the_clusters_leave():
    result = decided(grouped(np.ones(200), np.arange(200) // 10, "proportion"))
    assert result.lower == pytest.approx(math.pow(0.05, 1 / 20), abs=0.01)


def test_more_images_are_asked_for_in_groups():
    g = np.random.default_rng(4)
    codes = np.arange(150) // 10
    result = decided(grouped((g.random(15)[codes] < 0.65).astype(float), codes, "proportion"))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.more_images is not None
    assert "of new ones" in result.note
