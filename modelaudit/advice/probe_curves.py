"""The learning curves of a probe: layers that are fitted to fewer and fewer of the training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import LabelMap
from ..evidence.probe import CurveForecast, CurvePoint, LearningCurve
from ..language.progress import Advance
from ..language.spec import Context
from .features import SeenData
from .fitting import Codes, Fitting, Values, class_of_outputs
from .learning_curve import LEAST_TEST, LEAST_TRAINING, curve_of
from .refit import Problem, cross_validated

#: parts of the training images of each size that are drawn
DRAWS = 5


def learning_curves(
    fitting: Fitting,
    sizes: Sequence[int],
    measured: SeenData,
    own: Codes,
    labels: LabelMap,
    seed: int,
    confidence: float,
    advance: Advance,
) -> list[LearningCurve]:
    """A learning curve of every context, over all test images and over those of each label that has enough."""
    answers: dict[Context, list[list[Codes]]] = {context: [] for context in measured.contexts}
    rows = {context: np.flatnonzero(seen.known) for context, seen in measured.contexts.items()}
    for weights in _fits(fitting, sizes, seed, advance):
        for context, seen in measured.contexts.items():
            classes = class_of_outputs(labels, seen.logits.shape[1])
            features = seen.features[rows[context]]
            answers[context].append([classes[fitting.answers(features, weight)] for weight in weights])
    curves = []
    for context in measured.contexts:
        samples = [measured.samples[at] for at in rows[context]]
        right = np.array([labels.indices[sample.label] for sample in samples], dtype=np.int64)
        wrong = np.array(answers[context], dtype=np.int64).reshape(len(sizes), DRAWS, len(samples)) != right
        names = np.array([str(sample.label) for sample in samples])
        for label in (None, *sorted(set(names))):
            inside = np.ones(len(samples), dtype=bool) if label is None else names == label
            if label is not None and (inside.sum() < LEAST_TEST or fitting.images < LEAST_TRAINING):
                continue
            curves.append(
                _curve(sizes, wrong[:, :, inside], own[rows[context]][inside], context, label, seed, confidence)
            )
    return curves


def _fits(fitting: Fitting, sizes: Sequence[int], seed: int, advance: Advance) -> list[list[Values]]:
    """For each size the weights fitted to nested parts of the training images, one for each of the draws.

    They are learned anew (the penalty is on the weights themselves), since the model's own were learned from all
    images; its strength is chosen on all of them, and falls with the number of images as that of a fixed prior does.
    """
    nothing = np.zeros_like(fitting.start)
    penalty = cross_validated(fitting.rows, nothing, seed=seed)
    groups = np.unique(fitting.rows.groups)
    orders = [np.random.default_rng([seed, 3, draw]).permutation(groups) for draw in range(DRAWS)]
    found = []
    for size in sizes:
        share = size / sizes[-1]
        several = []
        for order in orders:
            chosen = np.isin(fitting.rows.groups, order[: max(2, round(share * len(order)))])
            problem = Problem.of(fitting.rows.chosen(chosen), nothing, penalty / share)
            several.append(problem.solved(exact=False))
            advance(1)
        found.append(several)
    return found


def _curve(
    sizes: Sequence[int],
    wrong: NDArray[np.bool_],
    clusters: Codes,
    context: Context,
    label: str | None,
    seed: int,
    confidence: float,
) -> LearningCurve:
    found = curve_of(sizes, wrong, clusters, confidence=confidence, seed=seed)
    points = [
        CurvePoint(images=size, draws=wrong.shape[1], error=float(error))
        for size, error in zip(sizes, wrong.mean(axis=(1, 2)), strict=True)
    ]
    return LearningCurve(
        context=str(context),
        label=label,
        points=points,
        a=None if found.law is None else found.law.a,
        b=None if found.law is None else found.law.b,
        c=None if found.law is None else found.law.c,
        forecasts=[
            CurveForecast(
                times=one.images // sizes[-1], images=one.images, error=one.error, lower=one.lower, upper=one.upper
            )
            for one in found.forecasts
        ],
        refused=found.refused,
    )
