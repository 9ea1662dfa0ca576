"""Images belong together by what they hold, every one of them has one fate, and the order plays no part."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.engine.results.pairing import ChangedContent, ImageContent, Pairing, pair

CONTENTS = st.builds(
    ImageContent,
    st.sampled_from([f"{at}.png" for at in range(9)]),
    st.sampled_from(["i1", "i2", "i3", "unusable:unreadable_image", ""]),
    st.sampled_from(["", "m1", "m2"]),
    st.sampled_from(["nut", "bolt"]),
)
SIDES = st.lists(CONTENTS, max_size=9, unique_by=lambda one: one.id)


def content(id: str, image: str = "i", mask: str = "m", label: str = "nut") -> ImageContent:
    return ImageContent(id, image, mask, label)


@pytest.mark.parametrize(
    ("new", "what"),
    [
        (content("a", mask="n"), ("mask",)),
        (content("a", label="bolt"), ("label",)),
        (content("a", image="j"), ("image",)),
        (content("a", "j", "n", "bolt"), ("image", "mask", "label")),
        (content("bolt/a", label="bolt"), ("label",)),  # sorted into another folder
        (content("b", mask="n"), ("mask",)),
    ],
)
def test_what_changed_of_an_image_is_named(new: ImageContent, what: tuple[str, ...]) -> None:
    found = pair([content("a"), content("z", "z")], [content("z", "z"), new])
    assert found.changed == (ChangedContent(0, 1, what),) and found.pairs == ((1, 0),)  # type: ignore[arg-type]
    assert found.missing == found.new == ()


def test_a_copy_has_no_partner_of_its_own() -> None:
    found = pair([content("a")], [content("a"), content("copy")])
    assert (found.pairs, found.new, found.doubled_new) == (((0, 0),), (1,), (1,))


def test_of_copies_under_other_names_it_is_not_known_which_is_which() -> None:
    found = pair([content("a"), content("b")], [content("c"), content("d")])
    assert (found.pairs, found.missing, found.new) == ((), (0, 1), (0, 1))
    assert (found.doubled_old, found.doubled_new) == ((0, 1), (0, 1))


def test_what_cannot_be_read_is_recognised_by_its_name_alone() -> None:
    broken = [content("a", "unusable:unreadable_image", ""), content("b", "unusable:unreadable_image", "")]
    assert pair(broken, broken).pairs == ((0, 0), (1, 1))
    assert pair(broken[:1], broken[1:]).pairs == ()


@given(SIDES, SIDES)
def test_every_image_has_one_fate(old: Sequence[ImageContent], new: Sequence[ImageContent]) -> None:
    found = pair(old, new)
    before = [*(one for one, _ in found.pairs), *(one.old for one in found.changed), *found.missing]
    after = [*(one for _, one in found.pairs), *(one.new for one in found.changed), *found.new]
    assert sorted(before) == list(range(len(old))) and sorted(after) == list(range(len(new)))
    assert all(old[one].key == new[other].key for one, other in found.pairs)
    assert all(one.what and old[one.old].key != new[one.new].key for one in found.changed)


@given(SIDES, SIDES, st.randoms(use_true_random=False))
def test_the_order_plays_no_part_and_the_sides_are_alike(
    old: list[ImageContent], new: list[ImageContent], random: object
) -> None:
    shuffled_old, shuffled_new = old[:], new[:]
    random.shuffle(shuffled_old)  # type: ignore[attr-defined]
    random.shuffle(shuffled_new)  # type: ignore[attr-defined]

    def named(found: Pairing, one: Sequence[ImageContent], other: Sequence[ImageContent]) -> set[tuple[str, str]]:
        return {(one[a].id, other[b].id) for a, b in [*found.pairs, *((c.old, c.new) for c in found.changed)]}

    there = named(pair(old, new), old, new)
    assert there == named(pair(shuffled_old, shuffled_new), shuffled_old, shuffled_new)
    assert there == {(b, a) for a, b in named(pair(new, old), new, old)}
