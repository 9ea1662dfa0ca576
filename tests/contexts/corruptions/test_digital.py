"""Contrast, saturation, pixels and elastic maps: parameters, closed forms, and the mask that moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.corruptions.pictures import corruption, grey, pictures

from modelaudit.contexts import apply
from modelaudit.contexts.base import Scene
from modelaudit.contexts.corruptions import digital
from modelaudit.contexts.corruptions.digital import affine_map, sampled


def test_the_parameters_are_those_of_imagenet_c() -> None:
    assert digital.CONTRAST == (0.4, 0.3, 0.2, 0.1, 0.05)
    assert digital.SATURATE == ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
    assert digital.PIXELATE == (0.6, 0.5, 0.4, 0.3, 0.25)


def test_the_parameters_of_the_elastic_transform_are_those_of_the_released_code() -> None:
    flat = [value for row in digital.ELASTIC for value in row]
    expected = [488, 170.8, 24.4, 488, 19.52, 48.8, 12.2, 2.44, 4.88, 17.08, 2.44, 4.88, 29.28, 2.44, 4.88]
    assert flat == pytest.approx(expected)


@pytest.mark.parametrize(("severity", "share"), list(enumerate((0.4, 0.3, 0.2, 0.1, 0.05), 1)))
def test_contrast_keeps_the_mean_of_each_channel_and_a_share_of_the_rest(severity: int, share: float) -> None:
    own = pictures(2, 64, 48)
    done = apply(corruption("contrast", severity, "whole"), own).pixels
    mean = own.pixels.double().mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(done.double(), mean + share * (own.pixels - mean), atol=1e-6)


def test_contrast_of_the_background_turns_about_the_mean_of_the_whole_image() -> None:
    own = pictures(1, 64, 64)
    whole, behind = (apply(corruption("contrast", 3, region), own).pixels for region in ("whole", "background"))
    outside = ~own.kept().expand(-1, 3, -1, -1)
    assert torch.equal(whole[outside], behind[outside])


@pytest.mark.parametrize(("severity", "saturation"), [(1, 0.3 * 0.75), (2, 0.1 * 0.75), (3, 1.0), (4, 1.0), (5, 1.0)])
def test_saturation_is_scaled_and_the_value_kept(severity: int, saturation: float) -> None:
    colour = torch.tensor([0.2, 0.8, 0.5]).view(1, 3, 1, 1)
    own = Scene(colour.clone(), None, ("a",), 0)
    done = apply(corruption("saturate", severity, "whole"), own).pixels.flatten().tolist()
    assert done == pytest.approx([0.8 * (1 - saturation), 0.8, 0.8 * (1 - saturation / 2)], abs=1e-6)


def test_grey_turns_reddish_where_saturation_is_added() -> None:
    for severity, expected in ((3, (0.5, 0.5, 0.5)), (4, (0.5, 0.45, 0.45)), (5, (0.5, 0.4, 0.4))):
        done = apply(corruption("saturate", severity, "whole"), grey(0.5, 4, 4)).pixels[0, :, 0, 0]
        assert done.tolist() == pytest.approx(expected, abs=1e-6)


def test_saturate_is_not_monotone() -> None:
    own = pictures(1)
    steps = [(apply(corruption("saturate", at, "whole"), own).pixels - own.pixels).norm().item() for at in (2, 3)]
    greyed, coloured = steps
    assert greyed > coloured


@pytest.mark.parametrize(("severity", "size"), list(enumerate((134, 112, 89, 67, 56), 1)))
def test_a_pixelated_picture_has_its_number_of_blocks(severity: int, size: int) -> None:
    done = apply(corruption("pixelate", severity, "whole"), pictures(1)).pixels[0, 0]
    for side in (done, done.T):
        changes = (side.diff(dim=0).abs() > 1e-5).any(dim=1)
        assert int(changes.sum()) + 1 == size


def test_the_affine_map_takes_the_moved_corners_back() -> None:
    corners = torch.tensor([[3.0, -2.0], [1.0, 5.0], [-4.0, 0.5]], dtype=torch.float64)
    back = affine_map(corners, 224, 224)
    placed = torch.tensor([[186.0, 186.0], [186.0, 38.0], [38.0, 38.0]], dtype=torch.float64)
    points = torch.cat([placed + corners, torch.ones(3, 1, dtype=torch.float64)], dim=1)
    assert torch.allclose(points @ back, placed)
    assert torch.allclose(affine_map(torch.zeros(3, 2, dtype=torch.float64), 30, 50)[:2], torch.eye(2).double())


def test_sampling_at_the_pixels_is_the_picture() -> None:
    pixels = pictures(1, 20, 30).pixels
    own = digital._places(pixels).expand(1, -1, -1, -1)
    for border in ("reflect", "mirror"):
        assert torch.allclose(sampled(pixels, own, border), pixels, atol=1e-5)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("region", ["background", "object"])
def test_in_a_region_the_mask_stays(region: str) -> None:
    own = pictures(1, 64, 64)
    done = apply(corruption("elastic_transform", 3, region), own)
    assert done.mask is own.mask


def test_small_severities_displace_by_few_pixels() -> None:
    ramp = torch.arange(224.0).expand(3, 224, 224).unsqueeze(0) / 223
    own = Scene(ramp, None, ("a",), 0)
    for severity, most in ((3, 10.0), (5, 22.0)):
        moved = (apply(corruption("elastic_transform", severity, "whole"), own).pixels - ramp)[..., 30:-30, 30:-30]
        assert 0.5 < float(moved.abs().max()) * 223 < most
