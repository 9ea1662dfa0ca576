"""The page of a comparison of two runs, and its Markdown: is the new one no worse, where did it change, which pictures
show it, and on what that rests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from ..language.whole_file import write_whole
from ..releases.comparison_record import COMPARISON_PAGE, ComparedRun, ComparisonRecord
from .comparison_answers import AnswerView, PartView, StripView, answer_views, model_text
from .comparison_facts import (
    DifferenceView,
    ImagesView,
    difference_views,
    differences_in_short,
    images_in_short,
    images_views,
    outcome_counts,
    picture_notes,
)
from .comparison_requirements import (
    MOST_NAMED,
    ORDER,
    RequirementView,
    counts,
    margin_text,
    names_of,
    notes_of,
    outcome_of,
    reach_of,
    requirement_views,
)
from .pictures import EmbeddedLines, EmbeddedPicture, read_picture
from .render import filled, spoken, templates
from .words import LANGUAGES, Words, words_of

SUMMARY_NAME = "diff.md"
DEFAULT_BUDGET = 5_000_000
#: strips of page one
_FIRST = 2
#: bytes of markup around one embedded picture, and for the sentence that says that some are left out
_AROUND, _SLACK = 200, 1000


@dataclass(frozen=True)
class RunView:
    """One of the two runs, in the footer."""

    side: str
    name: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Undecided:
    """A requirement that nothing can be said of, and what would change that."""

    name: str
    text: str
    differences: tuple[DifferenceView, ...]


@dataclass(frozen=True)
class ComparisonView:
    """One language of the page.

    ``first``: the strips of page one, and what they are of. ``margin_at``: where the margin ends on every drawing.
    """

    ended: str
    title: str
    meaning: tuple[str, ...]
    glance: tuple[tuple[str, str], ...]
    first: tuple[str, tuple[StripView, ...]] | None
    requirements: tuple[RequirementView, ...]
    margin: str
    margin_at: tuple[float, float]
    explained: tuple[str, ...]
    answers: tuple[AnswerView, ...]
    quiet_answers: tuple[AnswerView, ...]
    left_out: int
    images: tuple[ImagesView, ...]
    differences: tuple[DifferenceView, ...]
    undecided: tuple[Undecided, ...]
    notes: tuple[str, ...]
    runs: tuple[RunView, ...]


def write_comparison_page(
    comparison: ComparisonRecord, folder: Path, *, language: str = "en", templates_dir: Path | None = None
) -> tuple[Path, Path]:
    """Write ``diff.html`` and ``diff.md`` next to the ``diff.json`` in `folder`, each whole or not at all.

    Args:
        folder: of the comparison, with its pictures.
        language: of the Markdown, and the one that the page shows first.

    Raises:
        ResultsError: an unknown language, a template that cannot be rendered, or a folder that cannot be written to.
    """
    page = render_comparison(comparison, folder, language=language, templates_dir=templates_dir)
    summary = render_comparison_summary(comparison, language=language, templates_dir=templates_dir)
    return write_whole(folder / COMPARISON_PAGE, page), write_whole(folder / SUMMARY_NAME, summary)


def render_comparison(
    comparison: ComparisonRecord,
    folder: Path,
    *,
    language: str = "en",
    budget_bytes: int = DEFAULT_BUDGET,
    templates_dir: Path | None = None,
) -> str:
    """The page as HTML in English and Japanese, which needs no other file.

    Args:
        folder: that its pictures are relative to.
        language: the one that is shown first.
        budget_bytes: the size that the file keeps to: pictures are left out, and text stays.

    Raises:
        ResultsError: an unknown language, or a template that cannot be rendered.
    """
    words_of(language)
    by_file = _read(comparison, folder)
    page, size = _document(comparison, by_file, language, templates_dir, None)
    over = len(page.encode()) - budget_bytes
    if over > 0 and size > 0:
        page, _ = _document(comparison, by_file, language, templates_dir, max(size - over - _SLACK, 0))
    return page


def render_comparison_summary(
    comparison: ComparisonRecord, *, language: str = "en", templates_dir: Path | None = None
) -> str:
    """The comparison as short Markdown, for the summary of a CI job."""
    view = comparison_view(comparison, {}, words_of(language))
    environment = templates(templates_dir, escape=False)
    return filled(environment, "comparison.md.j2", view=view, record=comparison, **spoken(language))


def comparison_view(
    record: ComparisonRecord, by_file: Mapping[str, EmbeddedPicture], words: Words, room: int | None = None
) -> ComparisonView:
    """Everything that one language of the page says.

    Args:
        by_file: the pictures that can be shown.
        room: so many bytes of pictures at most; None: all.
    """
    words = replace(words, names=record.wording)
    requirements = requirement_views(record, words)
    answers, left_out = _fitting(answer_views(record, by_file, words), room)
    telling = [
        one for one in answers if one.changed or any(part.worse for part in (*one.classes.rows, *one.groups.rows))
    ]
    reach = reach_of(record)
    margin = 50 * record.margin / reach
    return ComparisonView(
        _ended(record),
        words.named("diff_title", _ended(record)),
        tuple(_meaning(record, words, pictures=_first_strips(telling) is not None)),
        tuple(_glance(record, requirements, answers, words)),
        _first_strips(telling),
        requirements,
        margin_text(record, words),
        (round(50 - margin, 2), round(50 + margin, 2)),
        tuple(_explained(record, words)),
        tuple(telling),
        tuple(one for one in answers if one not in telling),
        left_out,
        images_views(record, words),
        difference_views(record.differences, words),
        tuple(_undecided(record, words)),
        (*(words.named("diff_run_note", note) for note in record.notes), *picture_notes(record, words)),
        tuple(_run(run, side, words) for side, run in (("old", record.old), ("new", record.new))),
    )


def _ended(record: ComparisonRecord) -> str:
    """What the comparison comes to; "no_worse" where nothing that cannot be told may be worse by the margin."""
    open_ones = [one for one in record.requirements if one.counts and one.outcome == "cannot_tell"]
    bounded = record.outcome == "cannot_tell" and all("no_worse" in one.notes for one in open_ones)
    return "no_worse" if bounded else record.outcome


def _meaning(record: ComparisonRecord, words: Words, *, pictures: bool) -> Iterator[str]:
    """How many requirements ended how, and what follows from that."""
    ended = outcome_counts(record)
    said = words._("comma").join(
        words.ngettext(f"diff_count.{outcome}", ended[outcome]) for outcome in ORDER if ended[outcome]
    )
    yield words.ngettext("diff_of_requirements", sum(ended.values()), said=said)
    margin = margin_text(record, words)
    if _ended(record) == "no_worse":
        yield words._("diff_means_within_margin", margin=margin)
    elif record.outcome == "cannot_tell":
        yield words._("diff_means_cannot_tell", margin=margin)
    elif record.outcome in ("better", "equivalent"):
        yield words._("diff_means_no_worse", margin=margin)
    elif record.outcome == "worse" and not pictures:
        yield words.named("diff_means", "worse_without_pictures")
    else:
        yield words.named("diff_means", record.outcome)


def _glance(
    record: ComparisonRecord, requirements: Sequence[RequirementView], answers: Sequence[AnswerView], words: Words
) -> Iterator[tuple[str, str]]:
    """The questions of page one that need no table."""
    worse = [one for one in requirements if one.outcome == "worse" and one.counted]
    if worse:
        said = [words._("diff_name_and_change", name=one.name, change=one.change) for one in worse[:MOST_NAMED]]
        if len(worse) > len(said):
            said.append("…")
        yield words._("diff_where"), words._("semicolon").join(said)
    parts = [
        _part_text(part, view, words)
        for view in answers
        for part in (*view.classes.rows, *view.groups.rows)
        if part.worse
    ]
    if parts:
        shown = [*parts[:MOST_NAMED], *(["…"] if len(parts) > MOST_NAMED else [])]
        yield words._("diff_which_parts"), words._("semicolon").join(shown)
    elif any(view.classes.rows or view.groups.rows for view in answers):
        yield words._("diff_which_parts"), words._("diff_no_part_worse")
    if better := names_of(requirements, "better", words):
        yield words._("diff_better_where"), better
    if record.images:
        yield words._("diff_on_which_images"), images_in_short(record, words)
    yield words._("diff_what_differs"), differences_in_short(record, words)
    undecided = [one for one in record.requirements if counts(one) and one.outcome == "cannot_tell"]
    if undecided:
        known = [one.more_images for one in undecided if one.more_images is not None]
        text = words.ngettext("diff_undecided", len(undecided))
        if known:
            text = words.in_a_row((text, words.ngettext("diff_more_in_all", max(known))))
        yield words._("diff_what_is_open"), text


def _part_text(part: PartView, view: AnswerView, words: Words) -> str:
    return words._("diff_part_and_change", part=part.name, change=part.change, of=view.context)


def _first_strips(answers: Sequence[AnswerView]) -> tuple[str, tuple[StripView, ...]] | None:
    """The pictures of page one, of several classes where there are: newly wrong ones where most answers got lost."""
    shown = ((view, changed) for view in answers for changed in view.changed if changed.strips)
    view, changed = next(shown, (None, None))
    if view is None or changed is None:
        return None
    of_each = {strip.label: strip for strip in reversed(changed.strips)}
    chosen = [strip for strip in changed.strips if of_each[strip.label] is strip][:_FIRST]
    chosen += [strip for strip in changed.strips if strip not in chosen][: _FIRST - len(chosen)]
    return f"{changed.title} · {view.title}", tuple(chosen)


def _explained(record: ComparisonRecord, words: Words) -> Iterator[str]:
    """How the outcomes are decided, under the table."""
    risk = words.limit(round(1 - record.confidence, 6), "percent")
    decided = sum(counts(one) and one.outcome not in (None, "not_comparable") for one in record.requirements)
    yield words._("diff_drawing", margin=margin_text(record, words))
    yield words.ngettext("diff_decided_by", max(decided, 1), risk=risk, margin=margin_text(record, words))
    if any(not one.paired for one in record.requirements if one.outcome not in (None, "not_comparable")):
        yield words._("diff_unpaired_explained")
    if any(not one.guaranteed for one in record.requirements if one.change is not None):
        yield words._("diff_approximate")


def _undecided(record: ComparisonRecord, words: Words) -> Iterator[Undecided]:
    for one in sorted(record.requirements, key=lambda each: ORDER.index(outcome_of(each))):
        outcome = outcome_of(one)
        if outcome not in ("cannot_tell", "not_comparable") and not one.differences:
            continue
        said = list(notes_of(one, words))
        if outcome == "cannot_tell":
            margin = words.limit(one.margin, "number" if one.unit == "number" else "points")
            known = one.more_images is not None
            text = (
                words.ngettext("diff_more_images", one.more_images or 0, margin=margin)
                if known
                else words._("diff_no_number_of_images")
            )
            said.insert(0, text)
        if outcome == "not_comparable" and one.differences:
            said.insert(0, words._("diff_not_the_same"))
        if outcome not in ("cannot_tell", "not_comparable"):
            said.insert(0, words._("diff_stated_differently"))
        yield Undecided(one.name, words.in_a_row(said), difference_views(one.differences, words))


def _run(run: ComparedRun, side: str, words: Words) -> RunView:
    facts = [
        (words._("run"), run.id),
        (words._("diff_finished"), words.moment(run.finished)),
        (words._("verdict"), words.named("verdict", run.overall)),
        (words._("diff_models"), words._("comma").join(model_text(key, words) for key in run.models)),
        (words._("images"), words.count(run.images)),
        ("SHA-256", run.sha256[:16]),
    ]
    if run.git_commit:
        facts.append((words._("diff_commit"), run.git_commit[:12]))
    return RunView(words.named("diff_side", side), run.name, tuple((name, value) for name, value in facts if value))


def _fitting(answers: Sequence[AnswerView], room: int | None) -> tuple[tuple[AnswerView, ...], int]:
    """The answers with as many strips as `room` bytes hold, in their order, and how many are left out."""
    if room is None:
        return tuple(answers), 0
    embedded: set[str] = set()
    left_out, full, fitted = 0, False, []
    for view in answers:
        changed = []
        for each in view.changed:
            kept = []
            for strip in each.strips:
                new = {part.id: part for part in strip.parts if part.id not in embedded}
                size = sum(_size(part) for part in new.values())
                full = full or size > room
                if full:
                    left_out += 1
                    continue
                room -= size
                embedded.update(new)
                kept.append(strip)
            changed.append(replace(each, strips=tuple(kept)))
        fitted.append(replace(view, changed=tuple(changed)))
    return tuple(fitted), left_out


def _size(part: EmbeddedPicture | EmbeddedLines) -> int:
    return _AROUND + (len(part.uri) if isinstance(part, EmbeddedPicture) else len(part.path))


def _read(record: ComparisonRecord, folder: Path) -> dict[str, EmbeddedPicture]:
    """Every picture that can be shown, by file."""
    files = (
        file
        for answers in record.answers
        for image in (*answers.newly_wrong, *answers.recovered)
        for panel in (*image.panels_old, *image.panels_new)
        for file in panel.files
    )
    read = {file: read_picture(file, folder) for file in dict.fromkeys(files)}
    return {file: picture for file, picture in read.items() if picture is not None}


def _document(
    record: ComparisonRecord,
    by_file: Mapping[str, EmbeddedPicture],
    language: str,
    templates_dir: Path | None,
    room: int | None,
) -> tuple[str, int]:
    """The page, and the bytes of its pictures, of which at most `room` are embedded."""
    environment = templates(templates_dir, escape=True)
    views = {each: comparison_view(record, by_file, words_of(each), room) for each in LANGUAGES}
    strips = [strip for one in views[language].answers for changed in one.changed for strip in changed.strips]
    parts = {part.id: part for strip in strips for part in strip.parts}
    bodies = {
        each: Markup(filled(environment, "comparison_page.html.j2", view=view, record=record, **spoken(each)))
        for each, view in views.items()
    }
    script = Markup(filled(environment, "two_languages.js"))
    page = filled(
        environment,
        "comparison.html.j2",
        bodies=bodies,
        titles={each: view.title for each, view in views.items()},
        language=language,
        pictures=[part for part in parts.values() if isinstance(part, EmbeddedPicture)],
        lines=[part for part in parts.values() if isinstance(part, EmbeddedLines)],
        record=record,
        styles=Markup(filled(environment, "comparison.css", digest=record.new.sha256)),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )
    return page, sum(map(_size, parts.values()))
