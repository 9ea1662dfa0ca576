"""Geometry: the numbers of torchvision's presets, and a mask that stays with its image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from data.pictures import GREEN, RED
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from modelaudit.data import Decoded, apply_geometry, object_kept
from modelaudit.language.errors import DataError
from modelaudit.language.resizing import resized_size
from modelaudit.language.sample import Preprocessing

SIZES = [(300, 400), (401, 299), (257, 256), (40, 31), (20, 90), (224, 224), (1, 5)]


def photo(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(height * 1000 + width).integers(0, 256, size=(height, width, 3))
    return noise.astype(np.uint8)


def decoded(image: np.ndarray, mask: np.ndarray | None = None) -> Decoded:
    return Decoded(image, mask, "")


@pytest.mark.parametrize(("resize", "crop"), [(32, 28), (232, 224), (24, 40), (33, 31)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_pixels_are_those_of_torchvisions_preset(resize: int, crop: int, interpolation: str) -> None:
    preset = ImageClassification(
        crop_size=crop,
        resize_size=resize,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        interpolation=InterpolationMode(interpolation),
    )
    preprocessing = Preprocessing(resize, crop, interpolation=interpolation)  # type: ignore[arg-type]
    for size in SIZES:
        image = photo(*size)
        pixels, mask = apply_geometry(decoded(image), preprocessing)
        assert mask is None and pixels.dtype == torch.float32, size
        assert torch.equal(pixels, preset(Image.fromarray(image))), size


def test_without_antialiasing_the_tensor_path_of_torchvision_is_taken() -> None:
    image = photo(90, 70)
    preset = ImageClassification(crop_size=28, resize_size=32, mean=(0.0,) * 3, std=(1.0,) * 3, antialias=False)
    tensor = torch.from_numpy(image).permute(2, 0, 1).contiguous()
    pixels, _ = apply_geometry(decoded(image), Preprocessing(32, 28, antialias=False))
    assert torch.equal(pixels, preset(tensor))


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(16, 120),
    width=st.integers(16, 120),
    resize=st.one_of(st.none(), st.integers(12, 90), st.tuples(st.integers(12, 90), st.integers(12, 90))),
    crop=st.one_of(st.none(), st.integers(8, 100), st.tuples(st.integers(8, 100), st.integers(8, 100))),
    data=st.data(),
)
def test_the_mask_stays_in_step_with_the_image_to_one_pixel(
    height: int,
    width: int,
    resize: int | tuple[int, int] | None,
    crop: int | tuple[int, int] | None,
    data: st.DataObject,
) -> None:
    larger = resized_size(height, width, resize)
    # enlarged further, interpolation rounds the corners of an object by more than a pixel
    assume(larger[0] <= 4 * height and larger[1] <= 4 * width)
    top, left = data.draw(st.integers(0, height - 8)), data.draw(st.integers(0, width - 8))
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[top : top + data.draw(st.integers(6, height - top)), left : left + data.draw(st.integers(6, width - left))] = 1
    image = np.where((mask == 1)[:, :, None], np.uint8(RED), np.uint8(GREEN)).astype(np.uint8)
    pixels, moved = apply_geometry(decoded(image, mask), Preprocessing(resize, crop))
    assert moved is not None and moved.shape == pixels.shape[1:] and moved.dtype == torch.uint8
    assert set(moved.unique().tolist()) <= {0, 1}
    padded = pixels.amax(dim=0) == 0
    reddish = pixels[0] > sum(RED[:1] + GREEN[:1]) / 2 / 255
    wrong = (reddish != (moved == 1)) & ~padded
    assert not moved[padded].any()
    # a wrong pixel may only lie beside the outline of the mask
    kept = moved.float()[None, None]
    near = torch.nn.functional.max_pool2d(kept, 3, 1, 1) != -torch.nn.functional.max_pool2d(-kept, 3, 1, 1)
    assert not (wrong & ~near[0, 0]).any()


def test_the_ring_survives_and_no_other_value_appears() -> None:
    mask = np.zeros((50, 60), dtype=np.uint8)
    mask[10:40, 10:50], mask[15:35, 15:45] = 255, 1
    _, moved = apply_geometry(decoded(photo(50, 60), mask), Preprocessing(37, 33, interpolation="bicubic"))
    assert moved is not None and set(moved.unique().tolist()) == {0, 1, 255}


def test_without_geometry_nothing_moves() -> None:
    image, mask = photo(9, 7), np.eye(9, 7, dtype=np.uint8)
    pixels, moved = apply_geometry(decoded(image, mask), Preprocessing())
    assert torch.equal((pixels * 255).round().to(torch.uint8).permute(1, 2, 0), torch.from_numpy(image))
    assert moved is not None and torch.equal(moved, torch.from_numpy(mask))


def test_what_comes_back_shares_no_memory_with_the_decoded_image() -> None:
    image, mask = photo(9, 7), np.zeros((9, 7), dtype=np.uint8)
    pixels, moved = apply_geometry(decoded(image, mask), Preprocessing())
    pixels.zero_()
    assert moved is not None
    moved.fill_(1)
    assert image.any() and not mask.any()


def test_a_strip_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(DataError, match="10000 x 1"):
        apply_geometry(decoded(np.zeros((1, 10_000, 3), dtype=np.uint8)), Preprocessing(256, 224))


def test_the_share_of_the_object_that_a_crop_leaves_is_counted() -> None:
    mask = np.zeros((40, 80), dtype=np.uint8)
    mask[10:30, 0:40] = 1  # a crop of 40 x 40 takes columns 20 to 59
    assert object_kept(mask, Preprocessing(crop=40)) == pytest.approx(0.5)
    assert object_kept(mask, Preprocessing(resize=20, crop=20)) == pytest.approx(0.5)
    assert object_kept(mask, Preprocessing(resize=20)) == 1.0
    mask[:, 20:60] = 0
    assert object_kept(mask, Preprocessing(crop=40)) == 0.0
    assert object_kept(np.pad(mask, 100), Preprocessing(crop=400)) == 1.0


@pytest.mark.parametrize("mask", [None, np.zeros((9, 9), np.uint8), np.full((9, 9), 255, np.uint8)], ids=str)
def test_where_there_is_no_object_no_share_of_it_is_left(mask: np.ndarray | None) -> None:
    assert np.isnan(object_kept(mask, Preprocessing(crop=4)))
