"""The galleries of a group's cases: which images are offered, and which pictures of them are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...language.errors import AuditError
from ...language.expression import Measure
from ...language.sample import Sample
from ...language.without_object import left_out
from ..inference.running_model import RunningModel
from ..measurement.value_table import ValueTable
from ..planning.plan import PassAsk, PlanGroup, PlannedCase, column_key, columns_named, single_method
from ..results.measured import MeasuredModel, orders_of
from ..results.per_image import worst_per_image
from ..results.strata import Facts, membership
from .candidates import CaseCandidates, GalleryChoice
from .picture_asks import PictureAsk, pictures_of, views_of
from .review import ReviewCandidates, ReviewChoice


class Candidates:
    """The candidates of every case, offered images whose values are complete.

    Args:
        passes: that are measured.
        labels: of the whole data.
        reviewed: images that people review, of each case that asks for it, and the seed that draws them.
        recorded: models of which nothing can be drawn, since an earlier run measured their values.
    """

    def __init__(
        self,
        group: PlanGroup,
        models: Mapping[str, RunningModel],
        samples: Sequence[Sample],
        passes: Sequence[PassAsk],
        labels: frozenset[str],
        reviewed: tuple[int, int],
        recorded: Sequence[MeasuredModel] = (),
    ) -> None:
        self._known_labels = labels
        self._galleries = [CaseCandidates(case) for case in group.cases if _is_run(case, group)]
        self._reviews = {
            case.asked.id: ReviewCandidates(case, views, *reviewed)
            for case in group.cases
            if case.asked.case.reviewed_by is not None and (views := views_of(case, passes))
        }
        self._names = [sample.id for sample in samples]
        self._labels = np.array([str(sample.label) for sample in samples], dtype=object)
        self._groups = [sample.group for sample in samples]
        self._columns = {
            name: [sample.attributes.get(name) or None for sample in samples] for name in columns_named(group.cases)
        }
        self._orders = orders_of(sample.id for sample in samples)
        self._indices = {
            key: np.array([model.indices[sample.label] for sample in samples], dtype=np.int64)
            for key, model in models.items()
        } | {model.key: np.array(model.indices, dtype=np.int64) for model in recorded}
        self._classes: dict[str, Sequence[str] | None] = {
            **{key: model.loaded.classes for key, model in models.items()},
            **{model.key: model.classes for model in recorded},
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
                given = at[defined], values[defined], self._orders[at[defined]], areas
                gallery.offer(*given)
                if (review := self._reviews.get(gallery.case.asked.id)) is not None:
                    review.offer(*given, [self._names[one] for one in at[defined]], table)

    def wanted(self, passes: Sequence[PassAsk]) -> dict[int, list[PictureAsk]]:
        """The images that may be shown or reviewed, with the pictures of each."""
        found: dict[int, dict[PictureAsk, None]] = {}
        for gallery in self._galleries:
            pictures = dict.fromkeys(pictures_of(gallery.case, passes))
            for at in gallery.kept:
                found.setdefault(at, {}).update(pictures)
        for review in self._reviews.values():
            for at in review.kept:
                found.setdefault(at, {}).update(dict.fromkeys(review.pictures(at)))
        return {at: list(pictures) for at, pictures in found.items()}

    def chosen(self, table: ValueTable) -> Iterator[tuple[PlannedCase, list[GalleryChoice]]]:
        """The images that every case shows; none where something of it failed."""
        for gallery in self._galleries:
            yield gallery.case, [] if _failed(gallery.case, table) else gallery.chosen()

    def reviewed(self, table: ValueTable) -> Iterator[tuple[PlannedCase, list[ReviewChoice]]]:
        """The images that people review, of every case that asks for it; none where something of it failed."""
        for review in self._reviews.values():
            yield review.case, [] if _failed(review.case, table) else review.chosen()

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
            self._classes[model],
            self._known_labels,
            [self._groups[one] for one in at],
            {name: [cells[one] for one in at] for name, cells in self._columns.items()},
        )


def _is_run(case: PlannedCase, group: PlanGroup) -> bool:
    """Whether a model of a case is run, so that pictures of its images can be drawn."""
    return not all(group.models[key].recorded for key in case.models.values())


def _failed(case: PlannedCase, table: ValueTable) -> bool:
    """Whether anything that a case reads could not be measured."""
    for leaf in case.asked.expectation.expression.measures():
        model = case.models[leaf.model]
        keys = [column_key(spec, leaf.context) for spec, _ in single_method(leaf.spec)]
        if any((model, key) not in table.columns or f"{model}|{key}" in table.failures for key in keys):
            return True
    return False
