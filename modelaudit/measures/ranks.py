"""Measures of the order of the pixels in a map.

Where pixels have equal values the measure is its exact expectation over random orders of these, so that it depends on
no order of the pixels; it is then a fraction also where the literature has a 0 or a 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..language.calls import checked_call
from ..language.errors import ExpressionError
from ..language.expression import Measure
from ..language.spec import within
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, Regions, measure
from .maps import AnyMethod, AttributionMeasure, output_of, positive_of, valid_of, whole_map


@dataclass(frozen=True)
class RelevanceRankAccuracy(AttributionMeasure):
    """The share of the |M| pixels with the largest positive attribution that lie in the object."""


@dataclass(frozen=True)
class TopKIntersection(AttributionMeasure):
    """The share of the k pixels with the largest positive attribution that lie in the object.

    Args:
        k: pixels; where an image has fewer valid ones, all of them.
    """

    k: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ExpressionError(f"top_k_intersection: k must be an integer from 1, got {self.k!r}")


@dataclass(frozen=True)
class AttributionAuc(AttributionMeasure):
    """The area under the ROC curve of the signed map as a detector of the object."""


@dataclass(frozen=True)
class MaskIou(AttributionMeasure):
    """The intersection over union of the object and the pixels at or above a threshold of the map with the maximum 1.

    Args:
        threshold: in (0, 1].
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if within(self.threshold, 0, 1, "mask_iou: threshold") == 0:
            raise ExpressionError("mask_iou: threshold=0 takes every pixel; give a number above 0, up to 1")
        object.__setattr__(self, "threshold", float(self.threshold))


_ORDER = MeasureDeclaration(reads="label", scale="mean", better="high", needs_mask=True, needs_attribution=True)


@measure(
    "relevance_rank_accuracy",
    RelevanceRankAccuracy,
    replace(_ORDER, wording=Wording(Phrase("relevance rank accuracy"), Phrase("関連度順位の一致率")), percent=True),
)
def read_relevance_rank_accuracy(spec: RelevanceRankAccuracy, inputs: MeasureInput) -> MeasureOutput:
    """``|top-|M| pixels of P in M| / |M|`` over valid pixels; chance level a (Arras et al. 2022)."""
    maps, regions = whole_map(inputs)
    return _top(inputs, maps, regions, regions.object_area.long())


@measure(
    "top_k_intersection",
    TopKIntersection,
    replace(
        _ORDER,
        wording=Wording(Phrase("top-k intersection with the object"), Phrase("上位k画素と対象物の重なり")),
        percent=True,
    ),
)
def read_top_k_intersection(spec: TopKIntersection, inputs: MeasureInput) -> MeasureOutput:
    """``|top-k pixels of P in M| / k`` over valid pixels; chance level a (Theiner et al. 2021)."""
    maps, regions = whole_map(inputs)
    valid = valid_of(regions).sum(1)
    return _top(inputs, maps, regions, valid.clamp_max(spec.k))


@measure(
    "attribution_auc",
    AttributionAuc,
    replace(_ORDER, wording=Wording(Phrase("AUC of the attribution against the object"), Phrase("寄与と対象物のAUC"))),
)
def read_attribution_auc(spec: AttributionAuc, inputs: MeasureInput) -> MeasureOutput:
    """The probability that a pixel of the object has a larger A than one of the background, ties counted half; chance
    level 0.5. It reads the signed map: negative evidence on the background is right."""
    maps, regions = whole_map(inputs)
    valid, inside = valid_of(regions), regions.object.flatten(1)
    values = maps.nan_to_num(0.0, 0.0, 0.0).flatten(1).double().masked_fill(~valid, torch.inf)
    ordered = values.sort(dim=1).values
    below, upto = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
    ranks = ((below + upto + 1).double() / 2 * inside).sum(1)
    n_o, n_b = regions.object_area, regions.background_area
    auc = (ranks - n_o * (n_o + 1) / 2) / (n_o * n_b)
    zero = (values.masked_fill(~valid, 0.0) == 0).all(1)
    return output_of(inputs, maps, regions, zero, auc)


@measure(
    "mask_iou",
    MaskIou,
    replace(
        _ORDER,
        wording=Wording(Phrase("overlap (IoU) of attribution and object"), Phrase("寄与領域と対象物の重なり（IoU）")),
    ),
)
def read_mask_iou(spec: MaskIou, inputs: MeasureInput) -> MeasureOutput:
    """``|{P >= t max P} and M| / |{P >= t max P} or M|`` over valid pixels (Hard ImageNet, Moayeri et al. 2022)."""
    maps, regions = whole_map(inputs)
    positive, inside = positive_of(maps, regions), regions.object.flatten(1)
    largest = positive.amax(1)
    # in the map's own precision: a pixel that is the maximum lies at 1, whatever its scale
    above = (positive / torch.where(largest > 0, largest, 1.0)[:, None] >= spec.threshold) & valid_of(regions)
    iou = (above & inside).sum(1).double() / (above | inside).sum(1).clamp_min(1)
    return output_of(inputs, maps, regions, largest == 0, iou)


@checked_call
def relevance_rank_accuracy(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The share of the |M| strongest pixels that lie in the object M.

    >>> str(relevance_rank_accuracy("gradcam") > 0.5)
    'relevance_rank_accuracy(gradcam) > 0.5'
    """
    return Measure(RelevanceRankAccuracy(methods, target))  # type: ignore[arg-type]


@checked_call
def top_k_intersection(*methods: AnyMethod, k: int = 1000, target: str | int = "prediction") -> Measure:
    """The share of the k strongest pixels that lie in the object.

    >>> str(top_k_intersection("gradcam", k=500) > 0.7)
    'top_k_intersection(gradcam, k=500) > 0.7'

    Raises:
        ExpressionError: k is not an integer from 1.
    """
    return Measure(TopKIntersection(methods, target, k))  # type: ignore[arg-type]


@checked_call
def attribution_auc(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """How well the signed map tells object from background: 1 perfectly, 0.5 chance.

    >>> str(attribution_auc("gradcam") > 0.7)
    'attribution_auc(gradcam) > 0.7'
    """
    return Measure(AttributionAuc(methods, target))  # type: ignore[arg-type]


@checked_call
def mask_iou(*methods: AnyMethod, threshold: float = 0.5, target: str | int = "prediction") -> Measure:
    """The overlap of the object with the map cut at `threshold` of its maximum.

    >>> str(mask_iou("gradcam", threshold=0.3) > 0.4)
    'mask_iou(gradcam, threshold=0.3) > 0.4'

    Raises:
        ExpressionError: a threshold outside (0, 1].
    """
    return Measure(MaskIou(methods, target, threshold))  # type: ignore[arg-type]


def _top(inputs: MeasureInput, maps: Tensor, regions: Regions, count: Tensor) -> MeasureOutput:
    """The expected share of the `count` [B] strongest pixels that lie in the object.

    With g pixels above the count-th largest value, t equal to it, and g_M, t_M of those in the object:
    ``(g_M + (count - g) t_M / t) / count``.
    """
    valid, inside = valid_of(regions), regions.object.flatten(1)
    positive = positive_of(maps, regions)
    values = positive.masked_fill(~valid, -1.0)
    at = (count - 1).clamp_min(0)[:, None]
    edge = values.sort(dim=1, descending=True).values.gather(1, at)
    above, equal = values > edge, (values == edge) & valid
    sure, tied = (above & inside).sum(1).double(), (equal & inside).sum(1).double()
    left = (count - above.sum(1)).double()
    share = (sure + left * tied / equal.sum(1).clamp_min(1)) / count.clamp_min(1)
    return output_of(inputs, maps, regions, positive.amax(1) == 0, share)
