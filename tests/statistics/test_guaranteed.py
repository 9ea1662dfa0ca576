"""``bounds="guaranteed"``: proven rules alone, and wider than the approximate ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statistics_tables import Values, column, named, proportion

from modelaudit.statistics import Clustering, Reason, Verdict, decide, discordant_clopper_pearson
from modelaudit.statistics.clusters import cluster_betting_lower, clusters_of, connected_clusters
from modelaudit.statistics.intervals import clopper_pearson, gaffke_lower

a, b, m = named("a"), named("b"), named("m")


def decided(expectation, columns, clusters=None, **options):
    shared = {} if clusters is None else {"*": tuple(Clustering(name, codes) for name, codes in clusters.items())}
    return decide(expectation, Values(columns, clusters=shared), confidence=0.95, about="process", **options)


@pytest.mark.parametrize("n", [20, 60, 150])
def test_a_paired_difference_has_clopper_pearsons_bounds_of_its_cells(n):
    columns = {"a": proportion(round(0.9 * n), n), "b": proportion(round(0.8 * n), n)}
    found = decided(a - b < 0.4, columns, bounds="guaranteed")
    lost = round(0.9 * n) - round(0.8 * n)
    assert (found.rule, found.guaranteed) == ("discordant_clopper_pearson", True)
    assert (found.lower, found.upper) == pytest.approx(discordant_clopper_pearson(lost, 0, n, 0.95))


@pytest.mark.parametrize("n", [20, 60, 250])
@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (4, 0), (5, 4), (6, 4), (12, 3)])
def test_a_paired_difference_with_few_discordant_images_is_bounded_as_a_mean(n, lost, gained):
    at = np.arange(n)
    columns = {
        "a": column(at >= gained, "proportion"),
        "b": column((at < gained) | (at >= gained + lost), "proportion"),
    }
    found = decided(a - b < 0.95, columns)
    assert (found.rule, found.guaranteed) == ("gaffke" if lost + gained < 10 else "tango", False)
    wider = decided(a - b < 0.95, columns, bounds="guaranteed")
    assert wider.lower < found.lower and wider.upper > found.upper


def test_59_images_without_discordance_show_a_drop_below_5_points():
    for n, verdict in ((58, Verdict.INCONCLUSIVE), (59, Verdict.PASS)):
        found = decided(a - b < 0.05, {"a": proportion(n, n), "b": proportion(n, n)})
        assert found.verdict is verdict
    assert found.upper == pytest.approx(clopper_pearson(0, 59, 0.95)[1])


def test_a_measure_without_a_range_has_no_proven_bound():
    found = decided(
        m < 5, {"m": column(np.random.default_rng(0).normal(0, 1, 300), low=None, high=None)}, bounds="guaranteed"
    )
    assert found.verdict is Verdict.INCONCLUSIVE and "no guaranteed bound" in found.note


def test_clusters_are_bounded_by_betting_on_their_totals():
    codes = np.arange(200) // 5
    right = np.random.default_rng(0).random(40)[codes] < 0.9
    columns = {"a": column(right, "proportion")}
    found = decided(a > 0.5, columns, {"cluster": codes}, bounds="guaranteed")
    assert (found.rule, found.guaranteed) == ("betting, clustered", True)
    assert found.lower < decided(a > 0.5, columns, {"cluster": codes}).lower


def test_clusters_and_donors_together_are_what_chains_of_them_link():
    scenes, donors = np.arange(60) // 3, np.arange(60) % 20
    found = decided(a > 0.5, {"a": proportion(60, 60)}, {"cluster": scenes, "donor": donors}, bounds="guaranteed")
    assert (found.verdict, found.rule) == (Verdict.INCONCLUSIVE, "none")
    apart = decided(a > 0.5, {"a": proportion(60, 60)}, {"cluster": scenes, "donor": scenes // 2}, bounds="guaranteed")
    assert apart.verdict is Verdict.PASS and apart.rule == "betting, clustered"


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=14))
def test_linked_images_are_one_cluster_and_others_are_not(pairs):
    first, second = np.array(pairs).T
    clusters = clusters_of([("cluster", first), ("donor", second)])
    if not clusters:
        return
    codes = connected_clusters(clusters).codes
    near = np.logical_or.reduce([one.codes[:, None] == one.codes[None, :] for one in clusters])
    reach = np.linalg.matrix_power(near.astype(np.int64), near.shape[0]) > 0
    for i, j in itertools.combinations(range(codes.size), 2):
        assert (codes[i] == codes[j]) == reach[i, j]


@pytest.mark.parametrize("icc", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("truth", [0.5, 0.9])
def test_the_bound_over_clusters_keeps_its_promise(icc, truth):
    generator, wrong = np.random.default_rng(5), 0
    sizes = np.array([1, 2, 3, 4, 5, 10] * 3)
    codes = np.repeat(np.arange(sizes.size), sizes)
    (clusters,) = clusters_of([("cluster", codes)])
    for _ in range(400):
        same = generator.random(codes.size) < np.sqrt(icc)
        x = np.where(same, generator.random(sizes.size)[codes], generator.random(codes.size)) < truth
        wrong += cluster_betting_lower(x.astype(float), clusters, 0.95) > truth
    assert wrong / 400 <= 0.057 + 2 * np.sqrt(0.05 * 0.95 / 400)


@given(st.integers(1, 60), st.floats(0.01, 1), st.data())
def test_one_value_beside_the_worst_end_has_the_exact_bound(n, value, data):
    ones = data.draw(st.integers(0, n))
    x = np.append(np.full(ones, value), np.zeros(n - ones))
    assert gaffke_lower(x, 0.95) == pytest.approx(value * clopper_pearson(ones, n, 0.95)[0], abs=1e-12)


def test_very_many_different_values_are_rounded_towards_the_worst_end():
    x = np.random.default_rng(0).random(150_000)
    exact = gaffke_lower(x[:100_000], 0.95)
    rounded = gaffke_lower(np.append(x[:100_000], x[:50_000]), 0.95)
    assert abs(exact - rounded) < 0.002
    assert gaffke_lower(x, 0.95) <= gaffke_lower(np.ceil(x * 1e5) / 1e5, 0.95)


def test_the_reason_of_too_few_linked_clusters_is_not_the_number_of_images():
    scenes, donors = np.arange(60) // 3, np.arange(60) % 20
    found = decided(a > 0.5, {"a": proportion(60, 60)}, {"cluster": scenes, "donor": donors}, bounds="guaranteed")
    assert (found.reason, found.more_images) == (Reason.TOO_FEW_CLUSTERS, None)
