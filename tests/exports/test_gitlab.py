"""Reports for GitLab, read as its own parsers read them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics import parser
from report.sample_record import record
from report.whole_records import WHOLE_RECORDS

from modelaudit.evidence.record import RunRecord
from modelaudit.exports.findings import findings_of
from modelaudit.exports.gitlab import code_quality, metrics_report
from modelaudit.exports.requirements import requirements_of
from modelaudit.report.words import words_of

SEVERITIES = {"info", "minor", "major", "critical", "blocker"}


def issues(found: RunRecord) -> list[dict[str, Any]]:
    findings = findings_of(found, words_of("en"), report="audit-results/x/report.html")
    read = json.loads(code_quality(findings))
    assert isinstance(read, list)
    return read


def widget(text: str) -> dict[str, str]:
    """The metrics as GitLab's merge request widget takes a line apart: comments off, then words as a shell has them."""
    found = {}
    for line in text.splitlines():
        name, *values = shlex.split(re.sub("#.*$", "", line)) or [""]
        if name and values:
            found[name] = values[0]
    return found


@pytest.mark.parametrize("name", sorted(WHOLE_RECORDS.keys() - {"many"}))
def test_every_issue_has_what_gitlab_asks_for(name: str, tmp_path: Path) -> None:
    found = issues(WHOLE_RECORDS[name](tmp_path))
    assert len({one["fingerprint"] for one in found}) == len(found)
    for one in found:
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in SEVERITIES and "\n" not in one["description"]
        assert one["location"]["lines"]["begin"] >= 1 and not one["location"]["path"].startswith(("/", "./"))


def test_an_issue_says_what_is_required_and_what_was_measured() -> None:
    (fail,) = [one for one in issues(record()) if "survives_layout_change" in one["description"]]
    assert fail["severity"] == "critical" and "range 8.7 to 16.1" in fail["description"]


def test_a_critical_requirement_blocks() -> None:
    cases = [one.model_copy(update={"importance": "critical"}) for one in record().cases]
    assert {one["severity"] for one in issues(record(cases=cases))} == {"blocker"}


def test_a_finding_keeps_its_fingerprint_while_its_numbers_move() -> None:
    base = record()
    decided = base.cases[1].decision
    assert decided is not None
    moved = base.cases[1].model_copy(update={"decision": decided.model_copy(update={"estimate": 0.13})})
    again = base.model_copy(update={"cases": [base.cases[0], moved, *base.cases[2:]]})
    assert [one["fingerprint"] for one in issues(base)] == [one["fingerprint"] for one in issues(again)]


def test_the_widget_reads_every_number_and_no_error_has_one() -> None:
    read = widget(metrics_report(record()))
    for one in requirements_of(record()):
        for metric, value in (("estimate", one.estimate), ("lower_bound", one.lower), ("upper_bound", one.upper)):
            shown = read.get(f"modelaudit_{metric}{{requirement={one.key}}}")
            assert (None if shown is None else float(shown)) == value
    assert read["modelaudit_verdict{known_bad=false,requirement=robust_to_dust,verdict=ERROR}"] == "1.0"


def test_a_hash_in_a_name_does_not_cut_the_line() -> None:
    cases = [one.model_copy(update={"name": f"it's #1 {one.name}"}) for one in record().cases]
    read = widget(metrics_report(record(cases=cases)))
    assert "modelaudit_estimate{requirement=it's %231 survives_lighting}" in read


@pytest.mark.parametrize("name", ["hostile", "errored", "partial"])
def test_the_metrics_are_openmetrics(name: str, tmp_path: Path) -> None:
    found = WHOLE_RECORDS[name](tmp_path)
    text = metrics_report(found)
    families = list(parser.text_string_to_metric_families(text))
    verdicts = next(one for one in families if one.name == "modelaudit_verdict")
    assert len(verdicts.samples) == len(found.cases)
