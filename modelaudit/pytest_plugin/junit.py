"""What JUnit XML says of a failed case beside pytest's own entry."""

from __future__ import annotations

import pytest
from _pytest.junitxml import xml_key

from ..evidence.record import CaseRecord


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
