"""Fills the place of an object from the background of the same image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..language.sample import BACKGROUND, IGNORE
from .base import ContextInput, alone, mean_of

#: relaxation of the two Jacobi steps before and after each coarse correction (the Chebyshev weights for the upper
#: three quarters of the spectrum of the five-point Laplacian)
_RELAXATION = (1.41, 0.56)
#: from this many cells downwards the equations are solved as they stand
_FEW = 256


def harmonic(pixels: Tensor, hole: Tensor) -> Tensor:
    """`pixels` with every pixel of the hole replaced by the solution of Laplace's equation: [B, C, H, W].

    Inside, each pixel is the mean of its four neighbours (of three or two at the frame); outside, pixels stay as they
    are, to the bit. Full multigrid: the picture of half the size is filled first, then the fill is enlarged and
    corrected in one V-cycle. On photographs what is left of the error is 0.002 on average, and 0.03 at sharp edges that
    meet the hole. A hole that fills the frame has no rim, and is left as it is.

    Args:
        hole: [B, 1, H, W] bool.
    """
    hole = hole & ~hole.flatten(1).all(dim=1)[:, None, None, None]
    return torch.where(hole, _filled(pixels, _Grid(hole.float())), pixels)


def halved(layers: Tensor, times: int) -> tuple[Tensor, list[torch.Size]]:
    """The sums of 2 x 2 cells, `times` times, and the shapes on the way."""
    shapes = []
    for _ in range(times):
        shapes.append(layers.shape)
        layers = _sum_of_four(layers)
    return layers, shapes


def doubled(layers: Tensor, shapes: list[torch.Size]) -> Tensor:
    """Interpolated back through the shapes of :func:`halved`."""
    for shape in reversed(shapes):
        layers = _doubled(layers, shape)
    return layers


@dataclass(frozen=True, eq=False)
class _Grid:
    """The cells of one resolution; `hole` [B, 1, h, w] is 1 in the hole and 0 elsewhere."""

    hole: Tensor

    @property
    def degree(self) -> Tensor:
        """[1, 1, h, w]: how many of the four neighbours lie in the frame; at least 1."""
        return _degree(*self.hole.shape[2:], self.hole.device)

    @cached_property
    def step(self) -> Tensor:
        """What a residual moves a cell by: 1 / degree in the hole."""
        return self.hole / self.degree

    @cached_property
    def coarse(self) -> _Grid:
        """Half the resolution; a cell is in the hole where all of its cells here are."""
        return _Grid((_sum_of_four(self.hole, outside=1.0) == 4).float())

    @cached_property
    def few(self) -> bool:
        return self.hole[0, 0].numel() <= _FEW

    @cached_property
    def factor(self) -> Tensor:
        """[B, n, n]: Cholesky's, of the five-point Laplacian in the hole and the identity elsewhere."""
        laplacian, unit = _laplacian(*self.hole.shape[2:], self.hole.device)
        within = self.hole.flatten(1)
        both = within.unsqueeze(2) * within.unsqueeze(1) > 0
        factor: Tensor = torch.linalg.cholesky(torch.where(both, laplacian, unit))
        return factor

    def residual(self, fill: Tensor, source: Tensor | None) -> Tensor:
        """``source + sum of neighbours - degree * fill``; 0 outside the hole once multiplied with it."""
        left = _neighbours(fill) if source is None else _neighbours(fill).add_(source)
        return left.addcmul_(fill, self.degree, value=-1.0)

    def relaxed(self, fill: Tensor | None, source: Tensor | None, weights: tuple[float, ...]) -> Tensor:
        """Jacobi steps, from `fill` or from nothing."""
        if fill is None:
            assert source is not None
            fill, weights = source * self.step * weights[0], weights[1:]
        for weight in weights:
            fill = torch.addcmul(fill, self.residual(fill, source), self.step, value=weight)
        return fill


def _filled(values: Tensor, grid: _Grid) -> Tensor:
    """Full multigrid: filled at half the resolution, enlarged, corrected."""
    known = 1.0 - grid.hole
    if grid.few:
        return values * known + _solved(grid, _neighbours(values * known) * grid.hole)
    count = _sum_of_four(known)
    means = _sum_of_four(values * known) / count.clamp_min(1.0)
    guess = _doubled(_filled(means, grid.coarse), values.shape)
    return _corrected(torch.lerp(values, guess, grid.hole), None, grid)


def _corrected(fill: Tensor | None, source: Tensor | None, grid: _Grid) -> Tensor:
    """One V-cycle, from `fill` or from nothing."""
    fill = grid.relaxed(fill, source, _RELAXATION)
    residual = _sum_of_four(grid.residual(fill, source).mul_(grid.hole))
    if grid.coarse.few:
        error = _solved(grid.coarse, residual * grid.coarse.hole)
    else:
        error = _corrected(None, residual, grid.coarse)
    fill = torch.addcmul(fill, _doubled(error, fill.shape), grid.hole)
    return grid.relaxed(fill, source, _RELAXATION[::-1])


def _solved(grid: _Grid, source: Tensor) -> Tensor:
    return torch.cholesky_solve(source.flatten(2).mT, grid.factor).mT.reshape(source.shape)


@lru_cache(maxsize=64)
def _degree(height: int, width: int, device: torch.device) -> Tensor:
    return _neighbours(torch.ones(1, 1, height, width, device=device)).clamp_min(1.0)


@lru_cache(maxsize=8)
def _laplacian(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """[n, n] each: the five-point Laplacian of a frame without a hole's rim, and the identity."""
    unit = torch.eye(height * width, device=device)
    across = _neighbours(unit.view(-1, 1, height, width)).view_as(unit)
    return torch.diag(_degree(height, width, device).flatten()) - across, unit


def _neighbours(values: Tensor) -> Tensor:
    """The sum of the four neighbours, of those that lie in the frame."""
    framed = functional.pad(values, (1, 1, 1, 1))
    total = framed[..., :-2, 1:-1] + framed[..., 2:, 1:-1]
    return total.add_(framed[..., 1:-1, :-2]).add_(framed[..., 1:-1, 2:])


def _sum_of_four(values: Tensor, outside: float = 0.0) -> Tensor:
    """[.., ceil(h / 2), ceil(w / 2)]: the sums of 2 x 2 cells; those beyond an odd edge count as `outside`."""
    height, width = values.shape[2:]
    if height % 2 or width % 2:
        values = functional.pad(values, (0, width % 2, 0, height % 2), value=outside)
    rows = values[..., ::2, :] + values[..., 1::2, :]
    return rows[..., ::2] + rows[..., 1::2]


def _doubled(values: Tensor, shape: torch.Size) -> Tensor:
    """Twice the size, bilinear between the centres of cells, cut to `shape`."""
    for dim in (3, 2):
        between = values.shape[dim] - 1
        size = [*values.shape[:dim], 2 * values.shape[dim], *values.shape[dim + 1 :]]
        doubled = values.new_empty(size).movedim(dim, -1)
        doubled[..., 0] = values.select(dim, 0)
        doubled[..., -1] = values.select(dim, between)
        low, high = (values.narrow(dim, first, between).movedim(dim, -1) for first in (0, 1))
        torch.lerp(low, high, 0.25, out=doubled[..., 1:-1:2])
        torch.lerp(low, high, 0.75, out=doubled[..., 2:-1:2])
        values = doubled.movedim(-1, dim).narrow(dim, 0, shape[dim])
    return values


#: what is finer than 4 pixels is texture; how strong it is, is a matter of cells of 16 pixels
_FINE, _LOCAL = 2, 4
#: pixels that a cell must have for its strength to be known
_ENOUGH = 8
_WEAKEST = 1e-4


def inpainted(pixels: Tensor, hole: Tensor) -> Tensor:
    """`pixels` with the hole filled so that its outline leaves no edge: [B, 3, H, W]; outside pixels stay, to the bit.

    ``t + h``, where t is a texture like the background's and h solves Laplace's equation in the hole with the values of
    ``x - t`` round it: at the rim the fill goes over into the picture without a step (Perez et al. 2003), further
    inside it has the colours of the rim and the grain of the background. On a smooth background t is about 0.

    The texture is noise with the spectrum of the background's details (Galerne et al. 2011): the details, divided by
    their local strength and clipped at 3, convolved with one fixed field of white noise, times the local strength
    grown into the hole. Nothing in it is drawn: the same picture gives the same fill.

    Args:
        hole: [B, 1, H, W] bool; one that fills the frame is left as it is.
    """
    texture = _texture(pixels, (~hole).to(pixels.dtype))
    filled = texture + harmonic(pixels - texture, hole)
    hole = hole & ~hole.flatten(1).all(dim=1)[:, None, None, None]
    return torch.where(hole, filled.clamp(0.0, 1.0), pixels)


def widened(hole: Tensor, margin: int) -> Tensor:
    """The hole and every pixel within a square of `margin` round one of its pixels; never the whole frame."""
    if margin == 0:
        return hole
    side = 2 * margin + 1
    wide = functional.max_pool2d(hole.float(), side, stride=1, padding=margin) > 0
    return torch.where(wide.flatten(1).all(dim=1)[:, None, None, None], hole, wide)


def _texture(pixels: Tensor, known: Tensor) -> Tensor:
    means, shapes = halved(torch.cat([pixels * known, known], dim=1), _FINE)
    means = doubled(means, shapes)
    details = (pixels - means[:, :3] / means[:, 3:].clamp_min(1e-6)) * known
    strength = _strength(details, known)
    details = (details / strength).clamp_(-3.0, 3.0)
    size = pixels.shape[2:]
    spectrum = torch.fft.rfft2(details) * _noise(size[0], size[1]).to(pixels.device)
    count = known.flatten(1).sum(dim=1)[:, None, None, None].clamp_min(1.0)
    texture: Tensor = torch.fft.irfft2(spectrum, s=size) * (strength / count.sqrt())
    return texture


def _strength(details: Tensor, known: Tensor) -> Tensor:
    """[B, 1, H, W]: the mean of the square root of the details, squared, in each cell: single edges count little."""
    roots = details.abs().mean(dim=1, keepdim=True).sqrt()
    sums, shapes = halved(torch.cat([roots, known], dim=1), _LOCAL)
    strength = (sums[:, :1] / sums[:, 1:].clamp_min(1.0)).square()
    return doubled(harmonic(strength, sums[:, 1:] < _ENOUGH), shapes).clamp_min(_WEAKEST)


@lru_cache(maxsize=8)
def _noise(height: int, width: int) -> Tensor:
    """The transform of a field of white noise, the same for every picture of one size."""
    field = torch.randn(height, width, generator=torch.Generator().manual_seed(0))
    transform: Tensor = torch.fft.rfft2(field)
    return transform


Fill = Literal["tile", "mean", "inpaint", "keep"]
FILLS: tuple[Fill, ...] = ("tile", "mean", "inpaint", "keep")
#: pixels round object and ring that go with an object that is taken away: photographs blur its rim into its
#: surroundings, and what is left of the rim draws the outline
RIM = 2


def fill_of(pixels: Tensor, mask: Tensor, fill: Fill) -> tuple[Tensor, Tensor]:
    """A background without the object, for every pixel: [B, 3, H, W], and [B] bool where there is none to take.

    ``tile``: the largest of the four strips above, below, left and right of the bounding box of object and ring
    (full width or height of the frame; the first on equal area), tiled from its corner over the whole frame, as in
    ImageNet-9's only_bg_t. ``mean``: the mean of the background pixels. ``inpaint``: object and ring filled from
    their surroundings (:func:`inpainted`), the other pixels as they are. ``keep``: the image as it is.
    """
    unfilled = ~fillable(mask, fill)
    if fill == "tile":
        return _tiled(pixels, mask), unfilled
    if fill == "mean":
        return mean_of(pixels, (mask == BACKGROUND).unsqueeze(1)).expand_as(pixels), unfilled
    if fill == "inpaint":
        return alone(inpainted, pixels, (mask != BACKGROUND).unsqueeze(1)), unfilled
    return pixels, unfilled


def fillable(mask: Tensor, fill: Fill) -> Tensor:
    """[B] bool: a strip to tile; for "mean" and "inpaint" any background; for "keep" every image."""
    if fill == "keep":
        return torch.ones(len(mask), dtype=torch.bool, device=mask.device)
    if fill == "tile":
        _, area = _strips(mask)
        return area.amax(dim=0) > 0
    return (mask == BACKGROUND).flatten(1).any(dim=1)


def can_fill(scene: ContextInput, fill: Fill) -> Tensor:
    """[B] bool: what :func:`fillable` says of the scene's masks."""
    assert scene.mask is not None
    return fillable(scene.mask, fill)


def with_margin(mask: Tensor, margin: int) -> Tensor:
    """The mask with a ring that is `margin` pixels wider; as it was where that would leave no background."""
    wide = widened((mask != BACKGROUND).unsqueeze(1), margin)[:, 0]
    return torch.where(wide & (mask == BACKGROUND), IGNORE, mask)


def without_object(scene: ContextInput, fill: Fill) -> tuple[Tensor, Tensor]:
    """The scene with the place of its object filled: [B, 3, H, W], and [B] bool where that is impossible.

    The place is the bounding box of object and ring; with ``inpaint`` it is object, ring and a rim of 2 pixels. An
    image without an object is returned as it is.
    """
    assert scene.mask is not None
    if fill == "inpaint":
        return fill_of(scene.pixels, with_margin(scene.mask, RIM), fill)
    filled, impossible = fill_of(scene.pixels, scene.mask, fill)
    return (filled if fill == "keep" else torch.where(in_box(scene.mask), filled, scene.pixels)), impossible


def in_box(mask: Tensor) -> Tensor:
    """[B, 1, H, W] bool: the bounding box of object and ring; nowhere where there is neither."""
    top, bottom, left, right = box(mask)
    rows, columns = grid(mask)
    return ((rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)).unsqueeze(1)


def _tiled(pixels: Tensor, mask: Tensor) -> Tensor:
    height, width = mask.shape[1:]
    strips, area = _strips(mask)
    largest = (area == area.amax(dim=0)).to(torch.uint8).argmax(dim=0)
    chosen = strips[largest, :, torch.arange(len(mask), device=mask.device)]
    row, column, high, wide = (part[:, None, None] for part in chosen.unbind(dim=1))
    at_rows, at_columns = grid(mask)
    source_rows = row + (at_rows - row) % high.clamp_min(1)
    source_columns = column + (at_columns - column) % wide.clamp_min(1)
    source = (source_rows * width + source_columns).clamp_max(height * width - 1)
    tiled = pixels.flatten(2).gather(2, source.flatten(1).unsqueeze(1).expand(-1, pixels.shape[1], -1))
    return tiled.view_as(pixels)


def _strips(mask: Tensor) -> tuple[Tensor, Tensor]:
    """[4, 4, B] the strips above, below, left and right as (first row, first column, rows, columns), [4, B] areas."""
    height, width = mask.shape[1:]
    top, bottom, left, right = (edge.flatten() for edge in box(mask))
    zero, rows, columns = torch.zeros_like(top), torch.full_like(top, height), torch.full_like(top, width)
    strips = torch.stack(
        [
            torch.stack([zero, zero, top, columns]),
            torch.stack([bottom, zero, height - bottom, columns]),
            torch.stack([zero, zero, rows, left]),
            torch.stack([zero, right, rows, width - right]),
        ]
    )
    return strips, strips[:, 2] * strips[:, 3]


def box(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """[B, 1, 1] each: first and one-past-last row and column of object and ring; all 0 where there is no object."""
    kept = mask != BACKGROUND
    edges = [_extent(kept.any(dim=2)), _extent(kept.any(dim=1))]
    return tuple(edge[:, None, None] for pair in edges for edge in pair)  # type: ignore[return-value]


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    found = occupied.any(dim=1)
    bits = occupied.to(torch.uint8)
    first, last = bits.argmax(dim=1), occupied.shape[1] - bits.flip(1).argmax(dim=1)
    return torch.where(found, first, 0), torch.where(found, last, 0)


def grid(mask: Tensor) -> tuple[Tensor, Tensor]:
    """[1, H, 1] the rows and [1, 1, W] the columns of the frame."""
    rows = torch.arange(mask.shape[1], device=mask.device)[None, :, None]
    columns = torch.arange(mask.shape[2], device=mask.device)[None, None, :]
    return rows, columns
