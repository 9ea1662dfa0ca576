"""Pictures: what a reader sees is the image, and over it the map, ever lighter with its strength."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from modelaudit.engine.gallery.drawing import (
    ALPHAS,
    COLOURS,
    LARGEST_MAP_SIDE,
    LARGEST_SIDE,
    heat_array,
    heat_bytes,
    image_array,
    image_bytes,
    object_array,
    store,
)
from modelaudit.language import ResultsError


def opened(content: bytes) -> NDArray[np.float64]:
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "WEBP" and picture.mode == "RGB"
        return np.asarray(picture, dtype=np.float64)


def levels(attribution: Tensor) -> NDArray[np.uint8]:
    """The number of the colour of each pixel."""
    with Image.open(io.BytesIO(heat_bytes(heat_array(attribution)))) as picture:
        assert picture.format == "PNG" and picture.mode == "P"
        return np.asarray(picture)


def luminance(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """[...] the relative luminance (WCAG, ITU-R BT.709) of sRGB colours [..., 3] in [0, 255]."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def lightness(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*."""
    y = luminance(colours)
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, 24389 / 27 * y)


def test_a_picture_is_the_image() -> None:
    pixels = torch.zeros(3, 64, 64)
    pixels[0, :, :32], pixels[2, :, 32:] = 1, 1
    found = opened(image_bytes(image_array(pixels)))
    assert found.shape == (64, 64, 3)
    assert np.abs(found[:, :28] - [255, 0, 0]).max() < 12 and np.abs(found[:, 36:] - [0, 0, 255]).max() < 12


@pytest.mark.parametrize(("height", "width", "shape"), [(448, 224, (224, 112)), (100, 900, (25, 224)), (9, 7, (9, 7))])
def test_a_large_picture_is_made_smaller_in_proportion(height: int, width: int, shape: tuple[int, int]) -> None:
    assert max(shape) <= LARGEST_SIDE
    assert image_array(torch.rand(3, height, width)).shape[:2] == shape
    assert object_array(torch.ones(height, width, dtype=torch.uint8)).shape == shape


@pytest.mark.parametrize(("height", "width", "shape"), [(448, 224, (112, 56)), (100, 900, (12, 112)), (9, 7, (9, 7))])
def test_a_large_map_is_averaged_in_proportion(height: int, width: int, shape: tuple[int, int]) -> None:
    attribution = torch.rand(height, width)
    found = heat_array(attribution)
    assert found.shape == shape and max(shape) <= LARGEST_MAP_SIDE
    assert found.mean() == pytest.approx(float(attribution.mean()), rel=0.02)


def test_the_colours_are_ever_lighter_in_even_steps() -> None:
    steps = np.diff(lightness(COLOURS.astype(np.float64)))
    assert steps.min() > 1
    assert steps[2:].max() < 2 * steps[2:].min()


@pytest.mark.parametrize("under", [0, 64, 128, 192, 255])
def test_over_any_grey_a_stronger_part_is_lighter(under: int) -> None:
    alpha = ALPHAS[:, None] / 255
    shown = alpha * COLOURS + (1 - alpha) * under
    assert (np.diff(luminance(shown)) > 0).all()
    assert luminance(shown[-1:])[0] > luminance(shown[:1])[0] + 0.4


def test_the_colours_are_those_of_matplotlib() -> None:
    colormaps = pytest.importorskip("matplotlib").colormaps
    theirs = colormaps["inferno"](np.linspace(0, 1, len(COLOURS)), bytes=True)[:, :3]
    assert np.abs(theirs.astype(int) - COLOURS).max() <= 1


def test_a_map_lets_through_what_is_under_it_the_less_the_stronger() -> None:
    with Image.open(io.BytesIO(heat_bytes(np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)))) as picture:
        shown = np.asarray(picture.convert("RGBA"))
    assert shown[0, 0].tolist() == [*COLOURS[0].tolist(), int(ALPHAS[0])]
    assert shown[-1, -1].tolist() == [*COLOURS[-1].tolist(), int(ALPHAS[-1])]
    assert (np.diff(shown[..., 3].ravel().astype(int)) >= 0).all()


def test_heat_lies_where_the_attribution_is_and_negative_parts_are_cold() -> None:
    map_ = torch.zeros(64, 64)
    map_[8:24, 8:24], map_[40:56, 40:56] = 1.0, -5.0
    found = levels(map_)
    assert (found[8:24, 8:24] == len(COLOURS) - 1).all()
    assert found.sum() == found[8:24, 8:24].sum()


def test_the_scale_of_a_map_is_its_own_and_a_hot_pixel_does_not_darken_it() -> None:
    map_ = torch.zeros(64, 64)
    map_[8:24, 8:24] = 1.0
    assert np.array_equal(levels(map_), levels(map_ * 1024))
    hot = map_.clone()
    hot[60, 60] = 1e6
    assert np.array_equal(levels(hot)[:32, :32], levels(map_)[:32, :32])


@pytest.mark.parametrize("map_", [torch.zeros(64, 64), -torch.ones(64, 64), torch.full((64, 64), torch.nan)])
def test_a_map_without_a_positive_part_is_drawn_cold(map_: Tensor) -> None:
    assert not levels(map_).any()


def test_one_hot_pixel_alone_is_seen() -> None:
    map_ = torch.zeros(64, 64)
    map_[30:33, 30:33] = 1e-30
    assert levels(map_)[31, 31] == len(COLOURS) - 1


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_picture_is_stored_once_under_the_hash_of_its_content(tmp_path: Path, kind: str) -> None:
    content = image_bytes(image_array(torch.rand(3, 8, 8))) if kind == "webp" else heat_bytes(np.ones((4, 4), "f4"))
    name = store(tmp_path, content)
    assert name == store(tmp_path, content)
    assert name == f"images/{hashlib.sha256(content).hexdigest()}.{kind}"
    assert (tmp_path / name).read_bytes() == content
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("in the way")
    with pytest.raises(ResultsError, match=r"images.*--audit-results"):
        store(tmp_path, b"content")
