"""The appearance of an image: named numbers of its light and of its surroundings."""

import numpy as np
import pytest
from cli.photos import photo
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from modelaudit.data.appearance import (
    LIGHT,
    SURROUNDINGS,
    appearance,
    outside_object,
    place_differences,
    surroundings_by_place,
)
from modelaudit.demo import InspectionLine

images = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3), elements=st.integers(0, 255))
)


def light(image: NDArray[np.uint8]) -> dict[str, float]:
    return dict(zip(LIGHT, appearance(image).light.tolist(), strict=True))


def square(height: int, width: int, top: int, left: int, side: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


@given(images)
@settings(max_examples=60, deadline=None)
def test_an_image_of_any_size_has_finite_numbers_for_all_names(image: NDArray[np.uint8]) -> None:
    found = appearance(image)
    assert found.light.shape == (len(LIGHT),)
    assert found.surroundings.shape == (len(SURROUNDINGS),)
    assert np.isfinite(found.light).all()
    assert found.has_surroundings


def test_names_are_unique() -> None:
    assert len(set(LIGHT)) == len(LIGHT)
    assert len(set(SURROUNDINGS)) == len(SURROUNDINGS)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_pixels_of_the_object_and_next_to_it_do_not_enter(seed: int) -> None:
    mask = square(200, 160, 60, 40, 70)
    image = photo(3, 160, 200)
    other = image.copy()
    inside = np.zeros(mask.shape, dtype=bool)
    inside[57:133, 37:113] = True  # the object and 3 pixels around it; the margin is 3 % of the side and more
    other[inside] = np.random.default_rng(seed).integers(0, 256, (int(inside.sum()), 3), dtype=np.uint8)
    assert np.array_equal(appearance(image, mask).surroundings, appearance(other, mask).surroundings)


def test_ignored_pixels_are_no_surroundings() -> None:
    image = photo(4, 128, 128)
    object_ = square(128, 128, 30, 30, 50)
    ignored = np.where(object_ == 1, np.uint8(255), np.uint8(0))
    assert np.array_equal(appearance(image, object_).surroundings, appearance(image, ignored).surroundings)


def test_a_thin_object_of_a_large_image_keeps_its_margin() -> None:
    mask = np.zeros((1000, 1500), dtype=np.uint8)
    mask[:, 700] = 1
    outside = outside_object(mask, (85, 128))
    assert not outside[:, 56:64].any()
    assert outside[:, :54].all()
    assert outside[:, 66:].all()


def test_without_room_around_the_object_there_are_no_surroundings() -> None:
    image = photo(5, 64, 64)
    mask = square(64, 64, 1, 1, 62)
    assert not appearance(image, mask).has_surroundings
    assert np.isfinite(appearance(image, mask).light).all()


def test_the_size_of_the_object_moves_no_mean_of_the_surroundings() -> None:
    """On noise, whose every pixel has the same law, small and large objects leave the same means."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(60)]
    small, large = square(64, 64, 28, 28, 6), square(64, 64, 10, 10, 44)
    differences = np.array(
        [appearance(image, small).surroundings - appearance(image, large).surroundings for image in noise]
    )
    errors = differences.std(axis=0, ddof=1) / np.sqrt(len(noise))
    assert (np.abs(differences.mean(axis=0)) < 4.5 * errors + 1e-9).all()


def test_the_kind_of_surroundings_shows() -> None:
    """Every frame of the demo is nearest to the mean of its own kind of surroundings, in units of the spread."""
    frames = InspectionLine(0.0, 5).draw(range(120))
    found = np.array(
        [appearance(image, mask).surroundings for image, mask in zip(frames.pixels, frames.masks, strict=True)]
    )
    means = np.array([found[frames.surroundings == kind].mean(axis=0) for kind in range(4)])
    spread = np.sqrt(np.mean([found[frames.surroundings == kind].var(axis=0) for kind in range(4)], axis=0)) + 1e-9
    distance = (((found[:, None] - means) / spread) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == frames.surroundings).mean() > 0.95


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("brightness", lambda image: image * 0.6),
        ("contrast", lambda image: 128 + (image - 128) * 0.5),
        ("overexposed", lambda image: image * 4),
        ("warmth", lambda image: image * [0.6, 1.0, 1.0]),
        ("green_cast", lambda image: image * [1.0, 0.6, 1.0]),
        ("colourfulness", lambda image: np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)),
        ("light_from_right", lambda image: image * np.linspace(0.3, 1, image.shape[1])[None, :, None]),
        ("light_from_below", lambda image: image * np.linspace(0.3, 1, image.shape[0])[:, None, None]),
        ("noise", lambda image: image + np.random.default_rng(1).normal(0, 12, image.shape)),
    ],
)
def test_a_change_of_light_shows_in_the_column_of_its_name(name: str, change: object) -> None:
    """The column moves further, in units of its spread over photos, than half of the others."""
    photos = [photo(seed, 160, 120) for seed in range(12)]
    before = np.array([appearance(image).light for image in photos])
    changed = [np.clip(change(image.astype(np.float64)), 0, 255).astype(np.uint8) for image in photos]  # type: ignore[operator]
    moved = np.abs(np.array([appearance(image).light for image in changed]) - before).mean(axis=0)
    spread = before.std(axis=0) + 1e-3
    units = dict(zip(LIGHT, (moved / spread).tolist(), strict=True))
    assert units[name] >= np.median(list(units.values()))
    assert units[name] > 0.5


def test_blur_lowers_the_sharpness() -> None:
    image = InspectionLine(0.0, 6).draw([3]).pixels[0]
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(2)))
    assert light(blurred)["sharpness"] < light(image)["sharpness"] - 0.3


def test_noise_is_estimated_in_units_of_the_luminance() -> None:
    grey = np.random.default_rng(2).normal(128, 10, (256, 256, 1)).round().clip(0, 255).astype(np.uint8)
    assert light(np.repeat(grey, 3, axis=2))["noise"] == pytest.approx(10 / 255, rel=0.05)


def scenes(count: int, *, same: bool) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Differences of surroundings of one scene (or of photos) with objects of two sizes, and which size each has."""
    rng = np.random.default_rng(3)
    large = np.arange(count) % 2
    places = []
    for at in range(count):
        image = photo(1 if same else at + 50, 96, 80)
        mask = square(80, 96, int(rng.integers(8, 20)), int(rng.integers(8, 30)), 44 if large[at] else 14)
        painted = np.where(mask[:, :, None] == 1, rng.integers(0, 256, 3).astype(np.uint8), image)
        places.append(surroundings_by_place(painted, mask))
    return place_differences(np.stack(places)), large


def test_of_one_scene_no_object_leaves_a_difference() -> None:
    """The mean of the pixels outside would tell the size of the object, where the scene is not uniform."""
    differences, _ = scenes(12, same=True)
    assert np.abs(differences).max() < 1e-6


def test_the_object_does_not_move_the_mean_difference_of_photos() -> None:
    differences, large = scenes(60, same=False)
    spread = differences.std(axis=0) * np.sqrt(4 / 60) + 1e-9
    moved = np.abs(differences[large == 1].mean(axis=0) - differences[large == 0].mean(axis=0))
    assert (moved < 4 * spread).all()


def test_a_place_that_the_object_covers_is_not_known() -> None:
    image = photo(8, 96, 96)
    mask = square(96, 96, 24, 24, 32)
    places = surroundings_by_place(image, mask)
    assert np.isnan(places[:3, 3:7, 3:7]).all()
    assert np.isfinite(places[:3, 0]).all()
    whole = surroundings_by_place(image, None)
    assert np.isfinite(whole[:, :-1, 1:-1]).all()  # pairs of pixels 8 apart end beyond the frame's last places
    assert np.isfinite(whole[:27]).all()
