"""What the report says of reviews: who looked, how far people agree, and where they contradict the measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..evidence.record import CaseRecord, ReviewRecord, RunRecord
from ..evidence.review_pictures import pictures_of_case
from .agreed import AgreedLine
from .anchors import anchors_of
from .gallery import PanelView, gallery_row
from .pictures import Pictures
from .reviewed import MOST_SHOWN, QUESTIONS, ReviewedPicture, agreement_on, reviewed_pictures, to_settle
from .words import Words

#: so many reviewers, and so many requirements that people contradict, have a line on page one
_REVIEWERS, _CONTRADICTED = 4, 3
#: nobody looks at a picture in less
_SECONDS = 2.0
#: a heat map is on the object where this share of it is
_ON_OBJECT = 0.5


@dataclass(frozen=True)
class SaidView:
    """What one person says: the name, and the answer or the comment."""

    who: str
    text: str


@dataclass(frozen=True)
class QuestionView:
    """A question with its answers; ``differ``: they are not all the same."""

    text: str
    said: tuple[SaidView, ...]
    differ: bool


@dataclass(frozen=True)
class SettleView:
    """A picture that people answer differently, or comment on, with the requirement that shows it."""

    sample: str
    name: str
    anchor: str
    panels: tuple[PanelView, ...]
    questions: tuple[QuestionView, ...]
    comments: tuple[SaidView, ...]


@dataclass(frozen=True)
class ReviewsView:
    """What the report says of reviews. ``lines``: on page one; ``settle``: in the details."""

    lines: tuple[AgreedLine, ...]
    settle: tuple[SettleView, ...]
    settle_left_out: str


def reviews_view(record: RunRecord, words: Words, pictures: Pictures) -> ReviewsView:
    """Everything on reviews; empty where nobody was asked and nobody reviewed."""
    found = to_settle(record)
    names, anchors = _names(record), anchors_of(record.cases)
    shown = tuple(_settle(record, one, names, anchors, words, pictures) for one in found[:MOST_SHOWN])
    more = len(found) - len(shown)
    return ReviewsView(tuple(_lines(record, words)), shown, words.ngettext("review_more", more) if more else "")


def _names(record: RunRecord) -> dict[str, str]:
    """How people are called, by what tells them apart."""
    return {one.person: one.who for one in record.reviews}


def _lines(record: RunRecord, words: Words) -> Iterator[AgreedLine]:
    asked = [case for case in record.cases if case.reviewed_by is not None and case.complete_reviews is not None]
    if not record.reviews:
        if asked and record.quick_look is None:
            yield AgreedLine(words._("review_nobody"), unmet=any(case.reason == "review_open" for case in asked))
        return
    pictures = reviewed_pictures(record)
    everything = {files for case in record.cases if case.review for files in pictures_of_case(case)}
    total = len(everything | {one.files for one in pictures})
    people = _names(record)
    for person, name in list(people.items())[:_REVIEWERS]:
        own = [one for one in record.reviews if one.person == person]
        answered = sum(person in one.answers for one in pictures)
        yield _person(name, own, answered, total, words)
    if len(people) > _REVIEWERS:
        yield AgreedLine(words.ngettext("review_more_people", len(people) - _REVIEWERS))
    yield from _agreement(pictures, len(people), words)
    against = [line for case in record.cases if (line := _against(case, pictures, record, words))]
    yield from against[:_CONTRADICTED]
    passing = list(_background_passes(record, pictures, people, words))
    yield from passing[:_CONTRADICTED]
    if more := max(len(against) - _CONTRADICTED, 0) + max(len(passing) - _CONTRADICTED, 0):
        yield AgreedLine(words.ngettext("review_more_lines", more), unmet=True)


def _person(name: str, own: list[ReviewRecord], answered: int, total: int, words: Words) -> AgreedLine:
    """Who reviewed how many pictures, when, in what time."""
    took = sum((one.review.finished - one.review.started for one in own), timedelta())
    last = max(one.review.finished for one in own)
    fast = took.total_seconds() < _SECONDS * sum(len(one.review.answers) for one in own)
    numbers = {"answered": words.count(answered), "day": words.day(last), "duration": _duration(took, words)}
    text = words.ngettext("review_by", total, who=name, **numbers)
    if any(one.signed_by for one in own):
        text = words._("review_signed", said=text)
    return AgreedLine(words._("review_too_fast", said=text) if fast else text, unmet=fast)


def _duration(took: timedelta, words: Words) -> str:
    seconds = round(took.total_seconds())
    if seconds < 100:
        return words.ngettext("review_seconds", seconds)
    return words.ngettext("review_minutes", round(seconds / 60))


def _agreement(pictures: list[ReviewedPicture], people: int, words: Words) -> Iterator[AgreedLine]:
    """How far people agree on what maps highlight, and on whether changes are realistic."""
    if people < 2:
        yield AgreedLine(words._("review_one_person"))
        return
    for question in ("looks_at", "change_realistic"):
        found = agreement_on(question, pictures)
        if not found.units:
            continue
        asked = words.named("review_question", question)
        numbers = {"question": asked, "same": words.count(found.units - found.disagreeing)}
        if found.uniform:
            yield AgreedLine(words.ngettext("review_uniform", found.units, question=asked))
        elif found.alpha is None:
            yield AgreedLine(words.ngettext("review_agree_alone", found.units, **numbers))
        else:
            alpha = words.quantity(found.alpha, "number", 2)
            if found.lower is not None and found.upper is not None:
                low, high = (words.quantity(bound, "number", 2) for bound in (found.lower, found.upper))
                alpha = words._("review_range", alpha=alpha, low=low, high=high)
            said = words.ngettext("review_agree", found.units, alpha=alpha, **numbers)
            if found.lower is not None and found.lower <= 0:
                said = words._("two_sentences", first=said, second=words._("review_by_chance"))
            yield AgreedLine(said)


def _against(case: CaseRecord, pictures: list[ReviewedPicture], record: RunRecord, words: Words) -> AgreedLine | None:
    """How often people see the background where most of a heat map is on the object; None where they judged no such
    map."""
    files = set(pictures_of_case(case))
    judged = [
        answers
        for one in pictures
        if one.files in files and one.map is not None and (one.map.share_on_object or 0) > _ON_OBJECT
        if (answers := list(one.said("looks_at").values()))
    ]
    said = [answer for answers in judged for answer in answers]
    if not said:
        return None
    against = said.count("background")
    shown = words.ngettext("review_pictures_n", len(judged))
    text = words.ngettext("review_against_map", len(said), name=case.name, pictures=shown, against=words.count(against))
    return AgreedLine(text, unmet=against > 0)


def _background_passes(
    record: RunRecord, pictures: list[ReviewedPicture], people: dict[str, str], words: Words
) -> Iterator[AgreedLine]:
    """Who sees the background in more than half of the pictures of a requirement that passes; the verdict stays."""
    for case in record.cases:
        own = [one for one in pictures if one.files in set(pictures_of_case(case))]
        for person, name in people.items() if case.verdict == "PASS" and not case.must_fail else ():
            said = [one.said("looks_at").get(person) for one in own]
            told = [one for one in said if one is not None]
            seen = told.count("background")
            if told and seen > len(told) / 2:
                numbers = {"who": name, "seen": words.count(seen), "name": case.name}
                yield AgreedLine(words.ngettext("review_background_passes", len(told), **numbers), unmet=True)


def _settle(
    record: RunRecord,
    one: ReviewedPicture,
    names: dict[str, str],
    anchors: Sequence[str],
    words: Words,
    pictures: Pictures,
) -> SettleView:
    case = record.cases[one.case]
    panels = gallery_row(record, case, one.row, words, pictures).panels
    questions = tuple(
        QuestionView(
            words.named("review_asked", question),
            tuple(
                SaidView(names.get(person, person), words.named("review_answer", said))
                for person, said in one.said(question).items()
            ),
            question in one.differing,
        )
        for question in QUESTIONS
        if one.said(question)
    )
    comments = tuple(
        SaidView(names.get(person, person), answer.comment) for person, answer in one.answers.items() if answer.comment
    )
    shown = tuple(panels[at] for at in one.panels)
    return SettleView(one.row.sample, case.name, anchors[one.case], shown, questions, comments)
