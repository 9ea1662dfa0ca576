"""What is kept of an image in the place of its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from cli.photos import photo
from data.frames import nearly
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modelaudit.data.signature import AGREEING, KEPT, Signature, agreement, signature_of


@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 9))
def test_a_signature_is_stored_and_read_back_whatever_the_size(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = signature_of(image)
    assert (found.height, found.width, len(found.some)) == (height, width, 3 * KEPT)
    assert Signature.from_bytes(found.to_bytes()) == found


def test_a_picture_of_one_colour_has_no_hash_and_keeps_having_none() -> None:
    found = signature_of(np.full((20, 30, 3), 200, dtype=np.uint8))
    assert found.look is None and Signature.from_bytes(found.to_bytes()).look is None


def test_the_digest_is_of_the_pixels_and_of_the_shape() -> None:
    image = photo(0)
    assert signature_of(image).pixels == signature_of(image.copy()).pixels
    assert signature_of(np.asfortranarray(image)) == signature_of(image)
    assert signature_of(image.reshape(96, 72, 3)).pixels != signature_of(image).pixels
    image[0, 0, 0] ^= 1
    assert signature_of(image).pixels != signature_of(photo(0)).pixels


@pytest.mark.parametrize(("levels", "agrees"), [(0, True), (3, True), (4, False)])
def test_pixels_agree_within_three_levels_in_every_channel(levels: int, agrees: bool) -> None:
    image = np.full((10, 10, 3), 100, dtype=np.uint8)
    for sign in (-1, 1):
        other = image.copy()
        other[..., 2] = 100 + sign * levels
        assert agreement(image, other) == agreement(other, image) == float(agrees)


def test_agreement_is_a_share_of_pixels() -> None:
    image = photo(1)
    assert agreement(image, nearly(image, share=0.009)) == pytest.approx(1 - 0.009, abs=3e-4)
    assert agreement(image, nearly(image, share=0.012)) < AGREEING
    assert agreement(image, photo(2)) < 0.1


def test_of_two_sizes_the_larger_is_resized_to_the_smaller() -> None:
    large = photo(3, 192, 144)
    small = np.asarray(Image.fromarray(large).resize((96, 72), Image.Resampling.BICUBIC))
    assert agreement(large, small) == agreement(small, large) == 1.0
