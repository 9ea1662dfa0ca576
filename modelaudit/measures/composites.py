"""Numbers made of several accuracies: the worst group, relative foreground sensitivity, mean corruption error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..language.calls import checked_call
from ..language.composite import Composite, CompositeSpec, Extreme, composite, total
from ..language.errors import ExpressionError, nearest
from ..language.expression import Arithmetic, Divided, Expression, Measure, Number
from ..language.spec import Context, as_context, one_of, spec_name
from ..language.wording import Phrase, Wording
from .behaviour import Accuracy

_ACCURACY = Measure(Accuracy())
_SEVERITIES = (1, 2, 3, 4, 5)

#: the 15 corruptions of ImageNet-C in its order, with AlexNet's top-1 errors there, means over the five severities
ALEXNET_ERRORS = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}


@composite("relative_foreground_sensitivity")
@dataclass(frozen=True)
class RelativeForegroundSensitivity(CompositeSpec):
    """RFS = (a_b - a_f) / (2 min(m, 1 - m)), m = (a_b + a_f) / 2; 0 where m is 0 or 1. In [-1, 1].

    a_f and a_b are the accuracies with the foreground and with the background degraded. Positive: what is done to the
    object costs more, so the model looks at it. The denominator is the largest gap that the mean accuracy allows.

    With R1 = (a_b - a_f) / (a_b + a_f) and R2 = (a_b - a_f) / (2 - a_b - a_f) it is the one of them that is larger in
    size, since 2 m = a_b + a_f: two ratios of linear forms, which have bounds. Where m is 0 or 1 one of them has no
    denominator, and nothing is decided.

    Args:
        foreground: degrades the object, e.g. ``gaussian_noise(3, region="object")``.
        background: the same on the background; under two series it is a curve.

    Source: Moayeri et al. 2022 (CVPR), with noise. With core and spurious regions it is Salient ImageNet's RCS.
    """

    foreground: Context
    background: Context

    def __post_init__(self) -> None:
        for name in ("foreground", "background"):
            object.__setattr__(self, name, as_context(getattr(self, name)))
        if self.foreground == self.background:
            raise ExpressionError(
                f"relative_foreground_sensitivity: both contexts are {self.foreground}; degrade the object in the "
                'first and the background in the second, e.g. gaussian_noise(3, region="object")'
            )

    def wording(self) -> Wording:
        return Wording(Phrase("relative foreground sensitivity"), Phrase("相対前景感度"))

    def leaves(self) -> tuple[Measure, ...]:
        return _ACCURACY._under(self.foreground), _ACCURACY._under(self.background)

    def algebra(self, divided: Divided | None) -> Expression:
        """The larger of R1 and R2 in size."""
        foreground, background = self.leaves()
        gap, twice = background - foreground, background + foreground
        return Extreme("larger", (gap / twice, gap / (2.0 - twice)), low=-1.0, high=1.0)


@composite("worst_group_accuracy")
@dataclass(frozen=True)
class WorstGroupAccuracy(CompositeSpec):
    """The least accuracy over groups and contexts.

    Args:
        contexts: every group is looked at under each of them, of a series under each dose; none: the original images.
        by: what divides the images into groups: "label", "group" (of the data), or a column of the manifest.

    Source: Sagawa et al. 2020 (ICLR), where the groups are label x background.
    """

    contexts: tuple[Context, ...] = ()
    by: str = "label"

    variadic: ClassVar[str | None] = "contexts"

    def __post_init__(self) -> None:
        given: Any = self.contexts
        several = given if isinstance(given, tuple | list) else (given,)
        object.__setattr__(self, "contexts", tuple(as_context(context) for context in several))
        if len(set(self.contexts)) < len(self.contexts):
            raise ExpressionError("worst_group_accuracy: a context is named twice; name each once")
        if not isinstance(self.by, str) or not self.by:
            raise ExpressionError(f"worst_group_accuracy: by={self.by!r}; use 'label', 'group' or the name of a column")

    def wording(self) -> Wording:
        groups = {"label": ("by class", "クラス別"), "group": ("by group of the data", "データのグループ別")}
        by, by_japanese = groups.get(self.by, (f"by “{self.by}”", f"「{self.by}」別"))
        return Wording(
            Phrase("accuracy of the worst group", detail=by), Phrase("最も悪い群の正解率", detail=by_japanese)
        )

    def leaves(self) -> tuple[Measure, ...]:
        return tuple(_ACCURACY._under(context) for context in self.contexts) or (_ACCURACY,)

    def under(self, context: Context) -> WorstGroupAccuracy:
        if self.contexts:
            raise ExpressionError(
                f"worst_group_accuracy has its contexts in its brackets; write {context} there, "
                f"or compose: {self.contexts[0]} | {context}"
            )
        return WorstGroupAccuracy((context,), self.by)

    def algebra(self, divided: Divided | None) -> Expression:
        """The minimum over the groups, a measure each; without `divided` over the contexts alone."""
        cells = [one for leaf in self.leaves() for one in leaf.measures()]
        strata = [] if divided is None else list(divided(self.by))
        named = [(one._where(stratum), str(stratum)) for stratum in strata for one in cells] or [
            (one, "") for one in cells
        ]
        names = tuple(
            " under ".join(filter(None, (group, str(one.context) if len(cells) > 1 else ""))) for one, group in named
        )
        return Extreme("minimum", tuple(one for one, _ in named), names, 0.0, 1.0)


@composite("mean_corruption_error")
@dataclass(frozen=True)
class MeanCorruptionError(CompositeSpec):
    """mCE = mean over corruptions c of CE_c = sum_s E(c, s) / sum_s E_base(c, s), E = 1 - accuracy, s severities.

    In [0, ...); 1 is as good as what it is compared with. Against AlexNet it is linear in the accuracies. AlexNet's
    errors are those on ImageNet-C as published, JPEG files of 224 x 224: on contexts made here, on other data and other
    classes they are weights and no more, and a comparison with a model of one's own is the better question.

    Args:
        corruptions: names, of the 15 of ImageNet-C; all of them are the published number.
        severities: 1 to 5; fewer than all only with a `baseline`, since AlexNet's errors are means over the five.
        region: where the images are degraded: "whole" as published, "background" or "object".
        baseline: the name of a model in ``Audit(model={...})`` whose errors stand in the denominators; None: AlexNet's.

    Source: Hendrycks & Dietterich 2019 (ICLR).
    """

    corruptions: tuple[str, ...] = tuple(ALEXNET_ERRORS)
    severities: tuple[int, ...] = _SEVERITIES
    region: str = "whole"
    baseline: str | None = None

    def __post_init__(self) -> None:
        _several(self, "corruptions", tuple(ALEXNET_ERRORS))
        _several(self, "severities", _SEVERITIES)
        one_of(self.region, ("background", "object", "whole"), "mean_corruption_error: region")
        if self.baseline is None and self.severities != _SEVERITIES:
            raise ExpressionError(
                f"mean_corruption_error: severities={list(self.severities)}; AlexNet's errors are means over all five. "
                'Leave severities out, or compare with a model: baseline="NAME"'
            )
        if self.baseline is not None and (not isinstance(self.baseline, str) or not self.baseline):
            raise ExpressionError(f"mean_corruption_error: baseline={self.baseline!r}; give the name of a model")

    def wording(self) -> Wording:
        count = len(self.corruptions)
        base, japanese = "AlexNet", "AlexNet"
        if self.baseline is not None:
            base, japanese = f"model “{self.baseline}”", f"モデル「{self.baseline}」"
        several = "1 corruption" if count == 1 else f"{count} corruptions"
        return Wording(
            Phrase("mean corruption error", detail=f"relative to {base}, {several}"),
            Phrase("平均劣化誤り率（mCE）", detail=f"{japanese}比、劣化{count}種類"),
        )

    def leaves(self) -> tuple[Measure, ...]:
        return tuple(_ACCURACY._under(self._series(name)) for name in self.corruptions)

    def algebra(self, divided: Divided | None) -> Expression:
        """The mean of the corruption errors."""
        share = 1 / len(self.corruptions)
        if self.baseline is not None:
            errors = [self._error(name) / self._error(name).of(self.baseline) for name in self.corruptions]
            return total([Arithmetic("*", Number(share), error) for error in errors])
        weights = [share / ALEXNET_ERRORS[name] for name in self.corruptions]
        terms = zip(weights, self.corruptions, strict=True)
        return total([Arithmetic("*", Number(weight), self._error(name)) for weight, name in terms])

    def of_one_image(self) -> Expression:
        """Its errors alone, mean over corruptions: on one image a baseline has often none, and no ratio."""
        share = 1 / len(self.corruptions)
        return total([Arithmetic("*", Number(share), self._error(name)) for name in self.corruptions])

    def _error(self, name: str) -> Expression:
        """The mean error over the severities of a corruption."""
        right = total([_ACCURACY._under(context) for context in self._contexts(name)])
        return 1.0 - right / len(self.severities)

    def _contexts(self, name: str) -> list[Context]:
        context = self._series(name)
        return [context.at_dose(dose) for dose in context.doses] or [context]

    def _series(self, name: str) -> Context:
        spec = type(as_context(f"{name}(1)"))
        if len(self.severities) == 1:
            return spec.from_arguments(self.severities[0], region=self.region)
        return spec.from_arguments(each=self.severities, region=self.region)


@checked_call
def relative_foreground_sensitivity(
    foreground: Context | type[Context] | str, background: Context | type[Context] | str
) -> Composite:
    """How much more the accuracy loses when the object is degraded than when the background is.

    >>> noise = "gaussian_noise(3, region='object')", "gaussian_noise(3)"
    >>> str(relative_foreground_sensitivity(*noise) > 0)
    'relative_foreground_sensitivity(gaussian_noise(3, region=object), gaussian_noise(3)) > 0'
    """
    return Composite(RelativeForegroundSensitivity(as_context(foreground), as_context(background)))


@checked_call
def worst_group_accuracy(*contexts: Context | type[Context] | str, by: str = "label") -> Composite:
    """The accuracy of the group, under the context, in which it is least.

    >>> str(worst_group_accuracy("fog(3)") > 0.7)
    'worst_group_accuracy(fog(3)) > 0.7'
    """
    return Composite(WorstGroupAccuracy(tuple(as_context(context) for context in contexts), by))


@checked_call
def mean_corruption_error(
    corruptions: Sequence[str] = tuple(ALEXNET_ERRORS),
    severities: Sequence[int] = _SEVERITIES,
    region: str = "whole",
    *,
    baseline: str | None = None,
) -> Composite:
    """The errors on corrupted images relative to AlexNet's, or to those of another model, mean over corruptions.

    >>> str(mean_corruption_error(baseline="current") < 1.05)
    'mean_corruption_error(baseline=current) < 1.05'
    """
    return Composite(MeanCorruptionError(_listed(corruptions), _listed(severities), region, baseline))


def _listed(value: Any) -> Any:
    """A sequence as a tuple; anything else as it is, to be refused by its name."""
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _several(spec: MeanCorruptionError, field: str, known: tuple[str, ...] | tuple[int, ...]) -> None:
    """Checks a list of names or numbers and puts it into the order of `known`, so that one choice has one text."""
    value = getattr(spec, field)
    what = f"{spec_name(type(spec))}: {field}={value!r}"
    if not isinstance(value, list | tuple) or not value:
        raise ExpressionError(f"{what}; give a list of them, or leave it out for all")
    for one in value:
        if isinstance(one, bool) or one not in known:
            raise ExpressionError(f"{what}: {one!r} is not possible{nearest(str(one), map(str, known))}")
    if len(set(value)) < len(value):
        raise ExpressionError(f"{what}; name each once")
    object.__setattr__(spec, field, tuple(one for one in known if one in value))
