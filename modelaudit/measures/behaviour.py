"""Measures of the model's answers, on one background or the worst of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.spec import MeasureSpec
from ..language.strata import Stratum, correct
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, measure


@dataclass(frozen=True)
class Accuracy(MeasureSpec):
    """1 where the largest logit is the label's (one of the label's, where several outputs mean it), else 0.

    Equal logits count for the lowest index.
    """


@dataclass(frozen=True)
class TopKAccuracy(MeasureSpec):
    """1 where the label is among the k strongest meanings, else 0; with k = 1 it is ``accuracy``.

    A meaning is a label with all outputs that mean it, as strong as the strongest of them; all outputs that mean none
    of the labels are one more. So an output that repeats a meaning takes no place from another. Equal logits count for
    the lowest index.

    Args:
        k: a whole number from 1.
    """

    k: int

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ExpressionError(f"top_k_accuracy: k={self.k!r}; give a whole number from 1")


@dataclass(frozen=True)
class Margin(MeasureSpec):
    """The logit of the label minus the strongest logit that means something else; above 0 where the answer is right.

    In units of the logits, without bounds: models whose logits differ in scale cannot be compared by it. Where several
    outputs mean the label the strongest counts.
    """


def top_k_accuracy(k: int) -> Measure:
    """The share of the images whose label is among the k strongest meanings."""
    return Measure(TopKAccuracy(k))


@dataclass(frozen=True)
class Confidence(MeasureSpec):
    """The softmax probability of the label, in sum where several outputs mean it."""


@dataclass(frozen=True)
class FlipRate(MeasureSpec):
    """1 where the prediction under the context differs from the prediction on the original image, else 0.

    Outputs that mean one label are one prediction, and so are all that mean none.
    """


@measure(
    "accuracy",
    Accuracy,
    MeasureDeclaration(
        scale="proportion",
        better="high",
        wording=Wording(
            Phrase("accuracy", "{value} of the images are classified correctly"),
            Phrase("正解率", "画像の{value}が正しく分類されました"),
        ),
    ),
)
def read_accuracy(spec: Accuracy, seen: MeasureInput) -> MeasureOutput:
    """``argmax(logits) == label``; undefined where a logit is not finite."""
    return _reading(right(seen, seen.logits).double(), non_finite(seen.logits))


@measure(
    "top_k_accuracy",
    TopKAccuracy,
    MeasureDeclaration(
        scale="proportion", better="high", wording=Wording(Phrase("top-{k} accuracy"), Phrase("top-{k}正解率"))
    ),
)
def read_top_k_accuracy(spec: TopKAccuracy, seen: MeasureInput) -> MeasureOutput:
    """Fewer than k other meanings come before the label's; undefined where a logit is not finite."""
    best, first = _meanings(seen)
    label = seen.labels[:, None] if seen.merged is None else seen.labels[:, None] + 1
    own, own_first = best.gather(1, label), first.gather(1, label)
    before = (best > own) | ((best == own) & (first < own_first))
    return _reading((before.sum(dim=1) < spec.k).double(), non_finite(seen.logits))


@measure(
    "margin",
    Margin,
    MeasureDeclaration(
        scale="mean",
        better="high",
        low=None,
        high=None,
        wording=Wording(Phrase("margin to the runner-up"), Phrase("次点クラスとの差（マージン）")),
    ),
)
def read_margin(spec: Margin, seen: MeasureInput) -> MeasureOutput:
    """``max(logits of the label) - max(logits of all else)`` in float64; undefined where a logit is not finite.

    Raises:
        ValueError: every output means the label, so that nothing else can be answered.
    """
    classes = torch.arange(seen.logits.shape[1]) if seen.merged is None else seen.merged
    own = classes.to(seen.logits.device)[None, :] == seen.labels[:, None]
    if bool(own.all(dim=1).any()):
        raise ValueError("margin: every output of the model means the label, so there is nothing to be told from it")
    logits = seen.logits.double()
    label, other = logits.masked_fill(~own, -torch.inf), logits.masked_fill(own, -torch.inf)
    return _reading(label.amax(dim=1) - other.amax(dim=1), non_finite(seen.logits))


@measure(
    "confidence",
    Confidence,
    MeasureDeclaration(
        scale="mean",
        better="high",
        wording=Wording(Phrase("probability of the labelled class"), Phrase("正解クラスの予測確率")),
        percent=True,
    ),
)
def read_confidence(spec: Confidence, seen: MeasureInput) -> MeasureOutput:
    """``softmax(logits)[label]`` in float64; undefined where a logit is not finite."""
    probabilities = seen.logits.double().softmax(dim=1)
    if seen.merged is None:
        return _reading(probabilities.gather(1, seen.labels[:, None])[:, 0], non_finite(seen.logits))
    own = seen.merged.to(probabilities.device)[None, :] == seen.labels[:, None]
    return _reading((probabilities * own).sum(dim=1).clamp_max(1.0), non_finite(seen.logits))


@measure(
    "flip_rate",
    FlipRate,
    MeasureDeclaration(
        scale="proportion",
        better="low",
        needs_original=True,
        needs_context=True,
        wording=Wording(
            Phrase("share of changed predictions", "the prediction changes on {value} of the images"),
            Phrase("予測変化率", "画像の{value}で予測が変わりました"),
        ),
    ),
)
def read_flip_rate(spec: FlipRate, seen: MeasureInput) -> MeasureOutput:
    """``argmax(logits) != argmax(original logits)``; undefined where a logit of either is not finite."""
    if seen.original_logits is None:
        raise ValueError("flip_rate compares with the original image, and its logits were not handed over")
    flipped = seen.classes_of(seen.logits) != seen.classes_of(seen.original_logits)
    return _reading(flipped.double(), non_finite(seen.logits) | non_finite(seen.original_logits))


def right(seen: MeasureInput, logits: Tensor) -> Tensor:
    """[B] bool: the predicted class is the label's."""
    return seen.classes_of(logits) == seen.labels


def _meanings(seen: MeasureInput) -> tuple[Tensor, Tensor]:
    """[B, M] each: the strongest logit of every meaning and the lowest output that has it; -inf and C for none.

    Without label map the meanings are the outputs; with one, meaning 0 is "none of the labels" and class c is c + 1.
    """
    logits = seen.logits
    index = torch.arange(logits.shape[1], device=logits.device).expand_as(logits)
    if seen.merged is None:
        return logits, index
    meaning = (seen.merged.to(logits.device) + 1).expand_as(logits)
    shape = (len(logits), logits.shape[1] + 1)
    best = logits.new_full(shape, -torch.inf).scatter_reduce(1, meaning, logits, "amax")
    strongest = torch.where(logits == best.gather(1, meaning), index, logits.shape[1])
    return best, index.new_full(shape, logits.shape[1]).scatter_reduce(1, meaning, strongest, "amin")


def non_finite(logits: Tensor) -> Tensor:
    """[B] bool: samples with a NaN or an infinity among their logits."""
    return ~torch.isfinite(logits).all(dim=1)


def _reading(values: Tensor, broken: Tensor) -> MeasureOutput:
    values = values.masked_fill(broken, torch.nan)
    return MeasureOutput(values, {Missing.NON_FINITE_LOGITS: broken})


@dataclass(frozen=True)
class AdversarialBackgroundRate(MeasureSpec):
    """1 where the original image is classified right and at least one background flips it, else 0.

    Right and wrong are those of ``accuracy``. It is defined over the images that are right at first
    (``.where(correct)``, which its canonical text says): a wrong answer cannot be flipped.

    Args:
        backgrounds: how many are tried, in the order of the context's donors, from its rank on; None: all there are.

    Source: Xiao et al. 2021 (ICLR): there all 4,050 backgrounds of Only-BG-T are tried.
    """

    backgrounds: int | None = None

    stratum: ClassVar[Stratum | None] = correct

    def __post_init__(self) -> None:
        given = self.backgrounds
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
            raise ExpressionError(
                f"adversarial_background_rate: backgrounds={given!r}; give a whole number from 1, or none for all"
            )


def adversarial_background_rate(backgrounds: int | None = None) -> Measure:
    """The share of the images that are classified right which some background flips."""
    spec = AdversarialBackgroundRate(backgrounds)
    return Measure(spec, stratum=spec.stratum)


@measure(
    "adversarial_background_rate",
    AdversarialBackgroundRate,
    MeasureDeclaration(
        scale="proportion",
        better="low",
        needs_original=True,
        needs_context=True,
        backgrounds=lambda spec: spec.backgrounds,
        wording=Wording(
            Phrase("share of right answers that some background flips"), Phrase("背景を替えると誤判定になる割合")
        ),
    ),
)
def read_adversarial_background(spec: AdversarialBackgroundRate, seen: MeasureInput) -> MeasureOutput:
    """Right on the original and wrong on the one background that is seen; undefined where a logit is not finite."""
    if seen.original_logits is None:
        raise ValueError("adversarial_background_rate asks which answers were right, and no original logits are there")
    flipped = right(seen, seen.original_logits) & ~right(seen, seen.logits)
    broken = non_finite(seen.logits) | non_finite(seen.original_logits)
    return MeasureOutput(flipped.double(), {Missing.NON_FINITE_LOGITS: broken})
