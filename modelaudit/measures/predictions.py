"""Measures of what the model calls the images: a label's share of the predictions, misses and false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import ClassVar

from torch import Tensor

from ..language import registry
from ..language.calls import checked_call
from ..language.errors import ExpressionError
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.spec import BY_NAME, MeasureSpec, plain, spec_name
from ..language.strata import Label, Stratum
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, measure
from .behaviour import non_finite

LabelName = str | int


@dataclass(frozen=True)
class Predicted(MeasureSpec):
    """1 where the model calls the image by one of these labels, else 0, whatever the image's own label is.

    Args:
        labels: as the data name them, or classes of the model by name or index.
    """

    labels: tuple[LabelName, ...] = ()

    variadic: ClassVar[str | None] = "labels"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", _names(self.labels, "predicted", 'predicted("free")'))

    @property
    def label_names(self) -> tuple[LabelName, ...]:
        return self.labels


@dataclass(frozen=True)
class _GoodLabels(MeasureSpec):
    """The label of good parts, or a tuple of several; every other label is a defect."""

    good: LabelName | tuple[LabelName, ...] = field(metadata={BY_NAME: True})

    def __post_init__(self) -> None:
        called = spec_name(type(self))
        names = _names(self.good, called, f'{called}(good="free")')
        object.__setattr__(self, "good", names[0] if len(names) == 1 else names)

    @property
    def label_names(self) -> tuple[LabelName, ...]:
        return self.good if isinstance(self.good, tuple) else (self.good,)

    @property
    def _good(self) -> Stratum:
        labels: list[Stratum] = [Label(name) for name in self.label_names]
        return reduce(lambda one, other: one | other, labels)


@dataclass(frozen=True)
class MissRate(_GoodLabels):
    """1 where the model calls the image good, else 0; defined over the images whose label is not a good one.

    Which images these are its canonical text says by ``.where(~label(...))``. A prediction that means none of the
    labels does not call the image good.

    Args:
        good: the label of good parts, or several; every other label is a defect.
    """

    example: ClassVar[str] = "miss_rate(good=free)"

    @property
    def stratum(self) -> Stratum:
        return ~self._good


@dataclass(frozen=True)
class FalseAlarmRate(_GoodLabels):
    """1 where the model does not call the image good, else 0; defined over the images whose label is a good one.

    Which images these are its canonical text says by ``.where(label(...))``. A prediction that means none of the
    labels is a false alarm too.

    Args:
        good: the label of good parts, or several; every other label is a defect.
    """

    example: ClassVar[str] = "false_alarm_rate(good=free)"

    @property
    def stratum(self) -> Stratum:
        return self._good


@dataclass(frozen=True)
class PredictedClass(MeasureSpec):
    """The class that is predicted on an image, as a number: what a confusion table is made of. Not for expectations."""


@checked_call
def predicted(*labels: LabelName) -> Measure:
    """The share of the images that the model calls by this label, or by one of several.

    >>> from modelaudit import label
    >>> str(predicted("free").under("lighting(3)").where(label("scratch")) < 0.05)
    'predicted(free).under(lighting(3)).where(label(scratch)) < 0.05'
    """
    return Measure(Predicted(labels))


@checked_call
def miss_rate(good: LabelName | Sequence[LabelName]) -> Measure:
    """The share of the defective images that the model calls good.

    >>> str(miss_rate(good="free") < 0.02)
    'miss_rate(good=free).where(~label(free)) < 0.02'
    """
    spec = MissRate(good)  # type: ignore[arg-type]
    return Measure(spec, stratum=spec.stratum)


@checked_call
def false_alarm_rate(good: LabelName | Sequence[LabelName]) -> Measure:
    """The share of the good images that the model does not call good.

    >>> str(false_alarm_rate(good=["free", "stain"]) < 0.1)
    'false_alarm_rate(good=[free, stain]).where(label(free) | label(stain)) < 0.1'
    """
    spec = FalseAlarmRate(good)  # type: ignore[arg-type]
    return Measure(spec, stratum=spec.stratum)


def _predicted_words(spec: Predicted) -> Wording:
    english, japanese = _quoted(spec.labels)
    return Wording(
        Phrase(f"share predicted as {english}", f"{{value}} of the images are predicted as {english}"),
        Phrase(f"{japanese}と判定された割合", f"画像の{{value}}が{japanese}と判定されました"),
    )


def _miss_words(spec: MissRate) -> Wording:
    english, japanese = _quoted(spec.label_names)
    return Wording(
        Phrase(f"miss rate (good: {english})", f"{{value}} are taken for {english} (missed)"),
        Phrase(f"見逃し率（良品：{japanese}）", f"{{value}}が{japanese}と判定されました（見逃し）"),
    )


def _false_alarm_words(spec: FalseAlarmRate) -> Wording:
    english, japanese = _quoted(spec.label_names)
    return Wording(
        Phrase(f"false alarm rate (good: {english})", "{value} are taken for defective (false alarms)"),
        Phrase(f"過検出率（良品：{japanese}）", "{value}が不良と判定されました（過検出）"),
    )


@measure(
    "predicted",
    Predicted,
    MeasureDeclaration(scale="proportion", better="high", wording=_predicted_words, reads="label"),
)
def read_predicted(spec: Predicted, inputs: MeasureInput) -> MeasureOutput:
    """``argmax(logits)`` means one of the labels; undefined where a logit is not finite."""
    return _output(_called(inputs, spec.label_names), inputs)


@measure(
    "miss_rate", MissRate, MeasureDeclaration(scale="proportion", better="low", wording=_miss_words, reads="label")
)
def read_miss(spec: MissRate, inputs: MeasureInput) -> MeasureOutput:
    """``argmax(logits)`` means a good label; undefined where a logit is not finite."""
    return _output(_called(inputs, spec.label_names), inputs)


@measure(
    "false_alarm_rate",
    FalseAlarmRate,
    MeasureDeclaration(scale="proportion", better="low", wording=_false_alarm_words, reads="label"),
)
def read_false_alarm(spec: FalseAlarmRate, inputs: MeasureInput) -> MeasureOutput:
    """``argmax(logits)`` means no good label; undefined where a logit is not finite."""
    return _output(~_called(inputs, spec.label_names), inputs)


def read_predicted_class(spec: PredictedClass, inputs: MeasureInput) -> MeasureOutput:
    """The index of the predicted class, -1 for outputs that mean none of the labels; undefined as above."""
    return _output(inputs.classes_of(inputs.logits), inputs)


# of a kind of its own: it is measured with every model's originals and no expectation can name it
registry.register(
    registry.Entry(
        "column",
        "predicted_class",
        PredictedClass,
        read_predicted_class,
        MeasureDeclaration(scale="mean", better="high", low=-1.0, high=None, reads="label"),
    )
)


def _called(inputs: MeasureInput, names: Sequence[LabelName]) -> Tensor:
    """[B] bool: the predicted class is one that a name means.

    Raises:
        ExpressionError: a name that means no class.
    """
    unknown = [name for name in names if name not in inputs.named]
    if unknown:
        raise ExpressionError(f"{unknown[0]!r} means no label of the data and no output of the model")
    return inputs.predicts(inputs.logits, [inputs.named[name] for name in names])


def _output(values: Tensor, inputs: MeasureInput) -> MeasureOutput:
    return MeasureOutput(values.double(), {Missing.NON_FINITE_LOGITS: non_finite(inputs.logits)})


def _names(given: object, called: str, example: str) -> tuple[LabelName, ...]:
    """The labels that are named, each once and in one order, so that one meaning has one text.

    Raises:
        ExpressionError: none, or something that is not a label.
    """
    value = plain(given)
    several = tuple(map(plain, value)) if isinstance(value, list | tuple | set | frozenset) else (value,)
    if not several:
        raise ExpressionError(f"{called}: name a label, e.g. {example}")
    for name in several:
        if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
            raise ExpressionError(f"{called}: {name!r} is not a label; name labels as the data do, e.g. {example}")
    return tuple(sorted(set(several), key=lambda name: (str(name), isinstance(name, str))))


def _quoted(names: Sequence[LabelName]) -> tuple[str, str]:
    return " or ".join(f"“{name}”" for name in names), "または".join(f"「{name}」" for name in names)
