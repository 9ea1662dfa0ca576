"""The object larger or smaller: its size, its mask, its colours, and its place."""

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

from modelaudit.contexts import apply, exempt, rescale_object, shrink_object, swap_background
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.filling import box
from modelaudit.language.errors import ExpressionError
from modelaudit.language.parser import parse_context

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
    both = apply(swap_background("random") | rescale_object(0.5), own)
    assert both.mask is not None and alone.mask is not None and torch.equal(both.mask, alone.mask)
    swapped = apply(swap_background("random"), own).pixels
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
def test_bad_arguments_are_refused(context: type, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        context(**arguments)


@pytest.mark.parametrize(
    "text",
    ["rescale_object(0.5)", "rescale_object(2, fill=tile)", "shrink_object(0.1)", "shrink_object(each=[0.1, 0.2])"],
)
def test_texts_come_back(text: str) -> None:
    assert str(parse_context(text)) == text
