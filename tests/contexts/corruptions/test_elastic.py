"""The elastic transform: its parameters, its maps, and the mask that moves with the picture."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.corruptions.pictures import corruption, pictures

from modelaudit.contexts import apply
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.corruptions.blur import ELASTIC, affine_map, nearest, places, sampled


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
