"""What one language of the report says of a run, worked out from its record: the templates only lay it out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..evidence.record import DataRecord, RunRecord
from ..evidence.states import is_partial, is_whole
from ..standards.standard_file import built_in_standards
from .agreed import AgreedLine, agreement_lines
from .boxes import BoxesView, boxes_view
from .cases import Badge, CaseView, case_view, declared_text
from .checks import SanityView, sanity_views
from .class_order import class_order_banner, odd_orders
from .counterexamples import unplaced_replays
from .exceptions import waiver_warnings
from .first_page import FirstPage, first_page
from .glossary import glossary
from .held import lock_lines
from .history import HistoryView, history_view
from .matrix import ByClassView, by_class_view
from .notes import missing_text
from .order import worst_first
from .pictures import MANY, Pictures
from .record_notes import data_note, model_note, run_note
from .reviews import ReviewsView, reviews_view
from .run_sentences import headline as headline
from .run_sentences import overall_of as overall_of
from .run_sentences import verdict_badge
from .side_by_side import ModelRow, model_rows
from .signatures import SignaturesView, signatures_view
from .stages import StagesView, stages_view
from .standards import StandardView, standard_views
from .words import Words

#: so many images that cannot be used, files and notes are listed; more are counted, whatever the budget is
MOST_LISTED = 50
#: so many warnings of waivers stand on page one
_WAIVERS = 3


@dataclass(frozen=True)
class DataView:
    data: DataRecord
    counts: str
    labels: str
    masks: str
    unusable: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    unusable_left_out: str = ""


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
    overall: Badge
    digest: str
    first: FirstPage
    headline: str
    banners: tuple[tuple[str, str], ...]
    expectations: tuple[CaseView, ...]
    controls: tuple[CaseView, ...]
    data: tuple[DataView, ...]
    totals: str
    glossary: tuple[tuple[str, str], ...]
    left_out: str
    missing_pictures: str
    by_class: ByClassView | None
    boxes: BoxesView
    signatures: SignaturesView
    models: tuple[ModelRow, ...]
    stages: StagesView
    notes: NotesView
    sanity: tuple[SanityView, ...] = ()
    agreement: tuple[AgreedLine, ...] = ()
    files_left_out: str = ""
    reviews: ReviewsView | None = None
    standards: tuple[StandardView, ...] = ()
    history: HistoryView | None = None

    @property
    def many(self) -> bool:
        """Whether there are so many requirements that some of what is said of each is left out."""
        return len(self.record.cases) > MANY

    @property
    def endings(self) -> tuple[tuple[str, str, int], ...]:
        """How requirements and known-bad models ended, in the order they are shown in: kind, label, how many."""
        found = Counter(view.badge for view in (*self.expectations, *self.controls))
        return tuple((badge.kind, badge.label, count) for badge, count in found.items())


def page_of(record: RunRecord, words: Words, pictures: Pictures, digest: str = "") -> Page:
    """Everything that one language of the report says.

    Args:
        digest: the sha256 of ``run.json``, which is not that of a record without the paths of its machine.
    """
    words = words.of(record.cases)
    views = [case_view(record, index, words, pictures) for index in worst_first(record.cases)]
    expectations = tuple(view for view in views if not view.case.must_fail)
    stated = [case.confidence for case in record.cases] or [0.95]
    usual = max(stated, key=stated.count)
    return Page(
        words.language,
        record,
        verdict_badge(overall_of(record), words),
        digest,
        first_page(record, expectations, words, pictures, digest),
        headline(record, words),
        _banners(record, words),
        expectations,
        tuple(view for view in views if view.case.must_fail),
        tuple(_data(data, words) for data in record.data),
        totals(record, words),
        glossary(words.limit(usual, "percent"), words.limit(round(1 - usual, 6), "percent"), words),
        _left_out(words, pictures),
        _missing(words, pictures),
        by_class_view(record, words),
        boxes_view(record, words),
        signatures_view(record, words),
        model_rows(record, words),
        stages_view(record, words),
        _notes(record, words),
        sanity_views(record, words),
        (*agreement_lines(record, words), *lock_lines(record, words)),
        _more(len(record.provenance.files), words),
        reviews_view(record, words, pictures),
        standard_views(record, built_in_standards(), words),
        history_view(record, words),
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
    if record.redacted:
        found.append((words._("redacted_title"), words._("redacted_explained")))
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
    if warnings := list(waiver_warnings(record, words)):
        said, more = words.in_a_row(warnings[:_WAIVERS]), len(warnings) - _WAIVERS
        said = words.ngettext("waivers_more", more, said=said) if more > 0 else said
        found.append((words._("waivers_title"), said))
    return (*found, *(class_order_banner(model, odd, words) for model, odd in odd_orders(record)))


def _data(data: DataRecord, words: Words) -> DataView:
    counts = words._("images_of_available", images=words.count(data.images), available=words.count(data.available))
    if declared := declared_text(sum(data.without_object.values()), data.images, words):
        counts = words._("semicolon").join((counts, f"{declared} ({', '.join(data.without_object)})"))
    labels = ", ".join(f"{name} {words.count(n)}" for name, n in sorted(data.labels.items()))
    kinds = sorted(data.mask_kinds.items())
    masks = ", ".join(f"{words.named('mask', kind)} {words.count(n)}" for kind, n in kinds)
    unusable = tuple(
        (item.sample, words.named("missing", item.reason), item.message) for item in data.unusable[:MOST_LISTED]
    )
    notes = _first([data_note(note, words) for note in data.notes[:MOST_LISTED]], len(data.notes), words)
    more = _more(len(data.unusable), words)
    return DataView(data, counts, labels, masks, unusable, notes, more)


def _notes(record: RunRecord, words: Words) -> NotesView:
    models = tuple(
        _first([model_note(note, words) for note in model.notes[:MOST_LISTED]], len(model.notes), words)
        for model in record.models
    )
    said = [run_note(note, words) for note in record.notes]
    said += unplaced_replays(record, words)
    return NotesView(models, _first(said[:MOST_LISTED], len(said), words))


def _first(said: list[str], count: int, words: Words) -> tuple[str, ...]:
    """The first notes, and how many more there are."""
    more = _more(count, words)
    return (*said, more) if more else tuple(said)


def _more(count: int, words: Words) -> str:
    """That a list was cut, of so many; empty where it is whole."""
    return words.ngettext("more_in_the_record", count - MOST_LISTED) if count > MOST_LISTED else ""


def _left_out(words: Words, pictures: Pictures) -> str:
    """What was done to the pictures so that the file keeps to its budget; empty where nothing was."""
    said = [] if pictures.side is None else [words._("pictures_made_smaller", side=words.count(pictures.side))]
    if pictures.left_out:
        said.append(words.ngettext("gallery_rows_left_out", pictures.left_out))
    return words._("two_sentences", first=said[0], second=said[1]) if len(said) > 1 else "".join(said)


def _missing(words: Words, pictures: Pictures) -> str:
    if not pictures.missing:
        return ""
    return words.ngettext(
        "pictures_missing",
        len(pictures.missing),
    )
