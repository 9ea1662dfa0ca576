"""Regions without information: fills, patches, low resolution and fades reach what they should and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import boxed_mask, part, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from modelaudit.contexts import (
    apply,
    exempt,
    fade,
    family,
    low_resolution,
    mean_fill,
    needs_mask,
    occlude_object,
    remove_background,
    remove_object,
)
from modelaudit.contexts.base import ContextInput
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context


@pytest.mark.parametrize("region", ["background", "object"])
def test_the_region_gets_the_colour_and_the_rest_stays(region: str) -> None:
    own = scene()
    done = apply(mean_fill(region), own).pixels  # type: ignore[arg-type]
    kept = own.kept().expand_as(own.pixels)
    filled = ~kept if region == "background" else kept
    assert torch.equal(done[~filled], own.pixels[~filled])
    colours = done.permute(0, 2, 3, 1)[filled[:, 0]]
    assert torch.equal((colours * 255).round(), torch.tensor([123.0, 116.0, 103.0]).expand_as(colours))


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("region", ["background", "object"])
def test_without_object_or_background_it_says_nothing(region: str, value: int) -> None:
    own = scene(2)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[1] = value
    done = apply(mean_fill(region), replace(own, mask=mask))  # type: ignore[arg-type]
    assert done.impossible.tolist() == [False, True]


def test_without_masks_it_is_an_error() -> None:
    with pytest.raises(ContextError, match="masks"):
        apply(mean_fill("object"), replace(scene(), mask=None))


def test_a_bad_region_is_refused() -> None:
    with pytest.raises(ExpressionError, match="region"):
        mean_fill("whole")  # type: ignore[arg-type]


def test_texts_come_back() -> None:
    assert str(parse_context("mean_fill(background)")) == "mean_fill(background)"


COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "mean": (123, 116, 103),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
}


@pytest.mark.parametrize("fill", COLOURS)
def test_a_colour_replaces_the_background_or_the_object_and_nothing_else(fill: str) -> None:
    own = scene()
    colour = (torch.tensor(COLOURS[fill]) / 255)[None, :, None, None]
    without_background = apply(remove_background(fill), own).pixels  # type: ignore[arg-type]
    assert torch.equal(without_background, torch.where(own.kept(), own.pixels, colour))
    without_object = apply(remove_object(fill, margin=0), own).pixels  # type: ignore[arg-type]
    assert torch.equal(without_object, torch.where(own.kept(), colour, own.pixels))


def test_the_mean_is_that_of_mean_fill() -> None:
    own = scene()
    assert torch.equal(apply(remove_background(), own).pixels, apply(mean_fill("background"), own).pixels)
    assert torch.equal(apply(remove_object("mean", margin=0), own).pixels, apply(mean_fill("object"), own).pixels)


@pytest.mark.parametrize(
    ("fill", "means", "deviations"),
    [
        ("white_noise", (0.5, 0.5, 0.5), (1 / 12**0.5,) * 3),
        # the clipping at 0 and 1 takes some 2 % of the deviation
        ("gaussian_noise", (123 / 255, 116 / 255, 103 / 255), (0.2255, 0.2195, 0.2165)),
    ],
)
def test_noise_has_its_mean_and_deviation_and_its_values_are_independent(
    fill: str, means: tuple[float, ...], deviations: tuple[float, ...]
) -> None:
    own = scene(1, 160, 160)
    done = apply(remove_background(fill), own).pixels[0]  # type: ignore[arg-type]
    assert own.mask is not None
    values = done[:, own.mask[0] == 0]
    assert torch.allclose(values.mean(dim=1), torch.tensor(means), atol=0.006)
    assert torch.allclose(values.std(dim=1), torch.tensor(deviations), atol=0.006)
    correlation = torch.corrcoef(torch.cat([values[:, 1:], values[:, :-1]]))
    assert float((correlation - torch.eye(6)).abs().max()) < 0.03


def test_noise_belongs_to_the_sample_and_the_context() -> None:
    own = scene(2)
    same = replace(own, pixels=own.pixels[:1].expand(2, -1, -1, -1), mask=torch.zeros_like(own.kept()[:, 0]).byte())
    assert same.mask is not None
    same.mask[:, 5:9, 5:9] = 1
    first, second = apply(remove_background("white_noise"), same).pixels
    assert not torch.equal(first, second)
    again = apply(remove_background("white_noise"), replace(same, seed=7)).pixels[0]
    assert not torch.equal(first, again)


def test_the_silhouette_is_the_mean_colour_of_the_object_without_its_ring() -> None:
    own = scene(1)
    assert own.mask is not None
    done = apply(remove_object("silhouette", margin=0), own).pixels[0]
    mean = own.pixels[0][:, own.mask[0] == 1].mean(dim=1)
    inside = done[:, own.mask[0] != 0]
    assert torch.allclose(inside, mean[:, None].expand_as(inside), atol=1e-6)


@pytest.mark.parametrize("fill", ["inpaint", "tile"])
def test_a_removed_object_is_gone_and_its_place_is_known(fill: str) -> None:
    own = scene(2, 40, 40)
    marked = replace(own, pixels=torch.where(own.kept(), 1.0, 0.2 + 0.2 * own.pixels))
    done = apply(remove_object(fill), marked)  # type: ignore[arg-type]
    assert float(done.pixels.max()) < 0.6
    assert done.mask is own.mask


@pytest.mark.parametrize("margin", [0, 1, 5])
def test_the_margin_goes_with_the_object_and_the_rest_stays_to_the_bit(margin: int) -> None:
    own = scene(2, 40, 40)
    done = apply(remove_object(margin=margin), own).pixels
    changed = (done != own.pixels).any(dim=1, keepdim=True)
    side = 2 * margin + 1
    place = functional.max_pool2d(own.kept().float(), side, stride=1, padding=margin) > 0
    assert torch.equal(changed, place)


@pytest.mark.parametrize("value", [0, 1])
def test_without_object_or_background_nothing_can_be_removed(value: int) -> None:
    own = scene(2)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[1] = value
    for context in (remove_object(), remove_object("black"), remove_background("black")):
        assert apply(context, replace(own, mask=mask)).impossible.tolist() == [False, True]


@pytest.mark.parametrize("margin", [-1, 65, 1.5, True, "2"])
def test_bad_margins_are_refused(margin: object) -> None:
    with pytest.raises(ExpressionError, match="margin"):
        remove_object(margin=margin)  # type: ignore[arg-type]


def test_bad_fills_name_the_nearest() -> None:
    with pytest.raises(ExpressionError, match="gaussian_noise"):
        remove_background("gausian_noise")  # type: ignore[arg-type]
    with pytest.raises(ExpressionError, match="inpaint"):
        remove_object("inpiant")  # type: ignore[arg-type]


few = settings(max_examples=40, deadline=None)


def ragged(seed: int, height: int = 26, width: int = 31) -> ContextInput:
    """Objects of any form, with ring pixels among them; no pixel is white."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(3, height, width, generator=generator)
    values = torch.where(mask > 0.6, 1, torch.where(mask > 0.5, 255, 0)).to(torch.uint8)
    return ContextInput(0.9 * torch.rand(3, 3, height, width, generator=generator), values, ("a", "b", "c"), seed)


def covered(own: ContextInput, share: float) -> Tensor:
    """[B, H, W] bool."""
    return (apply(occlude_object(share, fill="white"), own).pixels == 1).all(dim=1)


@few
@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_the_share_of_object_pixels_is_covered_and_no_background(seed: int, share: float) -> None:
    own = ragged(seed)
    assert own.mask is not None
    done = covered(own, share)
    area = (own.mask == 1).flatten(1).sum(1)
    assert ((done & (own.mask == 1)).flatten(1).sum(1) == (share * area.double() + 0.5).floor()).all()
    assert not (done & (own.mask == 0)).any()


@few
@given(seed=st.integers(0, 1000), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_what_is_covered_at_a_share_is_covered_at_every_larger_one(seed: int, shares: tuple[float, float]) -> None:
    own = ragged(seed)
    less, more = (covered(own, share) for share in sorted(shares))
    assert not (less & ~more).any()


def test_nothing_is_the_image_to_the_bit_and_all_is_object_and_ring() -> None:
    own = ragged(0)
    assert torch.equal(apply(occlude_object(0), own).pixels, own.pixels)
    assert exempt(occlude_object(0)) and not exempt(occlude_object(0.1))
    assert own.mask is not None and torch.equal(covered(own, 1), own.mask != 0)


def test_the_patch_is_a_square_round_one_point() -> None:
    mask = torch.ones(1, 60, 60, dtype=torch.uint8)
    mask[0, 0, 0] = 0
    own = ContextInput(torch.full((1, 3, 60, 60), 0.4), mask, ("wide",), 3)
    rows, columns = covered(own, 121 / 3599)[0].nonzero(as_tuple=True)
    height, width = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
    assert len(rows) == 121 and max(height, width) >= 11
    assert len(rows) > 0.6 * height * width


def test_every_object_pixel_is_a_centre_equally_often() -> None:
    mask = boxed_mask(6, 7, 2, 1, 2, 4, ring=1)
    count = 2400
    own = ContextInput(torch.zeros(count, 3, 6, 7), mask.expand(count, -1, -1), tuple(map(str, range(count))), 0)
    found = covered(own, 1 / 8).sum(dim=0)
    assert int(found.sum()) == count and not found[mask != 1].any()
    assert float(((found[mask == 1] - 300.0).square() / 300).sum()) < 24.3  # chi square, 7 degrees, 0.1 %


@pytest.mark.parametrize("fill", ["mean", "black", "gaussian_noise", "white_noise"])
def test_the_fill_covers_and_the_mask_stays(fill: str) -> None:
    own = ragged(1)
    done = apply(occlude_object(0.5, fill=fill), own)  # type: ignore[arg-type]
    changed = (done.pixels != own.pixels).any(dim=1)
    assert torch.equal(changed, covered(own, 0.5))
    assert done.mask is own.mask


def test_doses_share_point_and_noise() -> None:
    own = ragged(2)
    half, all_of_it = (apply(occlude_object(share, fill="white_noise"), own).pixels for share in (0.5, 1))
    where = covered(own, 0.5).unsqueeze(1).expand_as(half)
    assert torch.equal(half[where], all_of_it[where])


def test_without_an_object_there_is_nothing_to_cover() -> None:
    own = scene(2)
    assert own.mask is not None
    own.mask[1] = 0
    assert apply(occlude_object(0.5), own).impossible.tolist() == [False, True]
    own.mask[1] = 1
    assert apply(occlude_object(0.5), own).impossible.tolist() == [False, False]


def test_a_value_does_not_depend_on_the_batch() -> None:
    own = ragged(4)
    together = apply(occlude_object(0.3), own).pixels
    for index in range(3):
        assert torch.equal(together[index], apply(occlude_object(0.3), part(own, index)).pixels[0])


@pytest.mark.parametrize("share", [-0.1, 1.1, True, "half", float("nan"), None])
def test_bad_shares_are_refused(share: object) -> None:
    with pytest.raises(ExpressionError, match="share"):
        occlude_object(share)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["occlude_object(0.25)", "occlude_object(each=[0, 0.25, 0.5])", "occlude_object(1, fill=black)"]
)
def test_texts_of_an_occlusion_come_back(text: str) -> None:
    assert str(parse_context(text)) == text


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
def test_texts_of_a_low_resolution_come_back(text: str) -> None:
    assert str(parse_context(text)) == text


few = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("to", ["mean", "black", "white"])
def test_at_0_it_is_the_image_and_at_1_the_colour_to_the_bit(to: str) -> None:
    own = scene(3)
    assert own.mask is not None
    assert torch.equal(apply(fade(0, to=to), own).pixels, own.pixels)  # type: ignore[arg-type]
    done = apply(fade(1, to=to), own).pixels  # type: ignore[arg-type]
    for index in range(3):
        faded = done[index][:, own.mask[index] == 0]
        mean = own.pixels[index][:, own.mask[index] == 0].double().mean(dim=1).float()
        wanted = {"mean": mean, "black": torch.zeros(3), "white": torch.ones(3)}[to]
        assert torch.equal(faded, wanted[:, None].expand_as(faded))
    kept = own.kept().expand_as(done)
    assert torch.equal(done[kept], own.pixels[kept])


@few
@given(strength=st.floats(0, 1), to=st.sampled_from(["mean", "black", "white"]), seed=st.integers(0, 100))
def test_it_is_linear_in_the_strength(strength: float, to: str, seed: int) -> None:
    own = scene(seed=seed)
    start, middle, end = (apply(fade(s, to=to), own).pixels for s in (0, strength, 1))  # type: ignore[arg-type]
    assert torch.allclose(middle, start + strength * (end - start), atol=1e-6)


@pytest.mark.parametrize("region", ["object", "whole"])
def test_other_regions_fade_to_their_own_mean(region: str) -> None:
    own = scene(1)
    where = own.kept()[0, 0] if region == "object" else torch.ones_like(own.kept()[0, 0])
    done = apply(fade(1, region=region), own).pixels[0]  # type: ignore[arg-type]
    mean = own.pixels[0][:, where].mean(dim=1)
    assert torch.allclose(done[:, where], mean[:, None].expand_as(done[:, where]), atol=1e-6)
    assert torch.equal(done[:, ~where], own.pixels[0][:, ~where])


def test_what_it_declares() -> None:
    assert family(fade(0.5)) == "perturbation"
    assert exempt(fade(0)) and not exempt(fade(0.01))
    assert [str(fade(each=[0, 0.5, 1]).at_dose(value)) for value in (0, 0.5, 1)] == ["fade(0)", "fade(0.5)", "fade(1)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": 1.1}, "strength"),
        ({}, "strength"),
        ({"strength": 0.5, "to": "grey"}, "to"),
        ({"each": [1, 0]}, "rise"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        fade(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["fade(0.5)", "fade(each=[0, 0.25, 0.5, 0.75, 1])", "fade(1, region=whole, to=white)"])
def test_texts_of_a_fade_come_back(text: str) -> None:
    assert str(parse_context(text)) == text
