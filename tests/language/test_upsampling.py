from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from modelaudit.language.upsampling import adjoint_of_upsampling, upsampled

sides = st.tuples(st.integers(1, 9), st.integers(0, 40)).map(lambda pair: (pair[0], sum(pair)))


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(0, 2**31))
def test_it_is_the_transpose(rows: tuple[int, int], columns: tuple[int, int], seed: int) -> None:
    """<U c, y> = <c, U^T y> for every grid (h, w) and size (H, W)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(3, rows[0], columns[0], generator=generator, dtype=torch.float64)
    full = torch.randn(3, rows[1], columns[1], generator=generator, dtype=torch.float64)
    there = (upsampled(coarse, (rows[1], columns[1])) * full).sum((1, 2))
    back = (coarse * adjoint_of_upsampling(full, (rows[0], columns[0]))).sum((1, 2))
    torch.testing.assert_close(there, back, rtol=1e-12, atol=1e-12)


def test_it_is_what_autograd_gives() -> None:
    coarse = torch.zeros(2, 7, 5, dtype=torch.float64, requires_grad=True)
    full = torch.randn(2, 30, 17, dtype=torch.float64)
    (expected,) = torch.autograd.grad(upsampled(coarse, (30, 17)), coarse, full)
    torch.testing.assert_close(adjoint_of_upsampling(full, (7, 5)), expected, rtol=1e-12, atol=1e-13)


def test_upsampling_is_the_bilinear_one_of_the_framework() -> None:
    coarse = torch.randn(2, 3, 4)
    expected = functional.interpolate(coarse[:, None], (9, 11), mode="bilinear", align_corners=False)[:, 0]
    assert torch.equal(upsampled(coarse, (9, 11)), expected)


def test_masks_of_bytes_keep_their_area_in_double_precision() -> None:
    mask = (torch.rand(2, 224, 224, generator=torch.Generator().manual_seed(0)) < 0.3).to(torch.uint8)
    cells = adjoint_of_upsampling(mask, (7, 7))
    assert cells.dtype == torch.float64 and cells.shape == (2, 7, 7)
    torch.testing.assert_close(cells.sum((1, 2)), mask.double().sum((1, 2)), rtol=1e-13, atol=0)


def test_under_inference_mode_it_leaves_nothing_that_autograd_cannot_use() -> None:
    with torch.inference_mode():
        adjoint_of_upsampling(torch.ones(1, 23, 19), (3, 2))
    full = torch.ones(1, 23, 19, requires_grad=True)
    adjoint_of_upsampling(full, (3, 2)).sum().backward()
    assert full.grad is not None
