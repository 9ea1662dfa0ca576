"""The mean fill: one colour in one region, the rest to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import scene

from modelaudit.contexts import apply, mean_fill
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context


@pytest.mark.parametrize("region", ["background", "object"])
def test_the_region_gets_the_colour_and_the_rest_stays(region: str) -> None:
    own = scene()
    done = apply(mean_fill(region), own).pixels  # type: ignore[arg-type]
    kept = own.kept().expand_as(own.pixels)
    filled = ~kept if region == "background" else kept
    assert torch.equal(done[~filled], own.pixels[~filled])
    colours = done.permute(0, 2, 3, 1)[filled[:, 0]]
    assert torch.equal((colours * 255).round(), torch.tensor([123.0, 116.0, 103.0]).expand_as(colours))


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("region", ["background", "object"])
def test_without_object_or_background_it_says_nothing(region: str, value: int) -> None:
    own = scene(2)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[1] = value
    done = apply(mean_fill(region), replace(own, mask=mask))  # type: ignore[arg-type]
    assert done.impossible.tolist() == [False, True]


def test_without_masks_it_is_an_error() -> None:
    with pytest.raises(ContextError, match="masks"):
        apply(mean_fill("object"), replace(scene(), mask=None))


def test_a_bad_region_is_refused() -> None:
    with pytest.raises(ExpressionError, match="region"):
        mean_fill("whole")  # type: ignore[arg-type]


def test_texts_come_back() -> None:
    assert str(parse_context("mean_fill(background)")) == "mean_fill(background)"
