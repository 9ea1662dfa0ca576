"""A run says what has changed since the one before it, and nothing in the folder can stop it."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

from modelaudit.evidence.consistency import read_consistent_record

AUDIT = """
audit = Audit(**told({model}))
right = audit.expect(accuracy > 0.5)
noise = audit.expect(confidence.under(gaussian_noise(1)) > 0.3)
"""
BLIND = AUDIT.format(model="Blind()")
COLOUR = AUDIT.format(model="")


def test_a_run_is_compared_with_the_one_before_it(line: Line) -> None:
    line.audit(COLOUR)
    line.run()
    first = line.record()
    assert first.since_last_run is None

    line.run()
    same = read_consistent_record(line.path / "audit-results" / "latest").since_last_run
    assert same is not None and [(one.id, one.overall) for one in same.runs] == [(first.id, first.overall)]
    assert [one.since for one in same.requirements] == ["same", "same"] and same.margin is None

    line.audit(BLIND)
    result = line.run()
    folder = line.path / "audit-results" / "latest"
    worse = read_consistent_record(folder)
    shown = worse.since_last_run
    assert shown is not None and shown.last == 1 and shown.margin == 0.02
    right, noise = shown.requirements
    assert (right.since, right.change, right.new_model) == ("worse", -0.5, True)
    assert right.lower is not None and right.upper is not None and right.lower < -0.5 < right.upper < 0
    assert noise.since in ("worse", "better", "cannot_tell") and [len(one.points) for one in shown.requirements] == [
        2,
        2,
    ]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "1 worse (right −50.0 points" in page.replace("2 worse", "1 worse") and "悪化" in page
    assert "worse (right" in (folder / "summary.md").read_text(encoding="utf-8")
    assert result.ret == worse.exit_status == 1

    line.run("--audit-limit=4")
    assert line.record().since_last_run is None, "a quick look decides nothing, and is compared with nothing"
    line.run("-k", "right")
    selection = line.record().since_last_run
    assert selection is not None and [one.case for one in selection.requirements] == ["audit_line.py::right"]
    assert len(selection.runs) == 3, "not the quick look"


@pytest.mark.parametrize("content", ["{", "[1]", '{"schema_version": 2, "id": 3}'])
def test_a_broken_record_before_it_changes_nothing(line: Line, content: str) -> None:
    line.audit(COLOUR)
    broken = line.write("audit-results/20200101-000000-0000/run.json", content)
    result = line.run()
    record = read_consistent_record(line.path / "audit-results" / "latest")
    assert result.ret == record.exit_status == 0
    assert record.since_last_run is not None and record.since_last_run.runs == []
    assert [one.name for one in record.since_last_run.unread] == [broken.parent.name]
