"""The elastic transform of ImageNet-C: an affine map and smooth displacements, both drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ...language.sample import OBJECT
from ...language.wording import Phrase, Wording
from ..base import ContextDeclaration, ContextInput, ContextOutput, alone, context, drawn, rendered
from ..degradation import Severe, level
from ..regions import inside
from .filters import folded, gaussian, scale_of

#: height and sigma of the displacements, farthest step of the affine map's corners, in pixels at 224. The factor is
#: the released code's: 244, where 224 was meant.
ELASTIC = tuple(
    (244 * height, 244 * sigma, 244 * corner)
    for height, sigma, corner in (
        (2, 0.7, 0.1),
        (2, 0.08, 0.2),
        (0.05, 0.01, 0.02),
        (0.07, 0.01, 0.02),
        (0.12, 0.01, 0.02),
    )
)


@dataclass(frozen=True)
class ElasticTransform(Severe):
    """A random affine map, then smooth random displacements; not monotone: 1 and 2 move far, 3 to 5 tremble.

    With ``region="whole"`` the mask moves with the picture.
    """


_ELASTIC = ContextDeclaration(
    family="perturbation",
    needs_mask=lambda spec: spec.region != "whole",
    examples=("elastic_transform(3)",),
    wording=Wording(
        Phrase("elastic distortion of {region}", "{region} is distorted elastically", "severity {severity} of 5"),
        Phrase("{region}の弾性変形", "{region}を弾性的に変形し", "強度{severity}/5段階"),
    ),
)


@context("elastic_transform", ElasticTransform, _ELASTIC)
def elastic_transform(spec: ElasticTransform, scene: ContextInput) -> ContextOutput:
    """Two bilinear samplings, at :func:`affine_points` mirrored at the edges and at :func:`displaced_points` reflected.

    As in the released code, except that OpenCV rounds the affine map to 1/32 of a pixel. Impossible where the region is
    empty, or where the whole frame moves and no pixel of the object is left in it.
    """
    height, sigma, corner = (length * scale_of(scene.pixels) for length in level(spec, ELASTIC))
    affine, displaced = affine_points(scene, corner), displaced_points(scene, height, sigma)
    bent = sampled(sampled(scene.pixels, affine, "mirror"), displaced, "reflect").clamp(0.0, 1.0)
    region = inside(scene, spec.region, str(spec))
    done = rendered(scene, torch.where(region, bent, scene.pixels), ~region.flatten(1).any(dim=1))
    if spec.region != "whole" or scene.mask is None:
        return done
    source = nearest(affine, "mirror").gather(1, nearest(displaced, "reflect"))
    old = scene.mask.flatten(1)
    new = old.gather(1, source)
    gone = (old == OBJECT).any(dim=1) & ~(new == OBJECT).any(dim=1)
    return replace(done, mask=new.view_as(scene.mask), impossible=done.impossible | gone)


def affine_map(corners: Tensor, height: int, width: int) -> Tensor:
    """[3, 2] float64: (x, y, 1) of a pixel of the result times it is the (x, y) of its source.

    It takes three corners of a square, moved by `corners` pixels [3, 2], back to where they were: with the centre
    (W // 2, H // 2) and r a third of the shorter side, those at (r, r), (r, -r) and (-r, -r) from it.
    """
    reach = max(min(height, width) // 3, 1)
    middle = torch.tensor([width // 2, height // 2], dtype=torch.float64)
    placed = middle + reach * torch.tensor([[1, 1], [1, -1], [-1, -1]], dtype=torch.float64)
    moved = torch.cat([placed + corners, torch.ones(3, 1, dtype=torch.float64)], dim=1)
    back: Tensor = torch.linalg.solve(moved, placed)
    return back


def affine_points(scene: ContextInput, corner: float) -> Tensor:
    """[B, 2, H, W] (x, y) of the source of each pixel under an affine map whose corners move by up to `corner`."""
    height, width = scene.pixels.shape[-2:]

    def draw(generator: torch.Generator) -> Tensor:
        corners = (torch.rand(3, 2, generator=generator, dtype=torch.float64) * 2 - 1) * corner
        return affine_map(corners, height, width).float()

    by_x, by_y, shift = drawn(scene, "elastic_transform", draw)[..., None, None].unbind(dim=1)
    x, y = places(scene.pixels)
    points: Tensor = by_x * x + by_y * y + shift
    return points


def displaced_points(scene: ContextInput, height: float, sigma: float) -> Tensor:
    """[B, 2, H, W] (x, y) of each pixel, displaced by uniform noise in [-1, 1], blurred by `sigma`, times `height`."""
    shape = (1, 2, *scene.pixels.shape[-2:])

    def draw(generator: torch.Generator) -> Tensor:
        # blurred where it is drawn: every device moves the mask alike
        return gaussian(torch.rand(shape, generator=generator) * 2 - 1, sigma, "reflect", truncate=3.0)[0]

    return places(scene.pixels) + height * drawn(scene, "elastic_transform", draw, slot=1)


def places(pixels: Tensor) -> Tensor:
    """[2, H, W] (x, y) of the pixels."""
    rows, columns = (torch.arange(side, dtype=torch.float32, device=pixels.device) for side in pixels.shape[-2:])
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"))


def sampled(pixels: Tensor, points: Tensor, border: Literal["reflect", "mirror"]) -> Tensor:
    """[B, C, H, W]: bilinear at the points (x, y) [B, 2, H, W]; beyond the edges by `border` (``filters.Border``)."""
    sides = torch.tensor(pixels.shape[:-3:-1], dtype=torch.float32, device=pixels.device).view(2, 1, 1)
    corners = border == "mirror"
    grid = 2 * points / (sides - 1).clamp_min(1) - 1 if corners else (2 * points + 1) / sides - 1

    def sample(images: Tensor, at: Tensor) -> Tensor:
        return grid_sample(images, at, mode="bilinear", padding_mode="reflection", align_corners=corners)

    return alone(sample, pixels, grid.permute(0, 2, 3, 1))


def nearest(points: Tensor, border: Literal["reflect", "mirror"]) -> Tensor:
    """[B, H W] int64: the number of the pixel nearest to each point (x, y) [B, 2, H, W]."""
    height, width = points.shape[-2:]
    column, row = ((points[:, axis] + 0.5).floor().long() for axis in (0, 1))
    return (folded(row, height, border) * width + folded(column, width, border)).flatten(1)
