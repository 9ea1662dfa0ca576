"""Measures of where an attribution map lies, with respect to the object mask.

Notation: A the map, P = max(A, 0), M the object, valid pixels those that are not ignored, N their number, a = |M| / N.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, measure
from .behaviour import non_finite
from .maps import AnyMethod, AttributionMeasure, first_of
from .regions import Regions


@dataclass(frozen=True)
class BackgroundShare(AttributionMeasure):
    """The share of the positive attribution that lies on the background."""


@dataclass(frozen=True)
class BackgroundDependence(AttributionMeasure):
    """The background's share of the densities of positive attribution: the share, freed of the areas."""


@dataclass(frozen=True)
class BackgroundEnrichment(AttributionMeasure):
    """The background's share of the positive attribution, over its share of the pixels: 1 is a uniform map."""


_READS_MAPS = MeasureDeclaration(scale="mean", better="low", needs_mask=True, needs_attribution=True, reads_cells=True)


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
def read_background_share(spec: BackgroundShare, seen: MeasureInput) -> MeasureOutput:
    """``sum(P (1 - M)) / sum(P)`` over valid pixels (Adhikari et al. 2024; 1 - relevance mass accuracy, Arras 2022)."""
    sums = _sums(seen)
    return _reading(sums, sums.background / (sums.background + sums.object))


@measure(
    "background_dependence",
    BackgroundDependence,
    replace(_READS_MAPS, wording=Wording(Phrase("background dependence"), Phrase("背景依存度"))),
)
def read_background_dependence(spec: BackgroundDependence, seen: MeasureInput) -> MeasureOutput:
    """``d_b / (d_b + d_o)``, d_b = sum(P (1 - M)) / ((1 - a) N), d_o = sum(P M) / (a N); 0.5 for a uniform map."""
    sums = _sums(seen)
    on_background = sums.background / sums.background_area
    on_object = sums.object / sums.object_area
    return _reading(sums, on_background / (on_background + on_object))


@measure(
    "background_enrichment",
    BackgroundEnrichment,
    MeasureDeclaration(
        scale="mean",
        better="low",
        high=None,
        needs_mask=True,
        needs_attribution=True,
        reads_cells=True,
        wording=Wording(Phrase("background enrichment"), Phrase("背景濃縮度")),
    ),
)
def read_background_enrichment(spec: BackgroundEnrichment, seen: MeasureInput) -> MeasureOutput:
    """``share / (1 - a)``, Kohlbrenner et al.'s (2020) weighted ratio seen from the background.

    One image has at most ``1 / (1 - a)``; no bound holds for all images, so it is decided as a measure without a range.
    """
    sums = _sums(seen)
    share = sums.background / (sums.background + sums.object)
    return _reading(sums, share / (sums.background_area / (sums.background_area + sums.object_area)))


def background_share(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The share of the positive attribution that lies on the background; read it beside the object's area."""
    return Measure(BackgroundShare(methods, target))  # type: ignore[arg-type]


def background_dependence(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """How densely the background is used, against the object: 0 object only, 0.5 a uniform map, 1 background only.

    Args:
        methods: names, classes or instances of attribution methods; an expectation must hold by each of them.
        target: "prediction", "label", "margin", or a class by name or index.

    Raises:
        ExpressionError: no method, one named twice, an unknown one, or a target that is none.
    """
    return Measure(BackgroundDependence(methods, target))  # type: ignore[arg-type]


def background_enrichment(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The background's share of the attribution over that of the pixels; ``background_dependence`` has a range."""
    return Measure(BackgroundEnrichment(methods, target))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Sums:
    """[B] float64 sums of P, scaled by its maximum, and areas in pixels; [B] bool by reason."""

    object: Tensor
    background: Tensor
    object_area: Tensor
    background_area: Tensor
    undefined: dict[Missing, Tensor]


def _sums(seen: MeasureInput) -> _Sums:
    maps = seen.attribution if seen.cells is None else seen.cells
    if maps is None or seen.mask is None:
        raise ValueError("a measure of a map needs the map and the mask, and one of them was not handed over")
    regions = Regions(seen.mask) if seen.regions is None else seen.regions
    on_object, on_background, largest = regions.sums(maps) if seen.cells is None else regions.sums_of_cells(maps)
    reasons = {
        Missing.NON_FINITE_LOGITS: non_finite(seen.logits),
        Missing.EMPTY_MASK: regions.object_area == 0,
        Missing.FULL_MASK: regions.background_area == 0,
        Missing.ATTRIBUTION_INVALID: ~torch.isfinite(maps).flatten(1).all(dim=1),
        Missing.ZERO_ATTRIBUTION: largest == 0,
    }
    return _Sums(on_object, on_background, regions.object_area, regions.background_area, first_of(reasons))


def _reading(sums: _Sums, values: Tensor) -> MeasureOutput:
    undefined = torch.stack(list(sums.undefined.values())).any(dim=0)
    return MeasureOutput(values.masked_fill(undefined, torch.nan), sums.undefined)
