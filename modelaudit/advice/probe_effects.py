"""What a refit changes: every measure before and after, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data import LabelMap
from ..evidence.probe import ProbeEffect, ProbeMeasure
from ..language.sample import Sample
from ..language.spec import Context
from .features import SeenData
from .fitting import Codes, Refitted, Values, class_of_outputs
from .intervals import change_interval


def effects_under(
    measured: SeenData,
    context: Context,
    own: Codes,
    refitted: Refitted,
    labels: LabelMap,
    good: Sequence[str],
    seed: int,
    confidence: float,
) -> list[ProbeEffect]:
    """Every measure under one context."""
    seen = measured.contexts[context]
    rows = np.flatnonzero(seen.known)
    if not len(rows):
        return []
    fitting = refitted.fitting
    classes = class_of_outputs(labels, seen.logits.shape[1])
    samples = [measured.samples[at] for at in rows]
    features = seen.features[rows]
    before = classes[seen.logits[rows].argmax(axis=1)]
    after = classes[fitting.answers(features, refitted.weight)]
    without_copies = classes[fitting.answers(features, refitted.without_copies)]
    draws = np.stack([classes[fitting.answers(features, one)] for one in refitted.draws])
    clusterings = [own[rows]]
    donors = [seen.donors[at] for at in rows]
    if any(donors):
        clusterings.append(np.unique([str(one) for one in donors], return_inverse=True)[1].astype(np.int64))
    effects = []
    for name, inside, value in _measures(samples, labels, good):
        if not inside.any():
            continue
        low, high = change_interval(
            value(before)[inside],
            value(after)[inside],
            np.stack([value(one)[inside] for one in draws]),
            [codes[inside] for codes in clusterings],
            confidence=confidence,
            generator=np.random.default_rng([seed, 2]),
        )
        was, became = float(value(before)[inside].mean()), float(value(after)[inside].mean())
        effects.append(
            ProbeEffect(
                measure=name,
                context=str(context),
                images=int(inside.sum()),
                before=was,
                after=became,
                without_copies=float(value(without_copies)[inside].mean()),
                change=became - was,
                lower=low,
                upper=high,
            )
        )
    return effects


def _measures(
    samples: Sequence[Sample], labels: LabelMap, good: Sequence[str]
) -> list[tuple[ProbeMeasure, NDArray[np.bool_], Callable[[Codes], Values]]]:
    """Each measure: its name, the images that it is about [n], and its values [n] of predicted classes [n]."""
    right = np.array([labels.indices[sample.label] for sample in samples], dtype=np.int64)
    every = np.ones(len(samples), dtype=bool)
    found: list[tuple[ProbeMeasure, NDArray[np.bool_], Callable[[Codes], Values]]] = [
        ("accuracy", every, lambda predicted: (predicted == right).astype(np.float64))
    ]
    if good:
        fine = np.array([str(sample.label) in good for sample in samples], dtype=bool)
        called = sorted({labels.indices[sample.label] for sample in samples if str(sample.label) in good})
        found.append(("miss_rate", ~fine, lambda predicted: np.isin(predicted, called).astype(np.float64)))
        found.append(("false_alarm_rate", fine, lambda predicted: (~np.isin(predicted, called)).astype(np.float64)))
    return found
