"""The harmonic fill against a direct solution of the same equations by scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor
from torch.nn import functional

from modelaudit.contexts.filling import harmonic


def solved(pixels: Tensor, hole: Tensor) -> Tensor:
    """[C, H, W]: each pixel of the hole [H, W] is the mean of its neighbours in the frame."""
    height, width = hole.shape
    number = {at: row for row, at in enumerate(zip(*np.nonzero(hole.numpy()), strict=True))}
    rows, columns, entries = [], [], []
    known = np.zeros((len(number), len(pixels)))
    for (y, x), row in number.items():
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inside = [at for at in around if 0 <= at[0] < height and 0 <= at[1] < width]
        rows.append(row), columns.append(row), entries.append(len(inside))
        for at in inside:
            if at in number:
                rows.append(row), columns.append(number[at]), entries.append(-1)
            else:
                known[row] += pixels[:, at[0], at[1]].numpy()
    matrix = coo_matrix((entries, (rows, columns))).tocsr()
    filled = pixels.clone()
    filled[:, hole] = torch.from_numpy(spsolve(matrix, known).T).to(pixels.dtype)
    return filled


def blob(height: int, width: int, *discs: tuple[int, int, int]) -> Tensor:
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    return torch.stack([(rows - y) ** 2 + (columns - x) ** 2 <= r * r for y, x, r in discs]).any(dim=0)


def picture(height: int, width: int, cells: int) -> Tensor:
    coarse = torch.rand(1, 3, cells, cells, generator=torch.Generator().manual_seed(3))
    return functional.interpolate(coarse, size=(height, width), mode="bilinear")[0]


@pytest.mark.parametrize(
    ("height", "width", "hole"),
    [
        (96, 96, blob(96, 96, (45, 50, 24))),
        (96, 96, blob(96, 96, (90, 10, 30))),
        (61, 107, blob(61, 107, (30, 40, 15), (25, 62, 18), (50, 90, 9))),
        (37, 20, blob(37, 20, (0, 0, 12))),
        (40, 40, torch.arange(40).remainder(3).bool()[:, None].expand(40, 40)),
    ],
    ids=["inside", "at a corner", "odd sides", "narrow", "stripes"],
)
@pytest.mark.parametrize(("cells", "furthest"), [(2, 0.01), (7, 0.03)], ids=["smooth", "busy"])
def test_the_fill_is_the_direct_solution(height: int, width: int, hole: Tensor, cells: int, furthest: float) -> None:
    pixels = picture(height, width, cells)
    error = (harmonic(pixels[None], hole[None, None])[0] - solved(pixels, hole)).abs()[:, hole]
    assert float(error.max()) < furthest
    assert float(error.mean()) < furthest / 5


def test_a_gradient_goes_on_through_the_hole() -> None:
    rows, columns = torch.meshgrid(torch.linspace(0, 1, 224), torch.linspace(0, 1, 224), indexing="ij")
    pixels = torch.stack([columns, rows, 0.5 * rows + 0.5 * (1 - columns)])[None]
    filled = harmonic(pixels, blob(224, 224, (110, 100, 60))[None, None])
    assert float((filled - pixels).abs().max()) < 1 / 255
