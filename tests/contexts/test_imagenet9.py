"""The variants of ImageNet-9, by hand on an array of 4 x 5 pixels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from modelaudit.contexts import (
    apply,
    can_lend,
    donor_rule,
    family,
    mixed_next,
    mixed_rand,
    mixed_same,
    no_fg,
    only_bg_b,
    only_bg_t,
    only_foreground,
    remove_background,
    remove_object,
    swap_background,
)
from modelaudit.contexts.base import ContextInput
from modelaudit.language.errors import ContextError
from modelaudit.language.spec import Context

# an object of three pixels (1), a ring of one (9 stands for 255), rows and columns 1 and 2 are their box
MASK = [
    [0, 0, 0, 0, 0],
    [0, 1, 1, 0, 0],
    [0, 1, 9, 0, 0],
    [0, 0, 0, 0, 0],
]
PIXELS = [
    [11, 12, 13, 14, 15],
    [21, 22, 23, 24, 25],
    [31, 32, 33, 34, 35],
    [41, 42, 43, 44, 45],
]
DONOR_MASK = [
    [0, 0, 0, 1, 0],
    [0, 0, 0, 9, 0],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
]
DONOR_PIXELS = [
    [51, 52, 53, 54, 55],
    [61, 62, 63, 64, 65],
    [71, 72, 73, 74, 75],
    [81, 82, 83, 84, 85],
]
ONLY_FOREGROUND = [
    [0, 0, 0, 0, 0],
    [0, 22, 23, 0, 0],
    [0, 32, 33, 0, 0],
    [0, 0, 0, 0, 0],
]
NO_FG = [
    [11, 12, 13, 14, 15],
    [21, 0, 0, 24, 25],
    [31, 0, 0, 34, 35],
    [41, 42, 43, 44, 45],
]
# the strips: above 1 x 5, below 1 x 5, left 4 x 1, right 4 x 2, which is the largest: columns 3 and 4, tiled from
# column 3, so column 1 shows column 3 and column 2 shows column 4
ONLY_BG_T = [
    [11, 12, 13, 14, 15],
    [21, 24, 25, 24, 25],
    [31, 34, 35, 34, 35],
    [41, 42, 43, 44, 45],
]
# the donor's box is column 3 of rows 0 and 1. The strips: below 2 x 5 = 10, left 4 x 3 = 12, right 4 x 1: columns 0 to
# 2, tiled from column 0, so column 3 shows column 0
MIXED = [
    [51, 52, 53, 51, 55],
    [61, 22, 23, 61, 65],
    [71, 32, 33, 74, 75],
    [81, 82, 83, 84, 85],
]


def pixels(rows: list[list[int]]) -> Tensor:
    """[1, 3, H, W]: the numbers in hundredths; the second and third channel half and a quarter of the first."""
    first = torch.tensor(rows, dtype=torch.float32) / 100
    return torch.stack([first, first / 2, first / 4])[None]


def mask(rows: list[list[int]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.uint8)[None].masked_fill(torch.tensor(rows)[None] == 9, 255)


SCENE = ContextInput(
    pixels(PIXELS), mask(MASK), ("own",), 0, ContextInput(pixels(DONOR_PIXELS), mask(DONOR_MASK), ("donor",), 0)
)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (only_foreground(), ONLY_FOREGROUND),
        (no_fg(), NO_FG),
        (only_bg_b(), NO_FG),  # object and ring fill their box here; see below for one that they do not
        (only_bg_t(), ONLY_BG_T),
        (mixed_same(), MIXED),
        (mixed_rand(), MIXED),
        (mixed_next(), MIXED),
    ],
    ids=str,
)
def test_every_variant_is_what_it_is_by_hand(context: Context, expected: list[list[int]]) -> None:
    done = apply(context, SCENE)
    assert torch.equal(done.pixels, pixels(expected))
    assert done.mask is SCENE.mask
    assert not done.impossible.any()


def test_only_bg_b_blackens_the_background_in_the_corners_of_the_box_too() -> None:
    corner = [[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 9, 0, 0], [0, 0, 0, 0, 0]]
    scene = replace(SCENE, mask=mask(corner))
    assert torch.equal(apply(only_bg_b(), scene).pixels, pixels(NO_FG))
    assert torch.equal(apply(only_bg_t(), scene).pixels, pixels(ONLY_BG_T))
    only_the_two = [row.copy() for row in PIXELS]
    only_the_two[1][1] = only_the_two[2][2] = 0
    assert torch.equal(apply(no_fg(), scene).pixels, pixels(only_the_two))


@pytest.mark.parametrize(
    ("context", "rule"), [(mixed_same(), "same_class"), (mixed_rand(), "random"), (mixed_next(), "next_class")], ids=str
)
def test_the_mixed_variants_are_swaps_with_other_donors(context: Context, rule: str) -> None:
    asked = donor_rule(context)
    assert asked is not None and asked.text == rule and asked.rank == 0
    assert torch.equal(apply(context, SCENE).pixels, apply(swap_background(rule, feather=0, fill="tile"), SCENE).pixels)
    with pytest.raises(ContextError, match="donors"):
        apply(context, replace(SCENE, donors=None))


def test_only_foreground_and_no_fg_are_the_black_fills() -> None:
    assert torch.equal(apply(only_foreground(), SCENE).pixels, apply(remove_background("black"), SCENE).pixels)
    assert torch.equal(apply(no_fg(), SCENE).pixels, apply(remove_object("black", margin=0), SCENE).pixels)


def test_families() -> None:
    swaps = [only_foreground(), mixed_same(), mixed_rand(), mixed_next()]
    assert [family(context) for context in swaps] == ["change"] * 4
    assert [family(context) for context in (only_bg_b(), only_bg_t(), no_fg())] == ["no_information"] * 3


def test_a_box_that_fills_the_frame_leaves_no_background_of_a_box() -> None:
    diagonal = torch.eye(5, dtype=torch.uint8)[None]
    square = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    scene = ContextInput(square, diagonal, ("own",), 0, ContextInput(square, diagonal, ("donor",), 0))
    for context in (only_bg_b(), only_bg_t(), mixed_rand()):
        assert apply(context, scene).impossible.tolist() == [True]
    assert can_lend(mixed_rand(), scene).tolist() == [False]
    for context in (only_foreground(), no_fg()):
        assert apply(context, scene).impossible.tolist() == [False]


@pytest.mark.parametrize("value", [0, 1, 255])
def test_without_object_or_background_there_is_no_variant(value: int) -> None:
    scene = replace(SCENE, mask=torch.full((1, 4, 5), value, dtype=torch.uint8))
    for context in (only_foreground(), no_fg(), only_bg_b(), only_bg_t(), mixed_same()):
        assert apply(context, scene).impossible.tolist() == [True]


@pytest.mark.parametrize("context", [only_foreground(), no_fg(), only_bg_b(), only_bg_t(), mixed_next()], ids=str)
def test_without_masks_it_is_an_error(context: Context) -> None:
    with pytest.raises(ContextError, match="masks"):
        apply(context, replace(SCENE, mask=None))
