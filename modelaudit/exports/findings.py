"""What a run found that somebody must look at, by the line of its audit file: for annotations of a merge request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..evidence.record import CaseRecord, RunRecord
from ..evidence.record_texts import shown_record
from ..evidence.states import is_exception
from ..language.machine_paths import without_machine_paths
from ..language.plain_text import plain, shortened
from ..report.junit import why_excepted
from ..report.notes import missing_text
from ..report.paragraph import paragraph
from ..report.record_notes import absence_text
from ..report.words import Words

Level = Literal["error", "warning", "notice"]
LEVELS: tuple[Level, ...] = ("error", "warning", "notice")
#: characters of one; of an error of a model's own the traceback is long
_LONGEST = 4000


@dataclass(frozen=True)
class AuditFinding:
    """One finding: a requirement that is not met, or something that is missing from the run.

    ``key`` tells it from the others, from run to run. ``file`` is relative to the root of the repository; empty where
    it is about the run. ``critical``: a requirement of the highest importance. ``text``: several lines.
    """

    key: str
    level: Level
    file: str
    line: int | None
    title: str
    text: str
    critical: bool = False


def findings_of(record: RunRecord, words: Words, *, report: str, prefix: str = "") -> tuple[AuditFinding, ...]:
    """What is not met, could not be decided or is missing, errors first.

    An undecided requirement is an error as it is in the exit status, and a warning where the run tolerates it; advice
    and waived requirements that are not met are notices.

    Args:
        report: where the report is.
        prefix: folder of the audits' root in the repository, as ``"line_a/"``.
    """
    record = shown_record(record)
    place = without_machine_paths(report)
    found = [*_of_run(record, words, prefix), *_of_cases(record, words, place, prefix)]
    return tuple(sorted(found, key=lambda one: LEVELS.index(one.level)))


def _of_cases(record: RunRecord, words: Words, report: str, prefix: str) -> Iterator[AuditFinding]:
    for case in record.cases:
        level = _level(case)
        if level is None:
            continue
        title, *lines = paragraph(case, report, words, limit=record.quick_look).split("\n")
        if is_exception(case):
            lines.insert(0, plain(why_excepted(case, words)))
        yield AuditFinding(
            case.id,
            level,
            f"{prefix}{case.file}",
            case.line,
            title,
            shortened("\n".join(line.removeprefix("  ") for line in lines), _LONGEST),
            case.importance == "critical",
        )


def _level(case: CaseRecord) -> Level | None:
    """None where it ended as it should, or another finding says why it did not run."""
    if case.outcome in ("failed", "error"):
        return "error"
    if case.outcome == "warned":
        return "warning"
    return "notice" if is_exception(case) or case.outcome == "xfailed" else None


def _of_run(record: RunRecord, words: Words, prefix: str) -> Iterator[AuditFinding]:
    """That it is not the whole, or not what was agreed, and audit files that could not be collected."""
    state = words.named("state", record.overall)
    if not record.as_agreed and record.lock is not None:
        lines = [f"{one.what}: {one.where}" for one in record.lock.departures]
        yield AuditFinding("run:lock", "error", "", None, state, shortened("\n".join(map(plain, lines)), _LONGEST))
    if record.partial and (missing := missing_text(record, words)):
        yield AuditFinding("run:partial", "warning", "", None, state, plain(missing))
    for one in record.absent_files:
        if one.by != "selection":
            level: Level = "error" if one.by in ("error", "failed") else "warning"
            why = plain(absence_text(one.why, words))
            yield AuditFinding(f"file:{one.file}", level, f"{prefix}{one.file}", 1, plain(one.file), why)
