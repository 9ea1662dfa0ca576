"""The history of requirements: what is of one line, what stands apart, and what is left out and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases.kept import drop, kept, requirement, run, unmeasured, vouch

from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.record import MergedRun, RunRecord, record_digest
from modelaudit.evidence.redaction import redacted
from modelaudit.releases.history import requirements_of
from modelaudit.releases.kept_runs import KeptRuns, kept_runs, without_superseded
from modelaudit.releases.since_last_run import MOST_RUNS, since_last_run, with_history

CASE = "audits/audit_line_a.py::survives_lighting"


def since(results: Path, present: RunRecord, *earlier: RunRecord, **changed: Any) -> Any:
    return since_last_run(present, kept(results, *earlier), **changed)


def test_the_first_run_has_no_history(tmp_path: Path) -> None:
    assert since(tmp_path, run(1)) is None
    assert since_last_run(run(1), tmp_path / "absent") is None
    assert since(tmp_path, run(1), run(1), run(2)) is None, "neither the run itself nor a later one is before it"


def test_values_of_the_same_images_and_definition_are_of_one_line(tmp_path: Path) -> None:
    found = since(tmp_path, run(3, model="aa"), run(1, requirement(value=0.95)), run(2, requirement(value=0.8)))
    (line,) = found.requirements
    assert [(p.run, p.verdict, p.estimate, p.apart) for p in line.points] == [
        (0, "PASS", 0.95, []),
        (1, "FAIL", 0.8, []),
    ]
    assert [one.id[:8] for one in found.runs] == ["20261101", "20261102"] and found.last == 1
    assert (line.points[1].new_model, line.new_model, line.new_data) == (False, True, False)


@pytest.mark.parametrize(
    ("changed", "apart"),
    [
        ({"data": "d2"}, ["data"]),
        ({"seed": 7}, ["seed"]),
        ({"cases": [requirement(left=drop().left)]}, ["definition"]),
        ({"cases": [requirement(confidence=0.9)]}, ["definition"]),
        ({"cases": [requirement(without_object=["empty"])]}, ["definition"]),
        ({"data": "d2", "seed": 7}, ["data", "seed"]),
        ({"cases": [requirement(threshold=0.8)]}, []),
        ({"model": "aa"}, []),
    ],
)
def test_what_differs_stands_apart(tmp_path: Path, changed: dict[str, Any], apart: list[str]) -> None:
    cases = changed.pop("cases", [])
    found = since(tmp_path, run(3), run(1), run(2, *cases, **changed))
    before, point = found.requirements[0].points
    assert point.apart == apart and before.apart == []
    assert found.last == (0 if apart else 1), "the last run that is compared with is of the same line"
    assert found.requirements[0].new_data == ("data" in apart)


@pytest.mark.parametrize(
    ("fingerprints", "new"),
    [
        ({"m0": "b7", "m1": "11"}, False),
        ({"m0": "b7"}, False),
        ({"m0": "b7", "m1?unpaired=0.1": "11"}, False),
        ({"m0": "aa"}, True),
        ({"m0": "b7", "m1": "22"}, True),
    ],
)
def test_a_model_that_was_not_loaded_is_not_another_one(
    tmp_path: Path, fingerprints: dict[str, str], new: bool
) -> None:
    def compared(day: int, models: dict[str, str]) -> RunRecord:
        reference = next((key for key in models if key != "m0"), "m1")
        base = run(day, requirement(models=["m0", reference], value=None if len(models) == 1 else 0.92))
        found = [base.models[0].model_copy(update={"key": key, "fingerprint": one}) for key, one in models.items()]
        return base.model_copy(update={"models": found})

    both = {"m0": "b7", "m1": "11"}
    for day, models in ((1, [both, fingerprints]), (2, [fingerprints, both])):
        results = kept(tmp_path / str(day), *(compared(at, one) for at, one in enumerate(models, 1)))
        (line,) = requirements_of(kept_runs(results).runs)
        assert [point.new_model for point in line.history.points] == [False, new]


def test_where_nothing_is_of_one_line_there_is_no_last_run(tmp_path: Path) -> None:
    found = since(tmp_path, run(3), run(1, data="d1"), run(2, data="d2"))
    assert found.last is None and [p.apart for p in found.requirements[0].points] == [["data"]] * 2


def test_a_run_of_one_requirement_is_not_what_all_are_compared_with(tmp_path: Path) -> None:
    both = (requirement(), drop())
    found = since(tmp_path, run(3, *both), run(1, *both), run(2, requirement()))
    assert found.last == 0
    assert [len(one.points) for one in found.requirements] == [2, 1]
    alone = since_last_run(run(4, requirement()), tmp_path)
    assert alone is not None and alone.last == 1


def test_a_requirement_that_is_new_has_no_points(tmp_path: Path) -> None:
    found = since(tmp_path, run(2, requirement(), drop()), run(1, requirement()))
    assert [one.case for one in found.requirements] == [CASE]


def test_a_requirement_is_found_again_in_a_renamed_file(tmp_path: Path) -> None:
    moved = requirement(id="audits/audit_old.py::survives_lighting", file="audits/audit_old.py")
    other = requirement("other", id="audits/audit_old.py::other", left=drop().left)
    found = since(tmp_path, run(2, requirement()), run(1, moved, other))
    assert [len(one.points) for one in found.requirements] == [1]
    twice = since_last_run(run(2, requirement(), moved), tmp_path)
    assert twice is not None and [one.case for one in twice.requirements] == [moved.id], "it is that of its id"


def test_an_error_is_a_point_without_a_value(tmp_path: Path) -> None:
    (line,) = since(tmp_path, run(2), run(1, requirement(value=None))).requirements
    assert (line.points[0].verdict, line.points[0].estimate, line.points[0].apart) == ("ERROR", None, [])


def test_quick_looks_shards_and_what_a_review_superseded_are_not_runs_before(tmp_path: Path) -> None:
    shard, reviewed = run(2), run(4)
    merged = MergedRun(id=shard.id, command="pytest", started="", finished="", exit_status=0, cases=1)
    successor = run(5, parent=record_digest(reviewed), started=reviewed.started)
    earlier = (run(1, quick_look=20), shard, run(3, merged=[merged]), reviewed, successor)
    found = since(tmp_path, run(6), *earlier)
    assert [one.id[:8] for one in found.runs] == ["20261103", "20261105"]
    assert since_last_run(run(6, quick_look=5), tmp_path) is None
    of_shards = since_last_run(run(3, merged=[merged]), tmp_path)
    assert of_shards is None, "a merged run does not come after its own shards"


def test_so_many_runs_are_shown(tmp_path: Path) -> None:
    found = since(tmp_path, run(29), *(run(day) for day in range(1, 28)))
    assert len(found.runs) == MOST_RUNS and found.runs[-1].id.startswith("20261127")


def test_a_baseline_stands_for_a_run_that_is_not_kept(tmp_path: Path) -> None:
    old = unmeasured(1)
    baselines = tmp_path / "baselines"
    baselines.mkdir()
    baseline = old.model_copy(update={"baseline_of": record_digest(old)})
    (baselines / "v1.json").write_text(baseline.model_dump_json())
    found = since(tmp_path / "results", run(3), run(2), baselines=baselines)
    assert [(one.baseline, one.sha256 == record_digest(old)) for one in found.runs] == [("v1", True), (None, False)]
    kept(tmp_path / "results", old)
    found = since_last_run(run(3), tmp_path / "results", baselines)
    assert found is not None and [one.baseline for one in found.runs] == [None, None], "the run itself is kept"


def _damage(write: Callable[[Path, dict[str, Any]], object]) -> Callable[[Path], object]:
    def damage(folder: Path) -> object:
        return write(folder / "run.json", json.loads((folder / "run.json").read_text()))

    return damage


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_damage(lambda file, _: file.write_text("{")), "unreadable"),
        (_damage(lambda file, _: file.write_bytes(b"\xff\xfe")), "unreadable"),
        (_damage(lambda file, _: file.write_text("[" * 100_000)), "unreadable"),
        (_damage(lambda file, _: file.write_text("[1]")), "not_a_run"),
        (_damage(lambda file, _: file.write_text('{"name": "x"}')), "not_a_run"),
        (
            _damage(lambda file, run: file.write_text(json.dumps({**run, "schema_version": 1, "cases": 3}))),
            "other_version",
        ),
        (_damage(lambda file, run: file.write_text(json.dumps({**run, "started": "yesterday"}))), "unreadable"),
        (_damage(lambda file, run: file.write_text(json.dumps({**run, "cases": None}))), "unreadable"),
        (
            _damage(lambda file, run: file.write_text(json.dumps({**run, "redacted": True, "digest": "0" * 64}))),
            "redacted",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line_each_and_ends_nothing(
    tmp_path: Path, damage: Callable[[Path], object], why: str
) -> None:
    results = kept(tmp_path, run(1), run(2))
    damage(results / run(1).id)
    found = since_last_run(run(3), results)
    assert found is not None and [len(one.points) for one in found.requirements] == [1]
    assert [(one.name, one.why) for one in found.unread] == [(run(1).id, why)]


def test_a_record_that_its_evidence_does_not_name_is_not_shown(tmp_path: Path) -> None:
    results = kept(tmp_path, run(1), run(2))
    vouch(results / run(1).id, "0" * 64)
    found = since_last_run(run(3), results)
    assert found is not None and [one.id for one in found.runs] == [run(2).id]
    assert [(one.name, one.why) for one in found.unread] == [(run(1).id, "altered")]


def test_a_baseline_that_contradicts_itself_is_named_and_not_shown(tmp_path: Path) -> None:
    baselines = tmp_path / "baselines"
    baselines.mkdir()
    edited = run(1).model_copy(update={"baseline_of": record_digest(run(1))})
    (baselines / "v1.json").write_text(edited.model_dump_json())
    found = since(tmp_path / "results", run(3), run(2), baselines=baselines)
    assert [one.id for one in found.runs] == [run(2).id]
    assert [(one.name, one.why) for one in found.unread if one.why != "not_compared"] == [
        ("baselines/v1.json", "contradicts")
    ]
    assert kept_runs(tmp_path / "results", baselines).claimed == {record_digest(run(1))}, "its run stays"


def test_without_its_evidence_a_record_must_not_contradict_itself(tmp_path: Path) -> None:
    results = kept(tmp_path, run(1), unmeasured(2))
    for one in results.iterdir():
        (one / "evidence.json").unlink()
    found = kept_runs(results)
    assert [one.record.id for one in found.runs] == [unmeasured(2).id]
    assert [(one.name, one.why) for one in found.unread] == [(run(1).id, "contradicts")]


def test_a_record_of_another_version_is_not_shown_even_where_it_reads_as_one_of_ours(tmp_path: Path) -> None:
    results = kept(tmp_path, unmeasured(1))
    file = results / run(1).id / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 99}))
    assert [one.why for one in kept_runs(results).unread] == ["other_version"]


def test_the_last_run_is_not_compared_where_it_contradicts_itself_and_the_reason_is_said(tmp_path: Path) -> None:
    found = since(tmp_path, run(3), run(2, model="aa"))
    assert [(one.name, one.why, one.why_not) for one in found.unread] == [(run(2).id, "not_compared", "contradicts")]


def test_the_record_stays_consistent_and_a_copy_for_showing_names_no_case_by_its_file(tmp_path: Path) -> None:
    present = run(3)
    present = present.model_copy(update={"since_last_run": since(tmp_path, present, run(1), run(2))})
    of_history = [one for one in contradictions(present) if "since_last_run" in one.field]
    assert of_history == []
    shown = redacted(present, b"0" * 32)
    assert shown.since_last_run is not None
    assert shown.since_last_run.requirements[0].case == shown.cases[0].id != present.cases[0].id


@pytest.mark.parametrize(
    "changed",
    [
        {"last": 2},
        {"runs": []},
        {"requirements": "of no case"},
        {"last": None, "requirements": "since"},
    ],
)
def test_a_history_that_cannot_be_is_a_contradiction(tmp_path: Path, changed: dict[str, Any]) -> None:
    present = run(3)
    found = since(tmp_path, present, run(1), run(2))
    (line,) = found.requirements
    other = {"of no case": {"case": "a::b"}, "since": {"since": "worse"}}.get(changed.get("requirements", ""))
    changes = {**changed, "requirements": [line.model_copy(update=other or {})]}
    shown = found.model_copy(update=changes)
    assert [one for one in contradictions(present.model_copy(update={"since_last_run": shown})) if "since" in one.field]


def whole(results: Path) -> KeptRuns:
    found = kept_runs(results)
    return KeptRuns(tuple(without_superseded(found.runs)), found.unread, found.baselines)


def test_the_history_of_a_folder_has_every_requirement_that_any_run_has(tmp_path: Path) -> None:
    kept(tmp_path, run(1, requirement(), drop()), run(2, requirement(value=0.5), data="d2"), run(3, requirement()))
    lines = {one.case.name: one.history for one in requirements_of(whole(tmp_path).runs)}
    assert list(lines) == ["survives_lighting", "survives_layout_change"]
    assert [p.apart for p in lines["survives_lighting"].points] == [[], ["data"], []]
    assert [p.new_data for p in lines["survives_lighting"].points] == [False, True, True]
    assert len(lines["survives_layout_change"].points) == 1


@settings(max_examples=25)
@given(
    days=st.lists(
        st.tuples(st.sampled_from(["c1", "d2"]), st.sampled_from(["b7", "aa"]), st.integers(0, 1)),
        min_size=1,
        max_size=6,
    )
)
def test_one_line_is_an_equivalence(tmp_path_factory: pytest.TempPathFactory, days: list[tuple[str, str, int]]) -> None:
    """What the last run shows apart is exactly what differs from it, and marks follow the runs one by one."""
    folder = tmp_path_factory.mktemp("runs")
    kept(folder, *(run(at, data=data, model=model, seed=seed) for at, (data, model, seed) in enumerate(days, 1)))
    (line,) = requirements_of(whole(folder).runs)
    last = days[-1]
    assert [not p.apart for p in line.history.points] == [(day[0], day[2]) == (last[0], last[2]) for day in days]
    changed = [False, *(one[1] != other[1] for one, other in pairwise(days))]
    assert [p.new_model for p in line.history.points] == changed


def test_whatever_goes_wrong_the_run_is_written_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanished(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "another process removed it", str(tmp_path / "run.json"))

    monkeypatch.setattr("modelaudit.releases.since_last_run.kept_runs", vanished)
    found = with_history(run(2), kept(tmp_path, run(1)), tmp_path / "baselines")
    assert found.since_last_run is None and found.cases == run(2).cases
    assert any(note.startswith("the earlier runs were not read: FileNotFoundError") for note in found.notes)
