"""The sensor: noise with the variance of its model; JPEG by quality as Pillow writes it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from contexts.scenes import scene
from PIL import Image

from modelaudit.contexts import apply, jpeg, sensor_noise
from modelaudit.contexts.light import to_linear
from modelaudit.contexts.optics import FULL_WELL, READ_NOISE, noisy


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
