"""Cramér's V, exchange between clusters, and the test of an association."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association as scipy_association

from modelaudit.statistics.association import (
    Exchange,
    association_test,
    contingency,
    cramers_v,
    exchange,
    exchanged,
    holm,
    phi_squared,
)

tables = st.lists(st.lists(st.integers(1, 40), min_size=3, max_size=3), min_size=2, max_size=5).map(
    lambda rows: np.array(rows, dtype=np.float64)
)


def alone(n: int) -> NDArray[np.int64]:
    return np.arange(n)


def how_of(classes: NDArray[np.int64], column: NDArray[np.int64] | None, clusters: NDArray[np.int64]) -> Exchange:
    found = exchange(classes, column, clusters, np.random.default_rng(0))
    assert found is not None
    return found


@given(tables)
def test_phi_squared_is_that_of_scipy(table: NDArray[np.float64]) -> None:
    statistic = chi2_contingency(table, correction=False).statistic
    assert phi_squared(table[None])[0] == pytest.approx(statistic / table.sum(), abs=1e-9)
    uncorrected = scipy_association(table.astype(int), method="cramer")
    assert cramers_v(table) <= uncorrected + 1e-6 or uncorrected > 0.9


@given(tables)
def test_v_is_the_formula_of_bergsma(table: NDArray[np.float64]) -> None:
    n, (r, c) = table.sum(), table.shape
    phi = chi2_contingency(table, correction=False).statistic / n
    excess = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
    rows, columns = (k - (k - 1) ** 2 / (n - 1) for k in (r, c))
    assert cramers_v(table) == pytest.approx(min(1.0, np.sqrt(excess / min(rows - 1, columns - 1))), abs=1e-7)


@given(tables, st.randoms())
def test_v_does_not_depend_on_the_order_of_classes_and_values(table: NDArray[np.float64], random: object) -> None:
    order = np.random.default_rng(1).permutation(table.shape[0])
    assert cramers_v(table[order]) == pytest.approx(cramers_v(table), abs=1e-7)
    assert cramers_v(table.T) == pytest.approx(cramers_v(table), abs=1e-7)
    padded = np.pad(table, ((0, 1), (1, 0)))
    assert cramers_v(padded) == pytest.approx(cramers_v(table), abs=1e-7)


@pytest.mark.parametrize("table", [np.zeros((2, 2)), np.ones((1, 5)), np.eye(7), np.array([[3.0, 0.0]])])
def test_a_table_that_shows_nothing_has_v_0(table: NDArray[np.float64]) -> None:
    assert cramers_v(table) == 0


def test_the_bias_of_v_is_taken_out() -> None:
    """Of independent columns with many values the plain V is far from 0, the corrected one is near it."""
    rng = np.random.default_rng(0)
    found = [cramers_v(contingency(rng.integers(0, 8, 200), rng.integers(0, 12, 200))) for _ in range(200)]
    assert np.mean(found) < 0.07


def test_clusters_of_one_class_exchange_their_classes() -> None:
    clusters = np.repeat(np.arange(12), [1, 2, 3] * 4)
    classes = (clusters % 3 == 0).astype(np.int64)
    column = np.random.default_rng(1).integers(0, 3, len(clusters))
    how = how_of(classes, column, clusters)
    assert how.moved == "class"
    assert how.count == 12
    moved, other = exchanged(classes, column, how, np.random.default_rng(2), 50)
    assert np.array_equal(other[0], column)
    for row in moved:
        assert all(len(set(row[clusters == cluster])) == 1 for cluster in range(12))
    assert len({tuple(row) for row in moved}) > 20


def test_clusters_of_one_value_exchange_their_values() -> None:
    clusters = np.repeat(np.arange(12), 3)
    column = clusters % 2
    classes = np.tile([0, 1, 2], 12)
    how = how_of(classes, column, clusters)
    assert how.moved == "column"
    fixed, moved = exchanged(classes, column, how, np.random.default_rng(2), 20)
    assert np.array_equal(fixed[0], classes)
    assert (np.sort(moved[:, ::3], axis=1) == np.sort(column[::3])).all()


@given(st.lists(st.integers(1, 6), min_size=10, max_size=40))
@settings(max_examples=50)
def test_mixed_clusters_exchange_equally_many_images(sizes: list[int]) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 2, len(clusters))
    classes[: sizes[0]] = 0
    how = how_of(classes, None, clusters)
    if how.moved == "both":
        own = clusters[how.rows].reshape(how.count, -1)
        assert (own == own[:, :1]).all()
        assert how.count >= 10
        assert len(set(how.rows.tolist())) == len(how.rows)
        each = own.shape[1]
        kept = max(m * sum(size >= m for size in sizes) for m in set(sizes) if sum(size >= m for size in sizes) >= 10)
        assert each * how.count == kept


def test_fewer_than_ten_clusters_are_not_tested() -> None:
    clusters = np.repeat(np.arange(9), 20)
    assert exchange(clusters % 2, None, clusters, np.random.default_rng(0)) is None


def test_a_column_that_is_the_class_is_found_and_an_independent_one_is_not() -> None:
    rng = np.random.default_rng(4)
    classes = rng.integers(0, 3, 120)
    tied = association_test(classes, 2 - classes, how_of(classes, None, alone(120)), rng)
    assert tied.v == pytest.approx(1)
    assert tied.p == pytest.approx(1 / 1000)
    free = association_test(classes, rng.integers(0, 4, 120), how_of(classes, None, alone(120)), rng)
    assert free.p > 0.01
    assert free.v <= max(free.chance, 0.3)


def rates(clusters: NDArray[np.int64], *, by_cluster: bool, sets: int = 150) -> tuple[float, float]:
    """How often independent columns are found at 10 %: with clusters exchanged whole, and with images exchanged."""
    found = np.zeros((sets, 2))
    count = int(clusters.max()) + 1
    for seed in range(sets):
        rng = np.random.default_rng([5, seed])
        classes = rng.integers(0, 2, count)[clusters]
        column = rng.integers(0, 3, count)[clusters]
        if not by_cluster:
            classes = np.where(rng.random(len(clusters)) < 0.2, 1 - classes, classes)
            column = np.where(rng.random(len(clusters)) < 0.2, rng.integers(0, 3, len(clusters)), column)
        for at, units in enumerate((clusters, alone(len(clusters)))):
            how = exchange(classes, column, units, rng)
            if how is not None and len(set(classes)) == 2:
                found[seed, at] = association_test(classes, column, how, rng, 199).p <= 0.1
    return float(found[:, 0].mean()), float(found[:, 1].mean())


@pytest.mark.parametrize("by_cluster", [True, False])
def test_images_of_one_cluster_are_no_independent_evidence(by_cluster: bool) -> None:
    """With 150 sets a rate of 0.1 stays below 0.18 in all but 1 of 1,000 tries."""
    clusters = np.repeat(np.arange(20), np.arange(20) % 3 + 4)
    whole, single = rates(clusters, by_cluster=by_cluster)
    assert whole <= 0.18
    assert single > 0.25


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_orders_and_bounds(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= one <= min(1, len(p_values) * p) + 1e-12 for p, one in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
