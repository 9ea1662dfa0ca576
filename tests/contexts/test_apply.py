"""Compositions: parts in order, donors for whoever asks, and what a composition declares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from contexts.scenes import scene

from modelaudit.contexts import (
    apply,
    donor_rule,
    exempt,
    family,
    flicker,
    gaussian_noise,
    lighting,
    mean_fill,
    move_object,
    needs_mask,
    original,
    paste_back,
    remove_object,
    shift,
    swap_background,
)
from modelaudit.contexts.base import with_pixels
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Context, long_text


def test_parts_act_one_after_the_other() -> None:
    own = scene()
    swap, light = swap_background("random"), lighting(4)
    by_hand = apply(light, with_pixels(own, apply(swap, own))).pixels
    assert torch.equal(apply(swap | light, own).pixels, by_hand)
    assert not torch.equal(apply(light | swap, own).pixels, by_hand)


def test_a_composition_is_impossible_where_one_part_is() -> None:
    own = scene(3)
    assert own.mask is not None and own.donors is not None and own.donors.mask is not None
    mask, donor_mask = own.mask.clone(), own.donors.mask.clone()
    mask[0], donor_mask[2] = 1, 1
    own = replace(own, mask=mask, donors=replace(own.donors, mask=donor_mask))
    assert apply(swap_background("random") | lighting(1), own).impossible.tolist() == [True, False, True]
    assert apply(lighting(1) | gaussian_noise(1), own).impossible.tolist() == [True, False, False]


def test_two_different_donor_rules_are_an_error() -> None:
    both = swap_background("random") | swap_background("same_class")
    with pytest.raises(ContextError, match="different donors"):
        donor_rule(both)
    with pytest.raises(ContextError, match="different donors"):
        apply(both, scene())


@pytest.mark.parametrize(
    ("context", "rule", "mask", "free", "of_family"),
    [
        (original(), None, False, True, "control"),
        (paste_back(2), None, True, True, "control"),
        (swap_background("same_class"), "same_class", True, False, "change"),
        (gaussian_noise(1, region="whole"), None, False, False, "perturbation"),
        (mean_fill("object"), None, True, False, "no_information"),
        (lighting(1) | swap_background("random"), "random", True, False, "change"),
        (original() | lighting(1), None, False, False, "perturbation"),
        (original() | paste_back(), None, True, True, "control"),
        (mean_fill("object") | gaussian_noise(1), None, True, False, "no_information"),
    ],
    ids=str,
)
def test_what_a_context_declares(context: Context, rule: str | None, mask: bool, free: bool, of_family: str) -> None:
    found = donor_rule(context)
    assert (None if found is None else found.text) == rule
    assert (needs_mask(context), exempt(context), family(context)) == (mask, free, of_family)


def test_a_series_is_an_error_wherever_it_stands() -> None:
    for series in (gaussian_noise(each=[1, 2]), lighting(1) | gaussian_noise(each=[1, 2])):
        with pytest.raises(ExpressionError, match="is a series; apply it at one of its doses"):
            apply(series, scene())


@pytest.mark.parametrize(
    ("computed", "text"),
    [
        (
            swap_background("random", feather=np.int64(2), rank=np.int64(1)),
            "swap_background(random, feather=2, rank=1)",
        ),
        (swap_background("random", feather=np.float32(1)), "swap_background(random)"),
        (remove_object(margin=np.int64(3)), "remove_object(margin=3)"),
        (move_object(np.float32(0.5), np.float64(-0.0)), "move_object(dx=0.5, dy=0)"),
        (flicker(0.5, bands=np.int64(8)), "flicker(0.5, bands=8)"),
        (shift(20, direction=np.float32(90)), "shift(20, direction=90)"),
        (shift(20, direction=-0.0), "shift(20, direction=0)"),
    ],
    ids=str,
)
def test_what_numpy_computes_is_what_is_written(computed: Context, text: str) -> None:
    assert str(computed) == text and "np." not in long_text(computed)
    assert parse_context(text) == computed and long_text(parse_context(text)) == long_text(computed)


def test_compositions_have_a_text_that_comes_back() -> None:
    context = swap_background("other_class") | lighting(3)
    assert parse_context(str(context)) == context
