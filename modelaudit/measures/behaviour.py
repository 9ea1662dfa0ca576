"""Measures of the model's answers, on one background or the worst of several."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.calls import checked_call
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

    Equal logits count for the lowest index. Of a multilabel model: 1 where the label's own probability reaches
    ``Audit(score_threshold=...)``: the share of the labels that were found.

    >>> from modelaudit.measures import accuracy
    >>> str(accuracy - accuracy.under("fog(3)") < 0.05)
    'accuracy - accuracy.under(fog(3)) < 0.05'
    """


@dataclass(frozen=True)
class TopKAccuracy(MeasureSpec):
    """1 where the label is among the k strongest meanings, else 0; with k = 1 it is ``accuracy``.

    A meaning is a label with all outputs that mean it, as strong as the strongest of them; all outputs that mean none
    of the labels are one more. So an output that repeats a meaning takes no place from another. Equal logits count for
    the lowest index. Of a multilabel model its labels are ranked by their logits, found or not.

    Args:
        k: an integer from 1.
    """

    k: int

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ExpressionError(f"top_k_accuracy: k must be an integer from 1, got {self.k!r}")


@dataclass(frozen=True)
class Margin(MeasureSpec):
    """The logit of the label minus the strongest logit that means something else; above 0 where the answer is right.

    In units of the logits, without bounds: models whose logits differ in scale cannot be compared by it. Where several
    outputs mean the label the strongest counts. Of a multilabel model: the logit of the label minus that of
    ``Audit(score_threshold=...)``.

    >>> from modelaudit.measures import margin
    >>> str(margin > 0)
    'margin > 0'
    """


@checked_call
def top_k_accuracy(k: int) -> Measure:
    """The share of the images whose label is among the k strongest meanings.

    >>> str(top_k_accuracy(5) > 0.95)
    'top_k_accuracy(5) > 0.95'
    """
    return Measure(TopKAccuracy(k))


@dataclass(frozen=True)
class Confidence(MeasureSpec):
    """The softmax probability of the label, in sum where several outputs mean it.

    Of a multilabel model: the label's own, the sigmoid of its logit.

    >>> from modelaudit.measures import confidence
    >>> str(confidence.under("fog(3)") > 0.8)
    'confidence.under(fog(3)) > 0.8'
    """


@dataclass(frozen=True)
class FlipRate(MeasureSpec):
    """1 where the prediction under the context differs from the prediction on the original image, else 0.

    Outputs that mean one label are one prediction, and so are all that mean none. Of a multilabel model: 1 where the
    label was found on one of the two images alone.

    >>> from modelaudit.measures import flip_rate
    >>> str(flip_rate.under("fog(3)") < 0.1)
    'flip_rate.under(fog(3)) < 0.1'
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
        reads="label",
    ),
)
def read_accuracy(spec: Accuracy, inputs: MeasureInput) -> MeasureOutput:
    """``argmax(logits) == label``; undefined where a logit is not finite."""
    return _output(is_correct(inputs, inputs.logits).double(), non_finite(inputs.logits))


@measure(
    "top_k_accuracy",
    TopKAccuracy,
    MeasureDeclaration(
        scale="proportion",
        better="high",
        wording=Wording(Phrase("top-{k} accuracy"), Phrase("top-{k}正解率")),
        reads="ranking",
        labels=lambda spec: spec.k,
    ),
)
def read_top_k_accuracy(spec: TopKAccuracy, inputs: MeasureInput) -> MeasureOutput:
    """Fewer than k other meanings come before the label's; undefined where a logit is not finite."""
    best, first = _meanings(inputs)
    label = inputs.labels[:, None] if inputs.merged is None else inputs.labels[:, None] + 1
    own, own_first = best.gather(1, label), first.gather(1, label)
    before = (best > own) | ((best == own) & (first < own_first))
    return _output((before.sum(dim=1) < spec.k).double(), non_finite(inputs.logits))


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
def read_margin(spec: Margin, inputs: MeasureInput) -> MeasureOutput:
    """``max(logits of the label) - max(logits of all else)`` in float64; undefined where a logit is not finite.

    Raises:
        ValueError: every output means the label, so that nothing else can be answered.
    """
    if inputs.threshold is not None:
        return _output(inputs.own_logit(inputs.logits).double() - inputs.threshold, non_finite(inputs.logits))
    classes = torch.arange(inputs.logits.shape[1]) if inputs.merged is None else inputs.merged
    own = classes.to(inputs.logits.device)[None, :] == inputs.labels[:, None]
    if bool(own.all(dim=1).any()):
        raise ValueError("margin: every output of the model means the label; there is no other logit")
    logits = inputs.logits.double()
    label, other = logits.masked_fill(~own, -torch.inf), logits.masked_fill(own, -torch.inf)
    return _output(label.amax(dim=1) - other.amax(dim=1), non_finite(inputs.logits))


@measure(
    "confidence",
    Confidence,
    MeasureDeclaration(
        scale="mean",
        better="high",
        wording=Wording(Phrase("probability of the labelled class"), Phrase("正解クラスの予測確率")),
        percent=True,
        reads="probabilities",
    ),
)
def read_confidence(spec: Confidence, inputs: MeasureInput) -> MeasureOutput:
    """``softmax(logits)[label]`` in float64; undefined where a logit is not finite."""
    if inputs.threshold is not None:
        return _output(inputs.own_logit(inputs.logits).double().sigmoid(), non_finite(inputs.logits))
    probabilities = inputs.logits.double().softmax(dim=1)
    if inputs.merged is None:
        return _output(probabilities.gather(1, inputs.labels[:, None])[:, 0], non_finite(inputs.logits))
    own = inputs.merged.to(probabilities.device)[None, :] == inputs.labels[:, None]
    return _output((probabilities * own).sum(dim=1).clamp_max(1.0), non_finite(inputs.logits))


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
        reads="label",
    ),
)
def read_flip_rate(spec: FlipRate, inputs: MeasureInput) -> MeasureOutput:
    """``argmax(logits) != argmax(original logits)``; undefined where a logit of either is not finite."""
    if inputs.original_logits is None:
        raise ValueError("flip_rate compares with the original image; original_logits is missing")
    flipped = inputs.classes_of(inputs.logits) != inputs.classes_of(inputs.original_logits)
    return _output(flipped.double(), non_finite(inputs.logits) | non_finite(inputs.original_logits))


def is_correct(inputs: MeasureInput, logits: Tensor) -> Tensor:
    """[B] bool: the predicted class is the label's."""
    return inputs.classes_of(logits) == inputs.labels


def _meanings(inputs: MeasureInput) -> tuple[Tensor, Tensor]:
    """[B, M] each: the strongest logit of every meaning and the lowest output that has it; -inf and C for none.

    Without label map the meanings are the outputs; with one, meaning 0 is "none of the labels" and class c is c + 1.
    """
    logits = inputs.logits
    index = torch.arange(logits.shape[1], device=logits.device).expand_as(logits)
    if inputs.merged is None:
        return logits, index
    meaning = (inputs.merged.to(logits.device) + 1).expand_as(logits)
    shape = (len(logits), logits.shape[1] + 1)
    best = logits.new_full(shape, -torch.inf).scatter_reduce(1, meaning, logits, "amax")
    strongest = torch.where(logits == best.gather(1, meaning), index, logits.shape[1])
    return best, index.new_full(shape, logits.shape[1]).scatter_reduce(1, meaning, strongest, "amin")


def non_finite(logits: Tensor) -> Tensor:
    """[B] bool: samples with a NaN or an infinity among their logits."""
    return ~torch.isfinite(logits).all(dim=1)


def _output(values: Tensor, broken: Tensor) -> MeasureOutput:
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

    @property
    def stratum(self) -> Stratum:
        return correct

    def __post_init__(self) -> None:
        given = self.backgrounds
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
            raise ExpressionError(
                f"adversarial_background_rate: backgrounds must be an integer from 1, or None for all, got {given!r}"
            )


@checked_call
def adversarial_background_rate(backgrounds: int | None = None) -> Measure:
    """The share of the images that are classified right which some background flips.

    >>> str(adversarial_background_rate(20).under("swap_background(other_class)") < 0.3)
    'adversarial_background_rate(backgrounds=20).under(swap_background(other_class)).where(correct) < 0.3'
    """
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
            Phrase("share of right answers that turn wrong on some background"),
            Phrase("背景を替えると誤判定になる割合"),
        ),
        reads="label",
    ),
)
def read_adversarial_background(spec: AdversarialBackgroundRate, inputs: MeasureInput) -> MeasureOutput:
    """Right on the original and wrong on the one background that is shown; undefined where a logit is not finite."""
    if inputs.original_logits is None:
        raise ValueError("adversarial_background_rate compares with the original image; original_logits is missing")
    flipped = is_correct(inputs, inputs.original_logits) & ~is_correct(inputs, inputs.logits)
    broken = non_finite(inputs.logits) | non_finite(inputs.original_logits)
    return MeasureOutput(flipped.double(), {Missing.NON_FINITE_LOGITS: broken})
