"""Which pictures are wanted of an image: as it is, under each context, and the heat maps over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...contexts import exempt
from ...language.spec import Context, Method, long_text
from ..planning.plan import MapAsk, PassAsk, PlannedCase, original_context

_CONTEXTS_SHOWN = 3
_METHODS_SHOWN = 2


@dataclass(frozen=True)
class PictureAsk:
    """One picture of one image; `map` is set for an attribution."""

    kind: Literal["original", "context", "attribution"]
    model: str
    context: Context
    map: MapAsk | None = None

    @property
    def text(self) -> str:
        """What tells it apart from the other pictures of the same (model, context, sample)."""
        return self.kind if self.map is None else f"{self.kind} {long_text(self.map.method)} of {self.map.target}"


def pictures_of(case: PlannedCase, passes: Sequence[PassAsk]) -> list[PictureAsk]:
    """What a case shows of an image: of every model that is run the original, then each context, with heat maps."""
    asked = {method for leaf in case.asked.expectation.expression.measures() for method in leaf.spec.methods}
    known = {(one.model, one.context): one for one in passes}
    own = passes_of(case)
    recorded = {case.models[name] for name in case.recorded}
    pictures: list[PictureAsk] = []
    for model in dict.fromkeys(key for key in case.models.values() if key not in recorded):
        contexts = [context for owner, context in own if owner == model and context != original_context()]
        pictures.append(PictureAsk("original", model, original_context()))
        pictures.extend(_overlays(model, original_context(), known, asked))
        for context in _spread(contexts):
            pictures.append(PictureAsk("context", model, context))
            pictures.extend(_overlays(model, context, known, asked))
    return pictures


def views_of(case: PlannedCase, passes: Sequence[PassAsk]) -> list[tuple[PictureAsk, ...]]:
    """What may be shown of an image at once for review, the original always first.

    Where the case changes images: the original, an image under a context, and a heat map of that, one for each context
    and method. Otherwise the original with a heat map, one for each method.
    """
    views: list[tuple[PictureAsk, ...]] = []
    pictures = pictures_of(case, passes)
    for original in (one for one in pictures if one.kind == "original"):
        own = [one for one in pictures if one.model == original.model]
        changed = [one for one in own if one.kind == "context"]
        for shown in changed or [original]:
            maps = [one for one in own if one.map is not None and one.context == shown.context]
            beneath = (original,) if shown is original else (original, shown)
            views.extend((*beneath, over) for over in maps)
            if changed and not maps:
                views.append(beneath)
    return views


def _spread(contexts: Sequence[Context]) -> Sequence[Context]:
    """Those that are shown: of many doses the least and the greatest that change anything, and one between."""
    if len(contexts) > _CONTEXTS_SHOWN:
        contexts = [context for context in contexts if not exempt(context)] or contexts
    places = np.linspace(0, len(contexts) - 1, min(len(contexts), _CONTEXTS_SHOWN)).round().astype(int)
    return [contexts[at] for at in places.tolist()]


def passes_of(case: PlannedCase) -> tuple[tuple[str, Context], ...]:
    """The (model, context) pairs that a case reads, each once, in the order of its text."""
    leaves = case.asked.expectation.expression.measures()
    return tuple(dict.fromkeys((case.models[leaf.model], leaf.context or original_context()) for leaf in leaves))


def _overlays(
    model: str, context: Context, known: Mapping[tuple[str, Context], PassAsk], asked: set[Method]
) -> list[PictureAsk]:
    """The case's own methods; where it names none, those that the pass computes for others."""
    ran = known.get((model, context))
    maps = () if ran is None else ran.maps
    shown = [ask for ask in maps if ask.method in asked] or list(maps)
    return [PictureAsk("attribution", model, context, ask) for ask in shown[:_METHODS_SHOWN]]
