"""Pictures that are the same or nearly so: what is found, and what is not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from cli.photos import photo
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from modelaudit.data.alike import BITS, NEAR, alike, differing_bits, look_of

_SIZE = (BITS + 7) // 8


def look(image: NDArray[np.uint8]) -> bytes:
    found = look_of(image)
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
    assert look_of(np.full((40, 50, 3), 200, dtype=np.uint8)) is None


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
    assert alike(looks, 8) == by_hand(looks, 8)


def test_sets_reach_over_the_blocks_of_the_comparison() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, (700, 256), dtype=np.uint8)
    bits[:, BITS:] = 0
    bits[650], bits[300] = bits[10], bits[10]
    bits[650, :4] ^= 1
    looks = [np.packbits(row).tobytes() for row in bits]
    assert alike(looks, 4) == [[10, 300, 650]]
    assert alike(looks, 3) == [[10, 300]]
    assert alike(looks[:1], 32) == alike([], 32) == []
