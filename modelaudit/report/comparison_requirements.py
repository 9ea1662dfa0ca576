"""The requirements of a comparison: how each changed, and its interval against the margin, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..evidence.record import ArithmeticNode, MeasureNode, Node
from ..releases.comparison_record import ComparisonRecord, PartComparison, RequirementComparison, SideValue
from .cases import Badge
from .naming import comparison, context_label, noun_of, part_text, stratum_text
from .sentences import text_of
from .words import Unit, Words

#: of changes that are shown together: the worst first
ORDER = ("worse", "not_comparable", "removed", "cannot_tell", "better", "equivalent", "added", "not_compared")
#: requirements, classes and groups that page one names
MOST_NAMED = 3
#: the drawing reaches so many margins to each side, at least and at most
_LEAST_REACH, _MOST_REACH = 2.0, 6.0
_DIGITS: dict[Unit, int] = {"percent": 1, "points": 1, "number": 3}


@dataclass(frozen=True)
class IntervalView:
    """An interval in per cent of the width: what is better is on the right, whichever way the numbers go.

    ``thick``: by which equivalence is decided; ``thin``: by which better and worse are. A side that goes beyond the
    drawing has its ``beyond``.
    """

    thick: tuple[float, float]
    thin: tuple[float, float]
    estimate: float
    margin: tuple[float, float]
    beyond: tuple[bool, bool]
    described: str


@dataclass(frozen=True)
class SideView:
    """What one of the runs found; ``verdict`` is None where it has none."""

    value: str
    interval: str
    verdict: Badge | None


@dataclass(frozen=True)
class RequirementView:
    """One line: the requirement, its outcome, both sides, and the change."""

    name: str
    clause: str
    said: str
    expectation: str
    outcome: str
    badge: Badge
    old: SideView | None
    new: SideView | None
    change: str
    interval: IntervalView | None
    basis: tuple[str, ...]
    counted: bool


def requirement_views(record: ComparisonRecord, words: Words) -> tuple[RequirementView, ...]:
    """Every requirement, counted ones first, the worst of them first."""
    reach = reach_of(record)
    ordered = sorted(record.requirements, key=lambda one: (not counts(one), ORDER.index(outcome_of(one)), _gain(one)))
    return tuple(_view(one, record, reach, words) for one in ordered)


def _gain(one: RequirementComparison) -> float:
    """How much better it has become."""
    return (one.change or 0.0) * (1 if one.higher_is_better else -1)


def outcome_of(requirement: RequirementComparison) -> str:
    """Its outcome; of a requirement that one run alone has, which one that is; of a known-bad model "not_compared"."""
    return requirement.change_of or requirement.outcome or "not_compared"


def counts(requirement: RequirementComparison) -> bool:
    """Whether it counts for what the comparison comes to."""
    return requirement.standing in ("counted", "waived") and "known_bad" not in requirement.notes


def outcome_badge(outcome: str, words: Words) -> Badge:
    """The word and the shape of an outcome."""
    return Badge(outcome, words.named("diff_outcome", outcome))


def reach_of(record: ComparisonRecord) -> float:
    """How far all drawings go to each side, in the unit of the left sides."""
    bounds = [
        abs(bound)
        for one in record.requirements
        for bound in (one.lower, one.upper, one.lower_diff, one.upper_diff)
        if bound is not None
    ]
    margins = max(bounds, default=0.0) / record.margin * 1.06
    return record.margin * min(max(margins, _LEAST_REACH), _MOST_REACH)


def margin_text(record: ComparisonRecord, words: Words) -> str:
    """*2 points*; where a left side is no share, also the bare number."""
    units = {one.unit == "number" for one in record.requirements} or {False}
    points, number = words.limit(record.margin, "points"), words.limit(record.margin, "number")
    if units == {True}:
        return number
    return points if units == {False} else words._("diff_margin_of_both", points=points, number=number)


def unit_of_change(unit: Unit) -> Unit:
    """A difference of shares is in points."""
    return "number" if unit == "number" else "points"


def signed(value: float, unit: Unit, words: Words) -> str:
    """A change with its sign: *+1.2 points*."""
    text = words.quantity(value, unit, _DIGITS[unit])
    return f"+{text}" if value > 0 and any(char in "123456789" for char in text) else text


def range_of(lower: float | None, upper: float | None, unit: Unit, words: Words) -> str:
    """*−9.2 to −3.9*, or the one bound that there is."""
    low, high = ("" if one is None else words.tick(one, unit, _DIGITS[unit]) for one in (lower, upper))
    if low and high:
        return words._("range_short", lower=low, upper=high)
    return words._("at_most", limit=high) if high else words._("at_least", limit=low) if low else ""


def change_text(value: float | None, lower: float | None, upper: float | None, unit: Unit, words: Words) -> str:
    """*−6.5 points (−9.2 to −3.9)*; empty where nothing is known."""
    kind = unit_of_change(unit)
    between = range_of(lower, upper, kind, words)
    if value is None:
        return between
    text = signed(value, kind, words)
    return words._("value_of_method", value=text, method=between) if between else text


def part_interval(part: PartComparison, record: ComparisonRecord, words: Words) -> IntervalView | None:
    """The drawing of a class or group, whose values are shares of right answers."""
    if part.old is None or part.new is None:
        return None
    change, bounds = part.new - part.old, (part.lower, part.upper)
    return _interval(change, bounds, bounds, (record.margin, reach_of(record)), higher=True, said=part.name)


def requirement_words(left: Node, words: Words) -> str:
    """A left side as a noun: *accuracy, background of another class*; its text where there are no words."""
    if isinstance(left, MeasureNode):
        return words._("comma").join(filter(None, (noun_of(left, words), *_refinements(left, words))))
    if isinstance(left, ArithmeticNode) and left.op in ("-", "/"):
        first, second = left.left, left.right
        if isinstance(first, MeasureNode) and isinstance(second, MeasureNode) and first.measure == second.measure:
            one, other = (words._("comma").join(_refinements(side, words, original=True)) for side in (first, second))
            noun = noun_of(first, words)
            if left.op == "-":
                return words._("diff_difference_of_two", noun=noun, first=one, second=other)
            return words._("diff_ratio_of_two", noun=noun, first=one, second=other)
    return text_of(left)


def _refinements(node: MeasureNode, words: Words, *, original: bool = False) -> Iterator[str]:
    if node.contexts or original:
        yield context_label(node.contexts, words)
    if node.model is not None:
        yield words._("model_named", model=node.model)
    if node.stratum is not None:
        yield stratum_text(node.stratum, words)


def _view(one: RequirementComparison, record: ComparisonRecord, reach: float, words: Words) -> RequirementView:
    outcome, unit = outcome_of(one), one.unit
    said = words.own(one.says) if one.says else ""
    if not said and one.left is not None:
        said = requirement_words(one.left, words)
        if one.op is not None and one.threshold is not None:
            limit = comparison(one.op, words.limit(one.threshold, unit), words)
            said = words._("diff_requirement_and_limit", requirement=said, limit=limit)
    change = change_text(one.change, one.lower, one.upper, one.unit, words)
    return RequirementView(
        one.name,
        one.clause or "",
        said,
        one.expectation,
        outcome,
        outcome_badge(outcome, words),
        _side(one.old, unit, words),
        _side(one.new, unit, words),
        change,
        _drawn(one, record.margin, reach, change) if one.change is not None else None,
        tuple(_basis(one, words)),
        counts(one),
    )


def _side(side: SideValue | None, unit: Unit, words: Words) -> SideView | None:
    if side is None:
        return None
    value = "–" if side.estimate is None else words.quantity(side.estimate, unit, _DIGITS[unit])
    verdict = side.verdict or "NOT_RUN"
    return SideView(
        value,
        range_of(side.lower, side.upper, unit, words),
        Badge(verdict.lower(), words.named("verdict", verdict)),
    )


def _drawn(one: RequirementComparison, margin: float, reach: float, said: str) -> IntervalView | None:
    assert one.change is not None
    thick = (_first(one.lower_equivalence, one.lower), _first(one.upper_equivalence, one.upper))
    thin = (_first(one.lower_diff, one.lower), _first(one.upper_diff, one.upper))
    return _interval(one.change, thick, thin, (margin, reach), higher=one.higher_is_better, said=said)


def _first(*bounds: float | None) -> float | None:
    return next((bound for bound in bounds if bound is not None), None)


def _interval(
    change: float,
    thick: tuple[float | None, float | None],
    thin: tuple[float | None, float | None],
    scale: tuple[float, float],
    *,
    higher: bool,
    said: str,
) -> IntervalView:
    """Positions of a change and its bounds; without a bound on a side it goes to the edge."""
    margin, reach = scale

    def at(value: float) -> float:
        place = 50 + 50 * (value if higher else -value) / reach
        return round(min(100.0, max(0.0, place)), 2)

    def ends(bounds: tuple[float | None, float | None]) -> tuple[float, float]:
        low, high = (at(-reach if bounds[0] is None else bounds[0]), at(reach if bounds[1] is None else bounds[1]))
        return (min(low, high), max(low, high))

    outer = ends(thin)
    width = 50 * margin / reach
    band = (round(50 - width, 2), round(50 + width, 2))
    return IntervalView(ends(thick), outer, at(change), band, (outer[0] <= 0, outer[1] >= 100), said)


def _basis(one: RequirementComparison, words: Words) -> Iterator[str]:
    """On how many images it rests, and what has to be known of that."""
    if one.parts > 1 and (one.method is not None or one.dose is not None):
        yield words._("diff_worst_part", part=part_text(one.method, one.dose, words))
    if one.outcome not in (None, "not_comparable"):
        if one.paired:
            yield words.ngettext("diff_on_common_images", one.images)
        else:
            yield words.ngettext("diff_on_separate_images", one.images)
    if one.clusters is not None:
        yield words.ngettext("diff_of_clusters", one.clusters)
    if one.without_value:
        yield words.ngettext("diff_without_value", one.without_value)
    yield from notes_of(one, words)
    if not counts(one) and "known_bad" not in one.notes:
        yield words._("diff_not_counted")


def notes_of(one: RequirementComparison, words: Words) -> Iterator[str]:
    """What must be known to read the comparison of a requirement."""
    for note in one.notes:
        if note not in ("no_common", "few_common"):  # said with the images
            yield words.named("diff_note", note)


def names_of(views: Sequence[RequirementView], outcome: str, words: Words) -> str:
    """The names of the first counted requirements of one outcome, in a row."""
    names = [one.name for one in views if one.counted and one.outcome == outcome]
    return words._("comma").join([*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])
