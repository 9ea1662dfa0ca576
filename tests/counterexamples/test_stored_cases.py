"""Every stored counterexample of a run is told: tried, or why not; none hides another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from counterexamples.stored import CASE, stored
from report.sample_record import record

from modelaudit.counterexamples.stored_case import StoredCase, case_text
from modelaudit.counterexamples.stored_cases import StoredCases, case_files, read_cases, settled
from modelaudit.engine.results.counterexamples import ReplayFacts
from modelaudit.evidence.record import Absence, CaseRecord

FILE = "audits/counterexamples/one.json"


def case(**changed: Any) -> CaseRecord:
    return (
        record()
        .cases[0]
        .model_copy(update={"id": CASE, "model_names": {"": "model:m"}, "absence": None, "message": "", **changed})
    )


def facts(**changed: Any) -> ReplayFacts:
    one = stored()
    fields: dict[str, Any] = {
        "file": FILE,
        "model": "model:m",
        "column": one.measure,
        "sample": one.image.sample,
        "context": one.change.context,
        "state": "fixed",
        "why": "",
    }
    return ReplayFacts(**{**fields, **changed})


def told(replays: list[ReplayFacts], cases: list[CaseRecord], one: StoredCase | None = None) -> list[tuple[str, str]]:
    found = settled(StoredCases({FILE: one or stored()}), replays, cases)
    assert {each.file for each in found} <= {FILE}
    return [(each.state, each.why) for each in found]


def test_what_was_tried_is_told() -> None:
    assert told([facts()], [case()]) == [("fixed", "")]
    assert told([facts(state="still_fails")], [case()]) == [("still_fails", "")]
    assert told([facts(state="cannot_replay", why="another image")], [case()]) == [("cannot_replay", "another image")]


def test_data_that_do_not_hold_the_image_do_not_hide_what_the_others_say() -> None:
    elsewhere = facts(state="cannot_replay", why="no such image")
    assert told([elsewhere, facts(state="still_fails")], [case()]) == [("still_fails", "")]


def test_both_models_of_a_case_are_told() -> None:
    both = case(model_names={"a": "model:a", "b": "model:b"})
    replays = [facts(model="model:a"), facts(model="model:b", state="still_fails")]
    assert [state for state, _ in told(replays, [both])] == ["fixed", "still_fails"]


def test_models_of_other_cases_are_not() -> None:
    ((state, why),) = told([facts(model="model:other")], [case(message="the model cannot be opened\n...")])
    assert (state, why) == ("cannot_replay", "the model cannot be opened")


def test_what_was_not_tried_says_why() -> None:
    ((state, why),) = told([], [])
    assert state == "cannot_replay" and CASE in why
    ((state, why),) = told([], [case()])
    assert state == "cannot_replay" and "no longer searches" in why
    ((state, why),) = told([], [case(absence=Absence(by="error", why="its file cannot be collected"))])
    assert state == "cannot_replay" and "its file cannot be collected" in why


def test_cases_that_the_user_left_out_are_not_mentioned() -> None:
    assert told([], [case(absence=Absence(by="selection", why="-k"))]) == []


def test_a_damaged_file_is_named_and_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "audits" / "counterexamples"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{", encoding="utf-8")
    (folder / "b.json").write_text(case_text(stored()), encoding="utf-8")
    (folder / ".c.json.7").write_text("half", encoding="utf-8")
    (folder / ".d.json").write_text("half", encoding="utf-8")
    (folder / "notes.md").write_text("ours", encoding="utf-8")
    os.mkfifo(folder / "pipe.json")
    (folder / "gone.json").symlink_to(tmp_path / "nowhere")
    found = read_cases(case_files(folder), tmp_path)
    assert list(found.cases) == ["audits/counterexamples/b.json"]
    assert set(found.damaged) == {f"audits/counterexamples/{name}.json" for name in ("a", "pipe", "gone")}
    (known,) = found.known
    assert (known.file, known.measure, known.context) == (
        "audits/counterexamples/b.json",
        stored().measure,
        stored().change.context,
    )
    replays = settled(found, [], [case()])
    assert [one.state for one in replays] == ["cannot_replay"] * 4
    assert all(str(tmp_path) not in one.why for one in replays)


def test_no_folder_is_no_file(tmp_path: Path) -> None:
    assert case_files(tmp_path / "counterexamples") == []
