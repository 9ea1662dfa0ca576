"""Corruptions against scipy, scikit-image, Pillow and the released code, on the same input and draws."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from contexts.corruptions.pictures import corruption, picture, pictures
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, stats
from skimage import color
from torch import Tensor

from modelaudit.contexts import apply
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.corruptions import blur, digital, noise, weather
from modelaudit.contexts.corruptions.digital import compressed
from modelaudit.contexts.corruptions.spatter import SPATTER, distance_to, equalised
from modelaudit.contexts.corruptions.weather import plasma

Array = NDArray[np.float64]
severities = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


def under(name: str, severity: int, own: ContextInput) -> Array:
    """[H, W, 3] float64 of the first sample, over the whole frame."""
    return planes(apply(corruption(name, severity, "whole"), own).pixels[0])


def planes(pixels: Tensor) -> Array:
    """[H, W, C] float64."""
    return pixels.permute(1, 2, 0).double().numpy()


def image_of(pixels: Tensor) -> Image.Image:
    return Image.fromarray((planes(pixels) * 255).round().astype(np.uint8))


# noise


@pytest.mark.parametrize("rate", noise.SHOT_RATE)
def test_shot_noise_draws_scipys_poisson_quantiles(rate: int) -> None:
    generator = torch.Generator().manual_seed(rate)
    levels = torch.randint(256, (20_000,), generator=generator)
    uniform = torch.rand(20_000, generator=generator)
    uniform[:4] = torch.tensor([2.0**-24, 0.5, 1 - 2.0**-24, 1 - 2.0**-10])
    levels[:4] = torch.tensor([255, 0, 255, 128])
    expected = stats.poisson.ppf(uniform.double().numpy(), rate * levels.numpy() / 255)
    assert np.array_equal(noise.poisson(rate, levels, uniform).numpy(), np.maximum(expected, 0))


# blur


@severities
@pytest.mark.parametrize("shape", [(224, 224), (100, 161)])
def test_gaussian_blur_is_scipys_with_the_edge_repeated(severity: int, shape: tuple[int, int]) -> None:
    own = pictures(1, *shape)
    sigma = blur.GAUSSIAN_BLUR_SIGMA[severity - 1] * min(shape) / 224
    expected = ndimage.gaussian_filter(planes(own.pixels[0]), (sigma, sigma, 0), mode="nearest", truncate=4.0)
    assert np.abs(under("gaussian_blur", severity, own) - expected).max() < 2e-6


def released_disc(radius: int, softness: float) -> Array:
    """The released kernel, with OpenCV's Gaussian as a product of its taps; the border mirrored."""
    at = np.arange(-8, 9) if radius <= 8 else np.arange(-radius, radius + 1)
    taps = np.arange(3) - 1 if radius <= 8 else np.arange(5) - 2
    hard = (at[:, None] ** 2 + at[None, :] ** 2 <= radius**2).astype(np.float64)
    weights = np.exp(-0.5 * (taps / softness) ** 2)
    soft = hard / hard.sum()
    for axis in (0, 1):
        soft = ndimage.correlate1d(soft, weights / weights.sum(), axis=axis, mode="mirror")
    return soft


@severities
def test_defocus_is_the_released_disc_mirrored_at_the_border(severity: int) -> None:
    own = pictures(1)
    kernel = released_disc(*blur.DEFOCUS[severity - 1])
    expected = ndimage.correlate(planes(own.pixels[0]), kernel[:, :, None], mode="mirror")
    # at radius 8 and 10 the released kernel folds its edge back in and sums to 1.013 and 1.011
    assert kernel.sum() == pytest.approx((1, 1, 1, 1.013, 1.0108)[severity - 1], abs=1e-4)
    assert np.abs(under("defocus_blur", severity, own) - expected).max() < (2e-6 if severity < 4 else 0.015)
    assert np.abs(under("defocus_blur", severity, own) - expected / kernel.sum()).max() < 4e-3


@severities
def test_motion_blur_is_imagemagicks_sum_of_shifted_pictures(severity: int) -> None:
    own = pictures(1)
    radius, sigma = blur.MOTION[severity - 1]
    share = float(torch.rand((), generator=own.generator(0, "motion_blur", 1), dtype=torch.float64))
    angle, width = math.radians(-45 + 90 * share), 2 * radius + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    source, expected = planes(own.pixels[0]), np.zeros((224, 224, 3))
    for step, weight in enumerate(weights / weights.sum()):
        down, across = math.ceil(step * math.sin(angle) - 0.5), math.ceil(step * math.cos(angle) - 0.5)
        rows, columns = np.clip(np.arange(224) + down, 0, 223), np.clip(np.arange(224) + across, 0, 223)
        expected += weight * source[rows][:, columns]
    assert np.abs(under("motion_blur", severity, own) - expected).max() < 5e-6


@severities
def test_zoom_blur_is_the_mean_of_scipys_zooms(severity: int) -> None:
    own = pictures(1)
    source = planes(own.pixels[0])
    total, factors = source.copy(), np.arange(1, *blur.ZOOM[severity - 1])
    for factor in factors:
        taken = math.ceil(224 / factor)
        top = (224 - taken) // 2
        large = ndimage.zoom(source[top : top + taken, top : top + taken], (factor, factor, 1), order=1)
        trim = (large.shape[0] - 224) // 2
        total += large[trim : trim + 224, trim : trim + 224]
    assert np.abs(under("zoom_blur", severity, own) - total / (len(factors) + 1)).max() < 5e-5


@severities
def test_glass_blur_is_the_released_loop_between_two_gaussians(severity: int) -> None:
    own = pictures(1, 224, 240)
    sigma, step, rounds = blur.GLASS[severity - 1]
    image = ndimage.gaussian_filter(planes(own.pixels[0]), (sigma, sigma, 0), mode="nearest")
    for turn in range(rounds):
        uniform = torch.rand(2, 224, 240, generator=own.generator(0, "glass_blur", turn))
        offsets = np.floor(uniform.numpy() * 2 * step).astype(int) - step
        for row in range(224 - step, step, -1):
            for column in range(240 - step, step, -1):
                down, across = offsets[:, row, column]
                near, far = image[row, column], image[row + down, column + across]
                near[:], far[:] = far, near  # the released swap: both names are views, so far keeps its value
    expected = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest")
    assert np.abs(under("glass_blur", severity, own) - expected).max() < 5e-6


# weather


def released_plasma(uniform: Array, decay: float) -> Array:
    """The diamond-square of the released code, its draws looked up by their place."""
    size = len(uniform)
    heights, step, wobble = np.zeros((size, size)), size, 100.0
    while step >= 2:
        half = step // 2
        for row in range(half, size, step):
            for column in range(half, size, step):
                around = [heights[(row + a) % size, (column + b) % size] for a in (-half, half) for b in (-half, half)]
                heights[row, column] = sum(around) / 4 + wobble * wobble * uniform[row, column]
        sides = [(row, column) for row in range(0, size, half) for column in range(0, size, half)]
        for row, column in (place for place in sides if (place[0] // half + place[1] // half) % 2):
            around = [
                heights[(row + a) % size, (column + b) % size]
                for a, b in ((-half, 0), (half, 0), (0, -half), (0, half))
            ]
            heights[row, column] = sum(around) / 4 + wobble * wobble * uniform[row, column]
        step, wobble = half, wobble / decay
    heights -= heights.min()
    return heights / heights.max()


@pytest.mark.parametrize("decay", [2.0, 1.7, 1.4])
def test_clouds_are_those_of_diamond_and_square_point_by_point(decay: float) -> None:
    uniform = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1
    expected = released_plasma(uniform[0].double().numpy(), decay)
    assert np.abs(plasma(uniform, decay)[0].numpy() - expected).max() < 1e-5


@severities
def test_snow_follows_the_released_steps(severity: int) -> None:
    own = pictures(1)
    mean, deviation, size, threshold, radius, sigma, share = weather.SNOW[severity - 1]
    source = own.generator(0, "snow")
    field = mean + deviation * torch.randn(224, 224, generator=source).double().numpy()
    taken = math.ceil(224 / size)
    top = (224 - taken) // 2
    flakes = ndimage.zoom(field[top : top + taken, top : top + taken], size, order=1)
    trim = (len(flakes) - 224) // 2
    flakes = flakes[trim : trim + 224, trim : trim + 224]
    flakes = np.where(flakes < threshold, 0, flakes.clip(0, 1))
    angle = math.radians(-135 + 90 * float(torch.rand((), generator=own.generator(0, "snow", 1), dtype=torch.float64)))
    weights = np.exp(-(np.arange(2 * radius + 1) ** 2) / (2 * sigma**2))
    fallen = np.zeros_like(flakes)
    for step, weight in enumerate(weights / weights.sum()):
        down, across = math.ceil(step * math.sin(angle) - 0.5), math.ceil(step * math.cos(angle) - 0.5)
        rows, columns = np.clip(np.arange(224) + down, 0, 223), np.clip(np.arange(224) + across, 0, 223)
        fallen += weight * flakes[rows][:, columns]
    x = planes(own.pixels[0])
    grey = (x @ np.array([0.299, 0.587, 0.114]))[..., None]
    x = share * x + (1 - share) * np.maximum(x, grey * 1.5 + 0.5)
    expected = (x + fallen[..., None] + np.rot90(fallen, k=2)[..., None]).clip(0, 1)
    # a flake on the threshold may fall to either side
    apart = np.abs(under("snow", severity, own) - expected)
    assert np.quantile(apart, 0.999) < 1e-5 and apart.max() < 0.2


@severities
def test_brightness_is_the_way_to_scikit_images_hsv_and_back(severity: int) -> None:
    own = pictures(1)
    hsv = color.rgb2hsv(planes(own.pixels[0]))
    hsv[..., 2] = (hsv[..., 2] + weather.BRIGHTNESS[severity - 1]).clip(0, 1)
    assert np.abs(under("brightness", severity, own) - color.hsv2rgb(hsv)).max() < 1e-6


# digital


@severities
def test_saturate_is_the_way_to_scikit_images_hsv_and_back(severity: int) -> None:
    own = pictures(1)
    own.pixels[:, :, :20] = own.pixels[:, :1, :20]  # some grey, which has no hue
    own.pixels[:, :, :4] = 0.0
    factor, summand = digital.SATURATE[severity - 1]
    hsv = color.rgb2hsv(planes(own.pixels[0]))
    hsv[..., 1] = (hsv[..., 1] * factor + summand).clip(0, 1)
    assert np.abs(under("saturate", severity, own) - color.hsv2rgb(hsv)).max() < 2e-6


@severities
def test_contrast_is_the_released_formula(severity: int) -> None:
    own = pictures(1)
    x, share = planes(own.pixels[0]), digital.CONTRAST[severity - 1]
    means = x.mean(axis=(0, 1), keepdims=True)
    assert np.abs(under("contrast", severity, own) - ((x - means) * share + means).clip(0, 1)).max() < 1e-6


@severities
@pytest.mark.parametrize(("height", "width"), [(224, 224), (97, 150)])
def test_pixelate_is_pillows_to_a_rounding_of_each_pass(severity: int, height: int, width: int) -> None:
    own, share = pictures(1, height, width), digital.PIXELATE[severity - 1]
    small = image_of(own.pixels[0]).resize((int(width * share), int(height * share)), Image.Resampling.BOX)
    expected = np.asarray(small.resize((width, height), Image.Resampling.BOX)) / 255
    assert np.abs(under("pixelate", severity, own) - expected).max() < 1.001 / 255


def test_box_weights_are_pillows_at_every_size() -> None:
    for size in range(1, 300):
        for share in digital.PIXELATE:
            small = max(1, int(size * share))
            for before, after in ((size, small), (small, size)):
                points = Image.fromarray(np.eye(before, dtype=np.float32))
                expected = np.asarray(points.resize((after, before), Image.Resampling.BOX)).T
                assert np.abs(digital.box(before, after).numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("quality", [25, 18, 15, 10, 7, 1, 50, 90, 100])
@pytest.mark.parametrize(("height", "width"), [(224, 224), (97, 150), (16, 16), (33, 47), (98, 70), (1, 1), (2, 9)])
def test_jpeg_is_pillows_to_the_bit(quality: int, height: int, width: int) -> None:
    pixels = picture(height, width, quality)
    file = io.BytesIO()
    image_of(pixels).save(file, "JPEG", quality=quality)
    assert np.array_equal(
        np.asarray(image_of(compressed(pixels.unsqueeze(0), quality)[0])), np.asarray(Image.open(file))
    )


def test_jpeg_of_a_photo_is_pillows(assets: Any) -> None:
    photo = next(iter(sorted((assets / "pets" / "images").rglob("*.jpg"))))
    image = Image.open(photo).convert("RGB").resize((224, 224))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    for quality in (25, 18, 15, 10, 7):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        done = image_of(compressed(pixels.unsqueeze(0), quality)[0])
        assert np.array_equal(np.asarray(done), np.asarray(Image.open(file)))


@severities
def test_elastic_transform_is_scipys_with_the_same_field(severity: int) -> None:
    own = pictures(1)
    height, sigma, corner = blur.ELASTIC[severity - 1]
    draws = torch.rand(3, 2, generator=own.generator(0, "elastic_transform"), dtype=torch.float64) * 2 - 1
    back = blur.affine_map(draws * corner, 224, 224).numpy()
    matrix, shift = back[:2].T[::-1, ::-1], back[2, ::-1]  # scipy counts (row, column)
    x = planes(own.pixels[0])
    turned = np.stack(
        [ndimage.affine_transform(x[..., c], matrix, shift, order=1, mode="mirror") for c in range(3)], -1
    )
    noise_ = torch.rand(2, 224, 224, generator=own.generator(0, "elastic_transform", 1)).double().numpy() * 2 - 1
    field = [height * ndimage.gaussian_filter(part, sigma, mode="reflect", truncate=3) for part in noise_]
    rows, columns = np.meshgrid(np.arange(224), np.arange(224), indexing="ij")
    places = [rows + field[1], columns + field[0]]
    expected = np.stack(
        [ndimage.map_coordinates(turned[..., c], places, order=1, mode="reflect") for c in range(3)], -1
    )
    assert np.abs(under("elastic_transform", severity, own) - expected).max() < 2e-3


# spatter


@pytest.mark.parametrize("severity", [4, 5])
def test_mud_follows_the_released_steps(severity: int) -> None:
    own = pictures(1)
    mean, deviation, sigma, threshold, blur_of_mud = SPATTER[severity - 1]
    field = torch.randn(224, 224, generator=own.generator(0, "spatter")).double().numpy()
    liquid = ndimage.gaussian_filter(mean + deviation * field, sigma, mode="nearest")
    cover = ndimage.gaussian_filter((liquid > threshold).astype(float), blur_of_mud, mode="nearest")
    cover = np.where(cover < 0.8, 0, cover)[..., None]
    expected = planes(own.pixels[0]) * (1 - cover) + np.array([63, 42, 20]) / 255 * cover
    # a drop on the threshold may fall to either side
    assert np.quantile(np.abs(under("spatter", severity, own) - expected), 0.999) < 1e-5


@pytest.mark.parametrize("share", [0.3, 0.01, 0.001])
def test_distances_are_scipys_up_to_the_farthest(share: float) -> None:
    points = torch.rand(2, 1, 60, 83, generator=torch.Generator().manual_seed(5)) < share
    points[:, :, 30, 40] = True
    for index in range(2):
        expected = ndimage.distance_transform_edt(~points[index, 0].numpy())
        done = distance_to(points, 20)[index, 0].clamp_max(20).numpy()
        assert np.abs(done - np.minimum(expected, 20)).max() < 1e-5


def test_equalising_is_opencvs_formula() -> None:
    heights = torch.randint(3, 21, (2, 1, 40, 30), generator=torch.Generator().manual_seed(1))
    for index in range(2):
        flat = heights[index].flatten().numpy()
        total = np.bincount(flat, minlength=21).cumsum()
        lowest = total[total > 0][0]
        table = np.round((total - lowest) * 255 / (len(flat) - lowest)).clip(0)
        assert np.array_equal(equalised(heights)[index].flatten().numpy(), table[flat])
