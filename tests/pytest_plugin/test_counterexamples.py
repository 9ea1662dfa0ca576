"""Counterexamples in sessions: found and written by one, tried first by the next."""

from __future__ import annotations

import hashlib

from counterexamples.stored import stored
from pytest_plugin.runs import Line

from modelaudit.counterexamples.stored_case import case_text

PLAIN = """
    right = Audit(model=Colour(), classes=CLASSES, data=samples(), preprocessing=Preprocessing()).expect(accuracy > 0.5)
"""


def test_files_that_cannot_be_tried_are_named_and_change_nothing(line: Line) -> None:
    line.audit(PLAIN)
    other = line.write("counterexamples/other.json", case_text(stored()))
    line.write("counterexamples/damaged.json", "{")
    result = line.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*CANNOT REPLAY: counterexamples/damaged.json (*", "*CANNOT REPLAY: counterexamples/o*"]
    )
    record = line.record()
    assert [(one.file, one.state) for one in record.replays] == [
        ("counterexamples/damaged.json", "cannot_replay"),
        ("counterexamples/other.json", "cannot_replay"),
    ]
    digests = {one.path: one.sha256 for one in record.provenance.files if one.role == "counterexample"}
    assert digests["counterexamples/other.json"] == hashlib.sha256(other.read_bytes()).hexdigest()
    assert len(digests) == 2


def test_a_quick_look_tries_none(line: Line) -> None:
    line.audit(PLAIN)
    line.write("counterexamples/damaged.json", "{")
    result = line.run("--audit-limit=4")
    assert line.record().replays == [] and "REPLAY" not in result.stdout.str()
