"""Image and mask stay in step to one pixel: every source, EXIF orientation and preprocessing of torchvision."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from data.pictures import GREEN, RED
from data.trees import BUILDERS, DECODING_PATHS, scene_of
from torch import Tensor
from torch.nn.functional import max_pool2d

from modelaudit.data import Decoded, apply_geometry, decode, open_data
from modelaudit.language.sample import Preprocessing

ORIENTATIONS = range(1, 9)
#: enlarged fourfold at most, by which interpolation rounds the object's corners by less than a pixel
LARGE = {"size": (150, 220), "box": (25, 20, 95, 65)}


@cache
def preprocessings() -> tuple[Preprocessing, ...]:
    """The geometries of all weights that torchvision's classification models have."""
    found = set()
    for name in torchvision.models.list_models(module=torchvision.models):
        for weights in torchvision.models.get_model_weights(name):
            preset = weights.transforms()
            (resize,), (crop,) = preset.resize_size, preset.crop_size
            found.add((resize, crop, preset.interpolation.value, bool(preset.antialias)))
    return tuple(
        Preprocessing(resize, crop, interpolation=how, antialias=anti) for resize, crop, how, anti in sorted(found)
    )


def opened(builder: str, root: Path, orientation: int, kind: str = "PNG") -> Decoded:
    scene = scene_of(orientation, kind, name=f"a.{kind.lower()}", **LARGE)
    (sample,) = open_data(BUILDERS[builder](root, scene), root=root).samples
    return decode(sample)


def out_of_step(pixels: Tensor, mask: Tensor) -> Tensor:
    """[H, W]: where colour and mask disagree, further than one pixel from the outline of the mask."""
    reddish = pixels[0] > (RED[0] + GREEN[0]) / 2 / 255
    kept = mask.float()[None, None]
    near = max_pool2d(kept, 3, 1, 1) != -max_pool2d(-kept, 3, 1, 1)
    return (reddish != (mask == 1)) & ~near[0, 0]


def test_torchvisions_presets_are_all_there() -> None:
    sizes = {(one.resize, one.crop) for one in preprocessings()}
    assert {(224, 224), (232, 224), (256, 224), (236, 224), (342, 299), (384, 384), (518, 518)} <= sizes
    assert {one.interpolation for one in preprocessings()} == {"bilinear", "bicubic"}


TURNED = [(source, 6, "JPEG") for source in BUILDERS]
TURNED += [(source, orientation, "PNG") for source in DECODING_PATHS for orientation in ORIENTATIONS]


@pytest.mark.parametrize(("builder", "orientation", "kind"), TURNED)
def test_image_and_mask_are_turned_alike(tmp_path: Path, builder: str, orientation: int, kind: str) -> None:
    decoded, scene = opened(builder, tmp_path, orientation, kind), scene_of(**LARGE)
    assert decoded.mask is not None and decoded.image.shape == (*scene.size, 3)
    assert np.array_equal(decoded.mask, scene.mask)
    assert np.array_equal(decoded.image[..., 0] > (RED[0] + GREEN[0]) / 2, scene.mask == 1)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("builder", DECODING_PATHS)
def test_image_and_mask_stay_in_step_through_every_preprocessing(
    tmp_path: Path, builder: str, orientation: int
) -> None:
    decoded = opened(builder, tmp_path, orientation)
    for preprocessing in preprocessings():
        pixels, mask = apply_geometry(decoded, preprocessing)
        assert mask is not None and mask.shape == pixels.shape[1:]
        assert (mask == 1).float().mean() > 0.05, preprocessing
        assert not out_of_step(pixels, mask).any(), preprocessing


def test_a_mask_that_is_two_pixels_off_is_found_out_of_step() -> None:
    scene = scene_of()
    image = np.where(scene.mask[:, :, None] == 1, np.uint8(RED), np.uint8(GREEN)).astype(np.uint8)
    for shift in ((2, 0), (0, 2), (-2, 0)):
        decoded = Decoded(image, np.roll(scene.mask, shift, (0, 1)), "")
        pixels, mask = apply_geometry(decoded, Preprocessing())
        assert mask is not None and out_of_step(pixels, mask).any()
    pixels, mask = apply_geometry(Decoded(image, scene.mask, ""), Preprocessing())
    assert mask is not None and not out_of_step(pixels, mask).any()
    assert torch.equal(mask, torch.from_numpy(scene.mask))
