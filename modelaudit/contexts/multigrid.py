"""The smooth fill of a hole from its rim: Laplace's equation, by multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor
from torch.nn import functional

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
