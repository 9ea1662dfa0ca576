"""Blur and distortion of ImageNet-C: Gaussian, defocus, glass, motion and zoom blur, and the elastic transform."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ...language.sample import OBJECT
from ...language.wording import Phrase, Wording
from ..base import ContextDeclaration, ContextInput, ContextOutput, alone, context, drawn, inside, rendered
from ..degradation import Severe, degradation, level
from .filters import convolved, disc, folded, gaussian, line, scale_of, zoomed

GAUSSIAN_BLUR_SIGMA = (1, 2, 3, 4, 6)
#: radius of the disc, softness of its edge
DEFOCUS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
#: sigma of the blur before and after, farthest step, rounds
GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
#: radius of the line (it has 2 r + 1 pixels), sigma of its weights
MOTION = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
#: stop and step of the zooms from 1 on, by numpy.arange, whose rounding lets only the first stop belong to them
ZOOM = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))


@dataclass(frozen=True)
class GaussianBlur(Severe):
    """Gaussian blur with sigma = 1 2 3 4 6 pixels at 224."""


@dataclass(frozen=True)
class DefocusBlur(Severe):
    """Out of focus: a disc of radius 3 4 6 8 10 pixels at 224, its edge softened by sigma = .1 .5 .5 .5 .5."""


@dataclass(frozen=True)
class GlassBlur(Severe):
    """Frosted glass: blur, pixels shuffled locally, blur. (sigma, farthest step, rounds) at 224 pixels:
    (.7, 1, 2) (.9, 2, 1) (1, 2, 3) (1.1, 3, 2) (1.5, 4, 2).
    """


@dataclass(frozen=True)
class MotionBlur(Severe):
    """Motion along a line at an angle drawn in [-45, 45] degrees. (radius, sigma) at 224 pixels:
    (10, 3) (15, 5) (15, 8) (15, 12) (20, 15).
    """


@dataclass(frozen=True)
class ZoomBlur(Severe):
    """The mean of zooms from 1 to 1.11 1.15 1.20 1.24 1.30."""


@degradation(
    "gaussian_blur",
    GaussianBlur,
    examples=("gaussian_blur(3)",),
    wording=Wording(
        Phrase("blur of {region}", "{region} is blurred", "severity {severity} of 5"),
        Phrase("{region}のぼかし", "{region}をぼかし", "強度{severity}/5段階"),
    ),
)
def gaussian_blur(spec: GaussianBlur, scene: ContextInput) -> Tensor:
    """Cut at 4 sigma, edge pixels repeated, as ``skimage.filters.gaussian`` does in the released code."""
    return gaussian(scene.pixels, level(spec, GAUSSIAN_BLUR_SIGMA) * scale_of(scene.pixels))


@degradation(
    "defocus_blur",
    DefocusBlur,
    examples=("defocus_blur(3)",),
    wording=Wording(
        Phrase("{region} out of focus", "{region} is put out of focus", "severity {severity} of 5"),
        Phrase("{region}のピンぼけ", "{region}のピントを外し", "強度{severity}/5段階"),
    ),
)
def defocus_blur(spec: DefocusBlur, scene: ContextInput) -> Tensor:
    """Convolution with :func:`filters.disc`, mirrored at the edges (OpenCV's default).

    At radius 8 and 10 the released kernel has no room for its softened edge, folds it back in and so brightens the
    picture by 1.3 and 1.1 %; here there is room and the kernel sums to 1.
    """
    radius, softness = level(spec, DEFOCUS)
    return convolved(scene.pixels, disc(radius * scale_of(scene.pixels), softness).unsqueeze(0), "mirror")


@degradation(
    "glass_blur",
    GlassBlur,
    examples=("glass_blur(3)",),
    wording=Wording(
        Phrase("{region} behind frosted glass", "{region} is seen through frosted glass", "severity {severity} of 5"),
        Phrase("すりガラス越しの{region}", "{region}をすりガラス越しにし", "強度{severity}/5段階"),
    ),
)
def glass_blur(spec: GlassBlur, scene: ContextInput) -> Tensor:
    """Gaussian blur, rounds of :func:`shuffled` pixels, Gaussian blur; steps in whole pixels, at least 1."""
    sigma, farthest, rounds = level(spec, GLASS)
    scale = scale_of(scene.pixels)
    step, shape = max(1, round(farthest * scale)), (2, *scene.pixels.shape[-2:])
    blurred = gaussian(scene.pixels, sigma * scale)
    source = torch.arange(shape[1] * shape[2], device=blurred.device).expand(len(blurred), -1)
    for turn in range(rounds):
        uniform = drawn(scene, "glass_blur", lambda generator: torch.rand(shape, generator=generator), turn)
        # a round reads what the rounds before it have written
        source = source.gather(1, shuffled(uniform, step))
    moved = blurred.flatten(2).gather(2, source.unsqueeze(1).expand(-1, 3, -1)).view_as(blurred)
    return gaussian(moved, sigma * scale)


def shuffled(uniform: Tensor, step: int) -> Tensor:
    """[B, H W] int64: from which pixel each pixel gets its value in one round of ImageNet-C's glass.

    The released code goes through the pixels from the last row and column to the first (rows and columns nearer than
    `step` to the edge stand still), and overwrites each with its neighbour at an offset drawn from -step ... step - 1,
    the written-over ones included. (It is meant as a swap, but both sides of the assignment are views of one array.)
    So a pixel whose neighbour comes later in the raster gets that one's new value: a chain that is followed here by
    pointer doubling, for all pixels at once. 64 links are followed; longer chains have a chance below 1e-20.

    Args:
        uniform: [B, 2, H, W] in [0, 1): the offsets of rows and columns.
    """
    height, width = uniform.shape[-2:]
    rows = torch.arange(height, device=uniform.device).view(-1, 1)
    columns = torch.arange(width, device=uniform.device).view(1, -1)
    place = rows * width + columns
    offset = (uniform * (2 * step)).long() - step
    inside = (rows > step) & (rows <= height - step) & (columns > step) & (columns <= width - step)
    target = torch.where(inside, place + offset[:, 0] * width + offset[:, 1], place).flatten(1)
    own, active = place.flatten(), inside.flatten()
    later = (target > own) & active[target]
    # where the chain goes on: to a pixel that has its new value by then; all others point to themselves
    chain = torch.where(later, target, own)
    for _ in range(6):
        chain = chain.gather(1, chain)
    return target.gather(1, chain)


@degradation(
    "motion_blur",
    MotionBlur,
    examples=("motion_blur(3)",),
    wording=Wording(
        Phrase("motion blur of {region}", "{region} is blurred by motion", "severity {severity} of 5"),
        Phrase("{region}の動きぶれ", "{region}に動きぶれを加え", "強度{severity}/5段階"),
    ),
)
def motion_blur(spec: MotionBlur, scene: ContextInput) -> Tensor:
    """Convolution with :func:`filters.line`, edge pixels repeated, as ImageMagick does in the released code."""
    radius, sigma = (length * scale_of(scene.pixels) for length in level(spec, MOTION))
    kernels = lines(scene, "motion_blur", (-45.0, 45.0), radius, sigma)
    return convolved(scene.pixels, kernels, "nearest")


def lines(scene: ContextInput, name: str, angles: tuple[float, float], radius: float, sigma: float) -> Tensor:
    """[B, k, k] the line of each sample, its angle drawn between `angles` in degrees."""

    def draw(generator: torch.Generator) -> Tensor:
        share = float(torch.rand((), generator=generator, dtype=torch.float64))
        return line(angles[0] + share * (angles[1] - angles[0]), 2 * round(radius) + 1, sigma)

    # snow draws its flakes before the angle
    return drawn(scene, name, draw, slot=1)


@degradation(
    "zoom_blur",
    ZoomBlur,
    examples=("zoom_blur(3)",),
    wording=Wording(
        Phrase("zoom blur of {region}", "{region} is blurred by zooming", "severity {severity} of 5"),
        Phrase("{region}のズームぶれ", "{region}にズームぶれを加え", "強度{severity}/5段階"),
    ),
)
def zoom_blur(spec: ZoomBlur, scene: ContextInput) -> Tensor:
    """``(x + sum of the zooms of x) / (number of zooms + 1)``, each by :func:`filters.zoomed`."""
    factors = np.arange(1, *level(spec, ZOOM)).tolist()
    # with the channels last interpolation takes half the time
    pixels = scene.pixels.contiguous(memory_format=torch.channels_last)
    total = pixels.clone()
    for factor in factors:
        total += zoomed(pixels, factor)
    return (total / (len(factors) + 1)).contiguous()


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
