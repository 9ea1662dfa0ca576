"""The object at another place: pixels and mask go together, the old place is closed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import boxed_mask, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelaudit.contexts import apply, exempt, mirror, mirror_object, move_object, swap_background
from modelaudit.contexts.base import ContextInput
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
    swapped = apply(swap_background("random"), own).pixels
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
