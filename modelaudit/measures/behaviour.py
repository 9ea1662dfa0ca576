"""Measures of what the model answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.reasons import Missing
from ..language.spec import MeasureSpec
from .base import Declares, Reading, Seen, measure


@dataclass(frozen=True)
class Accuracy(MeasureSpec):
    """1 where the largest logit is the label's (one of the label's, where several outputs mean it), else 0.

    Equal logits count for the lowest index.
    """


@dataclass(frozen=True)
class Confidence(MeasureSpec):
    """The softmax probability of the label, in sum where several outputs mean it."""


@dataclass(frozen=True)
class FlipRate(MeasureSpec):
    """1 where the prediction under the context differs from the prediction on the original image, else 0.

    Outputs that mean one label are one prediction, and so are all that mean none.
    """


@measure("accuracy", Accuracy, Declares(scale="proportion", better="high"))
def read_accuracy(spec: Accuracy, seen: Seen) -> Reading:
    """``argmax(logits) == label``; undefined where a logit is not finite."""
    return _reading(right(seen, seen.logits).double(), non_finite(seen.logits))


@measure("confidence", Confidence, Declares(scale="mean", better="high"))
def read_confidence(spec: Confidence, seen: Seen) -> Reading:
    """``softmax(logits)[label]`` in float64; undefined where a logit is not finite."""
    probabilities = seen.logits.double().softmax(dim=1)
    if seen.merged is None:
        return _reading(probabilities.gather(1, seen.labels[:, None])[:, 0], non_finite(seen.logits))
    own = seen.merged.to(probabilities.device)[None, :] == seen.labels[:, None]
    return _reading((probabilities * own).sum(dim=1).clamp_max(1.0), non_finite(seen.logits))


@measure("flip_rate", FlipRate, Declares(scale="proportion", better="low", needs_original=True, needs_context=True))
def read_flip_rate(spec: FlipRate, seen: Seen) -> Reading:
    """``argmax(logits) != argmax(original logits)``; undefined where a logit of either is not finite."""
    if seen.original_logits is None:
        raise ValueError("flip_rate compares with the original image, and its logits were not handed over")
    flipped = seen.classes_of(seen.logits) != seen.classes_of(seen.original_logits)
    return _reading(flipped.double(), non_finite(seen.logits) | non_finite(seen.original_logits))


def right(seen: Seen, logits: Tensor) -> Tensor:
    """[B] bool: the predicted class is the label's."""
    return seen.classes_of(logits) == seen.labels


def non_finite(logits: Tensor) -> Tensor:
    """[B] bool: samples with a NaN or an infinity among their logits."""
    return ~torch.isfinite(logits).all(dim=1)


def _reading(values: Tensor, broken: Tensor) -> Reading:
    values = values.masked_fill(broken, torch.nan)
    return Reading(values, {Missing.NON_FINITE_LOGITS: broken})
