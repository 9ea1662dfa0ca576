"""``modelaudit merge``: the runs of shards are one run, with the verdicts that a run of everything gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from evidence.reviews import reviewed, save
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.evidence.build import not_run
from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.decisions import with_holm, without_holm
from modelaudit.evidence.merged_tables import Shard
from modelaudit.evidence.merging import merge
from modelaudit.evidence.record import Absence, CaseRecord, RunRecord, read_record, write_record
from modelaudit.evidence.states import exit_status, is_partial, is_whole, missing_text, run_state
from modelaudit.language.errors import ResultsError

pytest.importorskip("pytest_split")

ENDINGS = """
import pytest
audit = Audit(**told())
passes = audit.expect(accuracy > 0.5)
other = Audit(**told(Blind(), data=samples(30))).expect(accuracy < 0.9)
maps = audit.expect(background_share("saliency").under(gaussian_noise(3)) < 0.5)
swapped = audit.expect(flip_rate.under(swap_background("random")) < 0.9)
weak = Audit(**told(Blind())).expect(accuracy > 0.75)
too_few = audit.expect(accuracy > 0.99)
errs = Audit(**told("missing.py:build")).expect(accuracy > 0.5)
control = Audit(**told(wrong()), known_bad=["model"]).expect(accuracy > 0.5, must_fail=True)
skipped = audit.expect(accuracy > 0.3, marks=pytest.mark.skip(reason="not today"))
expected = audit.expect(accuracy > 0.98, marks=pytest.mark.xfail)
"""
TWO = """
audit = Audit(**told())
first = audit.expect(accuracy > 0.5)
second = audit.expect(confidence > 0.1)
"""


REVIEWED = """
audit = Audit(**told())
first = audit.expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=1)
second = audit.expect(accuracy.under(gaussian_noise(2)) > 0.5, reviewed_by=1)
"""


def test_reviews_of_all_shards_count_for_the_whole(line: Line) -> None:
    """One shard ran before the review was there: merged, both requirements are decided by it."""
    line.audit(REVIEWED)
    line.run("--audit-results=whole")
    record = read_record(line.path / "whole" / "latest")
    line.run("--splits=2", "--group=1", "--audit-results=shard-1")
    save(reviewed(record), line.path / "reviews" / "aoi.json")
    line.run("--splits=2", "--group=2", "--audit-results=shard-2")
    folders = [(line.path / f"shard-{group}" / "latest").resolve() for group in (1, 2)]
    assert [case.reason for case in read_record(folders[0]).cases] == ["review_open", "not_run"]
    assert merged(line, folders) == 0
    found = read_record(line.path / "merged" / "latest")
    assert [(case.verdict, case.outcome, case.complete_reviews) for case in found.cases] == [("PASS", "passed", 1)] * 2
    assert [one.who for one in found.reviews] == ["Aoi Sato"] and contradictions(found) == []


def shards(line: Line, count: int, *args: str) -> list[Path]:
    """The folders of the runs of `count` shards."""
    for group in range(1, count + 1):
        line.run(f"--splits={count}", f"--group={group}", f"--audit-results=shard-{group}", *args)
    return [(line.path / f"shard-{group}" / "latest").resolve() for group in range(1, count + 1)]


def merged(line: Line, folders: Sequence[Path], *args: str) -> int:
    return main(["merge", *map(str, folders), "-o", str(line.path / "merged"), *args])


def junit_of(file: Path) -> dict[tuple[str, str], tuple[dict[str, str], list[tuple[str, str | None]]]]:
    """The properties and the endings of the test cases in a JUnit file."""
    return {
        (case.attrib["classname"], case.attrib["name"]): (
            {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")},
            [(part.tag, part.get("type")) for part in case if part.tag not in ("properties", "system-err")],
        )
        for case in ElementTree.parse(file).iter("testcase")
    }


def comparable(record: RunRecord) -> dict[str, Any]:
    """A record without what two runs of the same differ in: ids, times, words typed, and the work that was done."""
    found = record.model_dump(exclude={"id", "started", "finished", "command", "passes", "merged"})
    for case in found["cases"]:
        case["duration_s"] = None
        case["absence"] = case["absence"] and {**case["absence"], "why": ""}
    return found


def altered(folder: Path, **changes: Any) -> None:
    """Writes the record in a folder anew, with other values."""
    record = json.loads((folder / "run.json").read_text())
    for name, value in changes.items():
        *path, last = name.split("__")
        place = record
        for part in path:
            place = place[int(part) if part.isdigit() else part]
        place[last] = value
    (folder / "run.json").write_text(json.dumps(record))


def test_the_runs_of_shards_are_the_run_of_everything(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit(ENDINGS)
    whole_status = line.run("--junitxml=whole.xml").ret
    whole = line.record()
    folders = shards(line, 3)
    capsys.readouterr()
    assert merged(line, folders, "--junitxml", str(line.path / "merged.xml")) == whole_status == 1
    said = capsys.readouterr().out
    assert "ERROR: 1 ERROR" in said and "1 of 1 known-bad model caught" in said
    record = line.record("merged")
    assert comparable(record) == comparable(whole)
    assert [one.cases for one in record.merged] == [4, 4, 2]
    latest = line.path / "merged" / "latest"
    assert (latest / "report.html").is_file() and (latest / "summary.md").is_file()
    pictures = {panel.file for case in record.cases for row in case.gallery for panel in row.panels}
    assert pictures and all((latest / file).is_file() for file in pictures)
    assert main(["report", str(latest)]) == 0
    assert junit_of(line.path / "merged.xml") == junit_of(line.path / "whole.xml")


def test_a_missing_shard_and_one_that_is_there_twice_are_named(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit(TWO.replace("0.1", "0.999"))
    first, second = shards(line, 2)
    line.run()
    assert merged(line, [first]) == 2
    said = capsys.readouterr().err
    assert "1 of 2 declared cases were run in none of these runs" in said
    assert f"audit_line.py::second: {first}: not selected (--splits 2 --group 1)" in said
    assert merged(line, [first, second, first]) == 2
    assert "give each run once" in capsys.readouterr().err
    assert merged(line, [first, second, line.path / "audit-results"]) == 2
    said = capsys.readouterr().err
    assert f"audit_line.py::second: {second}, {(line.path / 'audit-results' / 'latest')}" in said
    assert not (line.path / "merged").exists()
    assert merged(line, [line.path / "shard-1", second / "run.json"]) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"provenance__versions__pytest-modelaudit": "9.9"}, "the version of pytest-modelaudit is '9.9'"),
        ({"provenance__seed": 7}, "--audit-seed is 7"),
        ({"provenance__git_commit": "abc"}, "the git commit is 'abc', and "),
        ({"inconclusive": "warn"}, "--audit-inconclusive is 'warn', and 'fail'"),
        ({"provenance__files__0__sha256": "0" * 64}, "has the sha256 '000"),
        ({"models__0__fingerprint": "other"}, "model:Colour: its fingerprint is 'other'"),
        ({"data__0__fingerprint": "other"}, "data data:samples: fingerprint is 'other'"),
        ({"cases__1__clause": "4.2"}, "audit_line.py::second: its clause is '4.2' in "),
        ({"overall": "PASS", "cases__1__verdict": "FAIL"}, "the record contradicts itself"),
        ({"quick_look": 3, "overall": "QUICK_LOOK", "exit_status": 10}, "record contradicts itself"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_not_of_one_run_is_refused(
    line: Line, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], named: str
) -> None:
    line.audit(TWO)
    first, second = shards(line, 2)
    altered(second, **changes)
    assert merged(line, [first, second]) == 2
    assert named in capsys.readouterr().err


def test_an_interrupted_shard_is_refused(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit(TWO)
    line.write("conftest.py", "def pytest_runtest_teardown(item):\n    raise KeyboardInterrupt\n")
    line.run("--audit-results=shard-1", no_reraise_ctrlc=True)
    assert merged(line, [line.path / "shard-1"]) == 2
    said = capsys.readouterr().err
    assert "ended before all of its cases were run; run it again" in said and "audit_line.py::second" in said


def test_a_collection_error_in_a_shard_is_refused(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit(TWO)
    line.audit("1 / 0", name="audit_broken.py")
    line.run("--continue-on-collection-errors")
    assert merged(line, [line.path / "audit-results"]) == 2
    assert "  audit_broken.py: collection error: " in capsys.readouterr().err


def test_jobs_that_are_divided_by_files_are_merged_too(line: Line) -> None:
    line.audit(TWO, name="a/audit_a.py")
    line.audit(TWO, name="b/audit_b.py")
    line.run("a", "--audit-results=shard-1")
    line.run("b", "--audit-results=shard-2")
    assert merged(line, [line.path / "shard-1", line.path / "shard-2"]) == 0
    record = line.record("merged")
    assert (record.overall, record.whole, len(record.cases)) == ("PASS", True, 4)


def test_what_a_conftest_removes_stays_missing(line: Line) -> None:
    line.audit(TWO)
    line.write("conftest.py", "def pytest_collection_modifyitems(items):\n    del items[1]\n")
    line.run()
    assert merged(line, [line.path / "audit-results"]) == 10
    assert line.record("merged").overall == "PARTIAL"


def shard_of(record: RunRecord, kept: set[str], number: int) -> RunRecord:
    """The record of a run in which these cases alone were selected."""
    absence = Absence(by="selection", why=f"not selected (--splits 3 --group {number})")
    cases = [one if one.id in kept else not_run(_declared(one), absence, "not_run") for one in record.cases]
    return record.model_copy(update={"id": f"run-{number}", **states(with_holm(without_holm(cases)))})


def _declared(case: CaseRecord) -> CaseRecord:
    fields = ("models", "model_names", "formula", "data", "worst", "gallery", "reproduce", "checks", "duration_s")
    blank = {name: CaseRecord.model_fields[name].get_default(call_default_factory=True) for name in fields}
    weakened = [one for one in case.weakened if not one.endswith("_run")]
    return case.model_copy(update={**blank, "weakened": weakened})


def states(cases: list[CaseRecord]) -> dict[str, Any]:
    return {
        "cases": cases,
        "overall": run_state(cases, (), quick_look=False),
        "whole": is_whole(cases, ()),
        "partial": is_partial(cases, ()),
        "missing": missing_text(cases, ()),
        "exit_status": exit_status(cases, ()),
    }


def test_a_test_function_that_fails_in_a_shard_fails_in_the_whole(line: Line) -> None:
    line.audit(TWO + "\ndef test_it():\n    assert False\n")
    assert merged(line, shards(line, 2)) == 10
    record = read_record(line.path / "merged" / "latest")
    assert [(one.file, one.by, one.why) for one in record.absent_files] == [
        ("audit_line.py", "failed", "failed: test_it")
    ]
    assert record.overall == "PARTIAL" and contradictions(record) == []


def test_however_a_run_is_divided_its_shards_are_the_run(line: Line) -> None:
    line.audit(ENDINGS)
    line.run()
    whole = line.record()
    names = [case.id for case in whole.cases]

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(0, 2), min_size=len(names), max_size=len(names)), st.permutations(range(3)))
    def divided(groups: list[int], order: list[int]) -> None:
        parts = [{name for name, group in zip(names, groups, strict=True) if group == number} for number in range(3)]
        runs = [Shard(f"shard {number}", shard_of(whole, parts[number], number)) for number in order if parts[number]]
        record = merge(runs, "merged")
        assert comparable(record) == comparable(whole)
        assert contradictions(record) == []
        for at in range(len(runs)):
            if len(runs) > 1:
                with pytest.raises(ResultsError, match="were run in none of these runs"):
                    merge(runs[:at] + runs[at + 1 :], "merged")

    divided()


def test_values_that_another_machine_rounds_otherwise_stay_with_their_run(line: Line) -> None:
    line.audit(ENDINGS.split("weak")[0])
    line.run()
    whole = line.record()
    names = [case.id for case in whole.cases]
    first, second = (shard_of(whole, set(part), at) for at, part in enumerate((names[:2], names[2:])))
    assert merge([Shard("a", first), Shard("b", second)], "merged").notes == whole.notes
    far = json.loads(second.model_dump_json())
    column = far["tables"][0]["columns"][0]
    assert column["measure"] == "accuracy"
    column["values"][:5] = [0.5] * 5
    with pytest.raises(
        ResultsError, match="accuracy of model:Colour was measured twice, and differs on 5 of 20 images"
    ):
        merge([Shard("a", first), Shard("b", RunRecord.model_validate(far))], "merged")
    near = json.loads(first.model_dump_json())
    (maps,) = [one for one in near["tables"][0]["columns"] if one["measure"].startswith("background_share")]
    maps["values"][0] += 1e-4
    record = merge([Shard("a", RunRecord.model_validate(near)), Shard("b", second)], "merged")
    assert [table.data for table in record.tables][-1] == "data:samples (run run-1)"
    assert any("rounded otherwise" in note for note in record.notes)
    assert {case.data for case in record.cases[2:]} == {"data:samples (run run-1)"}


def test_a_picture_that_a_record_invents_is_not_copied(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit(TWO)
    line.run()
    folder = (line.path / "audit-results" / "latest").resolve()
    altered(folder, cases__0__gallery__0__panels__0__file="../../line.py")
    assert merged(line, [folder]) == 2
    assert "names a picture '../../line.py', which no run writes" in capsys.readouterr().err


def test_a_merged_run_can_be_merged_on(line: Line, tmp_path: Path) -> None:
    line.audit(TWO)
    line.run()
    record = merge([Shard("a", line.record())], "one")
    again = merge([Shard("b", read_record(write_record(record, tmp_path / "one").parent))], "two")
    assert comparable(again) == comparable(line.record())
