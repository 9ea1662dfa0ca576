"""``agreement.yaml`` in a run: what the record says of it, and errors before anything is measured."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.evidence.record import read_record

AUDIT = """
from dataclasses import replace
lit = [replace(one, attributes={"light": "day"}) for one in samples(20)]
audit = Audit(**told(data=lit))
first = audit.expect(accuracy > 0.5)
second = audit.expect(confidence > 0.1, confidence=0.9)
"""
TERMS = """
title: Acceptance of line A
number: PoC-1
parties: {vendor: {name: Example Vision}, customer: {name: Sample Works}}
system: {name: inspector}
domain: {attributes: {light: [day, night], label: [red, green]}}
clauses: {"4.1": {expectations: [first, third]}}
decision: {confidence: 0.95, images: 30}
about: {customer: Sample Works}
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_record_says_what_the_run_does_not_keep_to(line: Line, workers: tuple[str, ...]) -> None:
    line.audit(AUDIT)
    line.write("agreement.yaml", TERMS)
    assert line.run(*workers).ret == pytest.ExitCode.OK
    record = line.record()
    found = record.agreement
    assert found is not None and found.domain is not None
    assert (found.number, found.clauses, found.domain.images) == ("PoC-1", 1, 20)
    standings = {value.value: value.standing for one in found.domain.attributes for value in one.values}
    assert standings == {"day": "covered", "night": "missing", "red": "covered", "green": "covered"}
    assert {(one.kind, one.expectation) for one in found.unmet} == {
        ("clause_without_expectation", "third"),
        ("expectation_without_clause", "second"),
        ("lower_confidence", "second"),
        ("fewer_images", "first"),
        ("fewer_images", "second"),
    }
    assert record.about is not None and record.about.customer == "Sample Works"
    assert ("agreement", "agreement.yaml") in [(one.role, one.path) for one in record.provenance.files]


def test_a_mistake_or_a_contradiction_ends_the_run_before_anything_is_measured(line: Line) -> None:
    line.audit(AUDIT, "audits/audit_line.py")
    line.write("audits/agreement.yaml", TERMS.replace("number", "nummer"))
    ended = line.run()
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    assert "agreement.yaml:3: nummer: unknown key; did you mean 'number'?" in ended.stderr.str()
    line.write("audits/agreement.yaml", TERMS)
    line.write("audits/about.yaml", "customer: Other Works")
    ended = line.run()
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    assert "about.customer is 'Sample Works', and 'Other Works' in" in ended.stderr.str()
    assert not list(line.path.glob("audit-results/*/run.json"))


def test_a_merged_run_keeps_it_and_refuses_two(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit("first = Audit(**told()).expect(accuracy > 0.5)", "audits/a/audit_a.py")
    line.audit("second = Audit(**told()).expect(accuracy > 0.6)", "audits/b/audit_b.py")
    line.write("pytest.ini", "[pytest]\ntestpaths = audits\n")
    line.write("audits/agreement.yaml", TERMS)
    folders = []
    for name in ("a", "b"):
        line.run(f"audits/{name}", f"--audit-results={name}")
        folders.append(str((line.path / name / "latest").resolve()))
    assert main(["merge", *folders, "-o", str(line.path / "merged")]) == 0
    found = read_record((line.path / "merged" / "latest").resolve()).agreement
    assert found is not None and found.domain is not None
    assert {one.expectation for one in found.unmet if one.kind == "fewer_images"} == {"first", "second"}
    line.write("audits/agreement.yaml", TERMS.replace("PoC-1", "PoC-2"))
    line.run("audits/b", "--audit-results=b2")
    assert main(["merge", folders[0], str((line.path / "b2" / "latest").resolve()), "-o", "x"]) == 2
    assert "do not have the same agreement.yaml" in capsys.readouterr().err
