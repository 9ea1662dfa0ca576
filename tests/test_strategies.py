"""Strategies draw contexts that are valid, that can be applied, and that shrink towards the smallest change."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy
from hypothesis.vendor.pretty import pretty

import modelaudit.contexts
from modelaudit import ExpressionError, parse_context, strategies
from modelaudit.contexts import (
    ContextInput,
    ContextOutput,
    apply,
    donor_rule,
    exposure,
    family,
    needs_mask,
    stored_picture,
    surroundings,
)
from modelaudit.data import apply_geometry, decode, open_data
from modelaudit.language.sample import Preprocessing
from modelaudit.language.spec import Context

FAMILIES = ("change", "perturbation", "no_information", "control")
WHOLE = settings(suppress_health_check=[HealthCheck.too_slow])


@cache
def scene(first: int = 0) -> ContextInput:
    """Two images of the demo in 64 x 64 pixels, and their masks."""
    samples = open_data("demo:?images=6", root=Path(), quiet=True).samples[first : first + 2]
    views = [apply_geometry(decode(sample), Preprocessing(resize=64)) for sample in samples]
    pixels, masks = zip(*views, strict=True)
    return ContextInput(torch.stack(pixels), torch.stack(masks), tuple(sample.id for sample in samples), 0)


def applied(context: Context) -> ContextOutput:
    own = scene()
    lent = None if donor_rule(context) is None else scene(2)
    return apply(context, ContextInput(own.pixels, own.mask, own.ids, own.seed, lent))


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_drawn_context_can_be_applied_and_belongs_to_the_family_that_was_asked_for(kind: Any) -> None:
    @WHOLE
    @given(strategies.contexts(kind))
    def holds(context: Context) -> None:
        done = applied(context)
        assert family(context) == kind
        assert done.pixels.shape == scene().pixels.shape
        assert bool(((done.pixels >= 0) & (done.pixels <= 1)).all())

    holds()


DRAWN = st.one_of(
    strategies.contexts(),
    strategies.surroundings(),
    strategies.light(),
    strategies.positions(),
    strategies.donors("other_class", "random"),
    strategies.severities(),
    strategies.patches(),
    strategies.donor_patches(),
    strategies.surroundings(colours=["#ff8000"], contexts=["fog(3)"]),
)


@given(DRAWN)
def test_the_text_of_every_drawn_context_reads_back(context: Context) -> None:
    assert parse_context(str(context)) == context


@given(DRAWN)
def test_what_hypothesis_prints_makes_the_context_in_an_audit_file(context: Context) -> None:
    assert eval(pretty(context), vars(modelaudit.contexts)) == context


@WHOLE
@given(strategies.light(0.5, []), strategies.light(0, (3000, 5000)))
def test_light_leaves_out_a_kind_without_a_range(exposed: Context, warm: Context) -> None:
    assert abs(exposed.stops) <= 0.5 and 3000 <= warm.kelvin <= 5000  # type: ignore[attr-defined]


@WHOLE
@given(strategies.surroundings() | strategies.light())
def test_surroundings_leave_every_pixel_of_the_object_as_it_is(context: Context) -> None:
    own = scene()
    assert own.mask is not None and needs_mask(context)
    done = applied(context)
    kept = (own.mask == 1)[:, None].expand_as(own.pixels) & ~done.impossible[:, None, None, None]
    assert torch.equal(done.pixels[kept], own.pixels[kept])


def smallest(strategy: SearchStrategy[Context], holds: Any = lambda context: True) -> str:
    return str(find(strategy, holds, settings=settings(database=None, max_examples=2000)))


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        (strategies.doses("fade"), "fade(0.01)"),
        (strategies.doses("fade", 0.3, 0.5), "fade(0.3)"),
        (strategies.doses(exposure, -2, 2), "exposure(0.01)"),
        (strategies.doses(exposure(1, region="background"), -2, -1), "exposure(-1, region=background)"),
        (strategies.doses("white_balance"), "white_balance(6600)"),
        (strategies.doses("gamma"), "gamma(1.01)"),
        (strategies.doses("jpeg"), "jpeg(100)"),
        (strategies.doses("low_resolution", 4, 32), "low_resolution(32)"),
        (strategies.severities("fog"), "fog(1)"),
        (strategies.donors("random", "other_class"), "swap_background(random)"),
        (strategies.positions(), "move_object(dx=0, dy=0.01)"),
        (strategies.patches(), "background_patch(0, 0, 0.05, 0.05, grey, dose=0.01)"),
        (strategies.patches(["white"], smallest=0.2), "background_patch(0, 0, 0.2, 0.2, white, dose=0.01)"),
        (strategies.donor_patches("other_class"), "donor_patch(other_class, height=0.05, width=0.05, dose=0.01)"),
        (strategies.surroundings(stops=0, kelvin=[]), "background_patch(0, 0, 0.05, 0.05, grey, dose=0.01)"),
        (strategies.surroundings(colours=[], kelvin=[6500, 3000], donors=None), "exposure(0.01, region=background)"),
    ],
)
def test_they_shrink_to_the_smallest_change(strategy: SearchStrategy[Context], text: str) -> None:
    assert smallest(strategy) == text


@pytest.mark.parametrize(
    ("strategy", "holds", "text"),
    [
        (strategies.doses("fade"), lambda context: context.strength >= 0.37, "fade(0.37)"),
        (strategies.doses("exposure", -2, 2), lambda context: context.stops <= -0.4, "exposure(-0.4)"),
        (strategies.doses("blur"), lambda context: context.sigma > 7, "blur(8)"),
        (strategies.severities("fog"), lambda context: context.severity > 2, "fog(3)"),
        (strategies.donors(), lambda context: context.rank > 2, "swap_background(other_class, rank=3)"),
        (
            strategies.patches(),
            lambda context: context.dose >= 0.4 and context.fill == "red",
            "background_patch(0, 0, 0.05, 0.05, red, dose=0.4)",
        ),
        (strategies.light(), lambda context: getattr(context, "kelvin", 9e9) < 5000, None),
    ],
)
def test_they_shrink_to_the_smallest_change_that_still_fails(strategy: Any, holds: Any, text: str | None) -> None:
    assert smallest(strategy, holds) == (text or "white_balance(4990, region=background)")


@given(strategies.patches(smallest=0.1, largest=0.4) | strategies.donor_patches(smallest=0.1, largest=0.4))
def test_no_patch_is_smaller_or_larger_than_said(context: Any) -> None:
    assert 0.1 <= context.height <= 0.4 and 0.1 <= context.width <= 0.4 and context.dose > 0


def test_a_patch_shrinks_in_sides_and_dose_until_none_of_them_can_be_smaller() -> None:
    def flips(context: Any) -> bool:
        return bool(context.height * context.width * context.dose >= 0.05 and context.left >= 0.3)

    found: Any = find(strategies.patches(), flips, settings=settings(database=None, max_examples=2000))
    assert found.left == 0.3 and found.top == 0
    for name in ("height", "width", "dose"):
        assert not flips(replace(found, **{name: round(getattr(found, name) - 0.01, 2)}))


def test_surroundings_take_the_space_of_a_search_and_leave_out_what_it_leaves_out() -> None:
    space = surroundings(colours=["grey"], donors=None, stops=0, kelvin=[3000], contexts=["fog(3)"])
    found: set[str] = set()

    @settings(database=None, max_examples=300)
    @given(strategies.surroundings(space))
    def look(context: Any) -> None:
        found.add(type(context).__name__)
        assert getattr(context, "fill", "grey") == "grey" and getattr(context, "kelvin", 6000) < 6500

    look()
    assert found == {"BackgroundPatch", "WhiteBalance", "Fog"}


def test_a_dose_that_changes_nothing_is_never_drawn() -> None:
    with pytest.raises(NoSuchExample):
        find(strategies.doses("fade") | strategies.light(), lambda context: context.is_neutral)  # type: ignore[attr-defined]


@given(strategies.contexts() | strategies.contexts("control"))
def test_contexts_need_nothing_that_not_every_data_set_has(context: Context) -> None:
    rule = donor_rule(context)
    assert stored_picture(context) is None and (rule is None or not (rule.outside or rule.name))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: strategies.contexts("light"), "contexts: family: 'light' is not possible"),
        (lambda: strategies.doses("mirror"), "mirror has no dose"),
        (lambda: strategies.doses("occlude_object"), "occlude_object declares no bounds; give the least"),
        (lambda: strategies.doses("fade", 0.5, 0.2), "least=0.5 must be below most=0.2"),
        (lambda: strategies.doses("fade", 0, 2), "fade: strength: 2 is not a number from 0 to 1"),
        (lambda: strategies.doses("fad"), "unknown context 'fad'; did you mean 'fade'?"),
        (lambda: strategies.doses("fade(1) | mirror"), "is a composition; draw its parts"),
        (lambda: strategies.severities("fade"), "fade has no severities"),
        (lambda: strategies.severities("fog", 6), "severities: most: 6 is not possible"),
        (lambda: strategies.donors("other"), "'other' is not possible"),
        (lambda: strategies.donors(ranks=0), "donors: ranks: 0 is not a number from 1"),
        (lambda: strategies.positions(2), "positions: reach"),
        (lambda: strategies.patches(["mauve"]), "'mauve' is not a colour"),
        (lambda: strategies.patches(smallest=0.5, largest=0.2), "leave no patch"),
        (lambda: strategies.donor_patches("other"), "'other' is not possible"),
        (lambda: strategies.surroundings(colour=["grey"]), "colour"),
        (lambda: strategies.light(0, []), "light: nothing is left to be changed; give stops or kelvin"),
        (lambda: strategies.light(1, [3000.0]), "light: kelvin=[3000.0]; give the least and the greatest temperature"),
        (lambda: strategies.light(stops=99), "exposure: stops: -99 is not a number from -8 to 8"),
    ],
)
def test_what_cannot_be_drawn_is_said_when_the_strategy_is_made(call: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        call()
    assert message in str(error.value)


def test_strategies_are_reached_through_the_package_and_load_hypothesis_only_then() -> None:
    code = (
        "import sys, modelaudit; from modelaudit import *; assert 'hypothesis' not in sys.modules; "
        "print(modelaudit.strategies.doses('fade'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "integers" in done.stdout
