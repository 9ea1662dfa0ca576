"""The same audit with something else about it: other masks, other draws, no background for the model, only the seam.

What is measured a second time, and on which columns that is needed at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields, replace

from ...attribution import draws_at_random
from ...contexts import family, needs_mask
from ...contexts import paste_back as PasteBack
from ...language.checks import CheckSettings
from ...language.expression import Measure
from ...language.spec import Composed, Context
from ...measures.base import tries_backgrounds
from ..results.interventions import MASKS, Intervention
from .plan import ColumnAsk, PassAsk, column_key, original_context


def images_of(intervention: Intervention, checks: CheckSettings) -> int:
    """On how many images an intervention is measured."""
    if intervention.of_masks:
        return checks.masks
    return {Intervention.REDRAWN: checks.noise, Intervention.BLIND: checks.blind, Intervention.SEAM: checks.seams}[
        intervention
    ]


def interventions_of(checks: CheckSettings) -> Iterator[Intervention]:
    """The variants that are measured at all."""
    for intervention in (*MASKS, Intervention.REDRAWN, Intervention.BLIND, Intervention.SEAM):
        if images_of(intervention, checks):
            yield intervention


def passes_of_rerun(passes: Sequence[PassAsk], intervention: Intervention) -> tuple[PassAsk, ...]:
    """What of the audit's passes an intervention measures anew. A search over many backgrounds,
    or for the worst change, is not repeated."""
    found: dict[tuple[str, Context], dict[str, ColumnAsk]] = {}
    for ask in passes:
        columns = [one for one in ask.columns if one.declares.backgrounds is None and one.declares.searches is None]
        if intervention is Intervention.SEAM:
            context = seam_of(ask.context)
            columns = [replace(one, key=column_key(one.spec, context)) for one in columns] if context else []
        else:
            context = ask.context
            pasting = {one.model for one in passes if feather_of(one.context) is not None}
            columns = [one for one in columns if _touches(intervention, ask, one, pasting)]
        if intervention is Intervention.BLIND and (hard := hard_edge_of(ask.context)) is not None:
            answers = [replace(one, key=column_key(one.spec, hard)) for one in columns if one.map is None]
            columns = [one for one in columns if one.map is not None]
            if answers:
                found.setdefault((ask.model, hard), {}).update({one.key: one for one in answers})
        if columns and context is not None:
            found.setdefault((ask.model, context), {}).update({one.key: one for one in columns})
    if (
        intervention is Intervention.BLIND
    ):  # falls and flips are judged against what the blind model says of the original
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


def hard_edge_of(context: Context) -> Context | None:
    """A context that pastes with a feather, with a hard edge in its place; None where there is no feather.

    A feathered edge mixes the background into the object, where a model sees it that is blind to the background.
    """
    if not feather_of(context):
        return None
    if not isinstance(context, Composed):
        return _hard(context)
    return Composed(tuple(_hard(part) for part in context.parts))


def under_hard_edge(measure: Measure) -> Measure:
    """A measure without a heat map under its context with a hard edge; itself where that has one already."""
    hard = None if measure.context is None or measure.spec.methods else hard_edge_of(measure.context)
    return measure if hard is None else replace(measure, context=hard)


def _hard(part: Context) -> Context:
    feathered = any(one.name == "feather" for one in fields(part))  # type: ignore[arg-type]
    return replace(part, feather=0.0) if feathered else part  # type: ignore[type-var]


def under_seam(measure: Measure) -> Measure:
    """The measure with the seam alone in place of its context; itself where that pastes nothing."""
    seam = None if measure.context is None else seam_of(measure.context)
    return measure if seam is None else replace(measure, context=seam)


def _touches(intervention: Intervention, ask: PassAsk, column: ColumnAsk, pasting: Collection[str]) -> bool:
    """Whether a column says something under an intervention.

    Of a model that cannot see any background it is known beforehand what it must get where maps are read, and where
    another background is pasted; with another light, say, nobody knows.

    Args:
        pasting: the models of which anything is asked on a pasted background.
    """
    if intervention.of_masks:
        return needs_mask(ask.context) or column.declares.needs_mask
    if intervention is Intervention.REDRAWN:
        return ask.context != original_context() or may_draw(column)
    pasted = feather_of(ask.context) is not None or (ask.context == original_context() and ask.model in pasting)
    return column.map is not None or pasted


def may_draw(column: ColumnAsk) -> bool:
    """Whether the measure itself draws, through its attribution method or otherwise."""
    declared = column.declares
    return bool(getattr(declared, "draws", False)) or (column.map is not None and draws_at_random(column.map.method))


def reads_where(column: ColumnAsk) -> bool:
    """Whether a measure is of where a heat map is: only there does evidence from the background play a part."""
    declares = column.declares
    needs = declares.needs_mask and declares.needs_attribution
    return column.map is not None and bool(needs) and not tries_backgrounds(column.spec)


def passes_with_maps(passes: Sequence[PassAsk]) -> tuple[PassAsk, ...]:
    """The passes with measures of where a heat map is, with these measures alone."""
    return tuple(
        replace(ask, columns=columns)
        for ask in passes
        if (columns := tuple(column for column in ask.columns if reads_where(column)))
    )
