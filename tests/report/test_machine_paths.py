"""No report shows a path of the machine, whatever text of the record it stands in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import BaseModel
from report.sample_record import record

from modelaudit.evidence.record import AbsentFile, RunRecord, read_record, record_digest, write_record
from modelaudit.evidence.record_texts import shown_record, with_texts
from modelaudit.report import render_html, render_summary
from modelaudit.report.junit import render_junit
from modelaudit.report.words import LANGUAGES, words_of

CANARY = "canary_folder"
PLACES = (f"/home/{CANARY}/deep er/x.png", f"~/{CANARY}/x.png", rf"C:\Users\{CANARY}\x.png", f"../../{CANARY}/x.png")
#: what a record takes from lists of its own, the moments of a run, and labels
CHOICES = (
    *("started", "finished", "missing", "reason", "by_reason", "rule", "mask_kinds", "checks", "id", "file"),
    *("label", "labels", "classes", "prediction", "without_object"),
)


def planted(run: RunRecord, place: str) -> RunRecord:
    """A path at the end of every text that is not a key, a choice or a part of an expression."""
    keys = {one.key for one in (*run.models, *run.data)}

    def change(owner: type[BaseModel], field: str, text: str) -> str:
        if text in keys or field in CHOICES or "Node" in owner.__name__:
            return text
        return f"{text} '{place}'" if field != "reference" else f"folder:{place}?masks={place}"

    files = [AbsentFile(file=place, by="error", why="could not be imported")]
    return with_texts(run.model_copy(update={"absent_files": files}), change)


@pytest.mark.parametrize("place", PLACES)
def test_no_report_shows_a_path_of_the_machine(tmp_path: Path, place: str) -> None:
    run = planted(record(tmp_path), place)
    assert run.model_dump_json().count(CANARY) > 100
    shown = [render_html(run, tmp_path), render_summary(run), render_summary(run, language="ja")]
    report = f"/home/{CANARY}/20261123-091402-7f3a/report.html"
    shown += [render_junit(run, report, words_of(language)) for language in LANGUAGES]
    for text in shown:
        assert CANARY not in text and "x.png" in text


def test_models_and_data_that_read_alike_without_folders_stay_apart(tmp_path: Path) -> None:
    run = record(tmp_path)
    models = [
        run.models[0].model_copy(update={"key": f"model:{one}", "reference": one})
        for one in ("/a/net.py:build", "/b/net.py:build", "net.py:build")
    ]
    cases = [one.model_copy(update={"models": ["model:/b/net.py:build"]}) for one in run.cases]
    shown = shown_record(run.model_copy(update={"models": models, "cases": cases}))
    assert [one.key for one in shown.models] == ["model:net.py:build#2", "model:net.py:build#3", "model:net.py:build"]
    assert [one.reference for one in shown.models] == ["net.py:build#2", "net.py:build#3", "net.py:build"]
    assert shown.cases[0].models == ["model:net.py:build#3"]


def test_the_digest_is_that_of_the_record_with_its_paths(tmp_path: Path) -> None:
    run = planted(record(tmp_path), PLACES[0])
    write_record(run, tmp_path)
    digest = hashlib.sha256((tmp_path / "run.json").read_bytes()).hexdigest()
    assert shown_record(read_record(tmp_path)).digest == shown_record(run).digest == digest
    assert digest[:12] in render_html(run, tmp_path)


def test_labels_and_a_record_without_paths_are_shown_as_they_are() -> None:
    run = record()
    assert shown_record(run) == run.model_copy(update={"digest": record_digest(run)})
    data = run.data[0].model_copy(update={"labels": {"/m/01g317": 3, "/m/0k4j": 2}})
    assert shown_record(run.model_copy(update={"data": [data]})).data[0].labels == data.labels
