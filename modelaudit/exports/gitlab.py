"""A run on GitLab: a code quality report, which marks lines of a merge request, and a metrics report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ..evidence.record import RunRecord
from ..language.plain_text import plain, shortened
from .findings import AuditFinding
from .openmetrics import exposed
from .requirements import requirements_of

CODE_QUALITY, METRICS, SUMMARY = "gl-code-quality-report.json", "metrics.txt", "audit-summary.md"
_SEVERITIES = {"error": "critical", "warning": "minor", "notice": "info"}
_CHECK = "modelaudit"
#: of the text of a finding so many lines: what is required, and what was measured
_LINES, _LONGEST = 2, 500


def code_quality(findings: Sequence[AuditFinding]) -> str:
    """The findings as GitLab's code quality report.

    A finding keeps its fingerprint from run to run while it stays what it is, so that a merge request shows what is
    new and what is resolved. What is about the whole run has no line, and is not in it.
    """
    return json.dumps([_issue(one) for one in findings if one.file], indent=1, ensure_ascii=False) + "\n"


def _issue(one: AuditFinding) -> dict[str, Any]:
    severity = "blocker" if one.level == "error" and one.critical else _SEVERITIES[one.level]
    found = "; ".join(one.text.splitlines()[:_LINES])
    return {
        "description": shortened(f"{one.title}: {found}", _LONGEST),
        "check_name": _CHECK,
        "fingerprint": hashlib.sha256(f"{one.key}\n{severity}\n{one.title}".encode()).hexdigest(),
        "severity": severity,
        "location": {"path": one.file, "lines": {"begin": one.line or 1}},
    }


def metrics_report(record: RunRecord) -> str:
    """Estimates and bounds of the requirements, and which verdict each has, as a merge request compares them.

    It is OpenMetrics, without what changes from run to run by itself. GitLab takes ``#`` for a comment wherever it
    stands, so it is written ``%23``.
    """
    from prometheus_client.core import GaugeMetricFamily

    names = {"estimate": "estimate", "lower": "lower_bound", "upper": "upper_bound"}
    numbers = {
        field: GaugeMetricFamily(f"modelaudit_{name}", "", labels=["requirement"]) for field, name in names.items()
    }
    verdict = GaugeMetricFamily("modelaudit_verdict", "", labels=["requirement", "known_bad", "verdict"])
    for one in requirements_of(record):
        key = plain(one.key).replace("#", "%23")
        for field, family in numbers.items():
            if (value := getattr(one, field)) is not None:
                family.add_metric([key], round(value, 6))
        verdict.add_metric([key, "true" if one.known_bad else "false", one.verdict], 1)
    return exposed([verdict, *numbers.values()]).decode()
