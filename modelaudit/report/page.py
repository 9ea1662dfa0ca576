"""What one language of the report says of a run, worked out from its record: the templates only lay it out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..evidence.record import CaseRecord, DataRecord, RunRecord
from ..evidence.states import is_partial, is_whole, run_state
from .boxes import BoxesView, boxes_view
from .cases import Badge, CaseView, case_view, declared_text
from .checks import SanityView, sanity_views
from .class_order import class_order_banner, odd_orders
from .matrix import ByClassView, by_class_view
from .naming import titles_of
from .notes import missing_text
from .order import worst_first
from .pictures import Pictures
from .record_notes import data_note, model_note, run_note
from .signatures import SignaturesView, signatures_view
from .words import Words


@dataclass(frozen=True)
class DataView:
    data: DataRecord
    counts: str
    labels: str
    masks: str
    unusable: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class NotesView:
    """The notes of every model, and of the run."""

    models: tuple[tuple[str, ...], ...]
    run: tuple[str, ...]


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
    left_out: str
    missing_pictures: str
    by_class: ByClassView | None
    boxes: BoxesView
    signatures: SignaturesView
    notes: NotesView
    sanity: tuple[SanityView, ...] = ()


def overall_of(record: RunRecord) -> str:
    """The state of the run as it follows from the cases; a selection that passes is said to be one."""
    state = run_state(record.cases, record.absent_files, quick_look=record.quick_look is not None)
    return "SELECTION" if state == "PASS" and not is_whole(record.cases, record.absent_files) else state


def page_of(record: RunRecord, words: Words, pictures: Pictures) -> Page:
    """Everything that one language of the report says."""
    words = words.of(record.cases)
    views = [case_view(record, index, words, pictures) for index in worst_first(record.cases)]
    overall = overall_of(record)
    stated = [case.confidence for case in record.cases] or [0.95]
    usual = max(stated, key=stated.count)
    return Page(
        words.language,
        record,
        titles_of((model.reference for model in record.models), words),
        Badge(overall.lower(), words.named("verdict", overall)),
        headline(record, words),
        _banners(record, words),
        tuple(view for view in views if not view.case.must_fail),
        tuple(view for view in views if view.case.must_fail),
        tuple(_data(data, words) for data in record.data),
        totals(record, words),
        words.limit(usual, "percent"),
        words.limit(round(1 - usual, 6), "percent"),
        _left_out(record, words, pictures),
        _missing(words, pictures),
        by_class_view(record, words),
        boxes_view(record, words),
        signatures_view(record, words),
        _notes(record, words),
        sanity_views(record, words),
    )


def headline(record: RunRecord, words: Words) -> str:
    """The run in one reading: how many requirements are met, how the others ended, and the known-bad models."""
    cases = [case for case in record.cases if not case.must_fail]
    controls = [case for case in record.cases if case.must_fail]
    said = [_holding(cases, overall_of(record), words), *_endings(cases, words)]
    text = words._("semicolon").join(said) + words._("full_stop")
    if record.quick_look is not None:
        text = words.ngettext("on_few_images_only", record.quick_look, text=text)
    return words._("two_sentences", first=text, second=_caught(controls, words)) if controls else text


def _holding(cases: list[CaseRecord], overall: str, words: Words) -> str:
    hold = sum(case.verdict == "PASS" for case in cases)
    if overall == "PASS" and cases and hold == len(cases):
        return words.ngettext("all_requirements_met", len(cases))
    return words.ngettext("some_requirements_met", hold, all=words.count(len(cases)))


def _endings(cases: list[CaseRecord], words: Words) -> list[str]:
    """How the other requirements ended."""
    n: Counter[str] = Counter(case.verdict or "NOT_RUN" for case in cases)
    said = {
        "FAIL": words.ngettext("endings_fail", n["FAIL"]),
        "INCONCLUSIVE": words._("endings_inconclusive", n=words.count(n["INCONCLUSIVE"])),
        "ERROR": words._("endings_error", n=words.count(n["ERROR"])),
        "NOT_RUN": words.ngettext("endings_not_run", n["NOT_RUN"]),
    }
    found = [text for name, text in said.items() if n[name]]
    if expected := sum(case.outcome == "xfailed" for case in cases):
        found.append(
            words.ngettext(
                "endings_xfailed",
                expected,
            )
        )
    if warned := sum(case.outcome == "warned" for case in cases):
        found.append(words.ngettext("endings_warned", warned))
    return found


def _caught(controls: list[CaseRecord], words: Words) -> str:
    run = [case for case in controls if case.verdict is not None]
    caught = sum(case.verdict == "FAIL" for case in run)
    if not run:
        return words._("no_known_bad_model_was_run")
    if caught == len(run) == len(controls):
        return words.ngettext(
            "all_known_bad_models_caught",
            len(controls),
        )
    return words._(
        "some_known_bad_models_caught",
        caught=words.count(caught),
        all=words.count(len(controls)),
    )


def totals(record: RunRecord, words: Words) -> str:
    """How many values could not be computed, over all cases."""
    counts = [case.decision.counts for case in record.cases if case.decision]
    asked, undefined, errored = (sum(getattr(c, name) for c in counts) for name in ("asked", "undefined", "errored"))
    if not asked:
        return words._("nothing_measured")
    if not undefined and not errored:
        return words._("every_image_measured")
    return words._(
        "values_not_measured",
        missing=words.count(undefined + errored),
        asked=words.count(asked),
        undefined=words.count(undefined),
        errored=words.count(errored),
    )


def _banners(record: RunRecord, words: Words) -> tuple[tuple[str, str], ...]:
    found = []
    if record.quick_look is not None:
        text = words.ngettext(
            "quick_look_explained",
            record.quick_look,
        )
        found.append((words._("quick_look_title"), text))
    if not is_whole(record.cases, record.absent_files) or is_partial(record.cases, record.absent_files):
        text = words._("a_part_of_what_the")
        if reason := missing_text(record, words):
            text = words._("text_and_reason", text=text, reason=reason)
        partial = is_partial(record.cases, record.absent_files)
        found.append((words._("partial_run") if partial else words._("a_selection"), text))
    if record.checks == "off" and record.quick_look is None:
        text = words._("moved_masks_a_second_draw")
        found.append((words._("the_audit_itself_was_not"), text))
    return (*found, *(class_order_banner(model, odd, words) for model, odd in odd_orders(record)))


def _data(data: DataRecord, words: Words) -> DataView:
    counts = words._("images_of_available", images=words.count(data.images), available=words.count(data.available))
    if declared := declared_text(sum(data.without_object.values()), data.images, words):
        counts = words._("semicolon").join((counts, f"{declared} ({', '.join(data.without_object)})"))
    labels = ", ".join(f"{name} {words.count(n)}" for name, n in sorted(data.labels.items()))
    kinds = sorted(data.mask_kinds.items())
    masks = ", ".join(f"{words.named('mask', kind)} {words.count(n)}" for kind, n in kinds)
    unusable = tuple((item.sample, words.named("missing", item.reason), item.message) for item in data.unusable)
    notes = tuple(data_note(note, words) for note in data.notes)
    return DataView(data, counts, labels, masks, unusable, notes)


def _notes(record: RunRecord, words: Words) -> NotesView:
    models = tuple(tuple(model_note(note, words) for note in model.notes) for model in record.models)
    return NotesView(models, tuple(run_note(note, words) for note in record.notes))


def _left_out(record: RunRecord, words: Words, pictures: Pictures) -> str:
    if not pictures.left_out:
        return ""
    return words.ngettext(
        "gallery_rows_left_out",
        pictures.left_out,
    )


def _missing(words: Words, pictures: Pictures) -> str:
    if not pictures.missing:
        return ""
    return words.ngettext(
        "pictures_missing",
        len(pictures.missing),
    )
