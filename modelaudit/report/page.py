"""What one language of the report says of a run, worked out from its record: the templates only lay it out."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.record import CaseRecord, DataRecord, RunRecord
from ..evidence.states import is_partial, is_whole, run_state
from .cases import Badge, CaseView, case_view
from .checks import SanityView, sanity_views
from .gallery import Pictures
from .matrix import ByClassView, by_class_view
from .references import titles_of
from .vocabulary import MASK_KINDS, MISSING, VERDICTS, known
from .words import Words


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
    models: tuple[str, ...]
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
    by_class: ByClassView | None
    sanity: tuple[SanityView, ...] = ()


def overall_of(record: RunRecord) -> str:
    """The state of the run as it follows from the cases; a selection that passes is said to be one."""
    state = run_state(record.cases, record.absent_files, quick_look=record.quick_look is not None)
    return "SELECTION" if state == "PASS" and not is_whole(record.cases, record.absent_files) else state


def page_of(record: RunRecord, words: Words, pictures: Pictures) -> Page:
    """Everything that one language of the report says."""
    views = [case_view(record, index, words, pictures) for index in range(len(record.cases))]
    overall = overall_of(record)
    stated = [case.confidence for case in record.cases] or [0.95]
    usual = max(stated, key=stated.count)
    return Page(
        words.language,
        record,
        titles_of((model.reference for model in record.models), words),
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
        by_class_view(record, words),
        sanity_views(record, words),
    )


def headline(record: RunRecord, words: Words) -> str:
    """The run in one reading: how many expectations hold, how the others ended, and the known-bad models."""
    cases = [case for case in record.cases if not case.must_fail]
    controls = [case for case in record.cases if case.must_fail]
    said = [_holding(cases, overall_of(record), words), *_endings(cases, words)]
    text = words._("; ").join(said) + words._(".")
    if record.quick_look is not None:
        text = words.ngettext("On {n} image only: {text}", "On {n} images only: {text}", record.quick_look, text=text)
    return words._("{first} {second}", first=text, second=_caught(controls, words)) if controls else text


def _holding(cases: list[CaseRecord], overall: str, words: Words) -> str:
    hold = sum(case.verdict == "PASS" for case in cases)
    if overall == "PASS" and cases and hold == len(cases):
        return words.ngettext("The expectation holds", "All {n} expectations hold", len(cases))
    return words.ngettext(
        "{n} of {all} expectations holds", "{n} of {all} expectations hold", hold, all=words.count(len(cases))
    )


def _endings(cases: list[CaseRecord], words: Words) -> list[str]:
    """How the other expectations ended."""
    n = {name: sum((case.verdict or "NOT_RUN") == name for case in cases) for name in VERDICTS}
    said = {
        "FAIL": words.ngettext("{n} does not hold", "{n} do not hold", n["FAIL"]),
        "INCONCLUSIVE": words._("{n} cannot be decided from these data", n=words.count(n["INCONCLUSIVE"])),
        "ERROR": words._("{n} could not be measured", n=words.count(n["ERROR"])),
        "NOT_RUN": words.ngettext("{n} was not run", "{n} were not run", n["NOT_RUN"]),
    }
    found = [text for name, text in said.items() if n[name]]
    if expected := sum(case.outcome == "xfailed" for case in cases):
        found.append(
            words.ngettext(
                "{n} of these is marked as expected to fail (xfail)",
                "{n} of these are marked as expected to fail (xfail)",
                expected,
            )
        )
    if warned := sum(case.outcome == "warned" for case in cases):
        found.append(words.ngettext("{n} of these only warns", "{n} of these only warn", warned))
    return found


def _caught(controls: list[CaseRecord], words: Words) -> str:
    run = [case for case in controls if case.verdict is not None]
    caught = sum(case.verdict == "FAIL" for case in run)
    if not run:
        return words._("No known-bad model was run.")
    if caught == len(run) == len(controls):
        return words.ngettext(
            "The expectation on a known-bad model failed, as it must: it was caught.",
            "All {n} expectations on known-bad models failed, as they must: they were caught.",
            len(controls),
        )
    return words._(
        "{caught} of {all} expectations on known-bad models failed, as they must.",
        caught=words.count(caught),
        all=words.count(len(controls)),
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
    if not is_whole(record.cases, record.absent_files) or is_partial(record.cases, record.absent_files):
        text = words._("A part of what the audit files declare was not run, so nothing is said about the whole.")
        if record.missing:
            text = words._("{text} Reason: {reason}", text=text, reason=record.missing)
        partial = is_partial(record.cases, record.absent_files)
        found.append((words._("Partial run") if partial else words._("A selection"), text))
    if record.checks == "off" and record.quick_look is None:
        text = words._(
            "Moved masks, a second draw, what the limits would catch and the validity of the attribution methods were "
            "not looked at: the checks were switched off for this run."
        )
        found.append((words._("The audit itself was not checked"), text))
    return tuple(found)


def _data(data: DataRecord, words: Words) -> DataView:
    counts = words._(
        "{images} of {available} images", images=words.count(data.images), available=words.count(data.available)
    )
    labels = ", ".join(f"{name} {words.count(n)}" for name, n in sorted(data.labels.items()))
    kinds = sorted(data.mask_kinds.items())
    masks = ", ".join(f"{known(MASK_KINDS, kind, words)} {words.count(n)}" for kind, n in kinds)
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
        "{n} picture of the run record could not be shown: it is missing beside the record, or is no picture.",
        "{n} pictures of the run record could not be shown: they are missing beside the record, or are no pictures.",
        len(pictures.missing),
    )
