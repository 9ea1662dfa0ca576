"""A run with --audit-sign: its evidence is signed, and a key that cannot sign stops it before anything is measured."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from acceptance.openssl import private_key, public_key
from pytest_plugin.runs import Line

from modelaudit.acceptance.envelope import STATEMENT, read_envelope, signed_by
from modelaudit.acceptance.keys import load_public_key
from modelaudit.cli import main

AUDIT = "holds = Audit(**told()).expect(accuracy > 0.5)"


def evidence_is_signed(folder: Path, key: Path) -> bool:
    envelope = read_envelope(folder / "evidence.dsse", STATEMENT)
    assert envelope.payload == (folder / "evidence.json").read_bytes()
    return signed_by(envelope, {"us": load_public_key(public_key(key))}, source="evidence.dsse") == ("us",)


def report_is_the_one_named(folder: Path) -> bool:
    subjects = {one["name"]: one["digest"] for one in json.loads((folder / "evidence.json").read_bytes())["subject"]}
    return subjects["report.html"]["sha256"] == hashlib.sha256((folder / "report.html").read_bytes()).hexdigest()


def test_a_run_is_signed_and_stays_as_it_was_signed(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit(AUDIT)
    key = private_key(line.path / "key.pem")
    assert line.run("--audit-sign", "key.pem").ret == 0
    folder = line.path / "audit-results" / "latest"
    assert evidence_is_signed(folder, key) and report_is_the_one_named(folder)
    assert json.loads((folder / "evidence.json").read_bytes())["predicate"]["result"] == "PASSED"
    assert not any(b"PRIVATE KEY" in file.read_bytes() for file in folder.rglob("*") if file.is_file())
    before = (folder / "report.html").read_bytes()
    assert main(["report", str(folder), "--language", "ja"]) == 2
    assert "evidence.dsse: signs the report.html that is there" in capsys.readouterr().err
    assert (folder / "report.html").read_bytes() == before
    assert main(["merge", str(folder), "-o", str(line.path / "merged"), "--audit-sign", str(key)]) == 0
    assert evidence_is_signed(line.path / "merged" / "latest", key)


def test_unsigned_evidence_follows_a_report_that_is_written_anew(line: Line) -> None:
    line.audit(AUDIT)
    line.run()
    folder = line.path / "audit-results" / "latest"
    assert report_is_the_one_named(folder) and not (folder / "evidence.dsse").exists()
    before = (folder / "report.html").read_bytes()
    assert main(["report", str(folder), "--language", "ja"]) == 0
    assert (folder / "report.html").read_bytes() != before and report_is_the_one_named(folder)


def test_a_key_that_cannot_sign_is_a_usage_error(line: Line) -> None:
    line.audit("raise AssertionError('collected')")
    public = public_key(private_key(line.path / "key.pem"))
    for key, said in ((public.name, "which cannot sign"), ("nowhere.pem", "nowhere.pem: No such file")):
        result = line.run("--audit-sign", key)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: --audit-sign=*{said}*"])
    assert not (line.path / "audit-results").exists()
