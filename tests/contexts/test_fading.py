"""The fade: nothing at 0, everything at 1, and linear between them."""

from __future__ import annotations

import pytest
import torch
from contexts.scenes import scene
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.contexts import apply, exempt, fade, family
from modelaudit.language.errors import ExpressionError
from modelaudit.language.parser import parse_context

few = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("to", ["mean", "black", "white"])
def test_at_0_it_is_the_image_and_at_1_the_colour_to_the_bit(to: str) -> None:
    own = scene(3)
    assert own.mask is not None
    assert torch.equal(apply(fade(0, to=to), own).pixels, own.pixels)  # type: ignore[arg-type]
    done = apply(fade(1, to=to), own).pixels  # type: ignore[arg-type]
    for index in range(3):
        faded = done[index][:, own.mask[index] == 0]
        mean = own.pixels[index][:, own.mask[index] == 0].double().mean(dim=1).float()
        wanted = {"mean": mean, "black": torch.zeros(3), "white": torch.ones(3)}[to]
        assert torch.equal(faded, wanted[:, None].expand_as(faded))
    kept = own.kept().expand_as(done)
    assert torch.equal(done[kept], own.pixels[kept])


@few
@given(strength=st.floats(0, 1), to=st.sampled_from(["mean", "black", "white"]), seed=st.integers(0, 100))
def test_it_is_linear_in_the_strength(strength: float, to: str, seed: int) -> None:
    own = scene(seed=seed)
    start, middle, end = (apply(fade(s, to=to), own).pixels for s in (0, strength, 1))  # type: ignore[arg-type]
    assert torch.allclose(middle, start + strength * (end - start), atol=1e-6)


@pytest.mark.parametrize("region", ["object", "whole"])
def test_other_regions_fade_to_their_own_mean(region: str) -> None:
    own = scene(1)
    where = own.kept()[0, 0] if region == "object" else torch.ones_like(own.kept()[0, 0])
    done = apply(fade(1, region=region), own).pixels[0]  # type: ignore[arg-type]
    mean = own.pixels[0][:, where].mean(dim=1)
    assert torch.allclose(done[:, where], mean[:, None].expand_as(done[:, where]), atol=1e-6)
    assert torch.equal(done[:, ~where], own.pixels[0][:, ~where])


def test_what_it_declares() -> None:
    assert family(fade(0.5)) == "perturbation"
    assert exempt(fade(0)) and not exempt(fade(0.01))
    assert [str(fade(each=[0, 0.5, 1]).at_dose(value)) for value in (0, 0.5, 1)] == ["fade(0)", "fade(0.5)", "fade(1)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": 1.1}, "strength"),
        ({}, "strength"),
        ({"strength": 0.5, "to": "grey"}, "to"),
        ({"each": [1, 0]}, "rise"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        fade(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["fade(0.5)", "fade(each=[0, 0.25, 0.5, 0.75, 1])", "fade(1, region=whole, to=white)"])
def test_texts_come_back(text: str) -> None:
    assert str(parse_context(text)) == text
