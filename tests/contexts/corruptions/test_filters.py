"""Filters: borders, unit gain, and the shapes of their kernels."""

from __future__ import annotations

import math

import pytest
import torch
from contexts.corruptions.pictures import pictures
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.contexts.corruptions.filters import (
    border_index,
    convolved,
    disc,
    gaussian,
    gaussian_matrix,
    line,
    scale_of,
    zoomed,
)


def test_borders_repeat_reflect_and_mirror() -> None:
    assert border_index(4, 3, "nearest").tolist() == [0, 0, 0, 0, 1, 2, 3, 3, 3, 3]
    assert border_index(4, 3, "reflect").tolist() == [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]
    assert border_index(4, 3, "mirror").tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert border_index(1, 2, "mirror").tolist() == border_index(1, 2, "reflect").tolist() == [0] * 5
    assert border_index(2, 5, "reflect").tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]


@given(
    size=st.integers(1, 40),
    sigma=st.floats(0.2, 30),
    border=st.sampled_from(["nearest", "reflect", "mirror"]),
)
def test_a_blur_keeps_a_constant_line(size: int, sigma: float, border: str) -> None:
    matrix = gaussian_matrix(size, sigma, border)  # type: ignore[arg-type]
    assert torch.allclose(matrix.sum(dim=1), torch.ones(size), atol=1e-5) and (matrix >= 0).all()


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(224, 224, 1.0), (448, 224, 1.0), (448, 600, 2.0), (112, 300, 0.5), (28, 28, 0.25)]
)
def test_lengths_grow_with_the_shorter_side_but_shrink_to_a_quarter_at_most(
    height: int, width: int, scale: float
) -> None:
    assert scale_of(torch.zeros(1, 3, height, width)) == scale


def test_a_blur_looks_the_same_at_twice_the_size() -> None:
    small = pictures(1, 64, 64).pixels
    large = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    apart = torch.nn.functional.avg_pool2d(gaussian(large, 6.0), 2) - gaussian(small, 3.0)
    assert float(apart.abs().max()) < 0.02


@pytest.mark.parametrize(
    ("radius", "softness"), [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5), (0.75, 0.1), (4.5, 0.5)]
)
def test_a_disc_is_round_and_sums_to_one(radius: float, softness: float) -> None:
    kernel = disc(radius, softness)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    for turned in (kernel.T, kernel.flip(0), kernel.rot90()):
        assert torch.allclose(kernel, turned, atol=1e-7)
    line_of = torch.arange(len(kernel)) - len(kernel) // 2
    far = (line_of[:, None] ** 2 + line_of[None, :] ** 2).sqrt() > math.ceil(radius) + 3
    assert not kernel[far].any()
    assert float(kernel.max()) == pytest.approx(1 / (math.pi * radius**2), rel=0.45 if radius < 2 else 0.25)


def test_discs_between_whole_radii_lie_between_them() -> None:
    small, middle, large = (disc(radius, 0.1) for radius in (3, 3.5, 4))
    second = [float((kernel * _squares(len(kernel))).sum()) for kernel in (small, middle, large)]
    assert second[0] < second[1] < second[2]


def _squares(size: int) -> torch.Tensor:
    at = torch.arange(size) - size // 2
    return (at[:, None] ** 2 + at[None, :] ** 2).float()


def test_a_line_runs_one_way_and_fades_as_a_gaussian() -> None:
    kernel = line(0.0, 21, 3.0)
    assert kernel.shape == (41, 41) and float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    row = kernel[20, 20:]
    assert not kernel[20, :20].any() and not kernel[:20].any() and not kernel[21:].any()
    assert torch.allclose(row / row[0], torch.exp(-(torch.arange(21.0) ** 2) / 18), atol=1e-6)


@pytest.mark.parametrize("angle", [-45.0, -20.0, 10.0, 45.0, -135.0, -90.0])
def test_a_line_points_at_its_angle(angle: float) -> None:
    kernel = line(angle, 31, 15.0)
    at = torch.arange(len(kernel)) - 30.0
    down, across = float((kernel.sum(dim=1) * at).sum()), float((kernel.sum(dim=0) * at).sum())
    assert math.degrees(math.atan2(down, across)) == pytest.approx(angle, abs=2)


def test_a_kernel_of_one_point_moves_the_picture() -> None:
    pixels, kernel = pictures(2, 20, 31).pixels, torch.zeros(1, 7, 7)
    kernel[0, 3 + 2, 3 - 1] = 1  # two rows below, one column to the left
    moved = convolved(pixels, kernel, "nearest")
    rows, columns = (torch.arange(20) + 2).clamp_max(19), (torch.arange(31) - 1).clamp_min(0)
    assert torch.allclose(moved, pixels[:, :, rows][..., columns], atol=1e-5)


def test_each_picture_has_its_own_kernel() -> None:
    pixels = pictures(2, 16, 16).pixels
    kernels = torch.stack([line(0.0, 3, 2.0), line(90.0, 3, 2.0)])
    both = convolved(pixels, kernels, "mirror")
    for index in range(2):
        alone = convolved(pixels[index : index + 1], kernels[index : index + 1], "mirror")
        assert torch.equal(both[index : index + 1], alone)


@given(factor=st.floats(1, 3), height=st.integers(1, 40), width=st.integers(1, 40))
def test_a_zoom_keeps_the_frame_and_a_constant_picture(factor: float, height: int, width: int) -> None:
    done = zoomed(torch.full((1, 2, height, width), 0.3), factor)
    assert done.shape == (1, 2, height, width) and torch.allclose(done, torch.tensor(0.3))


def test_a_zoom_of_one_is_the_picture() -> None:
    pixels = pictures(1, 16, 16).pixels
    assert torch.equal(zoomed(pixels, 1), pixels)
