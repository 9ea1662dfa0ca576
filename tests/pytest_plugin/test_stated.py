"""The files beside the audits: what a session reads of them before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from advice.inspected_line import probe

from modelaudit.evidence.probe import write_probe
from modelaudit.language.errors import AcceptanceError, CostsFileError, ResultsError
from modelaudit.pytest_plugin.inputs import InputFiles
from modelaudit.pytest_plugin.stated import Stated, read_stated

AGREEMENT = """
title: Acceptance of line A
parties: {customer: {name: Example Ltd.}}
system: {name: Line classifier}
clauses: {"1": {expectations: [first]}}
about: {customer: Example Ltd.}
"""
WAIVER = """
- expectation: audit_line.py::first
  owner: A. Person
  reason: is being mended
  issued: 2026-01-01T00:00:00Z
  expires: 2026-02-01T00:00:00Z
"""


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """An audit file two folders below the root."""
    file = tmp_path / "audits" / "line" / "audit_line.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    return file


def test_without_files_nothing_is_stated(tmp_path: Path, audit: Path) -> None:
    files = InputFiles(tmp_path)
    assert read_stated([audit], tmp_path, files, None) == Stated()
    assert files.files == []


def test_each_file_is_read_and_noted_among_the_inputs(tmp_path: Path, audit: Path) -> None:
    (audit.parent / "about.yaml").write_text("title: Release audit")
    (audit.parents[1] / "agreement.yaml").write_text(AGREEMENT)
    (audit.parent / "waivers.yaml").write_text(WAIVER)
    files = InputFiles(tmp_path)
    stated = read_stated([audit], tmp_path, files, None)
    assert stated.agreement is not None and stated.agreement.title == "Acceptance of line A"
    assert stated.about is not None and (stated.about.title, stated.about.customer) == ("Release audit", "Example Ltd.")
    assert stated.waivers is not None and [one.owner for one in stated.waivers.waivers] == ["A. Person"]
    assert {(one.role, one.path) for one in files.files} == {
        ("about", "audits/line/about.yaml"),
        ("agreement", "audits/agreement.yaml"),
        ("waivers", "audits/line/waivers.yaml"),
    }


def test_costs_complete_those_of_the_agreement(tmp_path: Path, audit: Path) -> None:
    (audit.parents[1] / "agreement.yaml").write_text(f"{AGREEMENT}costs: {{currency: JPY, missed_defect: 40}}\n")
    (audit.parents[1] / "costs.yaml").write_text("currency: JPY\nmask: 3\n")
    files = InputFiles(tmp_path)
    costs = read_stated([audit], tmp_path, files, None).costs
    assert costs is not None
    assert (costs.missed_defect, costs.mask, costs.photograph) == (40, 3, None)
    assert ("costs", "audits/costs.yaml") in {(one.role, one.path) for one in files.files}
    (audit.parents[1] / "costs.yaml").write_text("currency: EUR\n")
    with pytest.raises(CostsFileError, match="currency is 'EUR', and 'JPY' is agreed"):
        read_stated([audit], tmp_path, files, None)


def test_probes_are_read_and_one_that_is_damaged_is_named(tmp_path: Path, audit: Path) -> None:
    folder = audit.parents[1] / "probes"
    write_probe(probe(), folder / "candidate.json")
    files = InputFiles(tmp_path)
    assert read_stated([audit], tmp_path, files, None).probes == (probe(),)
    assert ("probe", "audits/probes/candidate.json") in {(one.role, one.path) for one in files.files}
    (folder / "other.json").write_text("{}")
    damaged = r"probes/other\.json: not the record of a probe.*run modelaudit probe again"
    with pytest.raises(ResultsError, match=damaged):
        read_stated([audit], tmp_path, files, None)


def test_the_lock_is_the_one_that_was_asked_for(tmp_path: Path, audit: Path) -> None:
    (audit.parent / "agreement.lock").write_text("never looked at: a run is held to the lock that its options name")
    assert read_stated([audit], tmp_path, InputFiles(tmp_path), None).lock is None
    with pytest.raises(AcceptanceError, match=r"agreement\.lock"):
        read_stated([audit], tmp_path, InputFiles(tmp_path), audit.parent / "agreement.lock")
