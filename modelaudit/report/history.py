"""What earlier runs found: a sentence for page one, and behind it each requirement over the runs, as drawings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal, get_args

from ..evidence.leaves import unit_of
from ..evidence.record import (
    CaseRecord,
    RequirementHistory,
    RequirementPoint,
    RunRecord,
    SinceLastRun,
    Unread,
    UnreadRun,
)
from .anchors import anchors_of
from .cases import badge_of
from .figures import Axis, axis_of, ticks_of
from .order import worst_first
from .sentences import digits_of, short_digits
from .words import Unit, Words

#: in this order they are told; of the first two also by name
OUTCOMES = ("worse", "better", "equivalent", "same", "cannot_tell", "not_comparable")
_NAMED = ("worse", "better")
_MOST_NAMES = 3
#: so many requirements are drawn; the values of all are in the record
MOST_CHARTS = 12
HEIGHT = 112
_LEFT, _RIGHT = 13.0, 97.0
_MOST_HEIGHTS = 4


@dataclass(frozen=True)
class HistoryDot:
    """A value of one run. ``y`` and ``bar`` from the top, None of an ERROR; ``kind`` is the verdict, in lower case."""

    x: float
    y: float | None
    bar: tuple[float, float] | None
    kind: str
    apart: bool


@dataclass(frozen=True)
class HistoryRow:
    """The same in words."""

    date: str
    verdict: str
    value: str
    interval: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class HistoryChart:
    """A requirement over the runs; x in per cent of the width, y in pixels from the top.

    ``segments`` join runs next to each other whose values are of one line; ``limits`` are the thresholds as they were.
    """

    name: str
    anchor: str
    kind: str
    outcome: str
    change: str
    heights: tuple[tuple[float, str], ...]
    dots: tuple[HistoryDot, ...]
    segments: tuple[tuple[float, float, float, float], ...]
    limits: tuple[tuple[float, float, float], ...]
    marks: tuple[tuple[float, Literal["model", "data"]], ...]
    dates: tuple[str, str]
    rows: tuple[HistoryRow, ...]
    described: str


@dataclass(frozen=True)
class HistoryView:
    """``sentence`` stands on page one, and is empty where there is nothing to say."""

    sentence: str
    intro: tuple[str, ...]
    charts: tuple[HistoryChart, ...]
    more: str
    unread: tuple[str, ...]


def history_view(record: RunRecord, words: Words) -> HistoryView | None:
    """What the record says of earlier runs; None where it says nothing."""
    shown = record.since_last_run
    if shown is None:
        return None
    by_case = {one.case: one for one in shown.requirements}
    order = [at for at in worst_first(record.cases) if record.cases[at].id in by_case]
    order.sort(key=lambda at: (record.cases[at].must_fail, _rank(by_case[record.cases[at].id])))
    charts = [_chart(record, at, by_case[record.cases[at].id], shown, words) for at in order[:MOST_CHARTS]]
    more = len(order) - MOST_CHARTS
    return HistoryView(
        since_sentence(record, words),
        tuple(_intro(shown, words)),
        tuple(chart for chart in charts if chart is not None),
        words.ngettext("history_more", more) if more > 0 else "",
        tuple(_unread(shown, words)),
    )


def _rank(history: RequirementHistory) -> int:
    return OUTCOMES.index(history.since) if history.since else len(OUTCOMES)


def since_sentence(record: RunRecord, words: Words) -> str:
    """How the requirements stand against the last run, in a sentence or two; empty without an earlier run."""
    shown = record.since_last_run
    if shown is None or not shown.runs:
        return ""
    if shown.last is None:
        return words._("since_none")
    last = shown.runs[shown.last]
    date = _day(last.started, words)
    when = (
        words._("since_baseline", name=last.baseline, date=date) if last.baseline else words._("since_run", date=date)
    )
    tested = {case.id: case for case in record.cases if not case.must_fail}
    found = [(tested[one.case], one) for one in shown.requirements if one.case in tested and one.since]
    if not found:
        return words._("since_not_compared", when=when, why=_why_not_compared(shown, last.id, words))
    if all(one.since == "same" for _, one in found):
        return words._("since_all_same", when=when)
    said = words._("since_counts", when=when, counts=words._("comma").join(_counts(found, words)))
    changed = _models_changed(shown)
    return words.in_a_row([said, words._("since_new_model")]) if changed else said


def _why_not_compared(shown: SinceLastRun, last: str, words: Words) -> str:
    found = next((one for one in shown.unread if one.why == "not_compared" and one.name == last), None)
    return words._("since_unmeasured") if found is None else _detail(found, words) or words.named("unread", found.why)


def _detail(one: UnreadRun, words: Words) -> str:
    """Details as the record has them: a reason, or a message."""
    return words.named("unread", one.why_not) if one.why_not in get_args(Unread) else one.why_not


def _models_changed(shown: SinceLastRun) -> bool:
    """Whether a requirement's models are other ones than in the last run that is compared with."""
    return any(
        one.new_model or any(point.new_model and point.run > (shown.last or 0) for point in one.points)
        for one in shown.requirements
    )


def _counts(found: Sequence[tuple[CaseRecord, RequirementHistory]], words: Words) -> Iterator[str]:
    n: Counter[str] = Counter(str(one.since) for _, one in found)
    texts = {
        "worse": words.ngettext("since_count_worse", n["worse"]),
        "better": words.ngettext("since_count_better", n["better"]),
        "equivalent": words.ngettext("since_count_equivalent", n["equivalent"]),
        "same": words.ngettext("since_count_same", n["same"]),
        "cannot_tell": words.ngettext("since_count_cannot_tell", n["cannot_tell"]),
        "not_comparable": words.ngettext("since_count_not_comparable", n["not_comparable"]),
    }
    for outcome, text in texts.items():
        if not n[outcome]:
            continue
        if outcome in _NAMED:
            names = [_named(case, one, words) for case, one in found if one.since == outcome]
            more = [words.ngettext("and_more", len(names) - _MOST_NAMES)] if len(names) > _MOST_NAMES else []
            text = words._("since_named", count=text, names=words._("comma").join([*names[:_MOST_NAMES], *more]))
        yield text


def _named(case: CaseRecord, history: RequirementHistory, words: Words) -> str:
    change = change_text(case, history, words)
    return words._("two_words", first=case.name, second=change) if change else case.name


def change_text(case: CaseRecord, history: RequirementHistory, words: Words) -> str:
    """*+3.1 points*: new minus old; empty where it is not known."""
    if history.change is None:
        return ""
    unit: Unit = "points" if unit_of(case.left) in ("percent", "points") else "number"
    text = words.quantity(history.change, unit, short_digits(case))
    return text if text.startswith("−") else f"+{text}"


def _intro(shown: SinceLastRun, words: Words) -> Iterator[str]:
    if shown.last is not None and shown.margin is not None:
        last = shown.runs[shown.last]
        margins = {"points": words.limit(shown.margin, "points"), "number": words.limit(shown.margin, "number")}
        yield words._("history_compared", run=last.id, date=_day(last.started, words), **margins)
    elif shown.last is None and shown.runs:
        yield words._("since_none")
    if shown.runs:
        yield words._("history_reading")


def _unread(shown: SinceLastRun, words: Words) -> Iterator[str]:
    for one in shown.unread:
        yield unread_text(one, words)


def unread_text(one: UnreadRun, words: Words) -> str:
    """What is not shown, or not compared, and why."""
    detail = _detail(one, words)
    if one.why == "not_compared":
        return words._("uncompared_run", name=one.name, why=detail or words.named("unread", one.why))
    return words._("unread_run", name=one.name, why=words.named("unread", one.why), detail=detail).rstrip(" :：")


def _chart(
    record: RunRecord, at: int, history: RequirementHistory, shown: SinceLastRun, words: Words
) -> HistoryChart | None:
    case = record.cases[at]
    points = [*history.points, *_present(case, history, len(shown.runs))]
    numbers = [value for one in points for value in (one.estimate, one.lower, one.upper) if value is not None]
    axis = axis_of([*numbers, *(one.threshold for one in points)]) if numbers else None
    if axis is None:
        return None
    unit = unit_of(case.left)
    places = [_across(one.run, len(shown.runs)) for one in points]
    dots = [_dot(one, x, axis, _ending(one, case).lower()) for one, x in zip(points, places, strict=True)]
    started = [*(one.started for one in shown.runs), record.started]
    rows = tuple(_row(one, case, started[one.run], unit, words) for one in points)
    return HistoryChart(
        case.name,
        anchors_of(record.cases)[at],
        badge_of(case, words).kind,
        words.named("since", history.since) if history.since else "",
        change_text(case, history, words) if history.since not in ("same", None) else "",
        tuple((_down(tick.at), tick.label) for tick in ticks_of(axis, unit, words)),
        tuple(dots),
        tuple(
            (one.x, one.y, other.x, other.y)
            for one, other in pairwise(dots)
            if one.y is not None and other.y is not None and not one.apart and not other.apart
        ),
        tuple(_limits(points, places, axis)),
        tuple(_marks(points, places)),
        (_iso(started[points[0].run]), _iso(record.started)),
        rows,
        words._("semicolon").join(" ".join(filter(None, (one.date, one.verdict, one.value))) for one in rows),
    )


def _present(case: CaseRecord, history: RequirementHistory, run: int) -> Iterator[RequirementPoint]:
    """The run itself, as the last point."""
    if case.verdict is None:
        return
    found = case.decision if case.verdict != "ERROR" else None
    yield RequirementPoint(
        run=run,
        verdict=case.verdict,
        estimate=None if found is None else found.estimate,
        lower=None if found is None else found.lower,
        upper=None if found is None else found.upper,
        threshold=case.threshold,
        new_model=history.new_model,
        new_data=history.new_data,
    )


def _ending(point: RequirementPoint, case: CaseRecord) -> str:
    """The verdict; a known-bad model is caught or not."""
    if case.must_fail and point.verdict != "ERROR":
        return "CAUGHT" if point.verdict == "FAIL" else "MISSED"
    return point.verdict


def _dot(point: RequirementPoint, x: float, axis: Axis, kind: str) -> HistoryDot:
    if point.estimate is None:
        return HistoryDot(x, None, None, kind, bool(point.apart))
    upper = axis.at(point.estimate if point.upper is None else point.upper)
    lower = axis.at(point.estimate if point.lower is None else point.lower)
    y = _down(axis.at(point.estimate))
    return HistoryDot(x, y, (_down(upper), _down(lower)), kind, bool(point.apart))


def _limits(
    points: Sequence[RequirementPoint], places: Sequence[float], axis: Axis
) -> Iterator[tuple[float, float, float]]:
    """The thresholds, each from halfway to the run before to halfway to the next, equal ones in one."""
    begin = _LEFT
    for at, point in enumerate(points):
        last = at == len(points) - 1
        if last or points[at + 1].threshold != point.threshold:
            end = 100.0 if last else round((places[at] + places[at + 1]) / 2, 2)
            yield begin, end, _down(axis.at(point.threshold))
            begin = end


def _marks(
    points: Sequence[RequirementPoint], places: Sequence[float]
) -> Iterator[tuple[float, Literal["model", "data"]]]:
    for at in range(1, len(points)):
        between = round((places[at - 1] + places[at]) / 2, 2)
        if points[at].new_model:
            yield between, "model"
        if points[at].new_data:
            yield between, "data"


def _row(point: RequirementPoint, case: CaseRecord, started: str, unit: Unit, words: Words) -> HistoryRow:
    digits = digits_of(case)
    value = "–" if point.estimate is None else words.quantity(point.estimate, unit, digits)
    low, high = (None if bound is None else words.tick(bound, unit, digits) for bound in (point.lower, point.upper))
    interval = words._("range_short", lower=low or "–", upper=high or "–") if low or high else ""
    notes = [words.named("apart", one) for one in point.apart]
    notes += [words.named("history_mark", "model")] if point.new_model else []
    notes += [words.named("history_mark", "data")] if point.new_data and "data" not in point.apart else []
    verdict = words.named("verdict", _ending(point, case))
    return HistoryRow(_iso(started), verdict, value, interval, tuple(notes))


def _across(run: int, runs: int) -> float:
    return round(_LEFT + 4 + (_RIGHT - _LEFT - 4) * run / max(1, runs), 2)


def _down(at: float) -> float:
    return round(HEIGHT * (1 - at / 100), 2)


def _iso(moment: str) -> str:
    return moment[:10]


def _day(moment: str, words: Words) -> str:
    try:
        return words.day(datetime.fromisoformat(moment))
    except ValueError:
        return moment
