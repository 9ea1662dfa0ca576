"""The states of a case and of a run, and the exit status that follows from them: one table, in code and in docs/ci.md.

Pure functions of what the record holds, so that whoever reads a record can derive its state anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from ..language.audit_arguments import Importance

CaseVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
#: whether a verdict counts for the run: "advisory" and "waived" ones were agreed not to, and are shown all the same
Standing = Literal["counted", "advisory", "waived", "xfail", "not_run"]
RunState = Literal[
    "PASS", "PASS_WITH_EXCEPTIONS", "FAIL", "INCONCLUSIVE", "ERROR", "PARTIAL", "QUICK_LOOK", "NOT_AS_AGREED"
]
#: the states in which a run has met what was agreed
MET: tuple[RunState, ...] = ("PASS", "PASS_WITH_EXCEPTIONS")
#: what kept a declared case, or an audit file, from being counted
AbsentBy = Literal["selection", "skip", "xfail", "error", "empty", "failed", "removed", "interrupted"]

#: the first that a counted case has is the run's
PRECEDENCE: tuple[CaseVerdict, ...] = ("ERROR", "FAIL", "INCONCLUSIVE", "PASS")
PASSED, FAILED, NO_VERDICT = 0, 1, 10
_WORDS: dict[AbsentBy, str] = {
    "selection": "not selected",
    "skip": "skipped",
    "xfail": "marked xfail",
    "error": "with an error at collection",
    "empty": "without an expectation",
    "failed": "with a test function that failed",
    "removed": "left out by a conftest, a plugin, or an option that was not typed",
    "interrupted": "not reached",
}
ONLY_KNOWN_BAD = "only known-bad models were audited: a run needs a requirement that a model under test meets"
NOTHING_COUNTED = "every requirement is advisory or waived: a run needs one that counts and is met"


class Absent(Protocol):
    """Why something declared was not counted."""

    @property
    def by(self) -> AbsentBy: ...
    @property
    def why(self) -> str: ...


class CaseEnd(Protocol):
    """The fields of a case's record that its state depends on."""

    @property
    def verdict(self) -> CaseVerdict | None: ...
    @property
    def standing(self) -> Standing: ...
    @property
    def must_fail(self) -> bool: ...
    @property
    def importance(self) -> Importance: ...
    @property
    def outcome(self) -> str: ...
    @property
    def absence(self) -> Absent | None: ...


def counted_as(case: CaseEnd) -> CaseVerdict | None:
    """The verdict that a case adds to its run; None if it is not counted: see :func:`meant_as`."""
    return meant_as(case) if case.standing == "counted" else None


def meant_as(case: CaseEnd) -> CaseVerdict | None:
    """What a verdict means for the model under test, whether or not it counts; None without one.

    A known-bad model means PASS when it is caught (verdict FAIL), and FAIL when it is not. A case that passed and whose
    item failed all the same (a strict ``xfail``, a hook that raises) means FAIL.
    """
    if case.verdict in (None, "ERROR"):
        return case.verdict
    if case.must_fail:
        return "PASS" if case.verdict == "FAIL" else "FAIL"
    return "FAIL" if case.verdict == "PASS" and case.outcome in ("failed", "error") else case.verdict


def standing_of(case: CaseEnd, *, waived: bool) -> Standing:
    """How the verdict of a case that was run counts, `waived` where a waiver in force covers it.

    Advice counts only where it could not be given: an advisory ERROR is an ERROR of the run.
    """
    if case.verdict is None:
        return "not_run"
    if case.importance == "advisory" and case.verdict != "ERROR":
        return "advisory"
    return "waived" if waived and can_be_waived(case) and meant_as(case) != "PASS" else "counted"


def can_be_waived(case: CaseEnd) -> bool:
    """Critical requirements cannot, nor can known-bad models: one that is not caught puts the whole audit in doubt."""
    return case.importance != "critical" and not case.must_fail


def is_exception(case: CaseEnd) -> bool:
    """Whether it is not met and was agreed not to count: it is waived, or advice."""
    return case.standing in ("advisory", "waived") and meant_as(case) != "PASS"


def absences(cases: Iterable[CaseEnd], files: Iterable[Absent]) -> Iterator[AbsentBy]:
    """Why each declared case and each audit file that is missing from the run is."""
    for case in cases:
        if case.standing in ("xfail", "not_run"):
            yield "interrupted" if case.absence is None else case.absence.by
    for file in files:
        yield file.by


def is_whole(cases: Iterable[CaseEnd], files: Iterable[Absent]) -> bool:
    """Whether every declared expectation was counted."""
    return not list(absences(cases, files))


def is_partial(cases: Sequence[CaseEnd], files: Sequence[Absent]) -> bool:
    """Whether anything is missing that the user did not leave out by typed arguments.

    A whole run in which nothing that should pass counts (only known-bad models, only advisory or waived requirements)
    is partial too.
    """
    missing = set(absences(cases, files))
    return bool(missing - {"selection"}) or (not missing and not any(map(_should_pass, cases)))


def _should_pass(case: CaseEnd) -> bool:
    return case.standing == "counted" and not case.must_fail


def missing_text(cases: Sequence[CaseEnd], files: Sequence[Absent]) -> str | None:
    """One sentence on everything that is missing; None if nothing is."""
    absent = list(absences(cases, ()))
    parts = []
    if absent:
        parts.append(f"{len(absent)} of {len(cases)} declared expectations are not counted ({_tally(absent)})")
    if files:
        noun = "audit file is" if len(files) == 1 else "audit files are"
        parts.append(f"{len(files)} {noun} not counted ({_tally([file.by for file in files])})")
    if not parts and is_partial(cases, files):
        return ONLY_KNOWN_BAD if all(case.must_fail for case in cases) else NOTHING_COUNTED
    return "; ".join(parts) or None


def _tally(found: Sequence[AbsentBy]) -> str:
    return ", ".join(f"{count} {_WORDS[by]}" for by, count in Counter(found).items())


def run_state(
    cases: Sequence[CaseEnd], files: Sequence[Absent], *, quick_look: bool, as_agreed: bool = True
) -> RunState:
    """The state of the run: the worst counted verdict, and never PASS where something is missing.

    Args:
        as_agreed: nothing departs from the lock, or the run was not held to one.
    """
    if not as_agreed:
        return "NOT_AS_AGREED"
    if quick_look:
        return "QUICK_LOOK"
    found = {counted_as(case) for case in cases}
    for verdict in PRECEDENCE[:-1]:
        if verdict in found:
            return verdict
    if "PASS" not in found or is_partial(cases, files):
        return "PARTIAL"
    return "PASS_WITH_EXCEPTIONS" if any(map(is_exception, cases)) else "PASS"


def exit_status(
    cases: Sequence[CaseEnd],
    files: Sequence[Absent],
    *,
    quick_look: bool = False,
    tolerate_inconclusive: bool = False,
    allow_partial: bool = False,
    as_agreed: bool = True,
) -> int:
    """0: all that was selected passed. 1: something failed. 10: nothing failed, but it is not a verdict on the whole.

    Args:
        tolerate_inconclusive: ``--audit-inconclusive=warn``.
        allow_partial: ``--audit-partial``, which excuses skips and xfails and nothing else, next to at least one PASS.
        as_agreed: see :func:`run_state`.
    """
    found = {counted_as(case) for case in cases}
    if not as_agreed or found & {"ERROR", "FAIL"} or ("INCONCLUSIVE" in found and not tolerate_inconclusive):
        return FAILED
    state = run_state(cases, files, quick_look=quick_look)
    if state in MET:
        return PASSED
    excused = allow_partial and state == "PARTIAL" and "PASS" in found
    missing = set(absences(cases, files))
    return PASSED if excused and missing and missing <= {"selection", "skip", "xfail"} else NO_VERDICT


#: the ways in which a case ends, and what pytest and JUnit XML show of each
CASE_TABLE = (
    ("case verdict", "standing", "pytest", "JUnit"),
    ("PASS", "counted", "passed `.`", "passed"),
    ("FAIL", "counted", "failed `F`", '`<failure type="FAIL">`'),
    ("INCONCLUSIVE", "counted", "failed `I`", '`<failure type="INCONCLUSIVE">`'),
    ("INCONCLUSIVE, tolerated (`--audit-inconclusive=warn`)", "counted", "`I`, a warning", "`<skipped>`"),
    ("ERROR", "counted", "error `E`", "`<error>`"),
    ("known-bad model: FAIL", "counted", "passed `.`", "passed"),
    ("known-bad model: PASS", "counted", "failed `F`", '`<failure type="NOT_CAUGHT">`'),
    ("known-bad model: INCONCLUSIVE", "counted", "failed `I`", '`<failure type="INCONCLUSIVE">`'),
    ("what should pass passes in a quick look", "counted", "`Q`, neither passed nor failed", "`<skipped>`"),
    ('FAIL or INCONCLUSIVE of advice (`importance="advisory"`)', "advisory", "xfailed `x`", "`<skipped>`"),
    ("PASS of advice", "advisory", "passed `.`", "passed"),
    ("ERROR of advice", "counted", "error `E`", "`<error>`"),
    ("any that is waived and not as required", "waived", "xfailed `x`", "`<skipped>`"),
    ("any, marked `xfail` and not as required", "xfail", "xfailed `x`", "`<skipped>`"),
    ("PASS, marked `xfail`", "counted", "xpassed `X`", "passed"),
    ("PASS, marked `xfail(strict=True)`", "counted", "failed `F`", '`<failure type="XPASS">`'),
    ("none: not selected", "not run", "deselected", "no entry"),
    ("none: skipped, removed, interrupted", "not run", "skipped `s`, or no item", "`<skipped>`"),
)

#: the states of a run: when each is reached, its exit status, and the result of an in-toto test statement
RUN_TABLE = (
    ("run", "when", "exit status", "in-toto"),
    ("NOT AS AGREED", "something departs from the lock that was given, whatever the numbers", "1", "FAILED"),
    ("ERROR", "a counted case could not be measured or decided", "1", "FAILED"),
    ("FAIL", "a counted case fails, or a known-bad model is not caught", "1", "FAILED"),
    ("INCONCLUSIVE", "a counted case is undecided", "1; 10 with `--audit-inconclusive=warn`", "FAILED"),
    ("PARTIAL", "nothing failed, and something is missing that you did not leave out", "10", "FAILED"),
    (
        "QUICK LOOK",
        "`--audit-limit`, or no audit file (`--audit-model`): it decides nothing",
        "10; 1 where a case fails",
        "FAILED",
    ),
    (
        "PASS WITH EXCEPTIONS",
        "every counted expectation passes, at least one does, and others are waived or are advice that is not met",
        "0",
        "WARNED",
    ),
    ("PASS", "every declared expectation was counted and passes", "0", "PASSED"),
    ("PASS of a selection", "what you selected passes; one line says that it is not the whole", "0", "FAILED"),
)


def tables() -> tuple[str, str]:
    """The two tables as Markdown: how a case ends, and the states of a run."""
    return _markdown(CASE_TABLE), _markdown(RUN_TABLE)


def _markdown(table: Sequence[tuple[str, ...]]) -> str:
    head, *rows = table
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
