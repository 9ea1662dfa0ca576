"""What pytest made of a case, whether the case counts for that, and its entry in JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from ..evidence.build import not_run
from ..evidence.record import Absence, CaseRecord, Weakening
from ..evidence.states import is_exception, meant_as
from ..language.plain_text import plain

if TYPE_CHECKING:
    from .options import Options


from collections.abc import Iterable

from _pytest.junitxml import xml_key

from ..evidence.record import AbsentFile

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "warned", "quick_look"]
_REPLACED = "something else ran in the place of its item, so that nothing was decided"


def disclaim(
    report: pytest.TestReport, record: CaseRecord, options: Options, location: tuple[str, int | None, str]
) -> None:
    """Report a case as skipped or expected to fail, not as passed, where not its numbers alone let it through.

    For pytest and JUnit it is skipped with a message (a quick look, a tolerance) or xfailed (advice, a waiver), so that
    whoever counts what passed does not count it.
    """
    if report.when != "call" or not report.passed or hasattr(report, "wasxfail"):
        return
    if is_exception(record):
        from ..report.junit import why_excepted
        from ..report.words import words_of

        report.outcome = "skipped"
        report.wasxfail = why_excepted(record, words_of(options.language))
        return
    if options.limit is not None:
        kind = "quick_look"
    elif record.verdict == "INCONCLUSIVE" and not record.must_fail:
        kind = "warned"
    else:
        return
    from ..report.junit import why_skipped
    from ..report.words import words_of

    why = why_skipped(options.limit, words_of(options.language))
    report.outcome = "skipped"
    report.longrepr = (location[0], location[1] or 0, f"Skipped: {why}")
    report.__dict__["modelaudit_outcome"] = kind


def weakened(record: CaseRecord, options: Options) -> list[Weakening]:
    """Everything that makes the verdict weaker than the default, by its audit and by the run."""
    found = list(record.weakened)
    if not options.checks and "checks_off" not in found:
        found.append("checks_off_run")
    if record.verdict == "INCONCLUSIVE" and not record.must_fail and options.inconclusive == "warn":
        found.append("tolerated")
    return found


def outcome_of(report: pytest.TestReport) -> Outcome | None:
    """The outcome of one phase; None for a setup after which the item still runs."""
    own: Outcome | None = getattr(report, "modelaudit_outcome", None)
    if own is not None:
        return own
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    if report.when == "setup":
        return "error" if report.failed else "skipped" if report.skipped else None
    if report.when != "call":
        return None
    return "skipped" if report.skipped else "failed" if report.failed else "passed"


def replaced(record: CaseRecord) -> CaseRecord:
    """The case of an item whose own ``runtest`` never ran: only a failing verdict is kept."""
    if meant_as(record) not in ("PASS", None):
        return record
    return not_run(record, Absence(by="removed", why=_REPLACED), "not_run")


def settled(report: pytest.TestReport, record: CaseRecord) -> CaseRecord:
    """The case with what pytest made of it.

    A skip takes a verdict away that passes, and no other. An ``xfail`` keeps the verdict and takes its standing. What
    goes wrong outside the audit (a fixture, a hook) before the case could run is its ERROR.
    """
    outcome = outcome_of(report)
    if outcome is None or record.absence is not None:
        return record
    if outcome == "skipped" and meant_as(record) in ("PASS", None):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
        return not_run(record, Absence(by="skip", why=reason.removeprefix("Skipped: ") or "skipped"), outcome)
    if outcome == "xfailed" and not is_exception(record):
        absence = Absence(by="xfail", why=f"xfail: {getattr(report, 'wasxfail', '')}".removesuffix(": "))
        if record.verdict is None:
            return not_run(record, absence, outcome)
        return record.model_copy(update={"outcome": outcome, "standing": "xfail", "absence": absence})
    changes: dict[str, object] = {"outcome": outcome}
    if outcome == "error" and record.verdict != "ERROR":
        # no waiver is about that
        changes |= {"verdict": "ERROR", "standing": "counted", "reason": None, "message": _crash(report)}
        changes["waiver"] = None
    return record.model_copy(update=changes)


def stopped_text(why: str, options: Options) -> str:
    """What a case says whose measuring was stopped from outside, on one line: also what became of the values."""
    kept = (
        "nothing is kept (--audit-store=off)"
        if options.store == "off"
        else "the values measured so far are kept in the store, and the next run continues from them"
    )
    first = next(iter(why.splitlines()), "").strip().rstrip(".")
    return f"{first or 'stopped'}: measuring was not finished; {kept}; allow more time, or measure fewer images"


def _crash(report: pytest.TestReport) -> str:
    """What went wrong and where, on one line and without the values of local variables."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        lines = [line for line in report.longreprtext.splitlines() if line.strip()]
        return lines[-1].strip() if lines else "failed"
    return f"{next(iter(crash.message.splitlines()), '')} ({crash.path}:{crash.lineno})"


def add_absent(config: pytest.Config, cases: Iterable[CaseRecord], files: Iterable[AbsentFile], language: str) -> None:
    """Add what is missing from the run and has no report, as skipped with the reason.

    What the user left out by typed arguments has no entry, as with other tests.
    """
    log = config.stash.get(xml_key, None)
    if log is None:
        return
    missing = [
        (case.id, (case.file, case.line, case.name), case.absence.why)
        for case in cases
        if case.absence is not None and case.absence.by != "selection"
    ]
    # pytest itself has entries for errors at collection and modules that skip
    missing += [(file.file, (file.file, None, file.file), file.why) for file in files if file.by == "removed"]
    from ..report.words import words_of

    for name, location, why in missing:
        text = words_of(language)._("junit_not_run", why=why)
        skipped = (location[0], location[1] or 0, plain(f"Skipped: {text}"))
        log.pytest_runtest_logreport(pytest.TestReport(name, location, {}, "skipped", skipped, "setup"))


def type_failure(config: pytest.Config, report: pytest.TestReport, record: CaseRecord) -> None:
    """Set ``type`` on the ``<failure>`` that pytest just wrote for a case."""
    from ..report.junit import failure_type

    log = config.stash.get(xml_key, None)
    if log is None or report.when != "call" or not report.failed:
        return
    kind = failure_type(record)
    if kind is None:
        return
    for node in log.node_reporter(report).nodes:
        if node.tag == "failure":
            node.set("type", kind)


def entry_of(config: pytest.Config, report: pytest.TestReport) -> object:
    """The entry that a report has in pytest's JUnit log so far; None if pytest writes no such log."""
    log = config.stash.get(xml_key, None)
    return None if log is None else log.node_reporter(report)


def drop_entry(config: pytest.Config, entry: object) -> None:
    """Remove the entry of a case that is run again from pytest's JUnit log, once its teardown has closed it.

    It holds no failure, so that a reader of the file would count it as passed.
    """
    log = config.stash.get(xml_key, None)
    if log is not None:
        log.node_reporters_ordered[:] = [one for one in log.node_reporters_ordered if one is not entry]
