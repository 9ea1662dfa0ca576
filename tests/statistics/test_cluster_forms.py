"""Clusters under everything that a left side may be: missing values, strata, ratios, compounds, curves, no range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_tables import Doses, Values, column, named

from modelaudit.contexts import gaussian_noise
from modelaudit.language.strata import label
from modelaudit.measures import accuracy
from modelaudit.statistics import Clustering, Membership, Reason, Verdict, clopper_pearson, decide
from modelaudit.statistics.clusters import (
    cluster_gaffke_lower,
    cluster_similarity,
    clusters_of,
    design_effect,
    unseen_images,
)

a, b = named("a"), named("b")
CURVE = accuracy.under(gaussian_noise(each=[1, 2, 3]))
seeds = st.integers(0, 10_000)
CODES = np.arange(120) // 4  # 30 groups of 4
GROUPS = (Clustering("cluster", CODES),)


def decided(expectation, table, **options):
    return decide(expectation, table, confidence=0.95, about="process", **options)


def table(scale="proportion", groups=GROUPS, **columns):
    found = {name: values if hasattr(values, "scale") else column(values, scale) for name, values in columns.items()}
    return Values(found, clusters={"*": groups} | dict.fromkeys(columns, groups))


def right(generator, share, codes=CODES, alike=1.0):
    """0/1 values, of which the share `alike` is that of the cluster."""
    u = np.where(generator.random(codes.size) < alike, generator.random(codes.max() + 1)[codes], 2.0)
    return (np.where(u > 1, generator.random(codes.size), u) < share).astype(float)


@pytest.mark.parametrize("scale", ["proportion", "mean"])
def test_a_missing_value_stands_at_its_worst_end_in_its_cluster(scale):
    x = right(np.random.default_rng(1), 0.8)
    gone = np.where(np.arange(120) % 10 == 0, np.nan, x)
    found = decided(a > 0.5, table(scale, a=gone), brief=True)
    worst = decided(a > 0.5, table(scale, a=np.where(np.isnan(gone), 0.0, x)), brief=True)
    best = decided(a > 0.5, table(scale, a=np.where(np.isnan(gone), 1.0, x)), brief=True)
    assert (found.lower, found.upper) == pytest.approx((worst.lower, best.upper), abs=1e-9)


def test_images_of_a_stratum_are_counted_with_their_clusters_inside_it():
    x = right(np.random.default_rng(2), 0.8, alike=0.5)
    inside = np.arange(120) % 4 < 2
    whole = table(a=x)
    whole.strata = {str(label("cat")): Membership(inside, np.zeros(120, bool))}
    part = table(a=x[inside], groups=(Clustering("cluster", CODES[inside]),))
    found, alone = decided(a.where(label("cat")) > 0.5, whole), decided(a > 0.5, part)
    assert (found.lower, found.upper, found.note) == (alone.lower, alone.upper, alone.note)


def test_a_stratum_with_one_image_a_cluster_is_decided_as_independent_images():
    x = right(np.random.default_rng(3), 0.8)
    whole = table(a=x)
    whole.strata = {str(label("cat")): Membership(np.arange(120) % 4 == 0, np.zeros(120, bool))}
    found = decided(a.where(label("cat")) > 0.5, whole)
    assert found.rule == "clopper_pearson"
    assert (found.lower, found.upper) == pytest.approx(clopper_pearson(x[::4].sum(), 30, 0.95))


def test_too_few_clusters_in_the_stratum_are_said_to_be_too_few():
    whole = table(a=np.ones(120))
    whole.strata = {str(label("cat")): Membership(np.arange(120) < 36, np.zeros(120, bool))}
    found = decided(a.where(label("cat")) > 0.1, whole)
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.TOO_FEW_CLUSTERS)
    assert "9 clusters" in found.note


def test_a_ratio_passes_where_the_numerator_less_the_threshold_times_the_denominator_does():
    g = np.random.default_rng(4)
    both = table(a=right(g, 0.6), b=right(g, 0.9))
    found = decided(a / b > 0.3, both)
    assert found.rule == "gaffke, clustered"
    for t, verdict in ((found.lower - 1e-4, Verdict.PASS), (found.lower + 1e-4, Verdict.INCONCLUSIVE)):
        assert decided(a - t * b > 0, both).verdict is verdict
    assert found.lower < decided(a / b > 0.3, Values(both.columns)).lower


def test_the_parts_of_a_product_are_bounded_over_clusters_at_what_bonferroni_leaves():
    g = np.random.default_rng(5)
    both = table(a=right(g, 0.6), b=right(g, 0.9))
    found = decided(a * b > 0.1, both)
    each = [
        cluster_gaffke_lower(both.columns[name].values, clusters_of([("cluster", CODES)]), 0.975) for name in ("a", "b")
    ]
    assert found.rule == "interval_arithmetic"
    assert found.lower == pytest.approx(each[0] * each[1], abs=1e-6)


def test_every_dose_of_a_curve_and_its_slope_are_decided_over_clusters():
    g = np.random.default_rng(6)
    columns = {dose: column(right(g, share), "proportion") for dose, share in enumerate((0.99, 0.9, 0.8, 0.7))}
    apart, together = Doses(columns), Doses(columns, GROUPS)
    open_curve = decided(CURVE > 0.3, together)
    assert {part.rule for part in open_curve.parts} == {"gaffke, clustered"}
    assert open_curve.lower == decided(accuracy > 0.3, Doses({0: columns[open_curve.dose]}, GROUPS)).lower
    slope = decided(CURVE.slope() < 1, together)
    independent = decided(CURVE.slope() < 1, apart)
    assert slope.estimate == independent.estimate
    assert slope.upper - slope.lower > 1.5 * (independent.upper - independent.lower)


def unbounded(values, codes):
    return table(groups=(Clustering("cluster", codes),), a=column(values, "mean", None, None))


def test_a_measure_without_a_range_has_the_t_bound_of_its_clusters():
    g, codes = np.random.default_rng(7), np.arange(240) // 12
    found = decided(a > -5, unbounded(g.normal(size=20)[codes] + g.normal(size=240), codes))
    assert (found.rule, found.guaranteed, found.verdict) == ("cluster_t", False, Verdict.PASS)


def test_equal_clusters_have_the_t_bound_of_their_means():
    g, codes = np.random.default_rng(8), np.arange(240) // 12
    x = g.normal(size=20)[codes] + g.normal(size=240)
    means = x.reshape(20, 12).mean(1)
    found = decided(a > -5, unbounded(x, codes))
    half = 1.7291328 * means.std(ddof=1) / np.sqrt(20)
    assert (found.lower, found.upper) == pytest.approx((x.mean() - half, x.mean() + half))


def test_a_measure_without_a_range_is_not_decided_where_one_cluster_stands_out():
    codes = np.arange(240) // 12
    x = np.random.default_rng(9).normal(size=240) + 1e3 * (codes == 0)
    assert decided(a > -5, unbounded(x, codes)).rule == "none"
    assert decided(a > -5, unbounded(x[:120], codes[:120])).rule == "none"  # and not below 200 images


def donors(seed, n=200):
    return np.random.default_rng(seed).integers(0, n, n)


def test_donors_that_few_images_share_cost_a_drop_little():
    g, codes = np.random.default_rng(10), donors(10)
    u = g.random(200)
    columns = {"a": column(u > 0.1, "proportion"), "b": column(u < 0.95, "proportion")}
    apart = decided(a - b < 0.5, Values(columns))
    together = decided(a - b < 0.5, table(groups=(Clustering("donor", codes),), **columns))
    assert together.rule == "tango, clustered"
    assert 1 < (together.upper - together.lower) / (apart.upper - apart.lower) < 1.15


def test_without_discordance_a_drop_needs_a_cluster_of_mean_size_more():
    codes = donors(11)
    columns = {name: column(np.ones(200), "proportion") for name in "ab"}
    found = decided(a - b < 0.5, table(groups=(Clustering("donor", codes),), **columns))
    count = np.unique(codes).size
    assert found.upper == pytest.approx(1 - 0.05 ** (1 / count), rel=0.03)


def test_large_clusters_are_never_bounded_by_tango():
    g = np.random.default_rng(12)
    found = decided(a - b < 0.9, table(a=right(g, 0.9), b=right(g, 0.6)))
    assert found.rule == "gaffke, clustered"


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_unseen_images_are_between_one_image_and_the_cluster_of_a_mean_image(seed):
    g = np.random.default_rng(seed)
    clusters = clusters_of([("cluster", g.integers(0, 25, 100))])[0]
    x = g.random(100)
    assert 0 <= cluster_similarity(x, clusters) <= 1
    assert 1 <= unseen_images(x, clusters) <= design_effect(x, clusters) + 1e-12 <= clusters.size_per_image + 2e-12


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_images_that_equal_their_cluster_are_as_alike_as_can_be(seed):
    x = np.random.default_rng(seed).random(25)
    clusters = clusters_of([("cluster", np.repeat(np.arange(25), 4))])[0]
    assert cluster_similarity(np.repeat(x, 4), clusters) == pytest.approx(1)
    assert unseen_images(np.repeat(x, 4), clusters) == pytest.approx(4)


def test_the_likeness_of_pairs_is_counted_one_pair_after_the_other():
    x, codes = np.array([0.0, 1.0, 1.0, 0.2, 0.9, 0.4, 0.4]), np.array([0, 0, 0, 1, 1, 2, 3])
    e, agreeing, pairs = x - x.mean(), 0.0, 0.0
    for i in range(7):
        for j in range(i):
            if codes[i] == codes[j]:
                agreeing, pairs = agreeing + e[i] * e[j], pairs + (e[i] ** 2 + e[j] ** 2) / 2
    prior = x.mean() ** 2 * (15 / 7 - 1) ** 3
    assert cluster_similarity(x, clusters_of([("cluster", codes)])[0]) == pytest.approx(
        (prior + max(agreeing, 0)) / (prior + pairs)
    )
