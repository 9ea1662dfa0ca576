"""What a run came to, in lines for a terminal: its state, the counts, what is missing, and what weakens it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import get_args

from ..evidence.record import REVIEW_NOTE, Absence, CaseRecord, RunRecord, Weakening
from ..evidence.states import MET, counted_as, is_exception
from ..language.plain_text import plain
from ..language.progress import ProgressTexts
from .checks import WEAK_LIMIT
from .counterexamples import change_lines
from .exceptions import waiver_warnings
from .notes import missing_text
from .record_notes import run_note
from .words import Words

#: what is missing is listed up to this many lines
_LISTED = 40


def run_lines(record: RunRecord, words: Words) -> list[str]:
    """The state of the run, the counts, what is missing from it, and what weakens it."""
    tally = words._("run_tally", state=words.named("state", _state(record)), counts=_tally(record.cases, words))
    lines = [tally, *_not_whole(record, words), *_weakened(record.cases, words), *_stopped(record.cases, words)]
    lines += [
        *waiver_warnings(record, words),
        *(run_note(note, words) for note in record.notes[:_LISTED] if note.startswith(REVIEW_NOTE)),
        *_without_object(record, words),
        *_holm(record.cases, words),
        *weak_limits(record.cases, words),
        *change_lines(record, words),
    ]
    return [plain(line) for line in lines]


def progress_texts(words: Words) -> ProgressTexts:
    """What the bar says while the run goes on."""
    return ProgressTexts(**{field.name: words.named("progress", field.name) for field in fields(ProgressTexts)})


def _state(record: RunRecord) -> str:
    return "SELECTION" if record.overall in MET and not record.whole else record.overall


def _not_whole(record: RunRecord, words: Words) -> Iterator[str]:
    """Why the run does not decide on the whole, and everything that is missing and that the user did not leave out."""
    if record.quick_look is not None:
        yield words.ngettext("run_quick_look", record.quick_look)
    if missing := missing_text(record, words):
        text = words._("run_partial", missing=missing) if record.partial else ""
        yield text or words._("run_not_the_whole", missing=missing)
    absent = [(case.id, case.absence) for case in record.cases if case.absence is not None]
    absent += [(file.file, Absence(by=file.by, why=file.why)) for file in record.absent_files]
    listed = [f"  {name}: {absence.why}" for name, absence in absent if absence.by != "selection"]
    yield from listed[:_LISTED]
    if len(listed) > _LISTED:
        yield "  " + words._("run_more_missing", n=words.count(len(listed) - _LISTED))
    for case in record.cases:
        if counted_as(case) not in (None, "PASS") and case.outcome in ("passed", "skipped", "xpassed", "quick_look"):
            verdict = words.named("state", str(case.verdict))
            yield "  " + words._("run_all_the_same", name=case.id, verdict=verdict, outcome=case.outcome)
    if record.allow_partial and record.overall == "PARTIAL" and record.exit_status == 0:
        yield words._("run_partial_excused")


def _weakened(cases: Sequence[CaseRecord], words: Words) -> Iterator[str]:
    for name in get_args(Weakening):
        if count := sum(name in case.weakened and case.verdict is not None for case in cases):
            numbers = {"n": words.count(count), "all": words.count(len(cases))}
            yield words._("run_weakened", **numbers, how=words.named("weakened", name))


def _stopped(cases: Sequence[CaseRecord], words: Words) -> Iterator[str]:
    """How far every audit looked that stopped early."""
    found = {case.data: case.checks.stopped for case in cases if case.checks is not None and case.checks.stopped}
    for data, one in found.items():
        if one.looked < one.available:
            numbers = {"looked": words.count(one.looked), "available": words.count(one.available)}
            yield words._("run_stopped_early", data=str(data).removeprefix("data:"), **numbers)


def _without_object(record: RunRecord, words: Words) -> Iterator[str]:
    """How many images of each data set are declared to have no object."""
    for data in record.data:
        if data.without_object:
            yield words._(
                "run_without_object",
                data=data.key.removeprefix("data:"),
                n=words.count(sum(data.without_object.values())),
                images=words.count(data.images),
                labels=words._("comma").join(data.without_object),
            )


def _holm(cases: Sequence[CaseRecord], words: Words) -> Iterator[str]:
    """How many FAILs would not stand as findings by themselves among so many requirements."""
    found = [case.checks.holm for case in cases if case.checks is not None and case.checks.holm is not None]
    weak = sum(not one.rejected for one in found)
    if weak:
        declared = words.count(found[0].declared)
        yield words._("run_holm", n=words.count(weak), all=words.count(len(found)), declared=declared)


def _tally(cases: Sequence[CaseRecord], words: Words) -> str:
    """Requirements by verdict, and apart from them the known-bad models, whose FAIL is expected."""
    counts = Counter(_standing(case) for case in cases if not case.must_fail)
    parts = [
        words._("run_count_of_state", n=words.count(counts[name]), state=words.named("state", name))
        for name in ("ERROR", "FAIL", "INCONCLUSIVE", "PASS", "WAIVED", "ADVISORY", "XFAIL", "NOT_RUN")
        if counts[name]
    ]
    return words._("comma").join([*parts, *_known_bad(cases, words)]) or words._("run_nothing_run")


def _standing(case: CaseRecord) -> str:
    exempt = case.standing in ("advisory", "waived") and not is_exception(case)
    return str(case.verdict) if case.standing == "counted" or exempt else case.standing.upper()


def _known_bad(cases: Sequence[CaseRecord], words: Words) -> Iterator[str]:
    """Every known-bad model: it is caught where all expectations that must fail on it do."""
    caught: dict[str, bool] = {}
    for case in cases:
        for name in case.known_bad:
            caught[name] = caught.get(name, True) and case.standing == "counted" and case.verdict == "FAIL"
    if caught:
        names = [name if found else words._("run_known_bad_missed", name=name) for name, found in caught.items()]
        number = words.count(sum(caught.values()))
        yield words.ngettext("run_known_bad", len(caught), caught=number, names=words._("comma").join(names))


def weak_limits(cases: Iterable[CaseRecord], words: Words) -> Iterator[str]:
    """Limits on heat maps that a model would meet whose background decides nearly all of its answers."""
    for case in cases:
        sensitivity = None if case.checks is None else case.checks.sensitivity
        if case.verdict != "PASS" or sensitivity is None or sensitivity.why_not:
            continue
        if sensitivity.share is None or sensitivity.share >= WEAK_LIMIT:
            yield words._("run_weak_limit", name=case.name)
