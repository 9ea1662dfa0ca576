"""Proof that a grid lies over the image: each of its corners listens to its own corner of the image."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .fingerprint import probe_pixels
from .layouts import Arrangement, arrangements
from .loaded import device_of
from .watching import Run, Use

#: the mean rank of a cell's own place among all places, 0 the first and 1 the last; a wrong order is at about 0.5
_RANK = 0.15
_TINY = 4
_SMALL = 16
_LARGER = (2, 4)


def lies_where_it_says(
    run: Run, use: Use, arrangement: Arrangement, size: tuple[int, int], *, turned: bool = False
) -> bool:
    """Whether the cells of a grid stand for the places of the image where the arrangement puts them.

    With S[k, u] the norm of the gradient of cell k (one random combination of its channels) at the place u of the
    image, and N[k, u] = S[k, u] / mean over k, each with S[k] of sum 1: for the four corners, and for tokens two cells
    more, the cell's own place must come among the first in N[k]. What global mixing adds to all cells alike, and what
    borders take from all, cancels in N. Tokens behind a prefix must have their own place first in most cases (of 2 x 2
    in all), since a grid that is off by one token is wrong by one patch only.

    On grids of under 4 cells a side every cell of a deep network listens to all of the image; where such a one
    cannot be told at the image's size, images 2 and 4 times as large are tried, if the model takes them.

    Args:
        turned: the values are [B, channels, tokens].
    """
    scales = (1, *_LARGER) if min(arrangement.height, arrangement.width) < _TINY else (1,)
    return any(_proven(run, use, arrangement, (size[0] * scale, size[1] * scale), turned) for scale in scales)


def _proven(run: Run, use: Use, arrangement: Arrangement, size: tuple[int, int], turned: bool) -> bool:
    pixels = probe_pixels(size).to(device_of(use.module)).requires_grad_()
    values = _values(run, use, pixels)
    if values is None or not values.requires_grad:
        return False
    values = values.transpose(1, 2) if turned else values
    for one in arrangements(tuple(values.shape), size, 1):
        if (one.layout, one.prefix, one.channels) == (arrangement.layout, arrangement.prefix, arrangement.channels):
            return _listens(one, one.cells(values), pixels)
    return False


def _values(run: Run, use: Use, pixels: Tensor) -> Tensor | None:
    """What the module returns or is given on these pixels; None where the model cannot take them."""
    kept: list[Tensor] = []

    def before(_: nn.Module, given: tuple[Any, ...]) -> None:
        kept.append(given[0])

    def after(_: nn.Module, __: Any, output: Any) -> None:
        kept.append(output)

    register = use.module.register_forward_pre_hook if use.side == "input" else use.module.register_forward_hook
    handle = register(before if use.side == "input" else after)  # type: ignore[arg-type]
    try:
        with torch.enable_grad(), suppress(Exception):  # other sizes may fail behind the layer, or before it
            run(pixels.clone())
    finally:
        handle.remove()
    return kept[0] if len(kept) == 1 and isinstance(kept[0], Tensor) else None


def _listens(arrangement: Arrangement, grid: Tensor, pixels: Tensor) -> bool:
    places = _places(arrangement)
    shape = (arrangement.height, arrangement.width)
    rows, own = [], []
    mix = torch.randn(arrangement.channels, generator=torch.Generator().manual_seed(20240229)).to(grid)
    for row, column in places:
        with torch.enable_grad():
            heard = (grid[0, :, row, column] * mix).sum()
        (slope,) = torch.autograd.grad(heard, pixels, retain_graph=True)
        strength = functional.adaptive_avg_pool2d(slope.double().square().sum(1), shape).sqrt().flatten()
        if bool(strength.any()):  # a cell whose activations are all off says nothing
            rows.append(strength / strength.sum())
            own.append(row * arrangement.width + column)
    if 2 * len(rows) <= len(places):
        return False
    heard = torch.stack(rows)
    heard = heard / heard.mean(0).clamp_min(1e-300)
    mine = heard[torch.arange(len(own)), own]
    ahead = (heard > mine[:, None]).sum(1) + (mine == 0) * heard.shape[1]
    first = int((ahead == 0).sum())
    if arrangement.prefix and (first < len(own) if len(own) <= 4 else 2 * first <= len(own)):
        return False
    return float((ahead / (heard.shape[1] - 1)).mean()) <= _RANK


def _places(arrangement: Arrangement) -> list[tuple[int, int]]:
    """The corners; tokens may stand in any order, so two cells more that lie symmetric to nothing; behind a prefix all
    cells of a small grid, on which a wrong count of tokens may look right at the corners."""
    height, width = arrangement.height, arrangement.width
    if arrangement.prefix and height * width <= _SMALL:
        return [(row, column) for row in range(height) for column in range(width)]
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    if arrangement.layout != "tokens" or min(height, width) < _TINY:
        return corners
    return [*corners, (height // 3, 2 * width // 3), (2 * height // 3, width // 4)]
