"""The smallest change that flips the answer: pairs, what was searched, and stored cases tried again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ..counterexamples.keeping import NOT_KEPT
from ..counterexamples.of_cases import counterexamples_of, replays_of, searches_of
from ..evidence.record import (
    CaseRecord,
    ChangedPictures,
    ChangeRecord,
    Counterexample,
    ReplayFacts,
    RunRecord,
    SearchFacts,
    WordingRecord,
)
from .gallery import PanelView
from .naming import context_label
from .pictures import PAIRS_SHOWN, EmbeddedPicture, lines_of
from .record_notes import run_note
from .words import Words

#: files that a terminal names
_LISTED = 20

ReplayKind = Literal["fixed", "still_fails", "cannot_replay"]


@dataclass(frozen=True)
class PairView:
    """An image and the smallest change found that flips its answer; ``code`` writes the change into an audit.

    ``panels`` are empty where no pictures were kept; ``facts`` are size and place in words.
    """

    sample: str
    label: str
    sentence: str
    facts: str
    code: str
    panels: tuple[PanelView, ...]


@dataclass(frozen=True)
class ReplayView:
    """A stored case: ``kind`` chooses the colour, ``state`` says it, ``why`` is why it could not be tried."""

    file: str
    kind: ReplayKind
    state: str
    text: str


@dataclass(frozen=True)
class ChangesView:
    """What the searches of one case found.

    ``smallest``: the sentence of the smallest change, empty without one; ``size``: area times dose of it.
    """

    anchor: str
    told: tuple[str, ...]
    smallest: str
    size: float
    pairs: tuple[PairView, ...]
    more: str
    replays: tuple[ReplayView, ...]


def changes_view(
    record: RunRecord, case: CaseRecord, anchor: str, words: Words, by_file: Mapping[str, EmbeddedPicture]
) -> ChangesView | None:
    """The section of one case; None where it searches for no change."""
    searches, found = searches_of(record, case), counterexamples_of(record, case)
    replays = replays_of(record, case)
    if not (searches or found or replays):
        return None
    shown = found[:PAIRS_SHOWN]
    more = len(found) - len(shown)
    return ChangesView(
        f"{anchor}-change",
        tuple(text for facts in searches for text in searched_texts(facts, words)),
        change_sentence(record, found[0], words) if found else "",
        found[0].size if found else 0.0,
        tuple(_pair(record, one, words, by_file) for one in shown),
        words.ngettext("changes_more", more) if more else "",
        tuple(replay_view(record, one, words) for one in replays),
    )


def searched_texts(facts: SearchFacts, words: Words) -> Iterator[str]:
    """How many images were searched, with how many passes, and how many answers flipped; never as a proof."""
    numbers = {"budget": words.count(facts.budget), "calls": words.count(facts.calls)}
    yield words.ngettext("changes_searched", facts.images, **numbers)
    if facts.flipped:
        yield words.ngettext("changes_flipped", facts.flipped, images=words.count(facts.images))
    elif facts.images:
        yield words._("changes_none")
    if facts.cut_off:
        yield words.ngettext("changes_cut_off", facts.cut_off, seconds=f"{facts.seconds or 0:g}")


def change_sentence(record: RunRecord, one: Counterexample, words: Words) -> str:
    """*A grey patch on the background (4% of it) is enough: “bolt” becomes “nut”, 97% sure.*"""
    change = sized_change(one.context, record.changes.get(one.context), one.area, one.dose, words)
    values = {"change": change, "before": one.before, "after": one.after}
    if one.after_probability is None:
        return words._("changes_enough", **values)
    return words._("changes_enough_sure", **values, sure=words.quantity(one.after_probability, "percent", 0))


def sized_change(context: str, change: ChangeRecord | None, area: float, dose: float, words: Words) -> str:
    """*A grey patch on the background (4% of it, dose 0.5)*."""
    size = [words._("changes_area", area=words.limit(round(area, 3 if area < 0.1 else 2), "percent"))]
    if dose < 1:
        size.append(words._("changes_dose", dose=f"{dose:.2g}"))
    text = change_text(context, change, words)
    return words._("changes_sized", change=text[:1].upper() + text[1:], size=words._("comma").join(size))


def change_text(context: str, change: ChangeRecord | None, words: Words, *, details: bool = False) -> str:
    """A change in the words of its declaration; its canonical text where it has none."""
    if change is None:
        return context
    phrases = {
        name: {each: one if details else one.model_copy(update={"detail": ""}) for each, one in several.items()}
        for name, several in change.words.items()
    }
    return context_label(change.contexts, replace(words, names=WordingRecord(contexts=phrases)))


def replay_view(record: RunRecord, one: ReplayFacts, words: Words) -> ReplayView:
    """What became of one stored case."""
    text = words._(
        "heading_and_sample",
        heading=change_text(one.context, record.changes.get(one.context), words),
        sample=one.sample,
    )
    parts = filter(None, (text if one.context else "", one.why))
    return ReplayView(one.file, one.state, words.named("replay", one.state), words._("semicolon").join(parts))


def unplaced_replays(record: RunRecord, words: Words) -> list[str]:
    """Stored cases that stand with no case of the run: damaged files, those of cases that are no longer declared."""
    placed = {one.file for case in record.cases for one in replays_of(record, case)}
    views = [replay_view(record, one, words) for one in record.replays if one.file not in placed]
    return [words._("replay_unplaced", state=one.state, file=one.file, why=one.text) for one in views]


def change_lines(record: RunRecord, words: Words) -> Iterator[str]:
    """What searches and stored cases came to, as lines for a terminal."""
    for case in record.cases:
        found = counterexamples_of(record, case)
        flipped = len({one.sample for one in found})  # of two models an image may have two
        if found and not case.must_fail:
            yield words.ngettext(
                "run_changes", flipped, name=case.name, smallest=change_sentence(record, found[0], words)
            )
    yield from (run_note(note, words) for note in record.notes if note.startswith(NOT_KEPT))
    if not record.replays:
        return
    counts = {
        kind: sum(one.state == kind for one in record.replays) for kind in ("still_fails", "cannot_replay", "fixed")
    }
    parts = [
        words._("run_replay_count", n=words.count(count), state=words.named("replay", kind))
        for kind, count in counts.items()
        if count
    ]
    yield words._("run_replays", counts=words._("comma").join(parts))
    ordered = sorted(record.replays, key=lambda one: list(counts).index(one.state))
    for one in ordered[:_LISTED]:
        view = replay_view(record, one, words)
        yield f"  {view.state}: {view.file}" + (f" ({one.why})" if one.why else "")
    if len(ordered) > _LISTED:
        yield "  " + words._("run_more_missing", n=words.count(len(ordered) - _LISTED))


def _pair(record: RunRecord, one: Counterexample, words: Words, by_file: Mapping[str, EmbeddedPicture]) -> PairView:
    change = change_text(one.context, record.changes.get(one.context), words, details=True)
    return PairView(
        one.sample,
        one.label,
        change_sentence(record, one, words),
        change[:1].upper() + change[1:],
        one.context,
        () if one.pictures is None else _panels(one, one.pictures, words, by_file),
    )


def _panels(
    one: Counterexample, pictures: ChangedPictures, words: Words, by_file: Mapping[str, EmbeddedPicture]
) -> tuple[PanelView, ...]:
    place = lines_of("outline", (pictures.place,))
    sides = (
        ("original", words._("original"), pictures.original, one.before, one.before_probability, True),
        ("context", words._("changed_image"), pictures.changed, one.after, one.after_probability, False),
    )
    found = []
    for kind, heading, file, answer, probability, right in sides:
        said = answer
        if probability is not None:
            share = words.quantity(probability, "percent", 0)
            said = words._("prediction_and_probability", prediction=answer, probability=share)
        picture = words._("heading_and_sample", heading=heading, sample=one.sample)
        alternative = words._("picture_predicted_as", picture=picture, prediction=said)
        found.append(
            PanelView(
                heading,
                said,
                alternative,
                by_file.get(file),
                right,
                "original" if kind == "original" else "context",
                outline=place if kind == "context" else None,
            )
        )
    return tuple(found)
