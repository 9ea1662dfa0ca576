"""The values of a group while they fill, sample by sample, from passes or from the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...contexts import exempt
from ...language import registry
from ...language.reasons import Missing
from ..planning.plan import ColumnAsk, PassAsk
from ..results.measured import MeasuredColumn

#: the bits of ``PassRows.flags``: what became of an image under a context
CHANGED, IMPOSSIBLE, WITHOUT_MASK, CROPPED = 1, 2, 4, 8
Place = tuple[str, str]
#: a share is stored in 16 bits, and known no better where it has just been measured; the last value stands for none
_NO_SHARE = 0xFFFF


def place_of(ask: PassAsk) -> Place:
    """The name of a pass: its model and its context."""
    return (ask.model, str(ask.context))


@dataclass
class ColumnRows:
    """One column: [n] values, NaN where there is none, which rows are done, and at which the store had the value."""

    model: str
    ask: ColumnAsk
    values: NDArray[np.float64]
    done: NDArray[np.bool_]
    stored: NDArray[np.bool_]
    missing: dict[int, Missing] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)

    def put(self, at: int, value: float, reason: Missing | None, steps: int | None = None) -> None:
        """One row's value, or why it has none."""
        self.done[at] = True
        if reason is None:
            self.values[at] = value
        else:
            self.values[at], self.missing[at] = np.nan, reason
        if steps is not None:
            self.steps[at] = steps

    def forget(self, at: int) -> None:
        """As if the row had never been asked for."""
        self.done[at], self.stored[at], self.values[at] = False, False, np.nan
        self.missing.pop(at, None)
        self.steps.pop(at, None)

    def data(self, positions: Sequence[int] | None = None) -> MeasuredColumn:
        """The column as it leaves the measurement; of some rows alone, where `positions` names them."""
        chosen = range(len(self.values)) if positions is None else positions
        values: list[float | None] = (
            self.values[list(chosen)].tolist() if positions is not None else self.values.tolist()
        )
        numbers = {at: number for number, at in enumerate(chosen) if at in self.missing or at in self.steps}
        missing = {numbers[at]: reason for at, reason in self.missing.items() if at in numbers}
        for number in missing:
            values[number] = None
        declares = registry.entry_of(self.ask.spec).declares
        return MeasuredColumn(
            model=self.model,
            key=self.ask.key,
            scale=declares.scale,
            low=declares.low,
            high=declares.high,
            values=values,
            missing=dict(sorted(missing.items())),
            steps=dict(sorted((numbers[at], count) for at, count in self.steps.items() if at in numbers)),
        )


@dataclass
class PassRows:
    """One (model, context), [n] each: which images were shown, what became of them, the object's share of the image,
    and the share of the object that the model's crop left."""

    done: NDArray[np.bool_]
    flags: NDArray[np.uint8]
    areas: NDArray[np.float64]
    kept: NDArray[np.float64]
    absent: dict[int, Missing] = field(default_factory=dict)
    donors: dict[int, str] = field(default_factory=dict)

    def put(
        self, at: int, flags: int, area: float, kept: float, absent: Missing | None, donor: str | None = None
    ) -> None:
        """One row; `donor` is who lent its background."""
        if donor is not None:
            self.donors[at] = donor
        self.done[at], self.flags[at], self.areas[at], self.kept[at] = True, flags, area, kept
        if absent is not None:
            self.absent[at] = absent

    def forget(self, at: int) -> None:
        """As if the row had never been shown."""
        self.done[at], self.flags[at], self.areas[at], self.kept[at] = False, 0, np.nan, np.nan
        self.absent.pop(at, None)
        self.donors.pop(at, None)


class Rows:
    """All columns and passes of a group, [n] rows each.

    ``unreadable`` [n]: samples that cannot be decoded; every column has their reason. ``contents``: of the images that
    lent a background, by id.
    """

    def __init__(self, passes: Sequence[PassAsk], count: int) -> None:
        self.count = count
        self.unreadable = np.zeros(count, dtype=bool)
        self.contents: dict[str, str] = {}
        self.passes: dict[Place, PassRows] = {place_of(ask): _pass_rows(count) for ask in passes}
        self.columns: dict[tuple[str, str], ColumnRows] = {
            (ask.model, column.key): ColumnRows(
                ask.model, column, np.full(count, np.nan), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
            )
            for ask in passes
            for column in ask.columns
        }

    def miss(self, at: int, reason: Missing) -> None:
        """A sample that cannot be decoded."""
        self.unreadable[at] = True
        for column in self.columns.values():
            column.put(at, np.nan, reason)

    def forget(self, at: int) -> None:
        """As if nothing were known of a sample."""
        for column in self.columns.values():
            column.forget(at)
        for rows in self.passes.values():
            rows.forget(at)

    def needed(self, ask: PassAsk, positions: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of the samples have something left to do in a pass."""
        left = ~self.passes[place_of(ask)].done[positions]
        for column in ask.columns:
            left |= ~self.columns[ask.model, column.key].done[positions]
        return np.asarray(left & ~self.unreadable[positions])

    def lacking(self, ask: PassAsk, at: int) -> tuple[ColumnAsk, ...]:
        """The columns of a pass that have no value on a sample yet."""
        return tuple(column for column in ask.columns if not self.columns[ask.model, column.key].done[at])

    def changed(self, ask: PassAsk) -> tuple[int, int]:
        """On how many images a context was tried that could have changed them, and how many it changed."""
        rows = self.passes[place_of(ask)]
        asked = rows.done & (rows.flags & WITHOUT_MASK == 0)
        asked[list(rows.absent)] = False
        # what is impossible everywhere changes none of them either
        changed = asked & (rows.flags & CHANGED != 0) & (rows.flags & IMPOSSIBLE == 0)
        return int(asked.sum()), int(changed.sum())

    def areas(self, model: str, positions: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """The object's share of the valid pixels of each image, by the first pass of the model that saw it."""
        at = np.arange(self.count) if positions is None else positions
        return self._first(model, lambda rows: rows.areas[at])

    def kept(self, model: str) -> NDArray[np.float64]:
        """The share of each image's object that the model's crop left."""
        return self._first(model, lambda rows: rows.kept)

    def _first(self, model: str, values: Callable[[PassRows], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Values of the first pass of a model that has them."""
        columns = [values(rows) for (owner, _), rows in self.passes.items() if owner == model]
        return reduce(lambda found, more: np.where(np.isnan(found), more, found), columns)


def coded_share(share: float) -> int:
    """A share in [0, 1], or NaN, in 16 bits."""
    return _NO_SHARE if np.isnan(share) else round(share * (_NO_SHARE - 1))


def share_of(code: int) -> float:
    """The share of :func:`coded_share`."""
    return np.nan if code == _NO_SHARE else code / (_NO_SHARE - 1)


def never_changed(ask: PassAsk, rows: Rows) -> str | None:
    """What to say of a context that should change pixels and changed none in the whole run."""
    tried, changed = (0, 0) if exempt(ask.context) else rows.changed(ask)
    if not tried or changed:
        return None
    return (
        f"'{ask.context}' changed no pixel of any of {tried} images; check the masks"
        " (is there a background?) and the context's arguments"
    )


def _pass_rows(count: int) -> PassRows:
    unknown = np.full(count, np.nan)
    return PassRows(np.zeros(count, dtype=bool), np.zeros(count, dtype=np.uint8), unknown, unknown.copy())
