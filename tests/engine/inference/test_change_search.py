"""The search alone, against answers of any kind: it keeps its budget and its space, and what it finds flips."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.engine.inference.change_search import DOSES, ChangeSearch, ChangeSpace, ProposedChange

Flips = Callable[[ProposedChange], bool]


@st.composite
def spaces(draw: st.DrawFn) -> ChangeSpace:
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    seed, share = draw(st.integers(0, 99)), draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))
    background = np.random.default_rng(seed).random((height, width)) < share
    background[seed % height, seed % width] = True  # an image without background is not searched
    largest = draw(st.integers(1, height)), draw(st.integers(1, width))
    smallest = draw(st.integers(1, largest[0])), draw(st.integers(1, largest[1]))
    kinds = [draw(st.integers(0, most)) for most in (3, 2, 2, 2)]
    contexts = draw(st.dictionaries(st.integers(0, 2), st.floats(0.01, 1), max_size=2))
    return ChangeSpace(background, kinds[0], kinds[1], 2 * min(kinds[2], 1), kinds[3], contexts, smallest, largest)


def covered(space: ChangeSpace, change: ProposedChange) -> int:
    if change.box is None:
        return int(space.background.sum())
    box = change.box
    return int(space.background[box.top : box.bottom, box.left : box.right].sum())


def monotone(space: ChangeSpace, seed: int) -> Flips:
    """A change flips where it covers enough of the background, at a sufficient dose."""
    draw = np.random.default_rng(seed)
    enough = draw.uniform(0, 1) * space.background.sum()
    kinds = set(draw.choice(["colour", "donor", "exposure", "kelvin", "context"], 3))
    return lambda one: one.kind in kinds and covered(space, one) * one.dose / DOSES >= enough


def cue(space: ChangeSpace, seed: int) -> Flips:
    """It flips where it covers one place whole."""
    draw = np.random.default_rng(seed)
    row, column = (int(draw.integers(side)) for side in space.background.shape)
    dose = int(draw.integers(1, DOSES + 1))
    return lambda one: (
        one.dose >= dose
        and one.box is not None
        and one.box.top <= row < one.box.bottom
        and one.box.left <= column < one.box.right
    )


def chaotic(space: ChangeSpace, seed: int) -> Flips:
    """Each change flips or not by chance, its parts whatever they do."""
    share = (0.02, 0.3, 0.9)[seed % 3]
    return lambda one: hashlib.sha256(repr((seed, one)).encode()).digest()[0] < 256 * share


def never(space: ChangeSpace, seed: int) -> Flips:
    return lambda one: False


def always(space: ChangeSpace, seed: int) -> Flips:
    return lambda one: True


def searched(space: ChangeSpace, calls: int, flips: Flips, seed: int = 0) -> tuple[ChangeSearch, list[ProposedChange]]:
    """A search run to its end, and everything that it showed."""
    search = ChangeSearch(space, calls, torch.Generator().manual_seed(seed))
    rounds, shown = search.rounds(), []
    try:
        changes = next(rounds)
        while True:
            assert changes, "an empty round costs the scheduler a turn for nothing"
            shown.extend(changes)
            changes = rounds.send([flips(one) for one in changes])
    except StopIteration:
        return search, shown


@pytest.mark.parametrize("kind", [monotone, cue, chaotic, never, always])
@settings(max_examples=60, deadline=None)
@given(space=spaces(), calls=st.integers(1, 90), seed=st.integers(0, 999))
def test_a_search_keeps_its_budget_and_its_space_and_finds_what_flips(
    kind: Callable[[ChangeSpace, int], Flips], space: ChangeSpace, calls: int, seed: int
) -> None:
    flips = kind(space, seed)
    search, shown = searched(space, calls, flips, seed)
    assert len(shown) == search.shown <= calls
    assert len(set(shown)) == len(shown)  # nothing is shown twice
    numbers = {
        "colour": space.colours,
        "donor": space.donors,
        "exposure": space.exposures,
        "kelvin": space.temperatures,
    }
    for one in shown:
        assert (1 <= one.dose <= DOSES and covered(space, one) > 0) or one.kind == "context"
        assert one.number in space.contexts if one.kind == "context" else one.number < numbers[one.kind]
        assert (one.box is not None) == (one.kind in ("colour", "donor"))
        if one.box is not None:
            assert 0 <= one.box.top < one.box.bottom <= space.background.shape[0]
            assert 0 <= one.box.left < one.box.right <= space.background.shape[1]
            assert space.smallest[0] <= one.box.height <= space.largest[0]
            assert space.smallest[1] <= one.box.width <= space.largest[1]
    flipped = [one for one in shown if flips(one)]
    assert (search.smallest is None) == (not flipped)
    if search.smallest is not None:
        assert search.smallest in flipped
        assert search.size(search.smallest) == min(map(search.size, flipped))
        assert 0 < search.size(search.smallest) <= 1


@settings(max_examples=30, deadline=None)
@given(space=spaces(), calls=st.integers(1, 60), seed=st.integers(0, 99))
def test_more_calls_show_the_same_first(space: ChangeSpace, calls: int, seed: int) -> None:
    """So a larger budget never loses what a smaller one found."""
    flips = chaotic(space, seed)
    few, more = searched(space, calls, flips, seed), searched(space, 3 * calls, flips, seed)
    assert more[1][: len(few[1])] == few[1]
    if few[0].smallest is not None:
        assert more[0].smallest is not None
        assert more[0].size(more[0].smallest) <= few[0].size(few[0].smallest)


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.02, 0.9), dose=st.integers(1, DOSES))
def test_what_a_large_enough_area_decides_is_found_to_a_pixel_row(share: float, dose: int) -> None:
    """Without an object and with calls enough the smallest rectangle is nearly that of the threshold."""
    space = ChangeSpace(np.ones((20, 20), dtype=np.bool_), 1, 0, 0, 0, {}, (1, 1), (20, 20))
    search, _ = searched(space, 3000, lambda one: covered(space, one) >= share * 400 and one.dose >= dose)
    assert search.smallest is not None and search.smallest.dose == dose
    assert covered(space, search.smallest) <= math.ceil(share * 400) + 20
