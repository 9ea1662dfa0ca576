"""The pictures for review of a run: as many as were agreed, and they go wherever the run goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_plugin.runs import Line

from modelaudit.acceptance.pack import files_of_run
from modelaudit.cli import main
from modelaudit.evidence.record import read_record
from modelaudit.evidence.redaction import redacted
from modelaudit.report.review_page import pictures_to_review, render_review

ASKED = """
A = Audit(**told())
swapped = A.expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=2)
maps = A.expect(background_dependence("saliency") < 0.99, reviewed_by=1)
plain = A.expect(confidence.under(gaussian_noise(1)) > 0.1)
"""
AGREED = """
title: line A
parties: {vendor: {name: Example Vision}}
system: {name: inspector}
clauses: {"1": {expectations: [swapped, maps, plain]}}
review: {pictures: 3}
"""


@pytest.fixture
def line(pytester: pytest.Pytester) -> Line:
    line = Line(pytester)
    line.audit(ASKED)
    return line


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_as_many_as_were_agreed_are_kept_of_what_asks_for_reviewers(line: Line, workers: tuple[str, ...]) -> None:
    line.write("agreement.yaml", AGREED)
    line.run(*workers)
    record, folder = line.record(), line.path / "audit-results" / "latest"
    assert {case.name: len(case.review) for case in record.cases} == {"swapped": 3, "maps": 3, "plain": 0}
    files = {file for case in record.cases for row in case.review for panel in row.panels for file in panel.files}
    assert all((folder / file).is_file() for file in files)
    assert len(pictures_to_review(record)) == 6
    render_review(record, folder)


def test_they_are_in_merged_runs_and_packs_and_redacted_by_name(line: Line, tmp_path: Path) -> None:
    line.run()
    latest, record = line.path / "audit-results" / "latest", line.record()
    rows = [row for case in record.cases for row in case.review]
    files = {file for row in rows for panel in row.panels for file in panel.files}
    assert len(rows) == 24
    assert {f"run/{file}" for file in files} <= set(files_of_run(latest, record, line.path))
    main(["merge", str(latest.resolve()), "-o", str(line.path / "merged")])
    merged = (line.path / "merged" / "latest").resolve()
    assert [case.review for case in read_record(merged).cases] == [case.review for case in record.cases]
    assert all((merged / file).read_bytes() == (latest / file).read_bytes() for file in files)
    shown = [row.sample for case in redacted(record, b"salt" * 8).cases for row in case.review]
    assert len(shown) == 24 and not {row.sample for row in rows} & set(shown)
