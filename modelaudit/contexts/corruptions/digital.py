"""Digital corruptions of ImageNet-C: contrast, saturate, pixelate, elastic transform. JPEG has a file of its own."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ..base import Declares, Rendered, Scene, alone, context, drawn, rendered
from ..degradation import Severe, degradation, level
from ..regions import inside
from .filters import gaussian, scale_of, separable

#: share of the distance from the mean that stays
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
#: factor and summand of the saturation of HSV
SATURATE = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
#: side of the small image, as a share
PIXELATE = (0.6, 0.5, 0.4, 0.3, 0.25)
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
class Contrast(Severe):
    """Less contrast: .4 .3 .2 .1 .05 of the distance from the mean of each channel."""


@dataclass(frozen=True)
class Saturate(Severe):
    """Saturation S of HSV becomes a S + b, (a, b) = (.3, 0) (.1, 0) (2, 0) (5, .1) (20, .2); not monotone."""


@dataclass(frozen=True)
class Pixelate(Severe):
    """Down to .6 .5 .4 .3 .25 of the sides and up again."""


@dataclass(frozen=True)
class ElasticTransform(Severe):
    """A random affine map, then smooth random displacements; not monotone: 1 and 2 move far, 3 to 5 tremble.

    With ``region="whole"`` the mask moves with the picture.
    """


@degradation("contrast", Contrast, examples=("contrast(3)",))
def contrast(spec: Contrast, scene: Scene) -> Tensor:
    """``(x - mean) c + mean``, the mean of each channel over the whole image, whatever the region."""
    mean = alone(lambda images: images.mean(dim=(2, 3), keepdim=True), scene.pixels)
    return (scene.pixels - mean) * float(level(spec, CONTRAST)) + mean


@degradation("saturate", Saturate, examples=("saturate(3)",))
def saturate(spec: Saturate, scene: Scene) -> Tensor:
    """``v - (v - x) S' / S`` with v the greatest channel, ``S = 1 - least / v`` and ``S' = clip(a S + b, 0, 1)``.

    That is the way to HSV and back. Grey has no hue: with b > 0 it turns to hue 0, red, as by the released code.
    """
    factor, summand = level(spec, SATURATE)
    value, least = scene.pixels.amax(dim=1, keepdim=True), scene.pixels.amin(dim=1, keepdim=True)
    spread = value - least
    share = spread / value.clamp_min(1e-12)
    new = (share * factor + summand).clamp(0.0, 1.0)
    red = torch.cat([value, value * (1 - new), value * (1 - new)], dim=1)
    return torch.where(spread > 0, value - (value - scene.pixels) * (new / share.clamp_min(1e-12)), red)


@degradation("pixelate", Pixelate, examples=("pixelate(3)",))
def pixelate(spec: Pixelate, scene: Scene) -> Tensor:
    """Pillow's box filter to ``int(c side)`` pixels (at least 1) and back, without its rounding to 8 bits."""
    rows, columns = (_pixelated(side, level(spec, PIXELATE)) for side in scene.pixels.shape[-2:])
    return separable(scene.pixels, rows, columns)


@functools.lru_cache(maxsize=64)
def _pixelated(side: int, share: float) -> Tensor:
    """[side, side] float32: down and up along one side."""
    small = max(1, int(side * share))
    return (box(small, side) @ box(side, small)).float()


def box(size: int, side: int) -> Tensor:
    """[side, size] float64: Pillow's box filter from `size` to `side` pixels.

    A pixel of the result is the mean of those whose centres lie in its box. Ties fall
    as in Pillow, by the same operations.
    """
    ratio = size / side
    reach = max(ratio, 1.0)
    centre = ((torch.arange(side, dtype=torch.float64) + 0.5) * ratio).unsqueeze(1)
    pixel = torch.arange(size, dtype=torch.float64)
    near = (pixel >= (centre - 0.5 * reach + 0.5).floor()) & (pixel < (centre + 0.5 * reach + 0.5).floor())
    offset = (pixel - centre + 0.5) * (1.0 / reach)
    taken = (near & (offset > -0.5) & (offset <= 0.5)).double()
    return taken / taken.sum(dim=1, keepdim=True)


_ELASTIC = Declares(
    family="perturbation", needs_mask=lambda spec: spec.region != "whole", examples=("elastic_transform(3)",)
)


@context("elastic_transform", ElasticTransform, _ELASTIC)
def elastic_transform(spec: ElasticTransform, scene: Scene) -> Rendered:
    """Two bilinear samplings, at :func:`affine_points` mirrored at the edges and at :func:`displaced_points` reflected.

    As in the released code, except that OpenCV rounds the affine map to 1/32 of a pixel.
    """
    height, sigma, corner = (length * scale_of(scene.pixels) for length in level(spec, ELASTIC))
    affine, displaced = affine_points(scene, corner), displaced_points(scene, height, sigma)
    bent = sampled(sampled(scene.pixels, affine, "mirror"), displaced, "reflect").clamp(0.0, 1.0)
    region = inside(scene, spec.region, str(spec))
    done = rendered(scene, torch.where(region, bent, scene.pixels), ~region.flatten(1).any(dim=1))
    if spec.region != "whole" or scene.mask is None:
        return done
    mask = scene.mask.unsqueeze(1).float()
    moved = sampled(sampled(mask, affine, "mirror", "nearest"), displaced, "reflect", "nearest")
    return replace(done, mask=moved.squeeze(1).to(scene.mask.dtype))


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


def affine_points(scene: Scene, corner: float) -> Tensor:
    """[B, 2, H, W] (x, y) of the source of each pixel under an affine map whose corners move by up to `corner`."""
    height, width = scene.pixels.shape[-2:]

    def draw(generator: torch.Generator) -> Tensor:
        corners = (torch.rand(3, 2, generator=generator, dtype=torch.float64) * 2 - 1) * corner
        return affine_map(corners, height, width).float()

    by_x, by_y, shift = drawn(scene, "elastic_transform", draw)[..., None, None].unbind(dim=1)
    x, y = _places(scene.pixels)
    points: Tensor = by_x * x + by_y * y + shift
    return points


def displaced_points(scene: Scene, height: float, sigma: float) -> Tensor:
    """[B, 2, H, W] (x, y) of each pixel, displaced by uniform noise in [-1, 1], blurred by `sigma`, times `height`."""
    shape = (2, *scene.pixels.shape[-2:])
    noise = drawn(scene, "elastic_transform", lambda generator: torch.rand(shape, generator=generator) * 2 - 1, slot=1)
    return _places(scene.pixels) + height * gaussian(noise, sigma, "reflect", truncate=3.0)


def _places(pixels: Tensor) -> Tensor:
    """[2, H, W] (x, y) of the pixels."""
    rows, columns = (torch.arange(side, dtype=torch.float32, device=pixels.device) for side in pixels.shape[-2:])
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"))


def sampled(pixels: Tensor, points: Tensor, border: Literal["reflect", "mirror"], mode: str = "bilinear") -> Tensor:
    """[B, C, H, W] at the points (x, y) [B, 2, H, W]; beyond the edges by `border` (see ``filters.Border``)."""
    sides = torch.tensor(pixels.shape[:-3:-1], dtype=torch.float32, device=pixels.device).view(2, 1, 1)
    corners = border == "mirror"
    grid = 2 * points / (sides - 1).clamp_min(1) - 1 if corners else (2 * points + 1) / sides - 1

    def sample(images: Tensor, places: Tensor) -> Tensor:
        return grid_sample(images, places, mode=mode, padding_mode="reflection", align_corners=corners)

    return alone(sample, pixels, grid.permute(0, 2, 3, 1))
