"""Workflow commands and the summary of a job, read as GitHub's runner reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sample_record import case, decision, measure, record
from report.whole_records import WHOLE_RECORDS, many, partial, quick_look

from modelaudit.evidence.record import RunRecord
from modelaudit.exports.findings import findings_of
from modelaudit.exports.github import MOST_ANNOTATIONS, _command, job_summary, workflow_commands
from modelaudit.report.words import words_of

COMMAND = re.compile(r"::(?P<level>error|warning|notice) (?P<properties>[^:]*)::(?P<text>.*)")


def read(line: str) -> dict[str, str]:
    """A line as the runner takes it apart."""
    found = COMMAND.fullmatch(line)
    assert found is not None, line
    properties = dict(one.split("=", 1) for one in found["properties"].split(","))
    plain = {name: undone(value, {"%3A": ":", "%2C": ","}) for name, value in properties.items()}
    return {"level": found["level"], "text": undone(found["text"], {}), **plain}


def undone(text: str, more: dict[str, str]) -> str:
    for code, letter in {**more, "%0D": "\r", "%0A": "\n", "%25": "%"}.items():
        text = text.replace(code, letter)
    return text


def commands(found: RunRecord, *, language: str = "en", prefix: str = "") -> list[dict[str, str]]:
    words = words_of(language)
    findings = findings_of(found, words, report="audit-results/x/report.html", prefix=prefix)
    return [read(line) for line in workflow_commands(findings, words)]


def test_what_is_not_met_is_an_error_at_its_line_and_what_is_met_is_none() -> None:
    found = commands(record())
    by_title = {one["title"]: one for one in found}
    assert set(by_title) == {
        "FAIL: survives_layout_change (clause PoC agreement 4.3)",
        "INCONCLUSIVE(too_few_images): survives_lighting",
        "ERROR: robust_to_dust",
    }
    fail = by_title["FAIL: survives_layout_change (clause PoC agreement 4.3)"]
    assert (fail["level"], fail["file"], fail["line"]) == ("error", "audits/audit_line_a.py", "12")
    assert "range 8.7 to 16.1" in fail["text"] and "less than 5" in fail["text"]


def test_the_annotations_speak_japanese() -> None:
    assert any("不合格" in one["title"] for one in commands(record(), language="ja"))


def test_advice_is_a_notice_and_a_tolerated_verdict_a_warning() -> None:
    def ended(name: str, verdict: str, outcome: str, **more: Any) -> Any:
        node = measure()
        found = decision(verdict, 0.8, 0.7, 0.95)
        return case(name, node, ">", 0.9, verdict, decision=found, outcome=outcome, **more)

    cases = [
        ended("advice", "FAIL", "xfailed", standing="advisory", importance="advisory"),
        ended("tolerated", "INCONCLUSIVE", "warned"),
        ended("fails", "FAIL", "failed"),
    ]
    found = commands(record(cases=cases))
    assert [one["level"] for one in found] == ["error", "warning", "notice"]
    assert "advice" in found[2]["text"].splitlines()[0]


def test_a_run_that_is_not_the_whole_says_so(tmp_path: Path) -> None:
    found = commands(partial(tmp_path))
    assert [(one["level"], one.get("file")) for one in found] == [
        ("error", "audits/audit_line_b.py"),
        ("warning", None),
    ]


def test_a_quick_look_is_no_failure(tmp_path: Path) -> None:
    assert commands(quick_look(tmp_path)) == []


def test_files_are_seen_from_the_root_of_the_repository() -> None:
    assert {one["file"] for one in commands(record(), prefix="line_a/")} == {"line_a/audits/audit_line_a.py"}


def test_of_many_the_last_annotation_names_the_others() -> None:
    base = record().cases[1]
    cases = [base.model_copy(update={"id": f"a.py::{n}", "name": f"number_{n}"}) for n in range(14)]
    found = commands(record(cases=cases))
    assert len(found) == MOST_ANNOTATIONS
    assert found[-1]["title"] == "5 more are not shown here"
    assert [line.split()[1] for line in found[-1]["text"].splitlines()] == [f"number_{n}" for n in range(9, 14)]


@given(st.text(), st.text(), st.text())
def test_no_text_ends_a_command_or_begins_another(text: str, title: str, file: str) -> None:
    line = _command("error", text, title=f"t{title}", file=f"f{file}")
    assert not set("\r\n") & set(line)
    assert read(line.replace("\x85", "")) is not None
    kept = read(line) if line.isprintable() else None
    assert kept is None or (kept["text"], kept["title"], kept["file"]) == (text, f"t{title}", f"f{file}")


@pytest.mark.parametrize("name", sorted(WHOLE_RECORDS.keys() - {"many"}))
def test_every_line_is_one_command(name: str, tmp_path: Path) -> None:
    for one in commands(WHOLE_RECORDS[name](tmp_path)):
        assert "\u202e" not in one["text"] + one["title"]


def test_a_summary_that_is_too_long_is_cut_between_lines_and_says_so(tmp_path: Path) -> None:
    words = words_of("en")
    whole = job_summary(many(tmp_path, 40, 2), words)
    cut = job_summary(many(tmp_path, 40, 2), words, room=9000)
    note = words._("export_summary_cut")
    assert note not in whole and cut.endswith(f"{note}\n") and len(cut.encode()) <= 9000
    assert set(cut.splitlines()) - {note} <= set(whole.splitlines())
