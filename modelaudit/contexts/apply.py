"""Contexts as the engine uses them: single ones and compositions alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..language import registry
from ..language.errors import ContextError, ExpressionError
from ..language.spec import Composed, Context
from .base import ContextDeclaration, ContextInput, ContextOutput, Family, rendered, with_pixels
from .donor_rules import DonorRule, Lending, as_rule

#: the family of a composition is the first of these that a part belongs to
_STRONGEST_FIRST: tuple[Family, ...] = ("no_information", "change", "perturbation", "control")


def apply(context: Context, scene: ContextInput) -> ContextOutput:
    """The scene under the context; the parts of a composition one after the other, impossible where one of them is.

    Every part draws from the same generators, so a part that stands twice in a composition repeats its draw.

    Raises:
        ContextError: masks or donors that a part needs are missing, or two parts ask for different donors.
        ExpressionError: a series.
    """
    if context.doses:
        raise ExpressionError(f"'{context}' is a series; apply it at one of its doses")
    donor_rule(context)
    done = rendered(scene, scene.pixels)
    for part in _parts(context):
        before = done
        done = registry.entry_of(part).function(part, with_pixels(scene, before))
        done = ContextOutput(done.pixels, done.mask, before.impossible | done.impossible)
    return done


def donor_rule(context: Context) -> DonorRule | None:
    """Which images may lend their background; None where the context asks for no donor.

    Raises:
        ContextError: two parts of a composition ask for different donors.
    """
    asked = {part: _declares(part).donors(part) for part in _parts(context)}
    rules = {part: as_rule(rule) for part, rule in asked.items() if rule is not None}
    if len(set(rules.values())) > 1:
        listed = " and ".join(f"{part} ({rule})" for part, rule in rules.items())
        raise ContextError(f"'{context}' asks for different donors: {listed}; a composition has one donor an image")
    return next(iter(rules.values()), None)


def lending_context(context: Context) -> Context:
    """What decides who has a background to lend: the parts that ask for donors, whatever the rank that they take."""
    asking: list[Any] = _asking(context)
    ranked = [replace(part, rank=0) if hasattr(part, "rank") else part for part in asking]
    return ranked[0] if len(ranked) == 1 else Composed(tuple(ranked))


def lending(context: Context, donors: ContextInput) -> list[Lending]:
    """Which of the images have a background to lend to the parts that ask for donors, and why the others have none."""
    assert donors.mask is not None
    covered = donors.kept().flatten(1).double().mean(dim=1)
    able = torch.ones(len(donors.ids), dtype=torch.bool, device=donors.pixels.device)
    small = able.clone()
    for part in _asking(context):
        able = able & _declares(part).lends(part, donors)
        small = small & (covered <= _declares(part).largest_donor(part))
    return [
        Lending.NOTHING if not can else Lending.ABLE if fits else Lending.TOO_LARGE
        for can, fits in zip(able.tolist(), small.tolist(), strict=True)
    ]


def largest_donor(context: Context) -> float:
    """The share of the frame that object and ring of a donor may cover at most; 1 where nothing limits it."""
    return min((_declares(part).largest_donor(part) for part in _asking(context)), default=1.0)


def skips_same_picture(context: Context) -> bool:
    """Whether a donor that is nearly the same picture as the image is passed over."""
    return any(_declares(part).skips_same_picture(part) for part in _asking(context))


def can_lend(context: Context, donors: ContextInput) -> Tensor:
    """[B] bool: which of the images have a background to lend to the parts that ask for donors."""
    able = [one is Lending.ABLE for one in lending(context, donors)]
    return torch.tensor(able, dtype=torch.bool, device=donors.pixels.device)


def stored_picture(context: Context) -> str | None:
    """The name of the picture that the data must keep of every sample; None where the image itself is shown."""
    return next((name for part in _parts(context) if (name := _declares(part).stored(part)) is not None), None)


def in_place(context: Context) -> bool:
    """Whether it is known where the object is under the context."""
    return all(_declares(part).in_place(part) for part in _parts(context))


def needs_mask(context: Context) -> bool:
    """Whether any part needs object masks."""
    return any(_declares(part).needs_mask(part) for part in _parts(context))


def exempt(context: Context) -> bool:
    """Whether it may change no pixel in a whole run: only where every part may."""
    return all(_declares(part).exempt(part) for part in _parts(context))


def family(context: Context) -> Family:
    """The family; of a composition the strongest: no information, change, perturbation, control."""
    families = {_declares(part).family for part in _parts(context)}
    return next(one for one in _STRONGEST_FIRST if one in families)


def _parts(context: Context) -> tuple[Context, ...]:
    return context.parts if isinstance(context, Composed) else (context,)


def _asking(context: Context) -> list[Context]:
    """The parts that ask for donors."""
    return [part for part in _parts(context) if _declares(part).donors(part) is not None]


def _declares(part: Context) -> ContextDeclaration:
    declares: ContextDeclaration = registry.entry_of(part).declares
    return declares
