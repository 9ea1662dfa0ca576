"""Measures of how much attribution lies on the object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.expression import Measure
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, measure
from .maps import AnyMethod, AttributionMeasure, positive_of, read_of, valid_of, whole_map


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
def read_density_difference(spec: DensityDifference, seen: MeasureInput) -> MeasureOutput:
    """``d_o - d_b`` with d_o = sum(P M) / (a N) and d_b = sum(P (1 - M)) / ((1 - a) N), P scaled to max 1 over valid
    pixels (delta density, Moayeri et al. 2022)."""
    maps, regions = whole_map(seen)
    on_object, on_background, largest = regions.sums(maps)
    return read_of(
        seen, maps, regions, largest == 0, on_object / regions.object_area - on_background / regions.background_area
    )


@measure(
    "energy_pointing_game",
    EnergyPointingGame,
    MeasureDeclaration(
        scale="mean",
        better="high",
        needs_mask=True,
        needs_attribution=True,
        wording=Wording(Phrase("share of the attribution in the bounding box"), Phrase("外接矩形内の寄与の割合")),
        percent=True,
    ),
)
def read_energy_pointing_game(spec: EnergyPointingGame, seen: MeasureInput) -> MeasureOutput:
    """``sum(P in the bounding box of M) / sum(P)`` over valid pixels (Wang et al. 2020, Score-CAM)."""
    maps, regions = whole_map(seen)
    positive = positive_of(maps, regions)
    largest = positive.amax(1)
    scaled = positive / torch.where(largest > 0, largest, 1.0)[:, None]
    inside = (scaled * (_box(regions.object).flatten(1) & valid_of(regions))).sum(1)
    return read_of(seen, maps, regions, largest == 0, inside / scaled.sum(1))


def density_difference(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """How much denser the map is on the object: 1 object only and all of it, 0 a uniform map, -1 background only."""
    return Measure(DensityDifference(methods, target))  # type: ignore[arg-type]


def energy_pointing_game(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The share of the positive attribution in the object's bounding box; a uniform map gets the box's share."""
    return Measure(EnergyPointingGame(methods, target))  # type: ignore[arg-type]


def _box(region: Tensor) -> Tensor:
    """[B, H, W] bool: the bounding box of each region."""
    rows, columns = region.any(2), region.any(1)
    return _between(rows)[:, :, None] & _between(columns)[:, None, :]


def _between(occupied: Tensor) -> Tensor:
    """[B, n] bool: from the first to the last that is occupied."""
    seen = occupied.to(torch.int64)
    return (seen.cumsum(1) > 0) & (seen.flip(1).cumsum(1).flip(1) > 0)
