"""Pictures as they are kept, and what is said of where a map's heat is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from modelaudit.engine.gallery.frames import (
    Frame,
    frame_bytes,
    frame_of,
    heat_of,
    print_bytes,
    printed,
    read_frame,
    read_print,
)

ANSWER = (3, 0.75)


def square(side: int = 60) -> Tensor:
    mask = torch.zeros((side, side), dtype=torch.uint8)
    mask[20:40, 20:40] = 1
    return mask


def heat_at(*places: tuple[int, int], background: float = 0.0) -> Tensor:
    attribution = torch.full((60, 60), background)
    for row, column in places:
        attribution[row : row + 4, column : column + 4] = 1.0
    return attribution


@pytest.mark.parametrize("size", [(60, 60), (300, 200), (7, 9)])
def test_what_is_kept_of_a_frame_is_what_was_drawn(size: tuple[int, int]) -> None:
    mask = (torch.rand(size) < 0.3).to(torch.uint8)
    for frame in (frame_of(torch.rand(3, *size), mask, ANSWER), heat_of(torch.randn(size), mask, ANSWER)):
        again = read_frame(frame_bytes(frame))
        assert again.pixels.dtype == frame.pixels.dtype and np.array_equal(again.pixels, frame.pixels)
        assert (again.object is None) == (frame.object is None)
        assert again.object is None or np.array_equal(again.object, frame.object)
        assert replace(again, pixels=frame.pixels, object=frame.object) == frame
        assert read_print(print_bytes(printed(frame))) == printed(again)


def test_an_image_without_mask_has_no_outline() -> None:
    assert printed(frame_of(torch.rand(3, 60, 60), None, ANSWER)).outline is None
    assert printed(frame_of(torch.rand(3, 60, 60), torch.full((60, 60), 255), ANSWER)).outline is None
    assert printed(frame_of(torch.rand(3, 60, 60), square(), ANSWER)).outline is not None


def test_the_share_on_the_object_is_of_the_positive_part_on_valid_pixels() -> None:
    attribution, mask = torch.zeros(60, 60), square()
    attribution[30, 30], attribution[0, 0], attribution[31, 31], attribution[0, 9] = 3.0, 1.0, -50.0, 9.0
    mask[0, 9] = 255
    assert heat_of(attribution, mask, ANSWER).share_on_object == pytest.approx(0.75)


@pytest.mark.parametrize("mask", [torch.zeros(60, 60), torch.full((60, 60), 255)])
def test_without_an_object_there_is_no_share(mask: Tensor) -> None:
    assert heat_of(torch.ones(60, 60), mask, ANSWER).share_on_object is None
    assert heat_of(-torch.ones(60, 60), square(), ANSWER).share_on_object is None


@pytest.mark.parametrize(
    ("attribution", "place"),
    [
        (heat_at((2, 2)), "top_left"),
        (heat_at((28, 50)), "middle_right"),
        (heat_at((50, 28), (2, 2), (52, 32), background=0.001), "bottom_centre"),
        (heat_at(background=1.0), "spread"),
        (heat_at(), None),
    ],
)
def test_where_the_most_of_the_heat_is(attribution: Tensor, place: str | None) -> None:
    assert printed(heat_of(attribution, square(), ANSWER)).heat_at == place


def test_a_map_of_one_pixel_has_a_place() -> None:
    assert printed(Frame(np.ones((1, 1), dtype=np.float32), *ANSWER)).heat_at is not None
