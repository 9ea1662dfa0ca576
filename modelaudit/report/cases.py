"""What the report says of one case, worked out from the run record."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.record import CaseRecord, CountsRecord, DecisionRecord, GalleryRow, Panel, RunRecord
from .checks import ChecksView, checks_view, guard_notes
from .curve import Curve, curve_of
from .gallery import Picture, Pictures
from .image_values import area_text, image_caption, image_value, over_methods
from .left_side import contexts_of, digits_of, tries_backgrounds, unit_of
from .plot import Plot, interval_text, plot_of, value_text
from .sentences import headline, parts_of, sentence
from .vocabulary import (
    MISSING,
    OUTCOMES,
    RANKS,
    REASONS,
    RULES,
    VERDICTS,
    WEAKENED,
    comparison,
    context_label,
    known,
    method_text,
    part_text,
)
from .words import Words

_MOST_WORST = 10


@dataclass(frozen=True)
class Badge:
    """A verdict: ``kind`` chooses colour and icon, ``label`` says it."""

    kind: str
    label: str


@dataclass(frozen=True)
class PanelView:
    heading: str
    prediction: str
    alternative: str
    picture: Picture | None
    right: bool | None


@dataclass(frozen=True)
class RowView:
    """One row of a gallery; ``area`` is empty where there is no mask."""

    heading: str
    row: GalleryRow
    area: str
    value: str
    panels: tuple[PanelView, ...]


@dataclass(frozen=True)
class ValueView:
    """One measured value; ``method`` is empty where there is only one."""

    method: str
    value: str
    interval: str


@dataclass(frozen=True)
class CountsView:
    """What was measured of what was asked for, and why the rest has no value."""

    short: str
    complete: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CaseView:
    """One case as the page shows it."""

    case: CaseRecord
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
    rows: tuple[RowView, ...]
    rows_left_out: int
    checks: ChecksView | None = None
    weakened: tuple[str, ...] = ()


def badge_of(case: CaseRecord, words: Words) -> Badge:
    """The badge of a case; a known-bad model is caught or not."""
    name: str = case.verdict or "NOT_RUN"
    if case.must_fail and case.verdict in ("FAIL", "PASS", "INCONCLUSIVE"):
        name = "CAUGHT" if case.verdict == "FAIL" else "MISSED"
    return Badge(name.lower(), words._(VERDICTS[name]))


def case_view(record: RunRecord, index: int, words: Words, pictures: Pictures) -> CaseView:
    case = record.cases[index]
    decision = case.decision
    rows = tuple(
        _row(record, case, row, words, pictures) for n, row in enumerate(case.gallery) if (index, n) in pictures.shown
    )
    return CaseView(
        case,
        f"{words.language}-{index + 1}",
        badge_of(case, words),
        sentence(case, words),
        comparison(case.op, words.limit(case.threshold, unit_of(case.left)), words),
        _values(case, parts_of(case), words),
        _values(case, headline(case), words),
        _made_of(case, words),
        plot_of(case, words),
        curve_of(case, words),
        _counts(decision.counts, _looked(case, words), words) if decision else None,
        known(REASONS, case.reason, words) if case.reason else "",
        _rule(case, words),
        words.limit(case.confidence, "percent"),
        _more(case, words),
        _notes(case, words),
        _worst(case, words),
        over_methods(case, words),
        rows,
        len(case.gallery) - len(rows),
        checks_view(case, words),
        tuple(known(WEAKENED, name, words) for name in case.weakened) if case.verdict is not None else (),
    )


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
            "{level} interval: the range between the two one-sided {confidence} bounds that decide",
            level=words.limit(round(2 * confidence - 1, 6), "percent"),
            confidence=words.limit(confidence, "percent"),
        )
        for confidence in levels
    ]
    return words._("; ").join(said)


def _looked(case: CaseRecord, words: Words) -> list[str]:
    """How far an audit looked that may stop early."""
    found = None if case.checks is None else case.checks.stopped
    if found is None:
        return []
    looked, available, looks = (words.count(number) for number in (found.looked, found.available, found.looks))
    if found.looked < found.available:
        return [
            words.ngettext(
                "Looked at {looked} of {available} images, {looks} time; then everything was decided.",
                "Looked at {looked} of {available} images, {looks} times; then everything was decided.",
                found.looks,
                looked=looked,
                available=available,
                looks=looks,
            )
        ]
    return [
        words.ngettext(
            "Looked at all {available} images, {looks} time.",
            "Looked at all {available} images, {looks} times.",
            found.looks,
            available=available,
            looks=looks,
        )
    ]


def _counts(counts: CountsRecord, looked: list[str], words: Words) -> CountsView:
    short = words._(
        "{measured} of {asked} measured", measured=words.count(counts.measured), asked=words.count(counts.asked)
    )
    reasons = [
        words._("{reason}: {count}", reason=known(MISSING, name, words), count=words.count(count))
        for name, count in sorted(counts.by_reason.items(), key=lambda item: (-item[1], item[0]))
    ]
    return CountsView(short, counts.measured == counts.asked, (*looked, *reasons))


def _rule(case: CaseRecord, words: Words) -> str:
    if case.decision is None:
        return ""
    decisions = parts_of(case)
    rules = dict.fromkeys((part.rule, part.guaranteed) for part in decisions if part.rule)
    said = [
        known(RULES, rule, words) if sure else words._("{rule} (approximate)", rule=known(RULES, rule, words))
        for rule, sure in rules
    ]
    return "; ".join(said)


def _more(case: CaseRecord, words: Words) -> str:
    if case.decision is None or case.decision.more_images is None:
        return ""
    return words.ngettext(
        "About {n} more image would probably settle it. Take a fresh set: adding to this one after a look weakens the "
        "guarantee.",
        "About {n} more images would probably settle it. Take a fresh set: adding to this one after a look weakens the "
        "guarantee.",
        case.decision.more_images,
    )


def _notes(case: CaseRecord, words: Words) -> tuple[str, ...]:
    notes = list(guard_notes(case))
    if case.outcome in OUTCOMES:
        notes.append(words._(OUTCOMES[case.outcome]))
    return tuple(dict.fromkeys(notes))


def _worst(case: CaseRecord, words: Words) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            item.sample,
            known(MISSING, item.missing or "", words) if item.value is None else image_value(case, item.value, words),
        )
        for item in case.worst[:_MOST_WORST]
    )


def _row(record: RunRecord, case: CaseRecord, row: GalleryRow, words: Words, pictures: Pictures) -> RowView:
    several_models = len({panel.model for panel in row.panels}) > 1
    several_contexts = len({panel.context for panel in row.panels if panel.kind == "attribution"}) > 1
    panels = []
    for panel in row.panels:
        parts = [_panel_heading(panel, case, words)]
        if several_contexts and panel.kind == "attribution":
            parts.append(_context_heading(panel, case, words))
        if several_models:
            parts.append(_model_name(record, panel.model))
        panels.append(_panel(record, panel, row, " · ".join(parts), words, pictures))
    area, value = area_text(row.object_area, words), image_caption(case, row.value, words)
    return RowView(words._(RANKS[row.rank]), row, area, value, tuple(panels))


def _panel(
    record: RunRecord, panel: Panel, row: GalleryRow, heading: str, words: Words, pictures: Pictures
) -> PanelView:
    alternative = words._("{heading}: {sample}", heading=heading, sample=row.sample)
    prediction = panel.prediction or ""
    if prediction and panel.probability is not None:
        share = words.quantity(panel.probability, "percent", 0)
        prediction = words._("{prediction} ({probability})", prediction=prediction, probability=share)
    if prediction:
        alternative = words._("{picture}, predicted as {prediction}", picture=alternative, prediction=prediction)
    right = _is_right(record, panel, row.label)
    return PanelView(heading, prediction, alternative, pictures.by_file.get(panel.file), right)


def _panel_heading(panel: Panel, case: CaseRecord, words: Words) -> str:
    if panel.kind == "original":
        return words._("Original")
    if panel.kind == "context":
        return _context_heading(panel, case, words)
    return words._("Heat map, {method}", method=method_text(panel.method)) if panel.method else words._("Heat map")


def _context_heading(panel: Panel, case: CaseRecord, words: Words) -> str:
    named = {" | ".join(node.text for node in nodes): nodes for nodes in contexts_of(case.left)}
    if not panel.context:
        return words._("Original")
    if panel.context not in named:
        return panel.context
    label = context_label(named[panel.context], words)
    if tries_backgrounds(case.left):  # the pictures are those of the pass, and another one may have flipped the answer
        label = words._("{what} ({details})", what=label, details=words._("the first that was tried"))
    return label[:1].upper() + label[1:]


def _is_right(record: RunRecord, panel: Panel, label: str) -> bool | None:
    """None where nothing was predicted. Where an older record does not say it the names must tell, and where the
    label's is no class of the model they do not."""
    if panel.right is not None:
        return panel.right
    classes = next((model.classes for model in record.models if model.key == panel.model), None)
    return panel.prediction == label if panel.prediction and classes and label in classes else None


def _model_name(record: RunRecord, key: str) -> str:
    return next((model.names[0] for model in record.models if model.key == key and model.names), key)
