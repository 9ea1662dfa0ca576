"""Low resolution: means over areas of one region, interpolated back, and nothing from beyond it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import scene
from torch.nn import functional

from modelaudit.contexts import apply, low_resolution, needs_mask
from modelaudit.contexts.base import ContextInput
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context


@pytest.mark.parametrize(("height", "width", "side"), [(64, 64, 8), (60, 90, 20), (64, 32, 4)])
def test_of_the_whole_frame_it_is_the_area_mean_and_bilinear_interpolation(height: int, width: int, side: int) -> None:
    own = replace(scene(2, height, width), mask=None)
    done = apply(low_resolution(side, region="whole"), own).pixels
    few = (side * height // min(height, width), side * width // min(height, width))
    small = functional.interpolate(own.pixels, size=few, mode="area")
    expected = functional.interpolate(small, size=(height, width), mode="bilinear", align_corners=False)
    assert torch.allclose(done, expected, atol=1e-5)


def test_sides_that_do_not_divide_share_pixels_by_their_overlap() -> None:
    pixels = torch.zeros(1, 3, 5, 5)
    pixels[..., 2] = 1  # the middle column: half of it in each of two areas 2.5 wide
    done = apply(low_resolution(2, region="whole"), ContextInput(pixels, None, ("one",), 0)).pixels
    assert torch.allclose(done, torch.full_like(done, 0.2), atol=1e-6)


@pytest.mark.parametrize("region", ["background", "object"])
def test_nothing_of_the_other_region_is_mixed_in(region: str) -> None:
    own = scene(3, 40, 40)
    kept = own.kept() if region == "object" else ~own.kept()
    flat = replace(own, pixels=torch.where(kept, 0.25, own.pixels))
    done = apply(low_resolution(5, region=region), flat).pixels  # type: ignore[arg-type]
    assert torch.allclose(done, flat.pixels, atol=1e-6)
    assert torch.equal(done[(~kept).expand_as(done)], flat.pixels[(~kept).expand_as(done)])


def test_fewer_pixels_say_less() -> None:
    own = scene(1, 64, 64)
    inside = (~own.kept()).expand_as(own.pixels)
    spread = [float(apply(low_resolution(side), own).pixels[inside].std()) for side in (1, 4, 16, 48)]
    assert spread == sorted(spread) and spread[0] < 0.01


def test_a_frame_that_is_no_larger_is_impossible() -> None:
    own = scene(1, 24, 40)
    assert apply(low_resolution(23), own).impossible.tolist() == [False]
    assert apply(low_resolution(24), own).impossible.tolist() == [True]


def test_an_empty_region_is_impossible_and_masks_are_needed_for_parts() -> None:
    own = scene(2)
    assert own.mask is not None
    own.mask[1] = 0
    assert apply(low_resolution(4, region="object"), own).impossible.tolist() == [False, True]
    assert not needs_mask(low_resolution(4, region="whole"))
    with pytest.raises(ContextError, match="masks"):
        apply(low_resolution(4), replace(own, mask=None))


@pytest.mark.parametrize("side", [0, 1025, 2.5, True, "8", None])
def test_bad_sides_are_refused(side: object) -> None:
    with pytest.raises(ExpressionError, match="side"):
        low_resolution(side)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["low_resolution(8)", "low_resolution(region=object, each=[4, 8])"])
def test_texts_come_back(text: str) -> None:
    assert str(parse_context(text)) == text
