"""Heat map against intervention: image by image, who says that the background decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ...contexts import family
from ...language import registry
from ...language.expression import Measure
from ...language.reasons import Missing
from ...language.spec import Context
from ...statistics import Decision
from ..planning.plan import PassAsk, PlannedCase, column_key, original_context, single_method
from ..results.checks import Agreement, TwoByTwo
from ..results.measured import Measured, MeasuredColumn

#: a map says "background" above the level of a uniform map
UNIFORM = 0.5
_MEASURE = "background_dependence"


def two_by_two(case: PlannedCase, measured: Measured, passes: tuple[PassAsk, ...]) -> Iterator[TwoByTwo]:
    """One table a (model, method, context) of a case that reads maps, from columns that were measured anyway.

    The map says that the background decides where the case's ``background_dependence`` is above 0.5, the level of a
    uniform map: on the original image, where that was measured, else under the context. The swap says so where the
    prediction under a context of the family change is another one than on the original (``flip_rate``; where nobody
    asked for it, an answer that was right and is wrong by ``accuracy``). Any expectation on the same data may have
    brought the columns.
    """
    columns = {(one.model, one.key): one for one in measured.columns}
    listed: set[tuple[str, str, str]] = set()
    for leaf in case.asked.expectation.expression.measures():
        if registry.entry_of(leaf.spec).name != _MEASURE:
            continue
        model = case.models[leaf.model]
        for spec, method in single_method(leaf.spec):
            for context in _changes(leaf, model, passes):
                on_original = columns.get((model, column_key(spec, None)))
                found = on_original or columns.get((model, column_key(spec, context)))
                flips = _flips(columns, model, context)
                key = (model, str(method), str(context))
                if found is not None and flips is not None and key not in listed:
                    listed.add(key)
                    table = _table(model, str(method), context, found, flips)
                    yield table.model_copy(update={"map_on": "original" if on_original else "context"})


def agreements(case: PlannedCase, measured: Measured, decision: Decision) -> Iterator[Agreement]:
    """The methods of a case pair by pair: their maps, the measure by each over images, and what each decides."""
    columns = {(one.model, one.key): one for one in measured.columns}
    verdicts = {part.method: part.verdict for part in decision.parts if part.method is not None}
    listed: set[tuple[str, str]] = set()
    for leaf in case.asked.expectation.expression.measures():
        model = case.models[leaf.model]
        methods = [(str(method), _values(columns, model, spec, leaf)) for spec, method in single_method(leaf.spec)]
        for number, (first, one) in enumerate(methods):
            for second, other in methods[number + 1 :]:
                if (first, second) in listed or one is None or other is None:
                    continue
                listed.add((first, second))
                context = original_context() if leaf.context is None else leaf.context
                pixels, top, images = measured.agreement.get(f"{model}|{context}|{first}|{second}", (None, None, 0))
                same = verdicts[first] is verdicts[second] if {first, second} <= verdicts.keys() else None
                yield Agreement(
                    first=first,
                    second=second,
                    images=images,
                    pixels=pixels,
                    top=top,
                    values=_rank_correlation(one, other),
                    same_verdict=same,
                )


def _changes(leaf: Measure, model: str, passes: tuple[PassAsk, ...]) -> list[Context]:
    """The measure's own context; of one on original images those that anything asks of the model."""
    asked = [ask.context for ask in passes if ask.model == model] if leaf.context is None else [leaf.context]
    return [context for context in dict.fromkeys(asked) if family(context) == "change"]


def _flips(
    columns: Mapping[tuple[str, str], MeasuredColumn], model: str, context: Context
) -> NDArray[np.float64] | None:
    """[n] 1 where the context changes the answer, NaN where that is not known; None where nothing was measured."""
    named = registry.find("measure", "flip_rate").spec, registry.find("measure", "accuracy").spec
    assert named[0] is not None and named[1] is not None
    flips = columns.get((model, column_key(named[0](), context)))
    if flips is not None:
        return flips.values
    under, original = (columns.get((model, column_key(named[1](), one))) for one in (context, None))
    if under is None or original is None:
        return None
    before, after = original.values, under.values
    return np.where(np.isnan(before) | np.isnan(after), np.nan, (before == 1) & (after == 0))


def _table(model: str, method: str, context: Context, maps: MeasuredColumn, flips: NDArray[np.float64]) -> TwoByTwo:
    values = maps.values
    applicable = np.array([maps.missing.get(at) is not Missing.NO_OBJECT for at in range(values.size)], dtype=bool)
    known = ~np.isnan(values) & ~np.isnan(flips)
    says, flipped = values > UNIFORM, flips == 1
    counts: dict[str, NDArray[np.bool_]] = {
        "both": known & says & flipped,
        "map_only": known & says & ~flipped,
        "swap_only": known & ~says & flipped,
        "neither": known & ~says & ~flipped,
        "unknown": ~known & applicable,
    }
    numbers: dict[str, Any] = {name: int(where.sum()) for name, where in counts.items()}
    return TwoByTwo(measure=_MEASURE, method=method, model=model, context=str(context), limit=UNIFORM, **numbers)


def _values(columns: Mapping[tuple[str, str], MeasuredColumn], model: str, spec: Any, leaf: Measure) -> Any:
    found = columns.get((model, column_key(replace(leaf, spec=spec).spec, leaf.context)))
    return None if found is None else found.values


def _rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    known = ~np.isnan(first) & ~np.isnan(second)
    if known.sum() < 3 or np.ptp(first[known]) == 0 or np.ptp(second[known]) == 0:
        return None
    return float(spearmanr(first[known], second[known]).statistic)
