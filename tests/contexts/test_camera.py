"""Small motions of the camera: pixels and mask move together, the border mirrors, regions stay apart."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from contexts.scenes import boxed_mask, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import max_pool2d

from modelaudit.contexts import apply, perspective, rotation, shift, zoom
from modelaudit.contexts.base import ContextInput, ContextOutput
from modelaudit.contexts.camera import mirrored_at, warp
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Context

MOTIONS = st.one_of(
    st.builds(shift, st.floats(0.1, 12), direction=st.none() | st.floats(0, 360)),
    st.builds(rotation, st.floats(0.5, 60), turn=st.sampled_from(["drawn", "clockwise", "counterclockwise"])),
    st.builds(zoom, st.floats(0.6, 0.98) | st.floats(1.02, 1.8)),
    st.builds(perspective, st.floats(0.01, 0.4), direction=st.none() | st.floats(0, 360)),
)


def coloured(height: int, width: int, top: int, left: int, rows: int, columns: int, ring: int = 0) -> ContextInput:
    """A red object, and its ring, on blue."""
    mask = boxed_mask(height, width, top, left, rows, columns, ring)[None]
    red = (mask != 0).float()
    return ContextInput(torch.stack([red, 0 * red, 1 - red], dim=1), mask, ("one",), 0)


@st.composite
def objects(draw: st.DrawFn) -> ContextInput:
    height, width = draw(st.integers(30, 60)), draw(st.integers(30, 60))
    rows, columns = draw(st.integers(6, 14)), draw(st.integers(6, 14))
    top, left = draw(st.integers(1, height - rows - 1)), draw(st.integers(1, width - columns - 1))
    return coloured(height, width, top, left, rows, columns, ring=draw(st.integers(0, 1)))


def grown(area: Tensor) -> Tensor:
    return max_pool2d(area.float().unsqueeze(1), 3, 1, 1)[:, 0] > 0


def in_step(done: ContextOutput) -> bool:
    """Red pixels and object (with its ring) agree to one pixel.

    The nearest pixel has at least a quarter of the weight of a bilinear value: where the mask takes it, a quarter is
    red, also of a sliver at the mirrored border that is thinner than a pixel; where three quarters are red it is taken.
    """
    assert done.mask is not None
    red, kept = done.pixels[:, 0], done.mask != 0
    return not ((red > 0.75) & ~grown(kept)).any() and not (kept & ~grown(red > 0.24)).any()


@settings(max_examples=150, deadline=None)
@given(own=objects(), motion=MOTIONS, region=st.sampled_from(["whole", "background", "object"]))
def test_the_mask_follows_the_pixels_to_one_pixel(own: ContextInput, motion: Context, region: str) -> None:
    done = apply(replace(motion, region=region), own)  # type: ignore[type-var]
    if not done.impossible[0]:
        assert in_step(done)
        assert (done.mask == 1).any()  # type: ignore[union-attr]
        assert set(done.mask.unique().tolist()) <= set(own.mask.unique().tolist()) | {0}  # type: ignore[union-attr]


def test_the_check_itself_sees_a_mask_that_lags_by_two_pixels() -> None:
    own = coloured(40, 40, 10, 10, 12, 12)
    done = apply(shift(2, direction=0), own)
    assert in_step(done) and not in_step(replace(done, mask=own.mask))


@pytest.mark.parametrize(
    ("direction", "down", "right"), [(0, 0, 5), (90, -5, 0), (180, 0, -5), (270, 5, 0), (360, 0, 5)]
)
def test_a_shift_moves_the_picture_where_it_says(direction: float, down: int, right: int) -> None:
    own = coloured(40, 50, 15, 20, 8, 10, ring=1)
    expected = coloured(40, 50, 15 + down, 20 + right, 8, 10, ring=1)
    for region in ("whole", "object"):
        done = apply(shift(5, direction=direction, region=region), own)  # type: ignore[arg-type]
        assert torch.equal(done.mask, expected.mask)  # type: ignore[arg-type]
        assert torch.allclose(done.pixels, expected.pixels, atol=1e-5)


def test_a_drawn_shift_has_its_length_and_any_direction() -> None:
    own = coloured(60, 60, 25, 25, 10, 10)
    many = ContextInput(own.pixels.repeat(30, 1, 1, 1), own.mask.repeat(30, 1, 1), tuple(map(str, range(30))), 0)  # type: ignore[union-attr]
    red = apply(shift(8), many).pixels[:, 0].double()
    steps = torch.arange(60, dtype=torch.float64) - 29.5
    down = (red.sum(dim=2) * steps).sum(dim=1) / red.sum(dim=(1, 2))
    right = (red.sum(dim=1) * steps).sum(dim=1) / red.sum(dim=(1, 2))
    assert torch.allclose(torch.hypot(down, right), torch.tensor(8.0, dtype=torch.float64), atol=0.02)
    quadrants = {(bool(a), bool(b)) for a, b in zip(down > 0, right > 0, strict=True)}
    assert len(quadrants) == 4


@pytest.mark.parametrize(("turn", "above"), [("counterclockwise", True), ("clockwise", False)])
def test_a_quarter_turn_goes_the_way_it_says(turn: str, above: bool) -> None:
    own = coloured(41, 41, 18, 30, 5, 5)  # right of the middle
    done = apply(rotation(90, turn=turn), own)  # type: ignore[arg-type]
    expected = coloured(41, 41, 6 if above else 30, 18, 5, 5)
    assert torch.equal(done.mask, expected.mask)  # type: ignore[arg-type]
    assert torch.allclose(done.pixels, expected.pixels, atol=1e-5)


def test_a_drawn_turn_goes_both_ways() -> None:
    own = coloured(41, 41, 18, 30, 5, 5)
    many = ContextInput(own.pixels.repeat(12, 1, 1, 1), own.mask.repeat(12, 1, 1), tuple(map(str, range(12))), 0)  # type: ignore[union-attr]
    done = apply(rotation(90), many)
    given_ways = [apply(rotation(90, turn=turn), many).mask for turn in ("clockwise", "counterclockwise")]  # type: ignore[arg-type]
    ways = [
        [torch.equal(mask, way) for way in ones]
        for mask, ones in zip(done.mask, zip(*given_ways, strict=True), strict=True)
    ]  # type: ignore[arg-type]
    assert {tuple(way) for way in ways} == {(True, False), (False, True)}


def test_a_zoom_of_two_doubles_the_object_about_the_middle() -> None:
    done = apply(zoom(2), coloured(40, 60, 15, 25, 10, 10))
    assert torch.equal(done.mask, coloured(40, 60, 10, 20, 20, 20).mask)  # type: ignore[arg-type]
    farther = apply(zoom(0.5), coloured(40, 60, 10, 20, 20, 20))
    # the frame mirrors at its border, and so does the mask of an object that touches it
    assert torch.equal(farther.mask[:, 10:30, 15:45], coloured(40, 60, 15, 25, 10, 10).mask[:, 10:30, 15:45])  # type: ignore[index]
    assert in_step(farther)


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.5])
def test_perspective_moves_the_corners_by_its_ratio(strength: float) -> None:
    size = 101
    area = torch.ones(1, size, size, dtype=torch.bool)
    matrix = torch.eye(3, dtype=torch.float64)[None]
    matrix[:, 2, :2] = strength * torch.tensor([math.cos(math.pi / 4), math.sin(math.pi / 4)])
    step = warp(matrix, area)
    # the source of a moved pixel: the nearer corner shows what was at 1 / (1 + s) of its distance from the middle
    assert float(step.rows[0, 100, 100] - 50) == pytest.approx(50 / (1 + strength))
    assert float(step.columns[0, 0, 0] - 50) == pytest.approx(-50 / (1 - strength))
    assert (float(step.rows[0, 50, 50]), float(step.columns[0, 50, 50])) == pytest.approx((50, 50))


@pytest.mark.parametrize("direction", [0, 50, 135, 270])
def test_a_tilted_object_keeps_its_place_and_about_its_size(direction: float) -> None:
    own = coloured(120, 120, 56, 52, 9, 12)
    done = apply(perspective(0.4, direction=direction, region="object"), own)
    assert in_step(done)
    rows, columns = (done.mask[0] == 1).nonzero().unbind(dim=1)  # type: ignore[index]
    # its corners move out to 1 / (1 - s) of their distance from its middle at most
    assert float(torch.hypot(rows - 60.0, columns - 57.5).max()) < math.hypot(4.5, 6) / 0.6 + 1
    assert 0.7 < len(rows) / (9 * 12) < 1.5


def test_perspective_enlarges_the_side_that_it_names() -> None:
    for direction, nearer in ((0, "right"), (180, "left")):
        areas = {}
        for side, left in (("left", 5), ("right", 45)):
            done = apply(perspective(0.3, direction=direction), coloured(60, 60, 25, left, 10, 10))
            areas[side] = int((done.mask == 1).sum())  # type: ignore[union-attr]
        assert max(areas, key=lambda side: areas[side]) == nearer


def test_places_beyond_the_border_mirror_however_far() -> None:
    assert mirrored_at(3, torch.arange(-7, 9)).tolist() == [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2]
    assert mirrored_at(1, torch.arange(-3, 3)).tolist() == [0] * 6


@pytest.mark.parametrize("motion", [shift(7), rotation(25), zoom(0.7), perspective(0.3)], ids=str)
def test_no_wedge_of_another_colour_comes_in_at_the_border(motion: Context) -> None:
    own = coloured(50, 50, 20, 20, 10, 10)
    flat = replace(own, pixels=torch.full_like(own.pixels, 0.37))
    assert torch.allclose(apply(motion, flat).pixels, flat.pixels, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), motion=MOTIONS)
def test_the_background_moves_behind_an_object_that_stays_to_the_bit(seed: int, motion: Context) -> None:
    own = scene(2, 30, 34, seed=seed)
    done = apply(replace(motion, region="background"), own)  # type: ignore[type-var]
    kept = own.kept().expand_as(own.pixels)
    assert torch.equal(done.mask, own.mask)  # type: ignore[arg-type]
    assert torch.equal(done.pixels[kept], own.pixels[kept])
    assert (done.pixels[~kept] != own.pixels[~kept]).float().mean() > 0.5


def test_the_object_leaves_no_trace_in_a_background_that_moves() -> None:
    done = apply(shift(10, direction=0, region="background"), coloured(40, 40, 15, 15, 8, 8, ring=1))
    assert float(done.pixels[:, 0][done.mask == 0].max()) < 1e-6  # type: ignore[operator]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), motion=MOTIONS)
def test_the_object_moves_before_a_background_that_stays_to_the_bit(seed: int, motion: Context) -> None:
    own = scene(2, 30, 34, seed=seed)
    done = apply(replace(motion, region="object"), own)  # type: ignore[type-var]
    still = ((own.mask == 0) & (done.mask == 0)).unsqueeze(1).expand_as(own.pixels)  # type: ignore[operator]
    assert torch.equal(done.pixels[still], own.pixels[still])


def test_an_object_turns_and_grows_about_its_own_middle() -> None:
    own = coloured(60, 60, 8, 40, 9, 9)
    for motion in (rotation(90, region="object"), zoom(1, region="object")):
        assert torch.equal(apply(motion, own).mask, own.mask)  # type: ignore[arg-type]
    assert torch.equal(
        apply(zoom(1 / 3, region="object"), own).mask,  # type: ignore[arg-type]
        coloured(60, 60, 11, 43, 3, 3).mask,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("region", ["whole", "object"])
def test_an_object_that_leaves_the_frame_is_impossible_and_its_mirror_image_is_none(region: str) -> None:
    own = coloured(40, 40, 15, 2, 6, 6)
    gone = apply(shift(12, direction=180, region=region), own)  # type: ignore[arg-type]
    assert gone.impossible.tolist() == [True]
    part = apply(shift(4, direction=180, region=region), own)  # type: ignore[arg-type]
    assert part.impossible.tolist() == [False] and in_step(part)


def test_a_frame_without_an_object_moves_as_a_whole_and_as_a_background() -> None:
    own = replace(scene(1), mask=torch.zeros(1, 24, 20, dtype=torch.uint8), donors=None)
    whole, background = (apply(shift(5, region=region), own) for region in ("whole", "background"))  # type: ignore[arg-type]
    assert not whole.impossible.any() and not background.impossible.any()
    assert torch.equal(whole.pixels, background.pixels)


def test_a_hole_that_nothing_can_fill_is_impossible() -> None:
    own = scene(1, 20, 20)
    mask = torch.zeros(1, 20, 20, dtype=torch.uint8)
    mask[:, range(20), range(20)] = 1  # the box of a diagonal leaves no strip beside it
    own = replace(own, mask=mask, donors=None)
    for region in ("background", "object"):
        assert apply(shift(3, region=region, fill="tile"), own).impossible.all()  # type: ignore[arg-type]
        assert not apply(shift(3, region=region, fill="mean"), own).impossible.any()  # type: ignore[arg-type]


def test_the_next_part_of_a_composition_sees_the_moved_mask() -> None:
    own = coloured(40, 40, 15, 15, 8, 8)
    done = apply(parse_context("shift(6, direction=0) | mean_fill(object)"), own)
    assert float(done.pixels[0, 0][done.mask[0] == 1].std()) < 1e-6  # type: ignore[index]
    assert not ((done.pixels[:, 0] > 0.9) & (done.pixels[:, 2] < 0.1)).any()  # no red is left
