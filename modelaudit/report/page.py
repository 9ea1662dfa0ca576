"""What one language of the report says, worked out from the run record: the templates only lay it out."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.record import CaseRecord, CountsRecord, DataRecord, GalleryRow, Panel, RunRecord
from .gallery import Picture, Pictures
from .plot import Plot, interval_text, plot_of, value_text
from .sentences import contexts_of, digits_of, sentence, unit_of
from .vocabulary import (
    MASK_KINDS,
    MISSING,
    OUTCOMES,
    RANKS,
    REASONS,
    RULES,
    VERDICTS,
    comparison,
    context_label,
    known,
    method_text,
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
    heading: str
    row: GalleryRow
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
    plot: Plot | None
    counts: CountsView | None
    reason: str
    rule: str
    confidence: str
    more_images: str
    notes: tuple[str, ...]
    worst: tuple[tuple[str, str], ...]
    rows: tuple[RowView, ...]
    rows_left_out: int


@dataclass(frozen=True)
class DataView:
    data: DataRecord
    counts: str
    labels: str
    masks: str
    unusable: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Page:
    """One language of the report."""

    language: str
    record: RunRecord
    overall: Badge
    headline: str
    banners: tuple[tuple[str, str], ...]
    expectations: tuple[CaseView, ...]
    controls: tuple[CaseView, ...]
    data: tuple[DataView, ...]
    totals: str
    confidence: str
    error: str
    level: str
    left_out: str
    missing_pictures: str


def overall_of(record: RunRecord) -> str:
    """The record's own word, except that no run is said to have passed of which a part is missing or did not pass."""
    if record.overall != "PASS":
        return record.overall
    if record.quick_look is not None:
        return "QUICK_LOOK"
    if record.partial or not record.cases or any(case.verdict == "NOT_RUN" for case in record.cases):
        return "PARTIAL"
    for wrong in ("ERROR", "FAIL", "INCONCLUSIVE"):
        if any(_ended(case) == wrong and case.outcome in ("failed", "error") for case in record.cases):
            return wrong
    return "PASS"


def _ended(case: CaseRecord) -> str:
    """The verdict that counts for the run; a control that is not caught counts as a failure."""
    return "FAIL" if case.must_fail and case.verdict == "PASS" else case.verdict


def page_of(record: RunRecord, words: Words, pictures: Pictures) -> Page:
    """Everything that one language of the report says."""
    views = [_case(record, index, words, pictures) for index in range(len(record.cases))]
    overall = overall_of(record)
    stated = [case.confidence for case in record.cases] or [0.95]
    usual = max(stated, key=stated.count)
    return Page(
        words.language,
        record,
        Badge(overall.lower(), words._(VERDICTS[overall])),
        headline(record, words),
        _banners(record, words),
        tuple(view for view in views if not view.case.must_fail),
        tuple(view for view in views if view.case.must_fail),
        tuple(_data(data, words) for data in record.data),
        totals(record, words),
        words.limit(usual, "percent"),
        words.limit(round(1 - usual, 6), "percent"),
        words.limit(round(2 * usual - 1, 6), "percent"),
        _left_out(record, words, pictures),
        _missing(words, pictures),
    )


def badge_of(case: CaseRecord, words: Words) -> Badge:
    """The badge of a case; a negative control is caught or not."""
    name: str = case.verdict
    if case.must_fail and case.verdict in ("FAIL", "PASS", "INCONCLUSIVE"):
        name = "CAUGHT" if case.verdict == "FAIL" else "MISSED"
    return Badge(name.lower(), words._(VERDICTS[name]))


def headline(record: RunRecord, words: Words) -> str:
    """The run in one reading: how many expectations hold, what became of the others, and of the controls."""
    cases = [case for case in record.cases if not case.must_fail]
    controls = [case for case in record.cases if case.must_fail]
    said = [_holding(cases, overall_of(record), words), *_endings(cases, words)]
    text = words._("; ").join(said) + words._(".")
    return words._("{first} {second}", first=text, second=_caught(controls, words)) if controls else text


def _holding(cases: list[CaseRecord], overall: str, words: Words) -> str:
    hold = sum(case.verdict == "PASS" for case in cases)
    if overall == "PASS" and cases and hold == len(cases):
        return words.ngettext("The expectation holds", "All {n} expectations hold", len(cases))
    return words.ngettext(
        "{n} of {all} expectations holds", "{n} of {all} expectations hold", hold, all=words.count(len(cases))
    )


def _endings(cases: list[CaseRecord], words: Words) -> list[str]:
    """What became of the expectations that do not hold."""
    n = {name: sum(case.verdict == name for case in cases) for name in VERDICTS}
    said = {
        "FAIL": words.ngettext("{n} does not hold", "{n} do not hold", n["FAIL"]),
        "INCONCLUSIVE": words._("{n} cannot be decided from these data", n=words.count(n["INCONCLUSIVE"])),
        "ERROR": words._("{n} could not be measured", n=words.count(n["ERROR"])),
        "SKIPPED": words.ngettext("{n} was skipped", "{n} were skipped", n["SKIPPED"]),
        "NOT_RUN": words.ngettext("{n} was not run", "{n} were not run", n["NOT_RUN"]),
    }
    return [text for name, text in said.items() if n[name]]


def _caught(controls: list[CaseRecord], words: Words) -> str:
    run = [case for case in controls if case.verdict not in ("NOT_RUN", "SKIPPED")]
    caught = sum(case.verdict == "FAIL" for case in run)
    if not run:
        return words._("No negative control was run.")
    if caught == len(run) == len(controls):
        return words.ngettext(
            "The negative control was caught.", "All {n} negative controls were caught.", len(controls)
        )
    return words._(
        "{caught} of {all} negative controls were caught.", caught=words.count(caught), all=words.count(len(controls))
    )


def totals(record: RunRecord, words: Words) -> str:
    """Values asked for and not computed, over all cases: they stand beside the headline."""
    counts = [case.decision.counts for case in record.cases if case.decision]
    asked, undefined, errored = (sum(getattr(c, name) for c in counts) for name in ("asked", "undefined", "errored"))
    if not asked:
        return words._("No value was measured.")
    if not undefined and not errored:
        return words._("All {asked} values asked for were computed.", asked=words.count(asked))
    return words._(
        "{missing} of {asked} values asked for could not be computed ({undefined} undefined, {errored} with errors); "
        "each of them counts against the claim.",
        missing=words.count(undefined + errored),
        asked=words.count(asked),
        undefined=words.count(undefined),
        errored=words.count(errored),
    )


def _banners(record: RunRecord, words: Words) -> tuple[tuple[str, str], ...]:
    found = []
    if record.quick_look is not None:
        text = words.ngettext(
            "Only {n} image was asked for. A quick look shows whether the audit runs; it decides nothing.",
            "Only {n} images were asked for. A quick look shows whether the audit runs; it decides nothing.",
            record.quick_look,
        )
        found.append((words._("Quick look"), text))
    if record.partial or overall_of(record) == "PARTIAL":
        text = words._("A part of what the audit files declare was not run, so nothing is said about the whole.")
        if record.partial_because:
            text = words._("{text} Reason: {reason}", text=text, reason=record.partial_because)
        found.append((words._("Partial run"), text))
    return tuple(found)


def _case(record: RunRecord, index: int, words: Words, pictures: Pictures) -> CaseView:
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
        _values(case, words),
        plot_of(case, words),
        _counts(decision.counts, words) if decision else None,
        known(REASONS, case.reason, words) if case.reason else "",
        _rule(case, words),
        words.limit(case.confidence, "percent"),
        _more(case, words),
        _notes(case, words),
        _worst(case, words),
        rows,
        len(case.gallery) - len(rows),
    )


def _values(case: CaseRecord, words: Words) -> tuple[ValueView, ...]:
    if case.decision is None:
        return ()
    unit, digits = unit_of(case.left), digits_of(case)
    return tuple(
        ValueView(
            method_text(each.method or "") if case.decision.parts else "",
            value_text(each, unit, digits, words),
            interval_text(each, unit, digits, words),
        )
        for each in case.decision.parts or [case.decision]
    )


def _counts(counts: CountsRecord, words: Words) -> CountsView:
    short = words._(
        "{measured} of {asked} measured", measured=words.count(counts.measured), asked=words.count(counts.asked)
    )
    reasons = [
        words._("{reason}: {count}", reason=known(MISSING, name, words), count=words.count(count))
        for name, count in sorted(counts.by_reason.items(), key=lambda item: (-item[1], item[0]))
    ]
    return CountsView(short, counts.measured == counts.asked, tuple(reasons))


def _rule(case: CaseRecord, words: Words) -> str:
    if case.decision is None:
        return ""
    decisions = case.decision.parts or [case.decision]
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
    decisions = [case.decision, *case.decision.parts] if case.decision else []
    notes = [note for note in (decision.note for decision in decisions) if note]
    if case.outcome in OUTCOMES:
        notes.append(words._(OUTCOMES[case.outcome]))
    return tuple(dict.fromkeys(notes))


def _worst(case: CaseRecord, words: Words) -> tuple[tuple[str, str], ...]:
    unit, digits = unit_of(case.left), digits_of(case)
    return tuple(
        (item.sample, known(MISSING, item.missing or "", words) if item.value is None else words.quantity(item.value, unit, digits))
        for item in case.worst[:_MOST_WORST]
    )


def _row(record: RunRecord, case: CaseRecord, row: GalleryRow, words: Words, pictures: Pictures) -> RowView:
    value = words.quantity(row.value, unit_of(case.left), digits_of(case))
    several = len({panel.model for panel in row.panels}) > 1
    panels = []
    for panel in row.panels:
        heading = _panel_heading(panel, case, words)
        prediction = panel.prediction
        if panel.probability is not None:
            share = words.quantity(panel.probability, "percent", 0)
            prediction = words._("{prediction} ({probability})", prediction=prediction, probability=share)
        alternative = words._(
            "{heading}: {sample}, predicted as {prediction}", heading=heading, sample=row.sample, prediction=prediction
        )
        panels.append(
            PanelView(
                f"{heading} · {_model_name(record, panel.model)}" if several else heading,
                prediction,
                alternative,
                pictures.by_file.get(panel.file),
                _is_right(record, panel, row.label),
            )
        )
    return RowView(words._(RANKS[row.rank]), row, value, tuple(panels))


def _panel_heading(panel: Panel, case: CaseRecord, words: Words) -> str:
    match panel.kind:
        case "original":
            return words._("Original")
        case "context":
            named = {" | ".join(node.text for node in nodes): nodes for nodes in contexts_of(case.left)}
            if panel.context in named:
                label = context_label(named[panel.context], words)
                return label[:1].upper() + label[1:]
            return panel.context or words._("Changed surroundings")
    return words._("Heat map, {method}", method=method_text(panel.method)) if panel.method else words._("Heat map")


def _is_right(record: RunRecord, panel: Panel, label: str) -> bool | None:
    """None where the data's label is no class of the model: then its name alone tells nothing."""
    classes = next((model.classes for model in record.models if model.key == panel.model), None)
    return panel.prediction == label if classes and label in classes else None


def _model_name(record: RunRecord, key: str) -> str:
    return next((model.names[0] for model in record.models if model.key == key and model.names), key)


def _data(data: DataRecord, words: Words) -> DataView:
    counts = words._(
        "{images} of {available} images", images=words.count(data.images), available=words.count(data.available)
    )
    labels = ", ".join(f"{name} {words.count(n)}" for name, n in sorted(data.labels.items()))
    masks = ", ".join(f"{known(MASK_KINDS, kind, words)} {words.count(n)}" for kind, n in sorted(data.mask_kinds.items()))
    unusable = tuple((item.sample, known(MISSING, item.reason, words), item.message) for item in data.unusable)
    return DataView(data, counts, labels, masks, unusable)


def _left_out(record: RunRecord, words: Words, pictures: Pictures) -> str:
    if not pictures.left_out:
        return ""
    return words.ngettext(
        "{n} gallery row was left out to keep this file small. Its pictures lie beside the run record (run.json).",
        "{n} gallery rows were left out to keep this file small. Their pictures lie beside the run record (run.json).",
        pictures.left_out,
    )


def _missing(words: Words, pictures: Pictures) -> str:
    if not pictures.missing:
        return ""
    return words.ngettext(
        "{n} picture that the run record names could not be shown: it is missing beside the record, or is no picture.",
        "{n} pictures that the run record names could not be shown: they are missing beside the record, or are no pictures.",
        len(pictures.missing),
    )
