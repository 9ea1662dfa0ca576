"""Recognises the class from measurements of the surroundings, by images that took no part in the fit.

A ridge regression of the indicators of the classes on the measurements, which is a regularised linear discriminant
(Hastie, Buja & Tibshirani 1995). For fixed folds its predictions are linear in the indicators, so that a whole
cross-validation is repeated for every exchange of the classes at the cost of one matrix product, and the test of
:mod:`association` is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .association import (
    EXCHANGES,
    Codes,
    Exchange,
    Table,
    contingency,
    corrected_v,
    cramers_v,
    exchanged_classes,
    p_value,
    phi_squared,
    settled,
    stages,
)

Matrix = NDArray[np.float64]

FOLDS = 5
#: directions of the measurements that are kept, and images for each of them
_DIRECTIONS, _IMAGES_EACH = 64, 4
#: ridge penalty, in units of the number of images times the mean variance of a direction
_PENALTY = 0.1
_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class Recognition:
    """How well images that took no part in the fit show their class by their surroundings.

    Args:
        v, p, chance: as of :class:`association.AssociationTest`, of the recognised class against the class.
        accuracy: mean over the classes of the share that is recognised; 1 / classes by chance.
        recalls: [classes] this share of every class.
        margins: [n] by how much the image's own class leads the best other class; positive where it is recognised.
        predicted: [n] codes.
    """

    v: float
    p: float
    chance: float
    accuracy: float
    recalls: Matrix
    margins: Matrix
    predicted: Codes


def recognition(
    measured: Matrix, classes: Codes, how: Exchange, rng: np.random.Generator, exchanges: int = EXCHANGES
) -> Recognition:
    """Recognises the class of every image and tests whether that is chance.

    The statistic is the agreement of scores and classes, ``sum_ik (s_ik - p_k)(y_ik - p_k) / p_k`` with the scores s
    out of fold, the indicators y and the shares p of the classes: phi² where the scores are certain. An image is
    recognised as the class whose mean scores, on the images of the fit, are nearest: rare classes have an equal chance.

    Args:
        measured: [n, columns] of the images of `how.rows`, finite.
        classes: [n] codes of the same images, every class among them.
    """
    directions = _principal(measured)
    folds = _folds(how, rng)
    fits = [_Fold.of(directions, folds == fold) for fold in range(FOLDS)]
    count = int(classes.max()) + 1
    scores, leads = (made[0] for made in _scores(fits, classes[None], count))
    observed = float(_agreement(scores[None], classes[None])[0])
    everything = Exchange(np.arange(len(classes)), how.units, how.count, how.moved)
    drawn: list[Matrix] = []
    v: list[Matrix] = []
    part = max(1, _AT_ONCE // (len(classes) * count))
    for stage, wanted in enumerate(stages(exchanges)):
        for start in range(0, wanted, part):
            labels = exchanged_classes(classes, everything, rng, min(part, wanted - start))
            exchanged, led = _scores(fits, labels, count)
            drawn.append(_agreement(exchanged, labels))
            if stage == 0:
                v.append(_v_of(led, labels))
        if settled(np.concatenate(drawn), observed):
            break
    predicted = np.asarray(leads.argmax(axis=1), dtype=np.int64)
    table = contingency(classes, predicted)
    recalls = np.array([float((predicted[classes == at] == at).mean()) for at in range(count)])
    own = np.take_along_axis(leads, classes[:, None], axis=1)[:, 0]
    np.put_along_axis(leads, classes[:, None], -np.inf, axis=1)
    return Recognition(
        v=cramers_v(table),
        p=p_value(np.concatenate(drawn), observed),
        chance=float(np.quantile(np.concatenate(v), 0.95, method="higher")),
        accuracy=float(recalls.mean()),
        recalls=recalls,
        margins=own - leads.max(axis=1),
        predicted=predicted,
    )


def _principal(measured: Matrix) -> Matrix:
    """[n, directions]: the principal directions of the standardised columns, of mean variance 1."""
    centred = measured - measured.mean(axis=0)
    spread = centred.std(axis=0)
    standard = centred[:, spread > 1e-9] / spread[spread > 1e-9]
    if not standard.size:
        return np.zeros((len(measured), 1))
    left, lengths, _ = np.linalg.svd(standard, full_matrices=False)
    kept = min(_DIRECTIONS, max(1, len(measured) // _IMAGES_EACH), len(lengths))
    directions = left[:, :kept] * lengths[:kept]
    return np.asarray(directions / np.sqrt(np.mean(directions**2)))


def _folds(how: Exchange, rng: np.random.Generator) -> Codes:
    """[n] the fold of every image; clusters stay together, and no class is looked at."""
    folds: Codes = rng.permutation(how.count)[how.units] % FOLDS
    return folds


@dataclass(frozen=True)
class _Fold:
    """What turns the sums of the measurements over classes into scores of the images of one fold."""

    held_out: NDArray[np.bool_]
    train: Matrix
    """[n - held out, directions + 1], with a column of 1"""
    inverse: Matrix
    """[directions + 1, directions + 1]"""
    test: Matrix
    """[held out, directions + 1]"""

    @classmethod
    def of(cls, directions: Matrix, held_out: NDArray[np.bool_]) -> _Fold:
        """The ridge regression on the other folds; the intercept is not penalised."""
        design = np.column_stack([directions, np.ones(len(directions))])
        train = design[~held_out]
        penalty = np.full(design.shape[1], _PENALTY * len(train))
        penalty[-1] = 1e-9
        return cls(held_out, train, np.linalg.inv(train.T @ train + np.diag(penalty)), design[held_out])


def _scores(fits: list[_Fold], labels: Codes, classes: int) -> tuple[Matrix, Matrix]:
    """Scores out of fold, [count, n, classes] each, for classes [count, n] of the images.

    The first over the shares of the classes; the second ``s . m_k - |m_k|^2 / 2`` with m_k the mean scores of the class
    on the images of the fit: largest for the class whose mean is nearest.
    """
    count, images = labels.shape
    indicators = (labels[:, :, None] == np.arange(classes)).astype(np.float64)
    scores, leads = np.empty((2, count, images, classes))
    for fit in fits:
        if not fit.held_out.any():
            continue
        own = indicators[:, ~fit.held_out]
        sums = np.tensordot(fit.train, own, axes=(0, 1)).transpose(1, 0, 2)  # [count, directions, classes]
        weights = fit.inverse @ sums
        sizes = np.maximum(own.sum(axis=1), 1)
        means = sums.transpose(0, 2, 1) @ weights / sizes[:, :, None]  # [count, classes, scores]
        made = fit.test @ weights
        scores[:, fit.held_out] = made
        leads[:, fit.held_out] = made @ means.transpose(0, 2, 1) - (means**2).sum(axis=2)[:, None] / 2
    return scores / indicators.mean(axis=1)[:, None, :], leads


def _agreement(scores: Matrix, labels: Codes) -> Matrix:
    """[count] ``sum_ik (s_ik - p_k)(y_ik - p_k) / p_k / n``: the mean of an image's own class, less 1, since the
    scores of an image sum to 1."""
    return np.asarray(np.take_along_axis(scores, labels[:, :, None], axis=2)[:, :, 0].mean(axis=1) - 1)


def _v_of(leads: Matrix, labels: Codes) -> Table:
    """[count] Cramér's V of the recognised class against the class."""
    count, _, classes = leads.shape
    codes = labels * classes + leads.argmax(axis=2) + classes**2 * np.arange(count)[:, None]
    tables = np.bincount(codes.ravel(), minlength=count * classes**2).reshape(count, classes, classes).astype(float)
    return corrected_v(phi_squared(tables), tables)
