"""GrabCut: the object in a box, by its colours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from modelaudit.data import UnusableSample
from modelaudit.data.mask_making import grabcut

cv2 = pytest.importorskip("cv2")


def scene(height: int = 90, width: int = 120, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A red disc on green, both noisy, and its true mask."""
    rows, columns = np.mgrid[:height, :width]
    disc = ((rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 4) ** 2).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 14, (height, width, 3))
    colours = np.where(disc[:, :, None] == 1, (190, 40, 40), (40, 140, 60)) + noise
    return colours.clip(0, 255).astype(np.uint8), disc


def boxed(mask: NDArray[np.uint8], margin: int = 6) -> NDArray[np.uint8]:
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() - margin : rows.max() + margin, columns.min() - margin : columns.max() + margin] = 1
    return box


def overlap(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_it_finds_the_object_and_stays_in_the_box() -> None:
    image, disc = scene()
    found = grabcut(image, boxed(disc))
    assert found.dtype == np.uint8 and set(np.unique(found)) == {0, 1}
    assert overlap(found, disc) > 0.95
    assert not (found & ~boxed(disc)).any()


def test_two_boxes_give_both_objects() -> None:
    image, disc = scene()
    image, disc = np.concatenate([image, image], axis=1), np.concatenate([disc, disc], axis=1)
    half = np.zeros_like(disc)
    half[:, :120] = disc[:, :120]
    both = boxed(half) | boxed(disc - half)
    assert overlap(grabcut(image, both), disc) > 0.95


def test_colours_are_not_swapped_on_the_way() -> None:
    """OpenCV reads BGR: blue and red must not change places, so a mask follows the image when channels do."""
    image, disc = scene()
    expected = grabcut(image, boxed(disc))
    assert overlap(grabcut(np.ascontiguousarray(image[:, :, [2, 1, 0]]), boxed(disc)), expected) > 0.99


def test_the_same_image_gives_the_same_mask_whatever_was_cut_before() -> None:
    image, disc = scene()
    first = grabcut(image, boxed(disc))
    other, other_disc = scene(seed=5)
    grabcut(other, boxed(other_disc))
    cv2.setRNGSeed(77)
    assert np.array_equal(grabcut(image, boxed(disc)), first)


def test_a_large_image_gets_a_mask_of_its_own_size() -> None:
    image, disc = scene(900, 1500)
    found = grabcut(image, boxed(disc, 60))
    assert found.shape == (900, 1500)
    assert overlap(found, disc) > 0.95


@pytest.mark.parametrize(
    ("boxes", "message"), [("none", "there is none"), ("empty", "there is none"), ("full", "draw it closer")]
)
def test_without_a_box_or_without_a_background_it_says_so(boxes: str, message: str) -> None:
    image, disc = scene()
    given = {"none": None, "empty": np.zeros_like(disc), "full": np.ones_like(disc)}[boxes]
    with pytest.raises(UnusableSample, match=message):
        grabcut(image, given)
