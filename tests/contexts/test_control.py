"""Controls: the original is the original, and the paste-back changes nothing but the seam."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import part, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.contexts import apply, exempt, identity, original, paste_back, swap_background, swap_identical
from modelaudit.contexts.filling import in_box
from modelaudit.language.errors import ContextError, ExpressionError


def test_the_original_is_untouched_and_needs_no_mask() -> None:
    own = replace(scene(), mask=None)
    done = apply(original(), own)
    assert torch.equal(done.pixels, own.pixels)
    assert not done.impossible.any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_hard_edge_pastes_back_the_original_to_the_bit(seed: int) -> None:
    own = scene(seed=seed)
    assert torch.equal(apply(paste_back(), own).pixels, own.pixels)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), feather=st.sampled_from([1, 2.0, 3.5]))
def test_a_feather_changes_the_seam_of_the_swap_and_nothing_else(seed: int, feather: float) -> None:
    own = scene(4, seed=seed)
    changed = (apply(paste_back(feather), own).pixels != own.pixels).any(dim=1)
    hard, soft = (apply(swap_background("random", feather=width), own).pixels for width in (0, feather))
    seam = (hard != soft).any(dim=1)
    assert changed.flatten(1).any(dim=1).all()
    assert not (changed & ~own.kept()[:, 0]).any()
    assert not (changed & ~seam).any()


def test_a_value_does_not_depend_on_the_batch() -> None:
    own = scene(3)
    together = apply(paste_back(2), own).pixels
    for index in range(3):
        assert torch.equal(together[index], apply(paste_back(2), part(own, index)).pixels[0])


@pytest.mark.parametrize("value", [0, 1])
def test_without_object_or_background_there_is_nothing_to_paste(value: int) -> None:
    own = scene(1)
    assert own.mask is not None
    assert apply(paste_back(), replace(own, mask=torch.full_like(own.mask, value))).impossible.tolist() == [True]


def test_controls_are_exempt_and_a_swap_is_not() -> None:
    assert exempt(original()) and exempt(paste_back(3)) and not exempt(swap_background("random"))


def test_paste_back_without_masks_is_an_error() -> None:
    with pytest.raises(ContextError, match="masks"):
        apply(paste_back(), replace(scene(), mask=None))


@pytest.mark.parametrize("feather", [-1, 0.3, 65, "wide", True])
def test_bad_feathers_are_refused(feather: object) -> None:
    with pytest.raises(ExpressionError, match="feather"):
        paste_back(feather)  # type: ignore[arg-type]


def test_the_identity_is_a_context_of_its_own_that_changes_nothing() -> None:
    own = replace(scene(), mask=None)
    done = apply(identity(), own)
    assert torch.equal(done.pixels, own.pixels) and not done.impossible.any()
    assert identity() != original() and exempt(identity())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), feather=st.sampled_from([0, 1, 2.5, 6]))
def test_a_swap_with_the_image_itself_is_the_image_when_nothing_is_filled(seed: int, feather: float) -> None:
    own = scene(seed=seed)
    done = apply(swap_identical(feather, "keep"), own)
    assert torch.equal(done.pixels, own.pixels) and not done.impossible.any()


@pytest.mark.parametrize("fill", ["tile", "mean", "inpaint"])
@pytest.mark.parametrize("feather", [0, 2])
def test_a_swap_with_the_image_itself_is_the_swap(fill: str, feather: float) -> None:
    own = scene(3, 40, 40)
    assert own.mask is not None
    own = replace(own, mask=own.mask.masked_fill(torch.arange(40) % 2 == 0, 0))  # a box with background in it
    itself = replace(own, donors=replace(own, donors=None))
    swapped = apply(swap_background("random", feather=feather, fill=fill), itself)  # type: ignore[arg-type]
    done = apply(swap_identical(feather, fill), own)  # type: ignore[arg-type]
    assert torch.equal(done.pixels, swapped.pixels) and torch.equal(done.impossible, swapped.impossible)
    changed = (done.pixels != own.pixels).any(dim=1, keepdim=True)
    assert changed.any()
    if fill != "inpaint" and feather == 0:
        assert own.mask is not None
        assert not (changed & ~(in_box(own.mask) & ~own.kept())).any()


def test_swap_identical_refuses_what_the_swap_refuses() -> None:
    with pytest.raises(ExpressionError, match="feather"):
        swap_identical(-1)
    with pytest.raises(ExpressionError, match="inpaint"):
        swap_identical(fill="inpant")  # type: ignore[arg-type]
    assert exempt(swap_identical())
