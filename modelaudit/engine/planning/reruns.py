"""The same audit with something else about it: other masks, other draws, no background for the model, only the seam.

What is measured a second time, and on which columns that is needed at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields, replace
from enum import StrEnum

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ...attribution import draws_at_random
from ...contexts import family, needs_mask
from ...contexts import paste_back as PasteBack
from ...language import registry
from ...language.checks import CheckSettings
from ...language.expression import Measure
from ...language.sample import BACKGROUND, IGNORE, OBJECT
from ...language.spec import Composed, Context
from .plan import ColumnAsk, PassAsk, column_key, original_context


class Intervention(StrEnum):
    """What is other than in the audit itself.

    ``ERODED``, ``DILATED``, ``SHIFTED_X``, ``SHIFTED_Y``: the masks; contexts are made anew with them. ``REDRAWN``: the
    seed of every draw, donors too. ``BLIND``: after the context every pixel that is no object is filled before the
    model sees the image. ``SEAM``: the own background pasted back, in place of every context that pastes another one.
    """

    GIVEN = "given"
    ERODED = "eroded"
    DILATED = "dilated"
    SHIFTED_X = "shifted_x"
    SHIFTED_Y = "shifted_y"
    REDRAWN = "redrawn"
    BLIND = "blind"
    SEAM = "seam"

    @property
    def of_masks(self) -> bool:
        """Whether it is one of masks."""
        return self in MASKS


MASKS = (Intervention.ERODED, Intervention.DILATED, Intervention.SHIFTED_X, Intervention.SHIFTED_Y)
#: the masks are moved by this share of the shorter side unless an audit says otherwise, and by a pixel at least
RADIUS = 0.01
#: what a model that is blind to the background sees there: the mean colour of ImageNet
_FILLED = (123 / 255, 116 / 255, 103 / 255)
_SECOND_SEED = 1_000_003


def images_of(variant: Intervention, checks: CheckSettings) -> int:
    """On how many images a variant is measured."""
    if variant.of_masks:
        return checks.masks
    return {Intervention.REDRAWN: checks.noise, Intervention.BLIND: checks.blind, Intervention.SEAM: checks.seams}[
        variant
    ]


def second_seed(seed: int) -> int:
    """The seed of the second draw."""
    return seed + _SECOND_SEED


def radius(size: Sequence[int], share: float = RADIUS) -> int:
    """By how many pixels masks of (height, width) are moved: `share` of the shorter side, at least 1."""
    return max(1, round(share * min(size)))


def changed_mask(mask: Tensor, variant: Intervention, share: float = RADIUS) -> Tensor:
    """[B, H, W] uint8: the masks of a variant, moved by r = `share` of the shorter side.

    Erosion and dilation take a square of 2 r + 1 and move both edges of the ignore ring, that to the object and that to
    the background, so the ring keeps its place between them. Nothing comes in from outside of the frame: an object that
    touches the border is not eroded there. A shifted mask repeats its first rows or columns.
    """
    if not variant.of_masks:
        return mask
    r = radius(mask.shape[1:], share)
    if variant in (Intervention.SHIFTED_X, Intervention.SHIFTED_Y):
        axis = 2 if variant is Intervention.SHIFTED_X else 1
        at = (torch.arange(mask.shape[axis], device=mask.device) - r).clamp_min(0)
        return mask.index_select(axis, at)
    object_, kept = mask == OBJECT, mask != BACKGROUND
    if variant is Intervention.DILATED:
        object_, kept = _widened(object_, r), _widened(kept, r)
    else:
        object_, kept = ~_widened(~object_, r), ~_widened(~kept, r)
    between = torch.where(kept, IGNORE, BACKGROUND)
    return torch.where(object_, OBJECT, between).to(mask.dtype)


def blinded(pixels: Tensor, mask: Tensor) -> Tensor:
    """The images with everything that is no object in the mean colour of ImageNet."""
    colour = torch.tensor(_FILLED, dtype=pixels.dtype, device=pixels.device).view(1, 3, 1, 1)
    return torch.where((mask == OBJECT).unsqueeze(1), pixels, colour)


def variants_of(checks: CheckSettings) -> Iterator[Intervention]:
    """The variants that are measured at all."""
    for variant in (*MASKS, Intervention.REDRAWN, Intervention.BLIND, Intervention.SEAM):
        if images_of(variant, checks):
            yield variant


def passes_of_variant(passes: Sequence[PassAsk], variant: Intervention) -> tuple[PassAsk, ...]:
    """What of the audit's passes a variant measures anew. A search over many backgrounds is not repeated."""
    found: dict[tuple[str, Context], dict[str, ColumnAsk]] = {}
    for ask in passes:
        columns = [column for column in ask.columns if registry.entry_of(column.spec).declares.backgrounds is None]
        if variant is Intervention.SEAM:
            context = seam_of(ask.context)
            columns = [replace(one, key=column_key(one.spec, context)) for one in columns] if context else []
        else:
            context = ask.context
            pasting = {one.model for one in passes if feather_of(one.context) is not None}
            columns = [one for one in columns if _touches(variant, ask, one, pasting)]
        if columns and context is not None:
            found.setdefault((ask.model, context), {}).update({one.key: one for one in columns})
    if variant is Intervention.BLIND:  # falls and flips are judged against what the blind model says of the original
        for model in dict.fromkeys(model for model, _ in found):
            found = {(model, original_context()): found.pop((model, original_context()), {}), **found}
    return tuple(PassAsk(model, context, tuple(columns.values())) for (model, context), columns in found.items())


def seam_of(context: Context) -> Context | None:
    """``paste_back`` with the seam of a context that pastes; None where it pastes none, or with a hard edge."""
    feather = feather_of(context)
    return PasteBack(feather) if feather else None


def feather_of(context: Context) -> float | None:
    """The feather of a context of the family change that needs masks; None where there is no paste."""
    if family(context) != "change" or not needs_mask(context):
        return None
    parts = context.parts if isinstance(context, Composed) else (context,)
    named = [part for part in parts if any(one.name == "feather" for one in fields(part))]  # type: ignore[arg-type]
    return float(max(getattr(part, "feather") for part in named)) if named else None  # noqa: B009


def under_seam(measure: Measure) -> Measure:
    """The measure with the seam alone in place of its context; itself where that pastes nothing."""
    seam = None if measure.context is None else seam_of(measure.context)
    return measure if seam is None else replace(measure, context=seam)


def _touches(variant: Intervention, ask: PassAsk, column: ColumnAsk, pasting: Collection[str]) -> bool:
    """Whether a column says something under a variant.

    Of a model that cannot see any background it is known beforehand what it must get where maps are read, and where
    another background is pasted; with another light, say, nobody knows.

    Args:
        pasting: the models of which anything is asked on a pasted background.
    """
    if variant.of_masks:
        return needs_mask(ask.context) or bool(registry.entry_of(column.spec).declares.needs_mask)
    if variant is Intervention.REDRAWN:
        return ask.context != original_context() or may_draw(column)
    pasted = feather_of(ask.context) is not None or (ask.context == original_context() and ask.model in pasting)
    return column.map is not None or pasted


def may_draw(column: ColumnAsk) -> bool:
    """Whether the measure itself draws, through its attribution method or otherwise."""
    declared = registry.entry_of(column.spec).declares
    return bool(getattr(declared, "draws", False)) or (column.map is not None and draws_at_random(column.map.method))


def _widened(region: Tensor, r: int) -> Tensor:
    """[B, H, W] bool: the region and all pixels within `r` of it, in the larger of the two directions."""
    return max_pool2d(region[:, None].float(), 2 * r + 1, stride=1, padding=r)[:, 0] > 0.5
