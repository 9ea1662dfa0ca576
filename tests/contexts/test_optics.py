"""Optics: kernels in closed form, against direct convolution by scipy; the cos^4 law; specks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from contexts.scenes import scene
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from modelaudit.contexts import apply, blur, defocus, lens_dirt, motion, vignette
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.light import to_linear
from modelaudit.contexts.optics import SPECK_RADIUS, SPECKS, disc, streak
from modelaudit.language.spec import Context


def bare(height: int = 40, width: int = 33) -> ContextInput:
    return replace(scene(1, height, width), mask=None, donors=None)


def planes(pixels: torch.Tensor) -> np.ndarray:
    return pixels[0].double().numpy()


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.3, 20.0])
def test_blur_is_scipys_gaussian_filter(sigma: float) -> None:
    own = bare()
    expected = np.stack([ndimage.gaussian_filter(plane, sigma) for plane in planes(own.pixels)])
    assert np.allclose(planes(apply(blur(sigma, region="whole"), own).pixels), expected, atol=2e-6)


@pytest.mark.parametrize(
    ("context", "kernel"),
    [
        (defocus(0.7), disc(0.7)),
        (defocus(4), disc(4.0)),
        (defocus(15.5), disc(15.5)),
        (motion(9, direction=30), streak(9.0, torch.tensor([math.pi / 6], dtype=torch.float64))),
        (motion(60, direction=90), streak(60.0, torch.tensor([math.pi / 2], dtype=torch.float64))),
    ],
    ids=str,
)
def test_focus_and_shake_are_convolutions_of_linear_light(context: Context, kernel: torch.Tensor) -> None:
    own = bare()
    expected = [ndimage.convolve(plane, kernel[0].numpy(), mode="reflect") for plane in planes(to_linear(own.pixels))]
    assert np.allclose(planes(to_linear(apply(context, own).pixels)), np.stack(expected), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(radius=st.floats(0.01, 30))
def test_the_disc_has_the_mass_symmetry_and_width_of_a_disc(radius: float) -> None:
    kernel = disc(radius)[0]
    half = len(kernel) // 2
    steps = torch.arange(-half, half + 1, dtype=torch.float64)
    squared = steps[:, None] ** 2 + steps[None, :] ** 2
    assert float(kernel.sum()) == pytest.approx(1)
    assert torch.allclose(kernel, kernel.T) and torch.allclose(kernel, kernel.flip(0))
    assert float(kernel[squared.sqrt() > radius + math.sqrt(2)].sum()) == 0
    # a disc spreads by r^2 / 2; the shares of a point among its four pixels add up to 1/2, and nothing at r = 0
    spread = float((kernel * squared).sum())
    assert radius**2 / 2 * 0.99 <= spread <= radius**2 / 2 * 1.01 + 0.5
    inner = kernel[squared.sqrt() < radius - 1.5]
    # flat inside, up to the grid of points
    assert not len(inner) or float((inner * math.pi * radius**2 - 1).abs().max()) < 0.15


@settings(max_examples=30, deadline=None)
@given(length=st.floats(0.01, 60), degrees=st.floats(0, 360))
def test_the_streak_has_the_length_and_direction_of_the_shake(length: float, degrees: float) -> None:
    kernel = streak(length, torch.tensor([math.radians(degrees)], dtype=torch.float64))[0]
    half = len(kernel) // 2
    steps = torch.arange(-half, half + 1, dtype=torch.float64)
    up, right = -steps[:, None], steps[None, :]
    along = right * math.cos(math.radians(degrees)) + up * math.sin(math.radians(degrees))
    across = right * math.sin(math.radians(degrees)) - up * math.cos(math.radians(degrees))
    assert float(kernel.sum()) == pytest.approx(1)
    assert float((kernel * along).sum()) == pytest.approx(0, abs=1e-9)
    assert length**2 / 12 * 0.99 <= float((kernel * along**2).sum()) <= length**2 / 12 + 0.51
    assert float((kernel * across**2).sum()) <= 0.51


def test_small_doses_come_near_to_the_image() -> None:
    own = bare()
    for context in (defocus(1e-3), motion(1e-3), blur(0.1, region="whole")):
        assert torch.allclose(to_linear(apply(context, own).pixels), to_linear(own.pixels), atol=2e-3)


def test_a_background_out_of_focus_lets_the_object_bleed_into_it_and_not_the_reverse() -> None:
    own = replace(scene(1, 40, 40), donors=None)
    white = torch.where(own.kept(), 1.0, torch.zeros_like(own.pixels))
    done = apply(blur(2), replace(own, pixels=white)).pixels
    assert torch.equal(done[own.kept().expand_as(done)], white[own.kept().expand_as(white)])
    assert float(done[~own.kept().expand_as(done)].max()) > 0.3


@pytest.mark.parametrize("strength", [0.2, 0.75, 0.95])
def test_vignetting_follows_cos4_to_its_loss_in_the_corner(strength: float) -> None:
    height, width = 61, 41
    own = replace(bare(height, width), pixels=torch.full((1, 3, height, width), 0.7))
    left = (to_linear(apply(vignette(strength), own).pixels) / to_linear(own.pixels))[0, 0]
    k = math.sqrt((1 - strength) ** -0.5 - 1)
    for row, column in ((30, 20), (0, 20), (30, 0), (10, 35), (60, 40)):
        rho = math.hypot(row - 30, column - 20) / math.hypot(height / 2, width / 2)
        assert float(left[row, column]) == pytest.approx(math.cos(math.atan(k * rho)) ** 4, abs=1e-4)
    # the corner of the frame is half a pixel out from the centre of its pixel
    assert 1 - strength < float(left[0, 0]) < 1 - strength + 0.1 and float(left[30, 20]) == 1


def test_specks_take_light_in_soft_spots_and_leave_the_rest_to_the_bit() -> None:
    own = replace(bare(120, 120), pixels=torch.full((1, 3, 120, 120), 0.7))
    left = (to_linear(apply(lens_dirt(1), own).pixels) / to_linear(own.pixels))[0, 0]
    touched = left < 1
    assert (apply(lens_dirt(1), own).pixels == own.pixels)[0, 0][~touched].all()
    assert 0.02 < float(touched.float().mean()) < SPECKS * math.pi * SPECK_RADIUS[1] ** 2
    assert float(left.min()) < 0.6
    # soft: no step between neighbours steeper than the smallest speck's edge, for two specks over each other
    edge = 1.5 / (SPECK_RADIUS[0] * 120 / 2)
    assert float(left.diff(dim=0).abs().max()) < 2 * edge
    assert 2 <= ndimage.label(touched.numpy())[1] <= SPECKS
