"""Optics against direct convolution by scipy, the cos^4 law, specks; noise by its variance; JPEG as Pillow has it."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from contexts.scenes import scene
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from modelaudit.contexts import apply, blur, defocus, jpeg, lens_dirt, motion, sensor_noise, vignette
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.light import to_linear
from modelaudit.contexts.optics import FULL_WELL, READ_NOISE, SPECK_RADIUS, SPECKS, disc, noisy, streak
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


@pytest.mark.parametrize("iso", [100.0, 1600.0, 25600.0])
@pytest.mark.parametrize("light", [0.0, 0.05, 0.5])
def test_the_variance_is_that_of_shot_and_read_noise(iso: float, light: float) -> None:
    electrons = light * FULL_WELL * 100 / iso
    expected = (electrons + READ_NOISE**2) * (iso / 100 / FULL_WELL) ** 2
    normal = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    found = noisy(torch.full_like(normal, light), iso, normal).double()
    assert float(found.var()) == pytest.approx(expected, rel=0.02)
    assert float(found.mean()) == pytest.approx(light, abs=4 * (expected / 200_000) ** 0.5)


@pytest.mark.parametrize("iso", [400.0, 6400.0])
def test_the_context_adds_this_noise_in_linear_light(iso: float) -> None:
    own = replace(scene(1, 160, 160), mask=None, donors=None)
    own = replace(own, pixels=torch.full_like(own.pixels, 0.6))
    before, after = to_linear(own.pixels).double(), to_linear(apply(sensor_noise(iso), own).pixels).double()
    per_electron = iso / 100 / FULL_WELL
    expected = per_electron * float(before[0, 0, 0, 0]) + (per_electron * READ_NOISE) ** 2
    assert float((after - before).var()) == pytest.approx(expected, rel=0.03)
    # every channel and pixel has a draw of its own
    noise = (after - before)[0].flatten(1)
    assert float(torch.corrcoef(noise).fill_diagonal_(0).abs().max()) < 0.03
    assert abs(float(torch.corrcoef(torch.stack([noise[0, 1:], noise[0, :-1]]))[0, 1])) < 0.03


def test_all_sensitivities_share_one_draw() -> None:
    own = replace(scene(2, 32, 32), mask=None)
    own = replace(own, pixels=torch.full_like(own.pixels, 0.5))
    noise = [(to_linear(apply(sensor_noise(iso), own).pixels) - to_linear(own.pixels)).flatten() for iso in (100, 400)]
    assert float(torch.corrcoef(torch.stack(noise))[0, 1]) > 0.9999


@pytest.mark.parametrize("quality", [5, 30, 75, 95])
def test_jpeg_is_what_pillow_makes_of_the_picture(quality: int) -> None:
    smooth = torch.nn.functional.avg_pool2d(scene(1, 100, 132).pixels, 5, 1)[0].permute(1, 2, 0)
    levels = (255 * smooth).round().to(torch.uint8).numpy()
    stored = io.BytesIO()
    Image.fromarray(levels).save(stored, "JPEG", quality=quality)
    expected = np.asarray(Image.open(stored)).astype(float)
    own = replace(scene(1), pixels=torch.from_numpy(levels).permute(2, 0, 1)[None] / 255, mask=None, donors=None)
    done = apply(jpeg(quality), own).pixels[0].permute(1, 2, 0).numpy() * 255
    # a coefficient here and there falls on the other side of a rounding and moves its block by a step
    off, changed = np.abs(done - expected), np.abs(levels - expected)
    assert (off <= 1).mean() > 0.85 and off.mean() < 0.15 * changed.mean()


def test_a_lower_quality_is_farther_from_the_picture() -> None:
    own = replace(scene(1, 48, 48), mask=None)
    smooth = replace(own, pixels=torch.nn.functional.avg_pool2d(own.pixels, 7, 1, 3))
    far = [float((apply(jpeg(q), smooth).pixels - smooth.pixels).abs().mean()) for q in (90, 50, 20, 5)]
    assert far == sorted(far) and len(set(far)) == 4
