"""The class recognised from measurements, out of fold, and whether that is chance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from modelaudit.statistics.association import exchange
from modelaudit.statistics.discriminant import FOLDS, Recognition, recognition


def recognised(
    measured: NDArray[np.float64], classes: NDArray[np.int64], clusters: NDArray[np.int64] | None = None, seed: int = 0
) -> Recognition:
    rng = np.random.default_rng([6, seed])
    how = exchange(classes, None, np.arange(len(classes)) if clusters is None else clusters, rng)
    assert how is not None
    return recognition(measured[how.rows], classes[how.rows], how, rng, 199)


def test_the_scores_are_those_of_a_ridge_regression_on_the_other_folds() -> None:
    """One fold fitted by hand: the recognised classes of its images agree with the library's."""
    rng = np.random.default_rng(1)
    classes = rng.integers(0, 3, 90)
    measured = np.eye(3)[classes] + rng.normal(0, 0.7, (90, 3))
    result = recognised(measured, classes)
    standard = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    standard /= np.sqrt(np.mean(standard**2))
    again = np.random.default_rng([6, 0])
    how = exchange(classes, None, np.arange(90), again)
    assert how is not None
    folds = again.permutation(90) % FOLDS
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        centre = standard[train].mean(axis=0)
        penalty = 0.1 * train.sum() * np.eye(3)
        inverse = np.linalg.inv((standard[train] - centre).T @ (standard[train] - centre) + penalty)
        own = np.eye(3)[classes[train]]
        weights = inverse @ (standard[train] - centre).T @ (own - own.mean(axis=0))
        fitted, scores = (own.mean(axis=0) + (standard[rows] - centre) @ weights for rows in (train, test))
        means = np.array([fitted[classes[train] == at].mean(axis=0) for at in range(3)])
        nearest = np.linalg.norm(scores[:, None] - means, axis=2).argmin(axis=1)
        assert np.array_equal(nearest, result.predicted[test])


def test_measurements_that_show_the_class_are_found() -> None:
    rng = np.random.default_rng(2)
    classes = np.repeat([0, 1], [20, 100])  # a rare class is recognised too
    measured = np.column_stack([classes + rng.normal(0, 0.3, 120), rng.normal(size=(120, 5))])
    result = recognised(measured, classes)
    assert result.p == pytest.approx(1 / 200)
    assert result.accuracy > 0.85
    assert result.recalls.min() > 0.8
    assert result.v > 0.7 > result.chance
    assert ((result.margins > 0) == (result.predicted == classes)).all()


def test_the_units_of_a_measurement_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 2, 60)
    measured = rng.normal(size=(60, 4)) + classes[:, None]
    moved = measured * [1, 1e-3, 1e3, 7] + [0, 5, -2, 100]
    assert recognised(moved, classes).v == pytest.approx(recognised(measured, classes).v)


def test_measurements_that_are_all_equal_show_nothing() -> None:
    result = recognised(np.ones((40, 3)), np.arange(40) % 2)
    assert result.p > 0.1
    assert np.isfinite(result.v)


def test_of_measurements_that_show_nothing_1_in_20_is_found() -> None:
    """With 200 sets of 40 images and 30 columns, a rate of 0.05 stays below 0.105 in all but 1 of 1,000 tries."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng([7, seed])
        found.append(recognised(rng.normal(size=(40, 30)), rng.integers(0, 3, 40), seed=seed).p <= 0.05)
    assert np.mean(found) <= 0.105


def test_of_clusters_that_show_nothing_few_are_found_although_images_look_alike() -> None:
    found = np.zeros((60, 2))
    clusters = np.repeat(np.arange(16), 5)
    for seed in range(60):
        rng = np.random.default_rng([8, seed])
        measured = rng.normal(size=(16, 6))[clusters] + rng.normal(0, 0.2, (80, 6))
        classes = (rng.permutation(16) % 2)[clusters]
        found[seed] = [recognised(measured, classes, units, seed).p <= 0.05 for units in (clusters, None)]
    assert found[:, 0].mean() <= 0.15
    assert found[:, 1].mean() > 0.5
