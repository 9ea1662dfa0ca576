"""The galleries of a group's cases: which images are offered, and which pictures of them are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...contexts import exempt
from ...language.errors import AuditError
from ...language.expression import Measure
from ...language.sample import Sample
from ...language.spec import Context, Method, long_text
from ...language.without_object import left_out
from ..inference.running_model import RunningModel
from ..measurement.value_table import ValueTable
from ..planning.plan import (
    MapAsk,
    PassAsk,
    PlanGroup,
    PlannedCase,
    column_key,
    columns_named,
    original_context,
    single_method,
)
from ..results.measured import orders_of
from ..results.per_image import worst_per_image
from ..results.strata import Facts, membership
from .candidates import CaseCandidates, GalleryChoice

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


class Candidates:
    """The candidates of every case, offered images whose values are complete."""

    def __init__(
        self, group: PlanGroup, models: Mapping[str, RunningModel], samples: Sequence[Sample], labels: frozenset[str]
    ) -> None:
        self._models = models
        self._known_labels = labels
        self._galleries = [CaseCandidates(case) for case in group.cases]
        self._labels = np.array([str(sample.label) for sample in samples], dtype=object)
        self._groups = [sample.group for sample in samples]
        self._columns = {
            name: [sample.attributes.get(name) or None for sample in samples] for name in columns_named(group.cases)
        }
        self._orders = orders_of(sample.id for sample in samples)
        self._indices = {
            key: np.array([model.indices[sample.label] for sample in samples], dtype=np.int64)
            for key, model in models.items()
        }

    def offer(self, table: ValueTable, positions: Sequence[int]) -> None:
        """Offer images to every case of which nothing failed."""
        at = np.asarray(positions, dtype=np.intp)
        for gallery in self._galleries:
            if _failed(gallery.case, table) or not len(at):
                continue
            try:
                found = worst_per_image(gallery.case.asked.expectation, partial(self._leaf, gallery.case, table, at))
            except AuditError:  # a stratum of no known class, say: the decision says so, of this case alone
                continue
            values = np.broadcast_to(found, at.shape)
            defined = ~np.isnan(values) & self._about(gallery.case, at)
            if defined.any():
                first = next(iter(gallery.case.models.values()))
                areas = table.areas(first, at[defined])
                gallery.offer(at[defined], values[defined], self._orders[at[defined]], areas)

    @property
    def kept(self) -> dict[int, list[PlannedCase]]:
        """The images that may be shown, with the cases that may show them."""
        found: dict[int, list[PlannedCase]] = {}
        for gallery in self._galleries:
            for at in gallery.kept:
                found.setdefault(at, []).append(gallery.case)
        return found

    def chosen(self, table: ValueTable) -> Iterator[tuple[PlannedCase, list[GalleryChoice]]]:
        """The images that every case shows; none where something of it failed."""
        for gallery in self._galleries:
            yield gallery.case, [] if _failed(gallery.case, table) else gallery.chosen()

    def _about(self, case: PlannedCase, at: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of some images a case is about: those declared to have no object may leave it."""
        labels = left_out(case.asked.expectation.expression, tuple(case.asked.case.audit.without_object))
        return np.array([label not in labels for label in self._labels[at]], dtype=bool)

    def _leaf(self, case: PlannedCase, table: ValueTable, at: NDArray[np.intp], leaf: Measure) -> NDArray[np.float64]:
        """Values of a leaf on some images, NaN where missing or outside its stratum; of several methods the worst."""
        model = case.models[leaf.model]
        combined: NDArray[np.float64] | None = None
        for spec, _ in single_method(leaf.spec):
            values = table.columns[model, column_key(spec, leaf.context)].values[at]
            worse = np.fmax if case.asked.expectation.wants_low else np.fmin
            combined = values if combined is None else worse(combined, values)
        assert combined is not None
        if leaf.stratum is not None:
            inside, _ = membership(leaf.stratum, self._facts(model, table, at))
            combined[~inside] = np.nan
        return combined

    def _facts(self, model: str, table: ValueTable, at: NDArray[np.intp]) -> Facts:
        correct = table.columns.get((model, "accuracy"))
        return Facts(
            list(self._labels[at]),
            self._indices[model][at],
            None if correct is None else correct.values[at],
            table.areas(model, at),
            self._models[model].loaded.classes,
            self._known_labels,
            [self._groups[one] for one in at],
            {name: [cells[one] for one in at] for name, cells in self._columns.items()},
        )


def pictures_of(case: PlannedCase, passes: Sequence[PassAsk]) -> list[PictureAsk]:
    """What a case shows of an image: for every model the original, then each context, each with its heat maps."""
    asked = {method for leaf in case.asked.expectation.expression.measures() for method in leaf.spec.methods}
    known = {(one.model, one.context): one for one in passes}
    own = passes_of(case)
    pictures: list[PictureAsk] = []
    for model in dict.fromkeys(case.models.values()):
        contexts = [context for owner, context in own if owner == model and context != original_context()]
        pictures.append(PictureAsk("original", model, original_context()))
        pictures.extend(_overlays(model, original_context(), known, asked))
        for context in _spread(contexts):
            pictures.append(PictureAsk("context", model, context))
            pictures.extend(_overlays(model, context, known, asked))
    return pictures


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


def _failed(case: PlannedCase, table: ValueTable) -> bool:
    """Whether anything that a case reads could not be measured."""
    for leaf in case.asked.expectation.expression.measures():
        model = case.models[leaf.model]
        keys = [column_key(spec, leaf.context) for spec, _ in single_method(leaf.spec)]
        if any((model, key) not in table.columns or f"{model}|{key}" in table.failures for key in keys):
            return True
    return False
