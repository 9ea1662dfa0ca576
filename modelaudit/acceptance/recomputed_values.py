"""Values that were measured again against those of a record: how far they may differ, and where they do.

Other processors, numbers of threads and versions of libraries round sums differently, in the last digits of float32; so
a share or a probability may differ by 0.0001, and any other number by a thousandth of itself. What is 0 or 1 (whether a
prediction is right, whether it flips) must be the same: a logit that close to another is one image in many, and the
result names it. On one machine all values are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ..evidence.record import ColumnRecord, SampleRecord, TableRecord, ViewRecord

ABSOLUTE, RELATIVE = 1e-4, 1e-3
TOLERANCE = (
    "shares and probabilities within 0.0001, other numbers within a thousandth, outcomes of 0 or 1 exactly: other "
    "machines round differently"
)
_OF_SAMPLE = ("label", "group", "cluster", "columns")


@dataclass(frozen=True)
class Difference:
    """Where a record does not say what was found.

    Args:
        what: "value", "model", "data", "image", "mask", "label" …
        where: the sample, or what else it is about.
        recorded, found: both as text; None if missing.
        column: the measure, of a value.
        model: that it is of.
    """

    what: str
    where: str
    recorded: str | None
    found: str | None
    column: str | None = None
    model: str | None = None


def within_tolerance(column: ColumnRecord, then: float, now: float) -> bool:
    """Whether two values of a column count as the same.

    >>> share = ColumnRecord(measure="confidence", model="model:net", scale="mean", values=[])
    >>> within_tolerance(share, 0.5, 0.50009), within_tolerance(share, 0.5, 0.5002)
    (True, False)
    """
    if column.scale == "proportion":
        return then == now
    if column.low is not None and column.high is not None:
        return abs(then - now) <= ABSOLUTE * (column.high - column.low)
    return abs(then - now) <= max(RELATIVE * max(abs(then), abs(now)), ABSOLUTE)


def differing_values(
    then: TableRecord, now: TableRecord, drawn: Collection[str], failures: Mapping[str, str]
) -> tuple[int, list[Difference]]:
    """How many values were compared, and those of the drawn samples that differ.

    Args:
        failures: what could not be measured again, by "<model>|<column>".
    """
    again = {(one.model, one.measure): one for one in now.columns}
    places = _places(then, now, drawn)
    compared, found = 0, []
    for column in then.columns:
        other = again.get((column.model, column.measure))
        if other is None:
            why = failures.get(f"{column.model}|{column.measure}", "no expectation of the record asks for it")
            found.append(Difference("column", column.measure, "measured", why, column.measure, column.model))
            continue
        for part in ("scale", "low", "high"):
            if getattr(column, part) != getattr(other, part):
                texts = str(getattr(column, part)), str(getattr(other, part))
                found.append(Difference(part, column.measure, *texts, column.measure, column.model))
        compared += len(places)
        found += _differing_column(column, other, places)
    return compared, found


def _differing_column(then: ColumnRecord, now: ColumnRecord, places: Mapping[str, tuple[int, int]]) -> list[Difference]:
    found = []
    for name, (before, after) in places.items():
        one, two = then.values[before], now.values[after]
        same = one is not None and two is not None and within_tolerance(now, one, two)
        if not same and (one is not None or two is not None or then.missing.get(before) != now.missing.get(after)):
            texts = (_text(then, before), _text(now, after))
            found.append(Difference("value", name, *texts, then.measure, then.model))
    return found


def differing_samples(then: TableRecord, now: TableRecord, drawn: Collection[str]) -> Iterator[Difference]:
    """Everything else in the record about the drawn samples: labels, groups, clusters, object areas, donors."""
    places = _places(then, now, drawn)
    for name in sorted(set(drawn) - set(places)):
        yield Difference("sample", name, "measured", None)
    for before, after in places.values():
        yield from _differing_sample(then.samples[before], now.samples[after])
    views = {one.model: one for one in now.views}
    for view in then.views:
        for name, at in places.items() if view.model in views else ():
            yield from _differing_view(name, view, views[view.model], *at)
    for key, donors in then.donors.items():
        model, _, context = key.partition("|")
        for name, (before, after) in places.items() if key in now.donors else ():
            if donors[before] != now.donors[key][after]:
                yield Difference("donor", name, donors[before], now.donors[key][after], context, model)


def _differing_view(name: str, then: ViewRecord, now: ViewRecord, before: int, after: int) -> Iterator[Difference]:
    """How one model sees a sample."""
    seen: list[tuple[str, float | None, float | None]] = [
        ("class of the label", then.indices[before], now.indices[after])
    ]
    if then.predicted and now.predicted:  # empty if no expectation needs the original images
        seen.append(("prediction", then.predicted[before], now.predicted[after]))
    one, two = then.areas[before], now.areas[after]
    if one is None or two is None or abs(one - two) > ABSOLUTE:
        seen.append(("object's share", one, two))
    for what, one, two in seen:
        if one != two:
            yield Difference(what, name, str(one), str(two), None, then.model)


def _differing_sample(then: SampleRecord, now: SampleRecord) -> Iterator[Difference]:
    for part in _OF_SAMPLE:
        one, two = getattr(then, part), getattr(now, part)
        if one != two:
            yield Difference(part, then.id, None if one is None else str(one), None if two is None else str(two))


def _places(then: TableRecord, now: TableRecord, drawn: Collection[str]) -> dict[str, tuple[int, int]]:
    """Where each drawn sample stands in both tables, as far as it is in both."""
    after = {sample.id: at for at, sample in enumerate(now.samples)}
    return {
        sample.id: (at, after[sample.id])
        for at, sample in enumerate(then.samples)
        if sample.id in drawn and sample.id in after
    }


def _text(column: ColumnRecord, at: int) -> str:
    value = column.values[at]
    return f"no value ({column.missing.get(at, 'no reason')})" if value is None else repr(value)
