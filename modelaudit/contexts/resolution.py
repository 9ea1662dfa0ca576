"""No information in the details: a region in low resolution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Context, dose, one_of
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, alone, context, rendered
from .regions import REGIONS, Region, inside


@dataclass(frozen=True)
class LowResolution(Context):
    """A region as it would look in an image whose shorter side has `side` pixels.

    Only pixels of the region are averaged, so nothing of the object spreads into the background, or the reverse.

    Args:
        side: pixels of the shorter side, 1 to 1024; the other side keeps the proportion.
        region: "background", "object" (with its ring) or "whole".
        each: several sides, as a series, from the coarsest on.
    """

    side: int | None = dose()
    region: Region = "background"
    each: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.region, REGIONS, "low_resolution: region")
        self._check_doses(_checked_side)


def _checked_side(side: object) -> int:
    if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= 1024:
        raise ExpressionError(f"low_resolution: side={side!r}; give whole pixels from 1 to 1024")
    return side


@context(
    "low_resolution",
    LowResolution,
    ContextDeclaration(
        family="no_information",
        needs_mask=lambda spec: spec.region != "whole",
        examples=("low_resolution(8)", "low_resolution(16, region=object)"),
        wording=Wording(
            Phrase("low resolution of {region}", "the resolution of {region} is lowered", "{side} px"),
            Phrase("{region}の低解像度化", "{region}の解像度を下げ", "{side} px"),
        ),
    ),
)
def low_resolution(spec: LowResolution, scene: ContextInput) -> ContextOutput:
    """Down by area, up by bilinear interpolation (``align_corners=False``), both over the region's pixels alone.

    With A the means over areas, U the interpolation and r the region: ``U A (r x) / U A r``. Impossible where the
    region is empty, or the frame no larger than `side`.
    """
    region = inside(scene, spec.region, str(spec))
    assert spec.side is not None
    height, width = scene.pixels.shape[2:]
    shorter = min(height, width)
    rows, columns = (_Side(side, max(1, round(spec.side * side / shorter)), scene.pixels) for side in (height, width))
    pixels = alone(lambda image, where: _coarse(image, where, rows, columns), scene.pixels, region)
    small = torch.full((len(region),), shorter <= spec.side, device=region.device)
    return rendered(scene, torch.where(region, pixels, scene.pixels), small | ~region.flatten(1).any(dim=1))


def _coarse(pixels: Tensor, region: Tensor, rows: _Side, columns: _Side) -> Tensor:
    layers = torch.cat([pixels * region, region.to(pixels.dtype)], dim=1)
    layers = rows.up @ (rows.down @ layers @ columns.down.mT) @ columns.up.mT
    weight = layers[:, 3:]
    return torch.where(weight > 0, layers[:, :3] / weight.clamp_min(1e-12), 0.0).clamp(0.0, 1.0)


class _Side:
    """One side of the frame: `down` [few, side] to means over equal parts, `up` [side, few] interpolated back."""

    def __init__(self, side: int, few: int, like: Tensor) -> None:
        edges = torch.arange(few + 1, dtype=torch.float64) * side / few
        pixel = torch.arange(side, dtype=torch.float64)
        overlap = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
        self.down = (overlap.clamp_min(0.0) * few / side).to(like)
        at = ((pixel + 0.5) * few / side - 0.5).clamp(0.0, few - 1)
        self.up = (1.0 - (at[:, None] - torch.arange(few)).abs()).clamp_min(0.0).to(like)
