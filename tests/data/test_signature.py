"""Copies of one picture: perceptual hashes, and what is kept of an image in the place of its pixels."""

import io

import numpy as np
import pytest
from cli.photos import photo
from data.frames import nearly
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from modelaudit.data.signature import (
    AGREEING,
    BITS,
    KEPT,
    NEAR,
    Signature,
    agreement,
    differing_bits,
    group_alike,
    perceptual_hash,
    signature_of,
)

_SIZE = (BITS + 7) // 8


def look(image: NDArray[np.uint8]) -> bytes:
    found = perceptual_hash(image)
    assert found is not None
    return found


def recompressed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_picture_are_near_and_other_pictures_are_not(seed: int) -> None:
    original = photo(seed, 320, 240)
    copies = {
        "jpeg": recompressed(original),
        "half the size": np.asarray(Image.fromarray(original).resize((160, 120))),
        "brighter": np.asarray(ImageEnhance.Brightness(Image.fromarray(original)).enhance(1.15)),
        "grey": np.repeat(np.asarray(Image.fromarray(original).convert("L"))[:, :, None], 3, axis=2),
    }
    for name, copy in copies.items():
        assert differing_bits(look(original), look(copy)) <= NEAR, name
    assert differing_bits(look(original), look(photo(seed + 100, 320, 240))) > 2 * NEAR
    assert differing_bits(look(original), look(original[:, ::-1])) > 2 * NEAR  # a mirror image is another picture


def test_a_picture_of_one_colour_is_like_nothing() -> None:
    assert perceptual_hash(np.full((40, 50, 3), 200, dtype=np.uint8)) is None


def test_the_hash_has_as_many_bits_as_it_says_and_half_of_them_are_set() -> None:
    bits = np.unpackbits(np.frombuffer(look(photo(1)), dtype=np.uint8))
    assert BITS == 255 and len(bits) == 256 and not bits[BITS:].any()
    assert bits.sum() == 127  # those above the median of 255 different numbers


def by_hand(looks: list[bytes], near: int) -> list[list[int]]:
    """Links followed one by one."""
    left, found = set(range(len(looks))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            at = edge.pop()
            group.add(at)
            edge |= {o for o in left - group if differing_bits(looks[at], looks[o]) <= near}
        left -= group
        found.append(sorted(group))
    return [group for group in found if len(group) > 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, BITS - 1), max_size=12)), max_size=14))
def test_sets_are_those_of_single_links(marks: list[tuple[int, set[int]]]) -> None:
    """Hashes are four far ones with a few bits turned over."""
    base = np.random.default_rng(0).integers(0, 2, (4, 256), dtype=np.uint8)
    looks = []
    for which, turned in marks:
        bits = base[which].copy()
        bits[list(turned)] ^= 1
        bits[BITS:] = 0
        looks.append(np.packbits(bits).tobytes())
    assert all(len(one) == _SIZE for one in looks)
    assert group_alike(looks, 8) == by_hand(looks, 8)


def test_sets_reach_over_the_blocks_of_the_comparison() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, (700, 256), dtype=np.uint8)
    bits[:, BITS:] = 0
    bits[650], bits[300] = bits[10], bits[10]
    bits[650, :4] ^= 1
    looks = [np.packbits(row).tobytes() for row in bits]
    assert group_alike(looks, 4) == [[10, 300, 650]]
    assert group_alike(looks, 3) == [[10, 300]]
    assert group_alike(looks[:1], 32) == group_alike([], 32) == []


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
