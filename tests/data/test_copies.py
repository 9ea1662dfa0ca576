"""Which images are one picture, and which are not, in whatever order they are seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from cli.photos import photo
from data.frames import Pixels, fixed_camera, nearly, recompressed
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelaudit.data.copies import Copies, CopyFinder
from modelaudit.data.signature import AGREEING, agreement, signature_of


class Compared:
    """Finds copies among images in memory, and counts how often two were compared."""

    def __init__(self, images: Mapping[str, Pixels]) -> None:
        self._images = images
        self.count = 0
        self._finder = CopyFinder(self._same)

    def _same(self, one: str, other: str) -> bool:
        self.count += 1
        return agreement(self._images[one], self._images[other]) >= AGREEING

    def found(self, *parts: list[str]) -> Copies:
        for part in parts or (list(self._images),):
            self._finder.add({name: signature_of(self._images[name]) for name in part})
        return self._finder.found()


def copies(images: Mapping[str, Pixels]) -> Copies:
    return Compared(images).found()


def test_equal_pixels_are_one_picture_without_a_comparison() -> None:
    images = {f"{at % 2} {at}": photo(at % 2) for at in range(8)}
    compared = Compared(images)
    assert compared.found() == Copies({name: f"{name[0]} {name[0]}" for name in images}, pictures=2)
    assert compared.count == 0


def test_a_flat_picture_has_equal_copies_and_no_near_ones() -> None:
    flat = np.full((30, 30, 3), 128, dtype=np.uint8)
    found = copies({"a": flat, "b": flat.copy(), "c": flat + np.uint8(1)})
    assert found == Copies({"a": "a", "b": "a"}, pictures=2)


@pytest.mark.parametrize("seed", range(3))
def test_near_copies_are_one_picture(seed: int) -> None:
    image = photo(seed, 160, 120)
    half = np.asarray(Image.fromarray(image).resize((80, 60), Image.Resampling.BICUBIC))
    images = {"a": image, "b": nearly(image), "c": half, "d": photo(seed + 50, 160, 120), "e": image.copy()}
    assert copies(images) == Copies(dict.fromkeys("abce", "a"), pictures=2)


def test_many_near_copies_of_two_pictures_are_two_pictures() -> None:
    images = {f"{at:03}": nearly(photo(at % 2), levels=1, share=0.001, seed=at) for at in range(200)}
    compared = Compared(images)
    found = compared.found()
    assert (found.pictures, found.unchecked, set(found.copy_of.values())) == (2, 0, {"000", "001"})
    assert compared.count <= 250


@pytest.mark.parametrize(
    "change",
    [
        lambda image: nearly(image, share=0.02),
        lambda image: nearly(image, levels=9),
        lambda image: image + np.uint8(4),
        lambda image: recompressed(image, 40),
    ],
    ids=["2 % of the pixels", "noise", "light", "JPEG"],
)
def test_what_is_no_near_copy_resembles_it(change: object) -> None:
    image = photo(7).clip(0, 240)
    assert callable(change)
    found = copies({"a": image, "b": change(image), "c": photo(8)})
    assert (found.copy_of, found.pictures, found.alike) == ({}, 3, (("a", "b"),))


@pytest.mark.parametrize("drift", [0.0, 4.0])
@pytest.mark.parametrize("jpeg", [False, True])
def test_sixty_frames_of_a_fixed_camera_are_sixty_pictures(drift: float, jpeg: bool) -> None:
    """Noise of a sensor, light that drifts or not, a part that moves: one scene, and not copies of one image."""
    frames = fixed_camera(60, noise=2.0, drift=drift)
    images = {f"{at:02}": recompressed(frame, 90) if jpeg else frame for at, frame in enumerate(frames)}
    compared = Compared(images)
    found = compared.found()
    assert (found.copy_of, found.pictures, found.unchecked) == ({}, 60, 0)
    assert sum(map(len, found.alike)) >= 10  # they are told to resemble each other
    assert compared.count <= 5  # what is kept of them is enough to see that


def test_a_still_scene_without_noise_is_one_picture() -> None:
    frames = fixed_camera(12, noise=0.4, drift=0, part=2)
    assert copies({f"{at:02}": frame for at, frame in enumerate(frames)}).pictures == 1


def test_a_scene_of_many_likely_pairs_is_compared_a_bounded_number_of_times() -> None:
    """A part moves through a scene without noise: 98.7 % of the pixels agree from frame to frame."""
    frames = fixed_camera(80, noise=0, drift=0, part=16)
    compared = Compared({f"{at:02}": frame for at, frame in enumerate(frames)})
    found = compared.found()
    assert found.pictures == 80
    assert compared.count <= 50 + 2 * 80


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_neither_names_nor_order_nor_parts_decide(data: st.DataObject) -> None:
    """Pictures, near copies of them and equal images, added in any order and in any parts."""
    kinds = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=9))
    images = {
        f"{at}": photo(which) if not copy else nearly(photo(which), levels=1, share=0.004, seed=copy)
        for at, (which, copy) in enumerate(kinds)
    }
    order = data.draw(st.permutations(list(images)))
    cut = data.draw(st.integers(0, len(order)))
    expected = {}
    for which in {which for which, _ in kinds}:
        names = sorted(name for name, (kind, _) in zip(images, kinds, strict=True) if kind == which)
        expected |= dict.fromkeys(names, names[0]) if len(names) > 1 else {}
    whole, parts = copies(images), Compared(images).found(order[:cut], order[cut:])
    assert whole == parts == Copies(expected, pictures=len({which for which, _ in kinds}))


def test_an_image_that_is_added_twice_counts_once() -> None:
    compared = Compared({"a": photo(0), "b": photo(0)})
    assert compared.found(["a"], ["a", "b"]) == Copies({"a": "a", "b": "a"}, pictures=1)
    assert Compared({}).found() == Copies({}, pictures=0)
