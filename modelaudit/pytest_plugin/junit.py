"""What JUnit XML says of a failed case beside pytest's own entry."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from _pytest.junitxml import xml_key

from ..evidence.record import AbsentFile, CaseRecord


def add_absent(config: pytest.Config, cases: Iterable[CaseRecord], files: Iterable[AbsentFile]) -> None:
    """Add what is missing from the run and no report tells of, as skipped with the reason.

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
    for name, location, why in missing:
        skipped = (location[0], location[1] or 0, f"Skipped: not run: {why}")
        log.pytest_runtest_logreport(pytest.TestReport(name, location, {}, "skipped", skipped, "setup"))


def type_failure(config: pytest.Config, report: pytest.TestReport, record: CaseRecord) -> None:
    """Set ``type`` on the ``<failure>`` that pytest just wrote for a case.

    FAIL or INCONCLUSIVE, so that a reader of the file can tell a model that failed from one that too little is known
    of; NOT_CAUGHT for a known-bad model that is not caught, XPASS for a strict ``xfail`` that does.
    """
    log = config.stash.get(xml_key, None)
    if log is None or report.when != "call" or not report.failed:
        return
    passed = "NOT_CAUGHT" if record.must_fail else "XPASS"
    kind = passed if record.verdict == "PASS" else record.verdict
    if kind is None:
        return
    for node in log.node_reporter(report).nodes:
        if node.tag == "failure":
            node.set("type", kind)
