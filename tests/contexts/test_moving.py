"""The object at another place or of another size: pixels and mask go together, the old place is closed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from contexts.scenes import boxed_mask, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from modelaudit.contexts import (
    apply,
    exempt,
    mirror,
    mirror_object,
    move_object,
    rescale_object,
    shrink_object,
    swap_background,
)
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.filling import box
from modelaudit.language.errors import ExpressionError
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Context

few = settings(max_examples=25, deadline=None)


def red_on_grey(height: int = 20, width: int = 30, *, top: int = 6, left: int = 8, ring: int = 1) -> ContextInput:
    """A red object with a green ring; the background grey."""
    mask = boxed_mask(height, width, top, left, 5, 7, ring)[None]
    pixels = torch.full((1, 3, height, width), 0.5)
    return ContextInput(painted(pixels, mask), mask, ("one",), 0)


def painted(pixels: Tensor, mask: Tensor) -> Tensor:
    for value, colour in ((1, (1.0, 0.0, 0.0)), (255, (0.0, 1.0, 0.0))):
        pixels = torch.where((mask == value).unsqueeze(1), torch.tensor(colour)[None, :, None, None], pixels)
    return pixels


@pytest.mark.parametrize(
    ("dx", "dy", "down", "right"), [(0.1, 0.0, 0, 3), (0.0, -0.25, -5, 0), (-0.2, 0.3, 6, -6), (0.49, 0.35, 7, 15)]
)
@pytest.mark.parametrize("fill", ["inpaint", "tile", "mean"])
def test_pixels_and_mask_go_by_the_same_whole_pixels(dx: float, dy: float, down: int, right: int, fill: str) -> None:
    own = red_on_grey()
    done = apply(move_object(dx, dy, fill=fill), own)  # type: ignore[arg-type]
    assert own.mask is not None and done.mask is not None
    expected = torch.roll(own.mask, (down, right), (1, 2))
    if done.impossible.any():
        assert (dx, dy) == (0.49, 0.35)
        return
    assert torch.equal(done.mask, expected)
    assert torch.allclose(done.pixels, painted(torch.full_like(done.pixels, 0.5), expected), atol=1e-5)


def test_the_object_keeps_its_pixels_to_the_bit() -> None:
    own = scene(1, 40, 40)
    done = apply(move_object(), own)
    assert own.mask is not None and done.mask is not None and not done.impossible.any()
    for value in (1, 255):
        assert torch.equal(
            done.pixels.permute(0, 2, 3, 1)[done.mask == value], own.pixels.permute(0, 2, 3, 1)[own.mask == value]
        )


@few
@given(seed=st.integers(0, 1000), name=st.text("ab/0", min_size=1, max_size=6))
def test_a_drawn_place_lies_in_the_frame_and_is_another_one(seed: int, name: str) -> None:
    own = replace(red_on_grey(), seed=seed, ids=(name,))
    done = apply(move_object(), own)
    assert own.mask is not None and done.mask is not None
    assert not done.impossible.any()
    assert not torch.equal(done.mask, own.mask)
    assert (done.mask == 1).sum() == (own.mask == 1).sum() and (done.mask == 255).sum() == (own.mask == 255).sum()


def test_every_other_place_is_drawn_equally_often() -> None:
    mask = boxed_mask(4, 5, 1, 1, 2, 3, ring=0)
    count = 2400
    own = ContextInput(torch.rand(count, 3, 4, 5), mask.expand(count, -1, -1), tuple(map(str, range(count))), 0)
    done = apply(move_object(fill="mean"), own)
    assert done.mask is not None
    firsts = done.mask.flatten(1).argmax(dim=1)
    found = torch.bincount(firsts, minlength=20).view(4, 5)[:3, :3]
    assert found[1, 1] == 0 and int(found.sum()) == count
    others = found.flatten()[[0, 1, 2, 3, 5, 6, 7, 8]].double()
    assert float(((others - 300).square() / 300).sum()) < 24.3  # chi square, 7 degrees, 0.1 %


@pytest.mark.parametrize(("dx", "dy"), [(0.5, 0.0), (-0.25, 0.0), (0.0, -0.3), (0.0, 0.45)])
def test_where_object_or_ring_would_leave_the_frame_it_is_impossible_and_the_mask_stays(dx: float, dy: float) -> None:
    own = red_on_grey()
    done = apply(move_object(dx, dy), own)
    assert done.impossible.tolist() == [True]
    assert done.mask is not None and own.mask is not None and torch.equal(done.mask, own.mask)


def test_an_object_as_large_as_the_frame_has_no_other_place() -> None:
    mask = torch.zeros(1, 8, 8, dtype=torch.uint8)
    mask[0, 0], mask[0, :, 0], mask[0, 7], mask[0, :, 7] = 1, 1, 1, 1
    own = ContextInput(torch.rand(1, 3, 8, 8), mask, ("frame",), 0)
    assert apply(move_object(), own).impossible.tolist() == [True]


def test_after_a_swap_the_object_moves_on_the_new_background() -> None:
    own = scene(1, 40, 40)
    both = apply(swap_background("random") | move_object(fill="mean"), own)
    assert own.mask is not None and both.mask is not None
    swapped = apply(swap_background("random", feather=0), own).pixels
    untouched = (both.mask == 0) & (own.mask == 0)
    untouched = untouched & ~torch.nn.functional.max_pool2d((own.mask != 0).float(), 5, 1, 2).bool()
    where = untouched.unsqueeze(1).expand_as(swapped)
    assert torch.equal(both.pixels[where], swapped[where])


def test_no_way_is_no_move() -> None:
    own = scene(2, 40, 40)
    for context in (move_object(0, 0), move_object(0.001, -0.001)):
        done = apply(context, own)
        assert done.mask is not None and own.mask is not None
        assert torch.equal(done.pixels, own.pixels) and torch.equal(done.mask, own.mask)
    assert exempt(move_object(0, 0)) and not exempt(move_object(0.1, 0)) and not exempt(move_object())


@few
@given(seed=st.integers(0, 1000))
def test_mirrored_twice_is_the_image(seed: int) -> None:
    own = scene(seed=seed)
    done = apply(mirror() | mirror(), own)
    assert torch.equal(done.pixels, own.pixels)
    assert done.mask is not None and own.mask is not None and torch.equal(done.mask, own.mask)


@few
@given(seed=st.integers(0, 1000))
def test_an_object_mirrored_twice_is_back(seed: int) -> None:
    own = scene(seed=seed)
    done = apply(mirror_object() | mirror_object(), own)
    kept = own.kept().expand_as(own.pixels)
    assert torch.equal(done.pixels[kept], own.pixels[kept])
    assert done.mask is not None and own.mask is not None and torch.equal(done.mask, own.mask)


def test_the_object_is_mirrored_within_its_box() -> None:
    mask = torch.zeros(1, 8, 12, dtype=torch.uint8)
    mask[0, 3, 2:6], mask[0, 4, 2] = 1, 1
    pixels = painted(torch.full((1, 3, 8, 12), 0.5), mask)
    done = apply(mirror_object(), ContextInput(pixels, mask, ("one",), 0))
    expected = torch.zeros_like(mask)
    expected[0, 3, 2:6], expected[0, 4, 5] = 1, 1
    assert done.mask is not None and torch.equal(done.mask, expected)
    assert torch.allclose(done.pixels, painted(torch.full_like(pixels, 0.5), expected), atol=1e-5)


def test_mask_and_colour_of_the_mirrored_frame_agree() -> None:
    own = red_on_grey()
    done = apply(mirror(), own)
    assert done.mask is not None
    assert torch.equal(done.pixels, painted(torch.full_like(done.pixels, 0.5), done.mask))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dx": 0.1}, "dx and dy"),
        ({"dy": 0.1}, "dx and dy"),
        ({"dx": 1.5, "dy": 0}, "dx"),
        ({"dx": 0, "dy": float("nan")}, "dy"),
        ({"dx": True, "dy": 0}, "dx"),
        ({"fill": "keep"}, "fill"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        move_object(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("context", [move_object(dx=0.2, dy=0), mirror_object("tile"), move_object(fill="mean")])
def test_texts_come_back(context: Context) -> None:
    assert parse_context(str(context)) == context


few = settings(max_examples=25, deadline=None)


def disc(side: int, y: float, x: float, radius: float, ring: float = 2.0) -> Tensor:
    """[side, side]: a disc with its ring."""
    rows, columns = torch.arange(side)[:, None], torch.arange(side)[None, :]
    distance = ((rows - y) ** 2 + (columns - x) ** 2).sqrt()
    return torch.where(distance <= radius, 1, torch.where(distance <= radius + ring, 255, 0)).to(torch.uint8)


def one(mask: Tensor, seed: int = 0) -> ContextInput:
    """Red objects on a blue background: no colour is mixed of both unless by mistake."""
    grain = 0.2 * torch.rand(1, 3, *mask.shape, generator=torch.Generator().manual_seed(seed))
    front, back = torch.tensor([0.8, 0.0, 0.0]), torch.tensor([0.0, 0.0, 0.8])
    pixels = torch.where((mask != 0)[None, None], front[None, :, None, None], back[None, :, None, None])
    grain[:, 0] *= mask != 0
    grain[:, 2] *= mask == 0
    grain[:, 1] = 0
    return ContextInput(pixels + grain, mask[None], ("one",), 0)


def test_the_factor_one_is_the_image_to_the_bit() -> None:
    own = scene(3, 40, 41)
    done = apply(rescale_object(1), own)
    assert torch.equal(done.pixels, own.pixels)
    assert done.mask is not None and own.mask is not None and torch.equal(done.mask, own.mask)
    assert exempt(rescale_object(1)) and not exempt(rescale_object(0.99))


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.77, 1.4, 2.0])
def test_area_and_place_follow_the_factor(factor: float) -> None:
    own = one(disc(120, 58.0, 63.0, 20.0))
    done = apply(rescale_object(factor), own)
    assert own.mask is not None and done.mask is not None and not done.impossible.any()
    for value in (1, 255):
        area, before = int((done.mask == value).sum()), int((own.mask == value).sum())
        assert area == pytest.approx(before * factor**2, abs=2 * math.pi * 22 * factor)
    rows, columns = (done.mask[0] != 0).nonzero(as_tuple=True)
    assert float(rows.double().mean()) == pytest.approx(58.0, abs=0.6)
    assert float(columns.double().mean()) == pytest.approx(63.0, abs=0.6)


@pytest.mark.parametrize("factor", [0.2, 0.5, 0.9, 1.3, 1.9])
def test_no_colour_of_the_background_gets_into_the_object_and_mask_and_colour_agree(factor: float) -> None:
    own = one(disc(120, 58.0, 63.0, 20.0))
    done = apply(rescale_object(factor), own)
    assert done.mask is not None
    red, kept = done.pixels[0, 0], done.mask[0] != 0
    assert (red[kept] > 0.75).all() and (done.pixels[0, 2][kept] == 0).all()
    assert (red[~kept] < 0.2).all()


def test_halving_an_object_takes_the_means_of_its_pixels() -> None:
    """A constant object stays constant; fine stripes become their mean."""
    mask = torch.zeros(64, 64, dtype=torch.uint8)
    mask[16:48, 16:48] = 1
    striped = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    done = apply(rescale_object(0.25), ContextInput(striped, mask[None], ("one",), 0))
    inner = done.pixels[0, :, 30:34, 30:34]
    assert torch.allclose(inner, torch.full_like(inner, 0.5), atol=0.02)


def test_enlarging_is_bilinear_inside_the_object() -> None:
    own = one(disc(96, 48.0, 48.0, 20.0))
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)
    assert own.mask is not None
    top, bottom, _, _ = (int(edge) for edge in box(own.mask))
    fixed = (top + bottom) / 2
    done = apply(rescale_object(2), replace(own, pixels=ramp))
    centres = torch.arange(96) + 0.5
    expected = ((fixed + (centres - fixed) / 2) - 0.5) / 95
    assert torch.allclose(done.pixels[0, 0, 48, 20:77], expected[20:77], atol=1e-5)


def test_an_object_that_the_frame_cuts_off_is_cut_off_still() -> None:
    mask = boxed_mask(40, 40, 20, 10, 20, 12, ring=0)
    done = apply(rescale_object(0.5), one(mask))
    assert done.mask is not None
    rows, columns = (done.mask[0] == 1).nonzero(as_tuple=True)
    assert (int(rows.min()), int(rows.max())) == (30, 39)
    assert (int(columns.min()), int(columns.max())) == (13, 18)
    assert not apply(rescale_object(1.5), one(mask)).impossible.any()


@pytest.mark.parametrize(("factor", "leaves"), [(1.8, False), (2.2, True)])
def test_what_would_leave_the_frame_is_impossible(factor: float, leaves: bool) -> None:
    own = one(boxed_mask(40, 40, 10, 10, 20, 20, ring=0))
    done = apply(rescale_object(factor), own)
    assert done.impossible.tolist() == [leaves]
    if leaves:
        assert done.mask is not None and own.mask is not None and torch.equal(done.mask, own.mask)


def test_an_object_of_which_no_pixel_is_left_is_impossible() -> None:
    mask = torch.zeros(32, 32, dtype=torch.uint8)
    mask[10:20, 10:20] = 255
    mask[10, 10] = 1
    assert apply(rescale_object(0.05), one(mask)).impossible.tolist() == [True]


@few
@given(share=st.floats(0.01, 0.2), y=st.integers(50, 70), x=st.integers(50, 70), radius=st.integers(34, 44))
def test_a_shrunk_object_takes_its_share_of_the_frame(share: float, y: int, x: int, radius: int) -> None:
    own = one(disc(120, y, x, radius))
    done = apply(shrink_object(share), own)
    assert done.mask is not None and not done.impossible.any()
    area = int((done.mask == 1).sum())
    outline = 2 * math.pi * math.sqrt(share * 120 * 120 / math.pi)
    assert abs(area - share * 120 * 120) <= 0.5 * outline + 2


def test_an_object_that_is_smaller_already_cannot_be_shrunk() -> None:
    own = one(disc(120, 60, 60, 20))  # 0.087 of the frame
    assert apply(shrink_object(0.08), own).impossible.tolist() == [False]
    assert apply(shrink_object(0.09), own).impossible.tolist() == [True]


def test_after_a_swap_the_object_shrinks_on_the_new_background() -> None:
    own = scene(3, 60, 60)
    assert own.mask is not None and own.donors is not None
    alone = apply(rescale_object(0.5), own)
    both = apply(swap_background("random", feather=0) | rescale_object(0.5), own)
    assert both.mask is not None and alone.mask is not None and torch.equal(both.mask, alone.mask)
    swapped = apply(swap_background("random", feather=0), own).pixels
    near = functional.max_pool2d(own.kept().float(), 5, 1, 2).bool()
    far = (~near).expand_as(swapped)
    assert torch.equal(both.pixels[far], swapped[far])
    new = (both.mask != 0).unsqueeze(1).expand_as(swapped)
    assert torch.equal(both.pixels[new], alone.pixels[new])


@pytest.mark.parametrize(
    ("context", "arguments", "message"),
    [
        (rescale_object, {"factor": 0.0}, "factor"),
        (rescale_object, {"factor": 21}, "factor"),
        (rescale_object, {"factor": 2, "fill": "keep"}, "fill"),
        (rescale_object, {}, "factor"),
        (rescale_object, {"each": [0.5]}, "two doses"),
        (shrink_object, {"share": 0}, "share"),
        (shrink_object, {"share": 1}, "share"),
        (shrink_object, {"share": float("nan")}, "share"),
        (shrink_object, {"each": [0.5, 0.2]}, "rise"),
    ],
)
def test_bad_arguments_of_a_scale_are_refused(context: type, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        context(**arguments)


@pytest.mark.parametrize(
    "text",
    ["rescale_object(0.5)", "rescale_object(2, fill=tile)", "shrink_object(0.1)", "shrink_object(each=[0.1, 0.2])"],
)
def test_texts_of_a_scale_come_back(text: str) -> None:
    assert str(parse_context(text)) == text
