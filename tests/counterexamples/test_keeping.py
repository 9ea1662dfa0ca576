"""The smallest counterexamples of a case become files beside its audit, once, and nothing else does."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from counterexamples.stored import stored
from report.sample_record import case, decision, measure, record

from modelaudit.counterexamples.keeping import keep
from modelaudit.counterexamples.stored_case import read_case
from modelaudit.counterexamples.stored_cases import StoredCases
from modelaudit.engine.gallery.drawing import store
from modelaudit.engine.results.counterexamples import ChangedPictures, Counterexample
from modelaudit.evidence.record import CaseRecord, RunRecord, SampleRecord, TableRecord

COLUMN = "accuracy"


def found(at: int, **changed: Any) -> Counterexample:
    fields: dict[str, Any] = {
        "model": "m0",
        "column": COLUMN,
        "sample": f"{at}.png",
        "image": f"{at:064}",
        "mask": f"{at + 1000:064}",
        "donor": None,
        "context": "fog(3)",
        "area": (at + 1) / 100,
        "dose": 1.0,
        "size": (at + 1) / 100,
        "calls": 7,
        "label": "bolt",
        "before": "bolt",
        "after": "nut",
        "before_probability": 0.9,
        "after_probability": None,
    }
    return Counterexample(**{**fields, **changed})


def searched(*several: Counterexample, cases: list[CaseRecord] | None = None) -> RunRecord:
    kept = case("keeps", measure(), ">", 0.9, "FAIL", decision=decision("FAIL", 0.5, 0.4, 0.6), model_names={"": "m0"})
    samples = [
        SampleRecord(id=f"{at}.png", label="bolt", image=f"{at:064}", mask=f"{at + 1000:064}") for at in range(9)
    ]
    return record(
        cases=[kept] if cases is None else cases,
        tables=[TableRecord(data="d0", samples=samples, columns=[])],
        counterexamples=list(several),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "audits").mkdir()
    return tmp_path


def kept(
    root: Path, run: RunRecord, most: int = 5, *, pictures: bool = True, stored: StoredCases | None = None
) -> list[str]:
    assert keep(run, stored or StoredCases(), root=root, folder=root, most=most, pictures=pictures) == []
    return sorted(file.name for file in (root / "audits").rglob("*") if file.is_file())


def test_the_smallest_few_are_kept(root: Path) -> None:
    names = kept(root, searched(*(found(at) for at in (4, 2, 8, 0, 6))), most=2)
    cases = [read_case(root / "audits" / "counterexamples" / name) for name in names]
    assert [one.image.sample for one in cases] == ["0.png", "2.png"]
    assert {(one.case, one.measure, one.seed) for one in cases} == {("audits/audit_line_a.py::keeps", COLUMN, 0)}
    assert [one.name for one in cases] == names and all(name.startswith("keeps-") for name in names)


def test_those_that_still_fail_are_among_them_and_stay_as_they_are(root: Path) -> None:
    file = "audits/counterexamples/renamed.json"
    own = StoredCases({file: stored(case="audits/audit_line_a.py::keeps")})
    run = searched(found(0, file=file), found(1), found(2))
    assert [name[:11] for name in kept(root, run, most=2, stored=own)] == ["keeps-1.png"]


def test_what_was_found_by_the_file_of_another_case_is_kept_for_this_one_too(root: Path) -> None:
    file = "audits/counterexamples/other.json"
    run = searched(found(0, file=file))
    assert [name[:11] for name in kept(root, run, stored=StoredCases({file: stored()}))] == ["keeps-0.png"]


def test_a_file_is_written_once(root: Path) -> None:
    (name,) = kept(root, searched(found(0)))
    file = root / "audits" / "counterexamples" / name
    before = file.stat()
    later = searched(found(0)).model_copy(update={"id": "20301123-091402-7f3a"})
    assert kept(root, later) == [name]
    assert file.stat().st_mtime_ns == before.st_mtime_ns and file.stat().st_ino == before.st_ino


def test_a_damaged_file_is_written_anew_where_it_is_found_again(root: Path) -> None:
    (name,) = kept(root, searched(found(0)))
    file = root / "audits" / "counterexamples" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    kept(root, searched(found(0)))
    assert file.read_bytes() == whole


def test_nothing_else_is_kept(root: Path) -> None:
    others = (
        found(0, model="m1"),
        found(1, column="accuracy.under(fog(3))"),
        found(2, sample="unknown.png"),
        found(3, image="f" * 64),
    )
    assert kept(root, searched(*others)) == []
    assert kept(root, searched(found(0)), most=0) == []
    control = searched(found(0)).cases[0].model_copy(update={"must_fail": True})
    assert kept(root, searched(found(0), cases=[control])) == []
    assert not (root / "audits" / "counterexamples").exists()


def test_pictures_are_in_the_file_unless_reports_are_redacted(root: Path) -> None:
    content = b"RIFF0000WEBP"
    one = found(0, pictures=ChangedPictures(original=store(root, content), changed=store(root, content), place="M0 0z"))
    (name,) = kept(root, searched(one))
    file = root / "audits" / "counterexamples" / name
    pictures = read_case(file).pictures
    assert pictures is not None and pictures.place == "M0 0z"
    assert base64.b64decode(pictures.changed.removeprefix("data:image/webp;base64,")) == content
    file.unlink()
    kept(root, searched(one), pictures=False)
    assert read_case(file).pictures is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_note(root: Path) -> None:
    (root / "audits").chmod(0o555)
    notes = keep(searched(found(0), found(1)), StoredCases(), root=root, folder=root, most=5, pictures=True)
    (root / "audits").chmod(0o755)
    assert len(notes) == 1 and "audits/counterexamples cannot be written (Permission denied)" in notes[0]


def test_a_file_in_the_place_of_the_folder_is_a_note(root: Path) -> None:
    (root / "audits" / "counterexamples").write_text("ours", encoding="utf-8")
    (note,) = keep(searched(found(0)), StoredCases(), root=root, folder=root, most=5, pictures=True)
    assert note.startswith("counterexamples: audits/counterexamples cannot be written")
