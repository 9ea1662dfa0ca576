"""Blur and distortion: parameters, constant pictures, the shuffle of the glass, the angle of motion, elastic maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from contexts.corruptions.pictures import corruption, grey, pictures
from numpy.typing import NDArray

from modelaudit.contexts import apply
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.corruptions import blur
from modelaudit.contexts.corruptions.blur import ELASTIC, affine_map, nearest, places, sampled, shuffled


def test_the_parameters_are_those_of_imagenet_c() -> None:
    assert blur.GAUSSIAN_BLUR_SIGMA == (1, 2, 3, 4, 6)
    assert blur.DEFOCUS == ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
    assert blur.GLASS == ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
    assert blur.MOTION == ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
    assert [stop for stop, _ in blur.ZOOM] == [1.11, 1.16, 1.21, 1.26, 1.31]
    assert [step for _, step in blur.ZOOM] == [0.01, 0.01, 0.02, 0.02, 0.03]


def test_the_zooms_are_those_of_numpy_with_its_rounding() -> None:
    zooms = [np.arange(1, *range_) for range_ in blur.ZOOM]
    assert [len(factors) for factors in zooms] == [12, 16, 11, 13, 11]
    assert [round(float(factors[-1]), 2) for factors in zooms] == [1.11, 1.15, 1.2, 1.24, 1.3]


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur"])
def test_a_blur_keeps_one_colour_to_the_border(name: str, severity: int) -> None:
    done = apply(corruption(name, severity, "whole"), grey(0.4, 96, 128)).pixels
    assert torch.allclose(done, torch.tensor(0.4), atol=1e-5)


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_defocus_turns_a_point_into_its_disc(severity: int) -> None:
    own = grey(0.0)
    point = own.pixels.clone()
    point[..., 112, 112] = 1
    spot = apply(corruption("defocus_blur", severity, "whole"), replace(own, pixels=point)).pixels[0, 0]
    radius = (3, 4, 6, 8, 10)[severity - 1]
    lit = spot > 0.5 / (np.pi * radius**2)
    assert float(spot.sum()) == pytest.approx(1, abs=1e-4)
    assert float(lit.sum()) == pytest.approx(np.pi * radius**2, rel=0.12)


def sequential(offsets: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """The released code's loop, on the numbers of the pixels: where each pixel's value comes from."""
    _, height, width = offsets.shape
    image = np.arange(height * width).reshape(height, width)
    for row in range(height - step, step, -1):
        for column in range(width - step, step, -1):
            down, across = offsets[:, row, column]
            # both sides of the released assignment are views of one array: the second half of the swap does nothing
            image[row, column] = image[row + down, column + across]
    return image


@pytest.mark.parametrize("step", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (21, 40), (9, 8)])
def test_pointer_doubling_gives_the_sequential_shuffle(step: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(step)
    uniform = torch.rand(4, 2, height, width, generator=generator)
    source = shuffled(uniform, step).view(4, height, width)
    for index in range(4):
        offsets = (uniform[index] * 2 * step).long().numpy() - step
        assert np.array_equal(source[index].numpy(), sequential(offsets, step))


def test_chains_of_the_shuffle_are_followed_to_their_end() -> None:
    # every pixel takes the value of its right neighbour, which was written before it: a chain over the whole row
    width = 60
    uniform = torch.full((1, 2, 9, width), 0.5)  # no row down
    uniform[:, 1] = 0.75  # one column across
    source = shuffled(uniform, 2).view(9, width)
    offsets = np.stack([np.zeros((9, width), dtype=np.int64), np.ones((9, width), dtype=np.int64)])
    assert np.array_equal(source.numpy(), sequential(offsets, 2))
    assert int(source[4, 3]) == 4 * width + width - 1


def test_the_shuffle_moves_pixels_by_the_farthest_step_and_keeps_the_border() -> None:
    uniform = torch.rand(1, 2, 40, 40, generator=torch.Generator().manual_seed(0))
    source = shuffled(uniform, 2).view(40, 40)
    place = torch.arange(1600).view(40, 40)
    assert torch.equal(source[:3], place[:3]) and torch.equal(source[:, 39:], place[:, 39:])
    inner = (source != place)[3:39, 3:39]
    # one of 16 offsets is none
    assert float(inner.float().mean()) == pytest.approx(15 / 16, abs=0.03)


def test_severities_of_motion_share_one_angle_between_minus_45_and_45_degrees() -> None:
    own = grey(0.0, count=12)
    point = own.pixels.clone()
    point[..., 112, 112] = 1
    angles = []
    for severity in (2, 5):
        spots = apply(corruption("motion_blur", severity, "whole"), replace(own, pixels=point)).pixels[:, 0].double()
        at = torch.arange(224) - 112.0
        # the point is seen where the line comes from: against its direction
        down, across = -(spots.sum(dim=2) * at).sum(dim=1), -(spots.sum(dim=1) * at).sum(dim=1)
        angles.append(torch.rad2deg(torch.atan2(down, across)))
    assert torch.allclose(*angles, atol=3)
    assert float(angles[1].abs().max()) < 46 and float(angles[1].max() - angles[1].min()) > 40


def test_zoom_blur_keeps_the_centre_and_streaks_the_border() -> None:
    own = pictures(2)
    change = (apply(corruption("zoom_blur", 3, "whole"), own).pixels - own.pixels).abs().mean(dim=(0, 1))
    assert float(change[104:120, 104:120].mean()) < 0.5 * float(change[:24].mean())


def test_the_parameters_of_the_elastic_transform_are_those_of_the_released_code() -> None:
    flat = [value for row in ELASTIC for value in row]
    expected = [488, 170.8, 24.4, 488, 19.52, 48.8, 12.2, 2.44, 4.88, 17.08, 2.44, 4.88, 29.28, 2.44, 4.88]
    assert flat == pytest.approx(expected)


def test_the_affine_map_takes_the_moved_corners_back() -> None:
    corners = torch.tensor([[3.0, -2.0], [1.0, 5.0], [-4.0, 0.5]], dtype=torch.float64)
    back = affine_map(corners, 224, 224)
    placed = torch.tensor([[186.0, 186.0], [186.0, 38.0], [38.0, 38.0]], dtype=torch.float64)
    points = torch.cat([placed + corners, torch.ones(3, 1, dtype=torch.float64)], dim=1)
    assert torch.allclose(points @ back, placed)
    assert torch.allclose(affine_map(torch.zeros(3, 2, dtype=torch.float64), 30, 50)[:2], torch.eye(2).double())


def test_sampling_at_the_pixels_is_the_picture() -> None:
    pixels = pictures(1, 20, 30).pixels
    own = places(pixels).expand(1, -1, -1, -1)
    for border in ("reflect", "mirror"):
        assert torch.allclose(sampled(pixels, own, border), pixels, atol=1e-5)  # type: ignore[arg-type]
        assert torch.equal(nearest(own, border).flatten(), torch.arange(600))  # type: ignore[arg-type]


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_with_the_whole_picture_the_mask_moves_too(severity: int) -> None:
    own = pictures(2)
    assert own.mask is not None
    marked = own.pixels.clone()
    marked[:, 0] = torch.where(own.mask == 0, 0.0, 1.0)
    done = apply(corruption("elastic_transform", severity, "whole"), replace(own, pixels=marked))
    assert done.mask is not None and not torch.equal(done.mask, own.mask)
    assert set(done.mask.unique().tolist()) <= {0, 1, 255}
    # the red channel, which was the object and its ring, is where the mask says it is
    assert float(((done.pixels[:, 0] > 0.5) == (done.mask != 0)).float().mean()) > 0.98


def test_an_object_of_which_nothing_is_left_makes_it_impossible() -> None:
    own = pictures(12, 64, 64)
    assert own.mask is not None
    corner = torch.zeros_like(own.mask)
    corner[:, 0, 0] = 1
    corner[0] = 0  # that there was none is another matter
    done = apply(corruption("elastic_transform", 2, "whole"), replace(own, mask=corner))
    assert done.mask is not None
    left = (done.mask == 1).flatten(1).any(dim=1)
    assert left[1:].any() and not left.all() and not left[0]
    assert done.impossible.tolist() == [False, *(~left[1:]).tolist()]


@pytest.mark.parametrize("region", ["background", "object"])
def test_in_a_region_the_mask_stays(region: str) -> None:
    own = pictures(1, 64, 64)
    done = apply(corruption("elastic_transform", 3, region), own)
    assert done.mask is own.mask


def test_small_severities_displace_by_few_pixels() -> None:
    ramp = torch.arange(224.0).expand(3, 224, 224).unsqueeze(0) / 223
    own = ContextInput(ramp, None, ("a",), 0)
    for severity, most in ((3, 10.0), (5, 22.0)):
        moved = (apply(corruption("elastic_transform", severity, "whole"), own).pixels - ramp)[..., 30:-30, 30:-30]
        assert 0.5 < float(moved.abs().max()) * 223 < most
