"""Stored pictures as a context: its text, its place in a composition, and what it needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import scene

from modelaudit.contexts import apply, family, gaussian_noise, in_place, lighting, needs_mask, stored, stored_picture
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context


@pytest.mark.parametrize(
    "text", ["stored(mixed_rand)", "stored(line_b, mask=none)", "stored('line b') | gaussian_noise(3)"]
)
def test_texts_come_back(text: str) -> None:
    assert str(parse_context(text)) == text


def test_the_stored_pixels_are_shown_and_the_mask_stays() -> None:
    own = scene()
    kept = torch.rand(own.pixels.shape, generator=torch.Generator().manual_seed(5))
    done = apply(stored("line_b"), replace(own, stored={"line_b": kept}))
    assert torch.equal(done.pixels, kept) and done.mask is own.mask and not done.impossible.any()


def test_what_follows_acts_on_the_stored_picture_with_the_mask_of_the_original() -> None:
    own = scene()
    kept = torch.full_like(own.pixels, 0.5)
    done = apply(stored("line_b") | gaussian_noise(3), replace(own, stored={"line_b": kept}))
    on_object = own.kept().expand_as(kept)
    assert torch.equal(done.pixels[on_object], kept[on_object])
    assert bool((done.pixels[~on_object] != 0.5).any())


def test_what_it_declares() -> None:
    assert stored_picture(lighting(1)) is None and in_place(lighting(1))
    assert stored_picture(stored("a") | lighting(1)) == "a"
    assert not needs_mask(stored("a")) and needs_mask(stored("a") | gaussian_noise(1))
    assert in_place(stored("a")) and not in_place(stored("a", mask="none") | lighting(1))
    assert family(stored("a")) == "change"


def test_it_comes_first_in_a_composition() -> None:
    with pytest.raises(ExpressionError, match=r"stored\(a\) takes the place of the whole image; write it first"):
        lighting(1) | stored("a")
    with pytest.raises(ExpressionError, match=r"stored\(b\) takes the place"):
        parse_context("stored(a) | stored(b)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "give the name of a picture"),
        ({"name": 3}, "give the name"),
        ({"name": "a", "mask": "no"}, "none"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        stored(**arguments)  # type: ignore[arg-type]


def test_a_scene_without_the_picture_is_an_error() -> None:
    with pytest.raises(ContextError, match="the scene brings none"):
        apply(stored("line_b"), scene())
