"""The values of a group while they come in, sample by sample, from passes or from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...contexts import exempt
from ...language.errors import ContextError
from ...language.reasons import Missing
from ..inference.values import PassValues, missing_rows
from ..planning.plan import ColumnAsk, PassAsk, Place, original_context
from ..results.counterexamples import ImageSearch
from ..results.measured import ImageFacts, MeasuredColumn
from ..store.keys import long_column_text
from ..store.store import StoredNumbers

Positions = NDArray[np.intp]


@dataclass
class ColumnValues:
    """One column: [n] values, NaN where there is none, which rows are done, and at which the store had the value.

    ``long_form``: measure and context with every field, and the versions of their definitions. ``searches``: of a
    measure that searches, what came of each image.
    """

    model: str
    ask: ColumnAsk
    values: NDArray[np.float64]
    done: NDArray[np.bool_]
    stored: NDArray[np.bool_]
    missing: dict[int, Missing] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    searches: dict[int, ImageSearch] = field(default_factory=dict)
    long_form: str | None = None

    @classmethod
    def empty(cls, model: str, ask: ColumnAsk, count: int, long_form: str | None = None) -> ColumnValues:
        """A column of `count` rows, none of them done."""
        done, stored = np.zeros((2, count), dtype=bool)
        return cls(model, ask, np.full(count, np.nan), done, stored, long_form=long_form)

    def put(self, at: int, value: float, reason: Missing | None, steps: int | None = None) -> None:
        """Set one row's value, or why it has none."""
        self.done[at] = True
        if reason is None:
            self.values[at] = value
        else:
            self.values[at], self.missing[at] = np.nan, reason
        if steps is not None:
            self.steps[at] = steps

    def put_stored(
        self,
        positions: Positions,
        numbers: StoredNumbers,
        usable: NDArray[np.bool_],
        searches: Sequence[ImageSearch | None] | None = None,
    ) -> None:
        """Set the rows that the store had a number for, where that is usable."""
        rows = np.flatnonzero(numbers.found & usable)
        at = positions[rows]
        self.values[at], self.done[at], self.stored[at] = numbers.values[rows], True, True
        chosen = set(rows.tolist())
        self.missing.update({int(positions[row]): why for row, why in numbers.reasons.items() if row in chosen})
        if searches is not None:
            self.searches.update({int(positions[row]): one for row in chosen if (one := searches[row]) is not None})
        worked = [row for row in rows.tolist() if numbers.steps[row] >= 0]
        self.steps.update({int(positions[row]): int(numbers.steps[row]) for row in worked})

    def forget(self, at: int) -> None:
        """Treat a row as if it had never been asked for."""
        self.done[at], self.stored[at], self.values[at] = False, False, np.nan
        self.missing.pop(at, None)
        self.steps.pop(at, None)
        self.searches.pop(at, None)

    def data(self, positions: Sequence[int]) -> MeasuredColumn:
        """The column as it leaves the measurement, of some rows in their order."""
        numbers = {at: number for number, at in enumerate(positions) if at in self.missing or at in self.steps}
        missing = {numbers[at]: reason for at, reason in self.missing.items() if at in numbers}
        values = self.values[list(positions)]
        values[list(missing)] = np.nan
        values.flags.writeable = False
        declares = self.ask.declares
        return MeasuredColumn.model_construct(
            model=self.model,
            key=self.ask.key,
            scale=declares.scale,
            low=declares.low,
            high=declares.high,
            values=values,
            missing=dict(sorted(missing.items())),
            steps=dict(sorted((numbers[at], count) for at, count in self.steps.items() if at in numbers)),
            long_form=self.long_form,
        )


@dataclass
class PassImages:
    """The facts of the images under one context (:class:`ImageFacts`), [n] each, and their donors."""

    done: NDArray[np.bool_]
    changed: NDArray[np.bool_]
    impossible: NDArray[np.bool_]
    without_mask: NDArray[np.bool_]
    cropped: NDArray[np.bool_]
    areas: NDArray[np.float64]
    kept: NDArray[np.float64]
    absent: dict[int, Missing] = field(default_factory=dict)
    donors: dict[int, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, count: int) -> PassImages:
        """A pass of `count` images, none of them shown."""
        done, changed, impossible, without_mask, cropped = np.zeros((5, count), dtype=bool)
        areas, kept = np.full((2, count), np.nan)
        return cls(done, changed, impossible, without_mask, cropped, areas, kept)

    def put(self, at: int, facts: ImageFacts, donor: str | None = None) -> None:
        """Set one row; `donor` is the image that its background comes from."""
        if donor is not None:
            self.donors[at] = donor
        self.done[at], self.changed[at], self.impossible[at] = True, facts.changed, facts.impossible
        self.without_mask[at], self.cropped[at] = facts.without_mask, facts.cropped
        self.areas[at], self.kept[at] = facts.area, facts.kept
        if facts.absent is not None:
            self.absent[at] = facts.absent

    def forget(self, at: int) -> None:
        """Treat a row as if it had never been shown."""
        for flags in (self.done, self.changed, self.impossible, self.without_mask, self.cropped):
            flags[at] = False
        self.areas[at], self.kept[at] = np.nan, np.nan
        self.absent.pop(at, None)
        self.donors.pop(at, None)


class ValueTable:
    """All columns and passes of a group, [n] rows each, and what could not be measured at all.

    ``passes``: those that are still measured, with the columns that are. ``unreadable`` [n]: samples that cannot be
    decoded; every column has their reason. ``donor_contents``: of the donors of backgrounds, by id.
    ``recorded``: models whose values an earlier run measured; nothing is forgotten of them.
    ``failures``: messages, by "model:<key>" or "<model key>|<column key>".
    """

    def __init__(self, passes: Sequence[PassAsk], count: int, failures: Mapping[str, str] | None = None) -> None:
        self.passes = list(passes)
        self.count = count
        self.failures = dict(failures or {})
        self.unreadable = np.zeros(count, dtype=bool)
        self.donor_contents: dict[str, str] = {}
        self.recorded: set[str] = set()
        self.images: dict[Place, PassImages] = {ask.place: PassImages.empty(count) for ask in passes}
        self.columns: dict[tuple[str, str], ColumnValues] = {
            (ask.model, column.key): ColumnValues.empty(
                ask.model, column, count, long_column_text(column.spec, ask.context)
            )
            for ask in passes
            for column in ask.columns
        }

    def put(self, ask: PassAsk, positions: Sequence[int], found: PassValues) -> None:
        """Set what a pass found on some samples; columns that it could not compute are given up."""
        self.give_up_columns(ask, found.failed)
        images, donors = self.images[ask.place], found.shown.donors
        self.donor_contents.update(donor for donor in donors if donor is not None)
        for at, facts, donor in zip(positions, found.facts, donors, strict=True):
            images.put(at, facts, None if donor is None else donor[0])
        for key, output in found.columns.items():
            column, worked = self.columns[ask.model, key], found.steps.get(key)
            missing, values = missing_rows(output), output.values.double().cpu().numpy()
            for row, at in enumerate(positions):
                count = None if worked is None else int(worked[row])
                column.put(at, float(values[row]), missing.get(row), count)
                if key in found.searches:
                    column.searches[at] = found.searches[key][row]

    def add_recorded(self, ask: PassAsk) -> None:
        """Make room for a pass of a model whose values an earlier run measured; it is not among ``passes``."""
        self.recorded.add(ask.model)
        self.images[ask.place] = PassImages.empty(self.count)
        for one in ask.columns:
            text = long_column_text(one.spec, ask.context)
            self.columns[ask.model, one.key] = ColumnValues.empty(ask.model, one, self.count, text)

    def miss(self, at: int, reason: Missing) -> None:
        """Note a sample that cannot be decoded."""
        self.unreadable[at] = True
        for column in self.columns.values():
            column.put(at, np.nan, reason)

    def forget(self, at: int) -> None:
        """Treat a sample as if nothing were known of it."""
        for (model, _), column in self.columns.items():
            if model not in self.recorded:
                column.forget(at)
        for (model, _), images in self.images.items():
            if model not in self.recorded:
                images.forget(at)

    def forget_unreadable(self, positions: Iterable[int]) -> None:
        """Forget samples, and that they could not be decoded."""
        for at in positions:
            self.unreadable[at] = False
            self.forget(at)

    def needed(self, ask: PassAsk, positions: Positions) -> NDArray[np.bool_]:
        """Which of the samples have something left to do in a pass."""
        left = ~self.images[ask.place].done[positions]
        for column in ask.columns:
            left |= ~self.columns[ask.model, column.key].done[positions]
        return np.asarray(left & ~self.unreadable[positions])

    def lacking(self, ask: PassAsk, at: int) -> tuple[ColumnAsk, ...]:
        """The columns of a pass that have no value on a sample yet."""
        return tuple(column for column in ask.columns if not self.columns[ask.model, column.key].done[at])

    def readable(self, positions: Iterable[int]) -> list[int]:
        """The samples that can be decoded, as far as that is known."""
        return [at for at in positions if not self.unreadable[at]]

    def areas(self, model: str, positions: Positions | None = None) -> NDArray[np.float64]:
        """The object's share of the valid pixels of each image, by the first pass of the model that saw it."""
        at = np.arange(self.count) if positions is None else positions
        return self._first(model, lambda images: images.areas[at])

    def kept(self, model: str) -> NDArray[np.float64]:
        """The share of each image's object that the model's crop left."""
        return self._first(model, lambda images: images.kept)

    def give_up_columns(self, ask: PassAsk, failed: Mapping[str, str]) -> None:
        """Ask no more for columns that cannot be computed; the rest of the pass goes on."""
        if failed:
            self.failures.update({f"{ask.model}|{key}": message for key, message in failed.items()})
            at = next(at for at, other in enumerate(self.passes) if other.place == ask.place)
            kept = tuple(column for column in self.passes[at].columns if column.key not in failed)
            self.passes[at] = replace(self.passes[at], columns=kept)

    def give_up_pass(self, ask: PassAsk, message: str) -> None:
        """Ask no more for a pass; without its originals a model's flips and strata mean nothing, so all of it goes."""
        whole_model = ask.context == original_context()
        gone = [one for one in self.passes if one.model == ask.model and (whole_model or one.context == ask.context)]
        self._give_up(gone, message)

    def give_up_model(self, model: str, message: str) -> None:
        """Ask no more for anything of a model."""
        self._give_up([ask for ask in self.passes if ask.model == model], message)

    def give_up_unchanged(self) -> None:
        """Give up contexts that should change pixels and changed none in the whole run."""
        for ask in list(self.passes):
            tried, changed = (0, 0) if exempt(ask.context) else self._changed(ask)
            if tried and not changed and ask in self.passes:
                message = (
                    f"'{ask.context}' changed no pixel of any of {tried} images; check the masks"
                    " (is there a background?) and the context's arguments"
                )
                self.give_up_pass(ask, str(ContextError(message)))

    def _changed(self, ask: PassAsk) -> tuple[int, int]:
        """On how many images a context was tried that could have changed them, and how many it changed."""
        images = self.images[ask.place]
        tried = images.done & ~images.without_mask
        tried[list(images.absent)] = False
        # what is impossible everywhere changes none of them either
        return int(tried.sum()), int((tried & images.changed & ~images.impossible).sum())

    def _give_up(self, asks: Sequence[PassAsk], message: str) -> None:
        for ask in asks:
            self.passes.remove(ask)
            self.failures.update({f"{ask.model}|{column.key}": message for column in ask.columns})

    def _first(self, model: str, values: Callable[[PassImages], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Values of the first pass of a model that has them."""
        columns = [values(images) for (owner, _), images in self.images.items() if owner == model]
        return reduce(lambda found, more: np.where(np.isnan(found), more, found), columns)
