"""What the report says of one case, worked out from the run record."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.record import CaseRecord, CountsRecord, DecisionRecord, MeasureNode, RunRecord
from ..evidence.states import is_exception
from .anchors import anchors_of
from .beyond import BeyondView, beyond_view
from .checks import ChecksView, checks_view
from .counterexamples import ChangesView, changes_view
from .distribution import DistributionView, distribution_view
from .exceptions import exception_note
from .figures import Curve, Plot, curve_of, interval_text, plot_of, value_text
from .gallery import GalleryGroup, GalleryRowView, gallery_row, grouped
from .image_values import image_value, over_methods
from .naming import comparison, part_text
from .notes import guard_notes
from .pictures import Pictures
from .record_notes import absence_text
from .review_sentences import reviews_sentence
from .sentences import digits_of, headline, parts_of, sentence, unit_of
from .words import Words

_MOST_WORST = 10
#: outcomes in pytest that the report mentions
_NOTED = ("xfailed", "xpassed", "warned", "skipped")


@dataclass(frozen=True)
class Badge:
    """A verdict: ``kind`` chooses colour and icon, ``label`` says it."""

    kind: str
    label: str


@dataclass(frozen=True)
class ValueView:
    """One measured value; ``method`` is empty where there is only one."""

    method: str
    value: str
    interval: str


@dataclass(frozen=True)
class CountsView:
    """What was measured of what was asked for, and why the rest has no value.

    ``declared``: how many further images are declared to have no object; empty where none.
    """

    short: str
    complete: bool
    reasons: tuple[str, ...]
    declared: str = ""


@dataclass(frozen=True)
class AgainView:
    """Images whose pictures stand with another requirement, at ``anchor``."""

    samples: tuple[str, ...]
    anchor: str
    name: str


@dataclass(frozen=True)
class CaseView:
    """One case as the page shows it; ``declared`` is its place in the record."""

    case: CaseRecord
    declared: int
    anchor: str
    badge: Badge
    sentence: str
    requirement: str
    values: tuple[ValueView, ...]
    short_values: tuple[ValueView, ...]
    made_of: str
    plot: Plot | None
    curve: Curve | None
    counts: CountsView | None
    reason: str
    rule: str
    confidence: str
    more_images: str
    notes: tuple[str, ...]
    worst: tuple[tuple[str, str], ...]
    worst_of: str
    rows: tuple[GalleryRowView, ...]
    rows_left_out: int
    checks: ChecksView | None = None
    weakened: tuple[str, ...] = ()
    scale: str = ""
    message: str = ""
    again: tuple[AgainView, ...] = ()
    distribution: DistributionView | None = None
    beyond: BeyondView | None = None
    clause: str = ""
    changes: ChangesView | None = None

    @property
    def open(self) -> bool:
        """Whether its details are shown at once: of what ended as it should they are folded."""
        return self.badge.kind not in ("pass", "caught")

    @property
    def groups(self) -> tuple[GalleryGroup, ...]:
        """The rows of the gallery under their headings."""
        return grouped(self.rows)


def badge_of(case: CaseRecord, words: Words) -> Badge:
    """The badge of a case; a known-bad model is caught or not."""
    name: str = case.verdict or "NOT_RUN"
    if is_exception(case):
        name = case.standing.upper()
    elif case.must_fail and case.verdict in ("FAIL", "PASS", "INCONCLUSIVE"):
        name = "CAUGHT" if case.verdict == "FAIL" else "MISSED"
    return Badge(name.lower(), words.named("verdict", name))


def clause_text(clause: str | None, words: Words) -> str:
    """A clause as the parties call it; of a bare number also what it is."""
    return words._("clause_number", clause=clause) if clause and clause[0].isdigit() else clause or ""


def case_view(record: RunRecord, index: int, words: Words, pictures: Pictures) -> CaseView:
    case = record.cases[index]
    decision = case.decision
    rows = tuple(
        gallery_row(record, case, row, words, pictures)
        for n, row in enumerate(case.gallery)
        if (index, n) in pictures.shown and (index, n) not in pictures.again
    )
    anchors = anchors_of(record.cases)
    again: dict[int, list[str]] = {}
    for n, row in enumerate(case.gallery):
        if (index, n) in pictures.again:
            again.setdefault(pictures.again[index, n][0], []).append(row.sample)
    return CaseView(
        case,
        index,
        anchors[index],
        badge_of(case, words),
        sentence(case, words),
        comparison(case.op, words.limit(case.threshold, unit_of(case.left)), words),
        _values(case, parts_of(case), words),
        _values(case, headline(case), words),
        _made_of(case, words),
        plot_of(case, words),
        curve_of(case, words),
        _counts(decision.counts, looked_texts(case, words), words) if decision else None,
        words.named("reason", case.reason) if case.reason else "",
        _rule(case, words),
        words.limit(case.confidence, "percent"),
        _more(case, words),
        _notes(record, case, words),
        _worst(case, words),
        over_methods(case, words),
        rows,
        len(case.gallery) - len(rows) - sum(map(len, again.values())),
        checks_view(case, words),
        tuple(words.named("weakened", name) for name in case.weakened) if case.verdict is not None else (),
        _scale(case, words),
        case.message if case.absence is None else absence_text(case.message, words),
        tuple(AgainView(tuple(names), anchors[at], record.cases[at].name) for at, names in again.items()),
        distribution_view(record, index, words),
        beyond_view(record, index, words),
        clause_text(case.clause, words),
        changes_view(record, case, anchors[index], words, pictures.by_file),
    )


def _scale(case: CaseRecord, words: Words) -> str:
    """What the ends of the scale mean, of a measure whose numbers say nothing by themselves."""
    left = case.left
    if isinstance(left, MeasureNode) and left.measure == "background_dependence":
        return words._("scale_of_background_dependence")
    return ""


def _values(case: CaseRecord, decisions: list[DecisionRecord], words: Words) -> tuple[ValueView, ...]:
    unit, digits = unit_of(case.left), digits_of(case)
    return tuple(
        ValueView(
            part_text(each.method, each.dose, words, each.group) if case.decision and case.decision.parts else "",
            value_text(each, unit, digits, words),
            interval_text(each, unit, digits, words),
        )
        for each in decisions
    )


def _made_of(case: CaseRecord, words: Words) -> str:
    """Why the interval and the confidence differ in level; empty where no interval of two bounds is shown."""
    decisions = parts_of(case)
    unit, digits = unit_of(case.left), digits_of(case)
    levels = dict.fromkeys(
        each.confidence
        for each in decisions
        if each.lower is not None and each.upper is not None and interval_text(each, unit, digits, words)
    )
    said = [
        words._(
            "interval_explained",
            confidence=words.limit(confidence, "percent"),
        )
        for confidence in levels
    ]
    return words._("semicolon").join(said)


def looked_texts(case: CaseRecord, words: Words) -> list[str]:
    """How far an audit looked that may stop early."""
    found = None if case.checks is None else case.checks.stopped
    if found is None:
        return []
    looked, available, looks = (words.count(number) for number in (found.looked, found.available, found.looks))
    if found.looked < found.available:
        return [
            words.ngettext(
                "looked_at_some",
                found.looks,
                looked=looked,
                available=available,
                looks=looks,
            )
        ]
    return [
        words.ngettext(
            "looked_at_all",
            found.looks,
            available=available,
            looks=looks,
        )
    ]


def _counts(counts: CountsRecord, looked: list[str], words: Words) -> CountsView:
    short = words._("measured_of_asked", measured=words.count(counts.measured), asked=words.count(counts.asked))
    reasons = [
        words._("reason_and_count", reason=words.named("missing", name), count=words.count(count))
        for name, count in sorted(counts.by_reason.items(), key=lambda item: (-item[1], item[0]))
    ]
    declared = left_out_text(counts, words)
    return CountsView(short, counts.measured == counts.asked, (*looked, *reasons), declared)


def declared_text(without_object: int, images: int, words: Words) -> str:
    """How many of the images are declared to have no object; empty where none."""
    if not without_object:
        return ""
    return words.ngettext("images_without_object", without_object, images=words.count(images))


def left_out_text(counts: CountsRecord, words: Words) -> str:
    """How many images leave a requirement as was declared: without an object, without a partner in a baseline."""
    images = counts.asked + counts.without_object + counts.unpaired
    unpaired = words.ngettext("images_unpaired", counts.unpaired, images=words.count(images)) if counts.unpaired else ""
    texts = (declared_text(counts.without_object, images, words), unpaired)
    return words._("semicolon").join(filter(None, texts))


def _rule(case: CaseRecord, words: Words) -> str:
    if case.decision is None:
        return ""
    decisions = parts_of(case)
    rules = dict.fromkeys((part.rule, part.guaranteed) for part in decisions if part.rule)
    said = [
        words.named("rule", rule) if sure else words._("rule_approximate", rule=words.named("rule", rule))
        for rule, sure in rules
    ]
    return "; ".join(said)


def _more(case: CaseRecord, words: Words) -> str:
    if case.decision is None or case.decision.more_images is None:
        return ""
    return words.ngettext(
        "more_images_needed",
        case.decision.more_images,
    )


def _notes(record: RunRecord, case: CaseRecord, words: Words) -> tuple[str, ...]:
    notes = list(filter(None, (*guard_notes(case, words), reviews_sentence(case, words))))
    if is_exception(case):
        notes.append(exception_note(record, case, words))
    elif case.outcome in _NOTED:
        notes.append(words.named("outcome", case.outcome))
    return tuple(dict.fromkeys(notes))


def _worst(case: CaseRecord, words: Words) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            item.sample,
            words.named("missing", item.missing or "") if item.value is None else image_value(case, item.value, words),
        )
        for item in case.worst[:_MOST_WORST]
    )
