"""Lines over pictures: an outline follows its object, and contours hold the share of the heat that they say."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from modelaudit.engine.gallery.contours import MASSES, SIDE, contours_of, outline_of

PATH = re.compile(r"M(\d+) (\d+)l([-\d ]*)z")


def loops(path: str) -> list[list[tuple[int, int]]]:
    """The points of every closed line."""
    assert re.fullmatch(r"(M\d+ \d+l[-\d ]*z)+", path), path
    found = []
    for x, y, steps in PATH.findall(path):
        points = [(int(x), int(y))]
        numbers = [int(number) for number in re.findall(r"-?\d+", steps)]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            points.append((points[-1][0] + dx, points[-1][1] + dy))
        found.append(points)
    return found


def filled(path: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """[h, w] what is within an odd number of the lines, at the resolution of the region."""
    height, width = shape
    scale = max(shape) / SIDE
    inside = np.zeros((height * 4, width * 4), dtype=bool)
    for points in loops(path):
        image = Image.new("1", (width * 4, height * 4))
        across, down = (SIDE - width / scale) / 2, (SIDE - height / scale) / 2
        ImageDraw.Draw(image).polygon([((x - across) * scale * 4, (y - down) * scale * 4) for x, y in points], fill=1)
        inside ^= np.asarray(image)
    return inside[2::4, 2::4]


def disc(height: int, width: int, x: float, y: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:height, :width]
    region: NDArray[np.bool_] = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
    return region


@pytest.mark.parametrize(("height", "width"), [(224, 224), (112, 224), (200, 90), (64, 64)])
def test_an_outline_runs_round_the_object(height: int, width: int) -> None:
    region = disc(height, width, width * 0.4, height * 0.5, min(height, width) * 0.3)
    path = outline_of(region)
    assert path is not None and len(loops(path)) == 1 and len(path) < 250
    assert (filled(path, (height, width)) != region).mean() < 0.01


def test_a_hole_and_a_second_part_are_lines_of_their_own() -> None:
    region = disc(200, 200, 60, 60, 50) & ~disc(200, 200, 60, 60, 20) | disc(200, 200, 150, 150, 30)
    path = outline_of(region)
    assert path is not None and len(loops(path)) == 3
    assert (filled(path, (200, 200)) != region).mean() < 0.01


def test_a_whole_picture_has_its_border_and_no_object_no_outline() -> None:
    assert outline_of(np.zeros((8, 8), dtype=bool)) is None
    path = outline_of(np.ones((50, 100), dtype=bool))
    assert path is not None
    (points,) = loops(path)
    assert min(x for x, _ in points) < 15 and max(x for x, _ in points) > SIDE - 15
    assert abs(min(y for _, y in points) - 250) < 15 and abs(max(y for _, y in points) - 750) < 15


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 24), st.integers(1, 24))
def test_any_region_has_closed_lines_inside_the_square(seed: int, height: int, width: int) -> None:
    path = outline_of(np.random.default_rng(seed).random((height, width)) < 0.5)
    for points in loops(path) if path else []:
        assert all(0 <= value <= SIDE for point in points for value in point)


@pytest.mark.parametrize("seed", range(3))
def test_contours_hold_the_share_of_the_heat_that_they_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:112, :112]
    heat = np.zeros((112, 112), dtype=np.float32)
    for x, y, width in rng.uniform((20, 20, 8), (92, 92, 18), (3, 3)):
        heat += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2)).astype(np.float32)
    paths = contours_of(heat)
    assert len(paths) == len(MASSES)
    inside = [filled(path, heat.shape) for path in paths]
    for mass, region in zip(MASSES, inside, strict=True):
        assert heat[region].sum() / heat.sum() == pytest.approx(mass, abs=0.05)
    assert inside[0].sum() < inside[1].sum() < inside[2].sum()


def test_a_map_without_heat_has_no_contours_and_a_tiny_one_does_not_fail() -> None:
    assert contours_of(np.zeros((56, 56), dtype=np.float32)) == ()
    assert len(contours_of(np.ones((1, 1), dtype=np.float32))) == len(MASSES)
    assert len(contours_of(np.ones((2, 7), dtype=np.float32))) == len(MASSES)


def test_contours_of_noise_stay_short() -> None:
    heat = np.abs(np.random.default_rng(0).standard_normal((112, 112))).astype(np.float32)
    assert sum(map(len, contours_of(heat))) < 12_000
