"""Measures of where an attribution map lies, with respect to the object mask.

Notation: A the map, P = max(A, 0), M the object, valid pixels those that are not ignored, N their number, a = |M| / N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from ..language.calls import checked_call
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.spec import within
from ..language.wording import Phrase, Wording
from . import bam
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, Regions, measure
from .behaviour import non_finite
from .maps import AnyMethod, AttributionMeasure, first_of, output_of, positive_of, valid_of, whole_map


@dataclass(frozen=True)
class BackgroundShare(AttributionMeasure):
    """The share of the positive attribution that lies on the background."""


@dataclass(frozen=True)
class BackgroundDependence(AttributionMeasure):
    """The background's share of the densities of positive attribution: the share, freed of the areas."""


@dataclass(frozen=True)
class BackgroundEnrichment(AttributionMeasure):
    """The background's share of the positive attribution, over its share of the pixels: 1 is a uniform map."""


_READS_MAPS = MeasureDeclaration(
    reads="label", scale="mean", better="low", needs_mask=True, needs_attribution=True, reads_cells=True
)


@measure(
    "background_share",
    BackgroundShare,
    replace(
        _READS_MAPS,
        wording=Wording(
            Phrase("share of the attribution on the background", "{value} of the attribution lies on the background"),
            Phrase("背景への寄与の割合", "予測への寄与の{value}が背景にあります"),
        ),
        percent=True,
    ),
)
def read_background_share(spec: BackgroundShare, inputs: MeasureInput) -> MeasureOutput:
    """``sum(P (1 - M)) / sum(P)`` over valid pixels (Adhikari et al. 2024; 1 - relevance mass accuracy, Arras 2022)."""
    sums = _sums(inputs)
    return _output(sums, sums.background / (sums.background + sums.object))


@measure(
    "background_dependence",
    BackgroundDependence,
    replace(_READS_MAPS, wording=Wording(Phrase("background dependence"), Phrase("背景依存度"))),
)
def read_background_dependence(spec: BackgroundDependence, inputs: MeasureInput) -> MeasureOutput:
    """``d_b / (d_b + d_o)``, d_b = sum(P (1 - M)) / ((1 - a) N), d_o = sum(P M) / (a N); 0.5 for a uniform map."""
    sums = _sums(inputs)
    on_background = sums.background / sums.background_area
    on_object = sums.object / sums.object_area
    return _output(sums, on_background / (on_background + on_object))


@measure(
    "background_enrichment",
    BackgroundEnrichment,
    MeasureDeclaration(
        reads="label",
        scale="mean",
        better="low",
        high=None,
        needs_mask=True,
        needs_attribution=True,
        reads_cells=True,
        wording=Wording(Phrase("background enrichment"), Phrase("背景濃縮度")),
    ),
)
def read_background_enrichment(spec: BackgroundEnrichment, inputs: MeasureInput) -> MeasureOutput:
    """``share / (1 - a)``, Kohlbrenner et al.'s (2020) weighted ratio seen from the background.

    One image has at most ``1 / (1 - a)``; no bound holds for all images, so it is decided as a measure without a range.
    """
    sums = _sums(inputs)
    share = sums.background / (sums.background + sums.object)
    return _output(sums, share / (sums.background_area / (sums.background_area + sums.object_area)))


@checked_call
def background_share(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The share of the positive attribution that lies on the background; compare it with the object's area.

    >>> str(background_share("gradcam") < 0.5)
    'background_share(gradcam) < 0.5'
    """
    return Measure(BackgroundShare(methods, target))  # type: ignore[arg-type]


@checked_call
def background_dependence(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """How densely the background is used, against the object: 0 object only, 0.5 a uniform map, 1 background only.

    >>> str(background_dependence("gradcam", "saliency").under("fog(3)") < 0.4)
    'background_dependence(gradcam, saliency).under(fog(3)) < 0.4'

    Args:
        methods: names, classes or instances of attribution methods; an expectation must hold by each of them.
        target: "prediction", "label", "margin", or a class by name or index.

    Raises:
        ExpressionError: no method, one named twice, an unknown one, or an invalid target.
    """
    return Measure(BackgroundDependence(methods, target))  # type: ignore[arg-type]


@checked_call
def background_enrichment(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The background's share of the attribution over that of the pixels; ``background_dependence`` has a range.

    >>> str(background_enrichment("gradcam", target="label") < 1)
    'background_enrichment(gradcam, target=label) < 1'
    """
    return Measure(BackgroundEnrichment(methods, target))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Sums:
    """[B] float64 sums of P, scaled by its maximum, and areas in pixels; [B] bool by reason."""

    object: Tensor
    background: Tensor
    object_area: Tensor
    background_area: Tensor
    undefined: dict[Missing, Tensor]


def _sums(inputs: MeasureInput) -> _Sums:
    maps = inputs.attribution if inputs.cells is None else inputs.cells
    if maps is None or inputs.mask is None:
        raise ValueError("a measure of a map needs attribution and mask; one of them is missing")
    regions = Regions(inputs.mask) if inputs.regions is None else inputs.regions
    on_object, on_background, largest = regions.sums(maps) if inputs.cells is None else regions.sums_of_cells(maps)
    reasons = {
        Missing.NON_FINITE_LOGITS: non_finite(inputs.logits),
        Missing.EMPTY_MASK: regions.object_area == 0,
        Missing.FULL_MASK: regions.background_area == 0,
        Missing.ATTRIBUTION_INVALID: ~torch.isfinite(maps).flatten(1).all(dim=1),
        Missing.ZERO_ATTRIBUTION: largest == 0,
    }
    return _Sums(on_object, on_background, regions.object_area, regions.background_area, first_of(reasons))


def _output(sums: _Sums, values: Tensor) -> MeasureOutput:
    undefined = torch.stack(list(sums.undefined.values())).any(dim=0)
    return MeasureOutput(values.masked_fill(undefined, torch.nan), sums.undefined)


@dataclass(frozen=True)
class DensityDifference(AttributionMeasure):
    """The density of positive attribution on the object minus that on the background, of a map with the maximum 1."""


@dataclass(frozen=True)
class EnergyPointingGame(AttributionMeasure):
    """The share of the positive attribution that lies in the bounding box of the object."""


@measure(
    "density_difference",
    DensityDifference,
    MeasureDeclaration(
        reads="label",
        scale="mean",
        better="high",
        low=-1.0,
        high=1.0,
        needs_mask=True,
        needs_attribution=True,
        wording=Wording(
            Phrase("difference of attribution density, object minus background"), Phrase("寄与密度の差（対象物－背景）")
        ),
    ),
)
def read_density_difference(spec: DensityDifference, inputs: MeasureInput) -> MeasureOutput:
    """``d_o - d_b`` with d_o = sum(P M) / (a N) and d_b = sum(P (1 - M)) / ((1 - a) N), P scaled to max 1 over valid
    pixels (delta density, Moayeri et al. 2022)."""
    maps, regions = whole_map(inputs)
    on_object, on_background, largest = regions.sums(maps)
    return output_of(
        inputs, maps, regions, largest == 0, on_object / regions.object_area - on_background / regions.background_area
    )


@measure(
    "energy_pointing_game",
    EnergyPointingGame,
    MeasureDeclaration(
        reads="label",
        scale="mean",
        better="high",
        needs_mask=True,
        needs_attribution=True,
        wording=Wording(Phrase("share of the attribution in the bounding box"), Phrase("外接矩形内の寄与の割合")),
        percent=True,
    ),
)
def read_energy_pointing_game(spec: EnergyPointingGame, inputs: MeasureInput) -> MeasureOutput:
    """``sum(P in the bounding box of M) / sum(P)`` over valid pixels (Wang et al. 2020, Score-CAM)."""
    maps, regions = whole_map(inputs)
    positive = positive_of(maps, regions)
    largest = positive.amax(1)
    scaled = positive / torch.where(largest > 0, largest, 1.0)[:, None]
    inside = (scaled * (_box(regions.object).flatten(1) & valid_of(regions))).sum(1)
    return output_of(inputs, maps, regions, largest == 0, inside / scaled.sum(1))


@checked_call
def density_difference(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """How much denser the map is on the object: 1 object only and all of it, 0 a uniform map, -1 background only.

    >>> str(density_difference("gradcam") > 0.1)
    'density_difference(gradcam) > 0.1'
    """
    return Measure(DensityDifference(methods, target))  # type: ignore[arg-type]


@checked_call
def energy_pointing_game(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The share of the positive attribution in the object's bounding box; a uniform map gets the box's share.

    >>> str(energy_pointing_game("gradcam") > 0.6)
    'energy_pointing_game(gradcam) > 0.6'
    """
    return Measure(EnergyPointingGame(methods, target))  # type: ignore[arg-type]


def _box(region: Tensor) -> Tensor:
    """[B, H, W] bool: the bounding box of each region."""
    rows, columns = region.any(2), region.any(1)
    return _between(rows)[:, :, None] & _between(columns)[:, None, :]


def _between(occupied: Tensor) -> Tensor:
    """[B, n] bool: from the first to the last that is occupied."""
    seen = occupied.to(torch.int64)
    return (seen.cumsum(1) > 0) & (seen.flip(1).cumsum(1).flip(1) > 0)


_SIDE = 224


@dataclass(frozen=True)
class ConceptAttribution(AttributionMeasure):
    """The mean of the scaled map over the object, 0 to 1 (BAM, Yang & Kim 2019)."""


@measure(
    "concept_attribution",
    ConceptAttribution,
    MeasureDeclaration(
        reads="label",
        scale="mean",
        better="high",
        needs_mask=True,
        needs_attribution=True,
        wording=Wording(Phrase("mean attribution of the object (BAM)"), Phrase("対象物の平均寄与（BAM）")),
    ),
)
def read_concept_attribution(spec: ConceptAttribution, inputs: MeasureInput) -> MeasureOutput:
    """The mean over M of P scaled from its least value to its 99th percentile (:mod:`~modelaudit.measures.bam`).

    Ignored pixels count as 0. Undefined where fewer than one pixel in a hundred is positive: the map has no scale then.
    """
    maps, regions = whole_map(inputs)
    valid = maps.masked_fill(~(regions.object | regions.background), 0)
    values = bam.concept_attribution(valid, regions.object)
    return output_of(inputs, maps, regions, values.isnan(), values)


@checked_call
def concept_attribution(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The mean of the map over the object, the map scaled to its 99th percentile (BAM, Yang & Kim 2019).

    The difference of two models is BAM's model contrast score: how much more attribution the object gets from the model
    that uses it.

    >>> contrast = concept_attribution("gradcam").of("uses") - concept_attribution("gradcam").of("ignores")
    >>> str(contrast > 0.1)
    'concept_attribution(gradcam).of(uses) - concept_attribution(gradcam).of(ignores) > 0.1'
    """
    return Measure(ConceptAttribution(methods, target))  # type: ignore[arg-type]


@dataclass(frozen=True)
class PointingGame(AttributionMeasure):
    """Whether the pixel with the largest positive attribution lies in the object, or within a tolerance of it.

    Args:
        tolerance: radius in pixels of an image with a shorter side of 224; it scales with the side of what the model
            sees. Zhang et al. (2016) allow 15 pixels of the photograph, which has no size of its own here; default 0.
    """

    tolerance: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "tolerance", float(within(self.tolerance, 0, _SIDE, "pointing_game: tolerance")))


@measure(
    "pointing_game",
    PointingGame,
    MeasureDeclaration(
        reads="label",
        scale="mean",
        better="high",
        needs_mask=True,
        needs_attribution=True,
        wording=Wording(
            Phrase("pointing game", "the strongest point of the heat map lies on the object in {value} of the images"),
            Phrase("ポインティングゲーム正解率", "画像の{value}で、ヒートマップの最大点が対象物の上にあります"),
        ),
        percent=True,
    ),
)
def read_pointing_game(spec: PointingGame, inputs: MeasureInput) -> MeasureOutput:
    """The share of the valid pixels with the largest P that lie in the object widened by the tolerance: 0 or 1 unless
    several are equal (Zhang et al. 2016)."""
    maps, regions = whole_map(inputs)
    positive = positive_of(maps, regions)
    largest = positive.amax(1)
    strongest = (positive == largest[:, None]) & valid_of(regions)
    radius = spec.tolerance * min(maps.shape[1:]) / _SIDE
    hit = (strongest & _widened(regions.object, radius).flatten(1)).sum(1)
    return output_of(inputs, maps, regions, largest == 0, hit.double() / strongest.sum(1).clamp_min(1))


@checked_call
def pointing_game(*methods: AnyMethod, tolerance: float = 0.0, target: str | int = "prediction") -> Measure:
    """Whether the strongest pixel lies in the object.

    >>> str(pointing_game("gradcam", tolerance=15) > 0.8)
    'pointing_game(gradcam, tolerance=15) > 0.8'

    Raises:
        ExpressionError: a tolerance outside [0, 224].
    """
    return Measure(PointingGame(methods, target, tolerance))  # type: ignore[arg-type]


def _widened(region: Tensor, radius: float) -> Tensor:
    """[B, H, W] bool: the region and all pixels within `radius` of it, in a straight line."""
    height = region.shape[1]
    found, rows = region.clone(), region.float()
    for away in range(math.floor(radius) + 1):
        reach = math.floor(math.sqrt(radius**2 - away**2))
        if away >= height:
            break
        wide = max_pool1d(rows, 2 * reach + 1, stride=1, padding=reach) > 0.5
        found[:, : height - away] |= wide[:, away:]
        found[:, away:] |= wide[:, : height - away]
    return found
