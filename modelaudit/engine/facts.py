"""What strata are judged by: the same rules for a chunk (galleries) and for a whole run (decisions)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..language.errors import ExpressionError, nearest
from ..language.strata import Both, Correct, Label, Misclassified, ObjectArea, Stratum


@dataclass(frozen=True)
class Facts:
    """Per-sample facts for one model, [n] each.

    Args:
        labels: the labels as the data name them.
        indices: the model's class index of each.
        correct: 1, 0, or NaN where it is not known; None when nobody asked.
        areas: the object's share of the valid pixels after geometry, NaN where there is no mask.
        classes: the model's class names.
        known_labels: all labels of the data, whatever the chunk.
    """

    labels: Sequence[str]
    indices: NDArray[np.int64]
    correct: NDArray[np.float64] | None
    areas: NDArray[np.float64]
    classes: Sequence[str] | None
    known_labels: frozenset[str]


def membership(stratum: Stratum, facts: Facts) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[n] bool each: inside, and not known.

    Raises:
        ExpressionError: the stratum names a class that neither the data nor the model have.
    """
    if isinstance(stratum, Both):
        pairs = [membership(part, facts) for part in stratum.parts]
        possible = np.all([inside | unknown for inside, unknown in pairs], axis=0)
        certain = np.all([inside & ~unknown for inside, unknown in pairs], axis=0)
        return certain, possible & ~certain
    if isinstance(stratum, Correct | Misclassified):
        assert facts.correct is not None
        wanted = 1.0 if isinstance(stratum, Correct) else 0.0
        return facts.correct == wanted, np.isnan(facts.correct)
    if isinstance(stratum, Label):
        return _labelled(stratum, facts), np.zeros(len(facts.labels), dtype=bool)
    if isinstance(stratum, ObjectArea):
        unknown = np.isnan(facts.areas)
        with np.errstate(invalid="ignore"):
            compared = {
                "<": facts.areas < stratum.limit,
                "<=": facts.areas <= stratum.limit,
                ">": facts.areas > stratum.limit,
                ">=": facts.areas >= stratum.limit,
            }[stratum.op]
        return compared & ~unknown, unknown
    raise ExpressionError(f"the stratum '{stratum}' is not known to this version")


def _labelled(stratum: Label, facts: Facts) -> NDArray[np.bool_]:
    wanted = stratum.label
    if isinstance(wanted, str) and wanted in facts.known_labels:
        return np.array([name == wanted for name in facts.labels], dtype=bool)
    classes = list(facts.classes or ())
    if isinstance(wanted, str) and wanted in classes:
        wanted = classes.index(wanted)
    if isinstance(wanted, int):
        return np.asarray(facts.indices == wanted)
    known = [*facts.known_labels, *classes]
    raise ExpressionError(f"label({wanted!r}): neither the data nor the model have that class{nearest(wanted, known)}")
