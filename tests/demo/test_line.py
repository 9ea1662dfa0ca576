"""The line is exact, repeatable, and as coupled as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.demo.line import PARTS, SIDE, SURROUNDINGS, InspectionLine


def test_a_frame_does_not_depend_on_the_batch_it_is_drawn_in() -> None:
    line = InspectionLine(0.5, seed=11)
    together = line.draw(range(40))
    for index in (0, 7, 39):
        alone = line.draw([index])
        np.testing.assert_array_equal(alone.pixels[0], together.pixels[index])
        np.testing.assert_array_equal(alone.masks[0], together.masks[index])


def test_frames_come_in_the_order_asked_for() -> None:
    line = InspectionLine(0.5)
    np.testing.assert_array_equal(line.draw([5, 2]).pixels, line.draw([2, 5]).pixels[::-1])


def test_seeds_and_streams_draw_different_frames() -> None:
    first = InspectionLine(0.5, seed=1).draw(range(8)).pixels
    for other in (InspectionLine(0.5, seed=2), InspectionLine(0.5, seed=1, stream="training")):
        assert not (other.draw(range(8)).pixels == first).all(axis=(1, 2, 3)).any()


def test_the_coupling_changes_what_a_part_lies_on_and_nothing_of_the_part() -> None:
    loose, tight = InspectionLine(0.0, seed=3).draw(range(32)), InspectionLine(1.0, seed=3).draw(range(32))
    np.testing.assert_array_equal(loose.masks, tight.masks)
    inside = loose.masks == 1
    np.testing.assert_array_equal(loose.pixels[inside], tight.pixels[inside])
    moved = loose.surroundings != tight.surroundings
    assert moved.any()
    np.testing.assert_array_equal(loose.pixels[~moved], tight.pixels[~moved])


@given(low=st.floats(0, 1), high=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_part_on_its_own_surroundings_stays_there_when_the_coupling_rises(low: float, high: float, seed: int) -> None:
    low, high = sorted((low, high))
    for index in range(20):
        part, surroundings = InspectionLine(low, seed).kind_of(index)
        if part == surroundings:
            assert InspectionLine(high, seed).kind_of(index) == (part, part)


@pytest.mark.parametrize("coupling", [0.0, 0.4, 0.95, 1.0])
def test_the_share_of_own_surroundings_is_the_one_that_is_documented(coupling: float) -> None:
    count = 4000
    kinds = np.array([InspectionLine(coupling, seed=5).kind_of(index) for index in range(count)])
    expected = coupling + (1 - coupling) / len(SURROUNDINGS)
    spread = np.sqrt(expected * (1 - expected) / count)
    assert abs((kinds[:, 0] == kinds[:, 1]).mean() - expected) <= 4 * spread


def test_without_coupling_every_part_lies_on_everything_equally_often() -> None:
    kinds = np.array([InspectionLine(0.0, seed=6).kind_of(index) for index in range(8000)])
    table = np.zeros((len(PARTS), len(SURROUNDINGS)))
    np.add.at(table, (kinds[:, 0], kinds[:, 1]), 1)
    expected = 8000 / table.size
    # chi-square with 9 degrees of freedom (rows are fixed: 12); 33 is the 0.999 quantile at 12
    assert ((table - expected) ** 2 / expected).sum() < 33


def test_the_kinds_drawn_are_the_kinds_announced() -> None:
    line = InspectionLine(0.3, seed=8)
    frames = line.draw(range(30))
    assert [line.kind_of(index) for index in range(30)] == list(zip(frames.parts, frames.surroundings, strict=True))


def test_frames_are_square_images_with_masks_of_three_values() -> None:
    frames = InspectionLine(0.5).draw(range(12))
    assert frames.pixels.shape == (12, SIDE, SIDE, 3)
    assert frames.pixels.dtype == np.uint8
    assert frames.masks.shape == (12, SIDE, SIDE)
    assert set(np.unique(frames.masks)) == {0, 1, 255}


def test_parts_fill_a_seventh_to_a_third_of_the_frame_and_never_touch_its_edge() -> None:
    frames = InspectionLine(0.0, seed=4).draw(range(400))
    area = (frames.masks == 1).mean(axis=(1, 2))
    assert area.min() > 0.14
    assert area.max() < 0.36
    edge = np.ones((SIDE, SIDE), dtype=bool)
    edge[1:-1, 1:-1] = False
    assert (frames.masks[:, edge] == 0).all()


def test_no_frame_is_burnt_out_or_black() -> None:
    pixels = InspectionLine(0.0, seed=4).draw(range(200)).pixels
    assert pixels.reshape(200, -1).mean(axis=1).min() > 40
    assert (pixels == 255).mean() < 0.02


@pytest.mark.parametrize("coupling", [-0.01, 1.01, float("nan")])
def test_a_coupling_outside_its_range_is_refused(coupling: float) -> None:
    with pytest.raises(ValueError, match="coupling"):
        InspectionLine(coupling)


@pytest.mark.parametrize("seed", [-1, 2**62])
def test_a_seed_outside_its_range_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        InspectionLine(0.5, seed)
