"""Pictures: what a reader sees is the image, the map on a scale of its own, and the object's outline."""

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

from modelaudit.engine.gallery.drawing import LARGEST_SIDE, image_bytes, overlay_bytes, store
from modelaudit.language import ResultsError


def opened(content: bytes) -> NDArray[np.float64]:
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "WEBP" and picture.mode == "RGB"
        return np.asarray(picture, dtype=np.float64)


def square(side: int = 64) -> Tensor:
    mask = torch.zeros((side, side), dtype=torch.uint8)
    mask[16:48, 16:48] = 1
    return mask


def test_a_picture_is_the_image() -> None:
    pixels = torch.zeros(3, 64, 64)
    pixels[0, :, :32], pixels[2, :, 32:] = 1, 1
    found = opened(image_bytes(pixels))
    assert found.shape == (64, 64, 3)
    assert np.abs(found[:, :28] - [255, 0, 0]).max() < 12 and np.abs(found[:, 36:] - [0, 0, 255]).max() < 12


@pytest.mark.parametrize(("height", "width", "shape"), [(448, 224, (224, 112)), (100, 900, (25, 224)), (9, 7, (9, 7))])
def test_a_large_picture_is_made_smaller_in_proportion(height: int, width: int, shape: tuple[int, int]) -> None:
    assert max(shape) <= LARGEST_SIDE
    assert opened(image_bytes(torch.rand(3, height, width))).shape[:2] == shape


def test_heat_lies_where_the_attribution_is_and_negative_parts_are_cold() -> None:
    map_ = torch.zeros(64, 64)
    map_[8:24, 8:24], map_[40:56, 40:56] = 1.0, -5.0
    found = opened(overlay_bytes(torch.full((3, 64, 64), 0.5), map_, None))
    redness = found[..., 0] - found[..., 2]
    assert redness[12:20, 12:20].min() > 100
    assert redness[44:52, 44:52].max() < 0
    assert np.abs(redness[44:52, 44:52] - redness[30:36, 2:6].mean()).max() < 12  # as cold as nothing


def test_the_scale_of_a_map_is_its_own_and_a_hot_pixel_does_not_darken_it() -> None:
    pixels, map_ = torch.full((3, 64, 64), 0.5), torch.zeros(64, 64)
    map_[8:24, 8:24] = 1.0
    assert overlay_bytes(pixels, map_, None) == overlay_bytes(pixels, map_ * 1024, None)
    hot = map_.clone()
    hot[60, 60] = 1e6
    found, plain = opened(overlay_bytes(pixels, hot, None)), opened(overlay_bytes(pixels, map_, None))
    assert np.abs(found[10:22, 10:22] - plain[10:22, 10:22]).mean() < 4


@pytest.mark.parametrize("map_", [torch.zeros(64, 64), -torch.ones(64, 64)])
def test_a_map_without_a_positive_part_is_drawn_cold(map_: Tensor) -> None:
    found = opened(overlay_bytes(torch.full((3, 64, 64), 0.5), map_, square()))
    assert (found[24:40, 24:40, 0] < found[24:40, 24:40, 2]).all()


def test_one_hot_pixel_alone_is_seen() -> None:
    map_ = torch.zeros(64, 64)
    map_[30:33, 30:33] = 1e-30
    found = opened(overlay_bytes(torch.full((3, 64, 64), 0.5), map_, None))
    assert found[31, 31, 0] - found[31, 31, 2] > 60


def test_the_outline_runs_round_the_object_on_its_background() -> None:
    pixels, map_ = torch.zeros(3, 64, 64), torch.zeros(64, 64)
    bright = opened(overlay_bytes(pixels, map_, square())).min(axis=2) > 170
    assert bright[15, 20:44].all() and bright[48, 20:44].all() and bright[20:44, 15].all() and bright[20:44, 48].all()
    inside, outside = bright[20:44, 20:44], bright[:12]
    assert not inside.any() and not outside.any()


def test_a_picture_is_stored_once_under_the_hash_of_its_content(tmp_path: Path) -> None:
    content = image_bytes(torch.rand(3, 8, 8))
    name = store(tmp_path, content)
    assert name == store(tmp_path, content)
    assert name == f"images/{hashlib.sha256(content).hexdigest()[:24]}.webp"
    assert (tmp_path / name).read_bytes() == content
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("in the way")
    with pytest.raises(ResultsError, match=r"images.*--audit-results"):
        store(tmp_path, b"content")
