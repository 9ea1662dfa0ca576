"""The review page: blind, the same for the same seed, and bound to the digests of the files that it shows."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from report.reviewed_record import PICTURES, reviewed_record

from modelaudit.evidence.record import record_digest
from modelaudit.language.errors import ResultsError
from modelaudit.report.review_page import pictures_to_review, render_review


def data_of(page: str) -> dict[str, Any]:
    """What the page's script reads."""
    found: dict[str, Any] = json.loads(re.findall(r'id="data">(.*?)</script>', page)[0])
    return found


def test_the_page_holds_nothing_that_was_decided_measured_or_named(tmp_path: Path) -> None:
    record = reviewed_record(tmp_path)
    page = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]*", "", render_review(record, tmp_path))
    secrets = {"PASS", "FAIL", "INCONCLUSIVE", record.id, *(model.key for model in record.models)}
    for case in record.cases:
        secrets |= {case.name, case.expectation, case.file, case.left.text, str(case.threshold)}
        secrets |= {row.sample for row in (*case.review, *case.gallery)} | {row.label for row in case.review}
        panels = [panel for row in (*case.review, *case.gallery) for panel in row.panels]
        secrets |= {str(row.value) for row in case.review} | {str(panel.probability) for panel in panels}
        secrets |= {panel.prediction or "" for panel in panels} | {panel.context or "" for panel in panels}
        secrets |= {panel.method or "" for panel in panels}
    secrets -= {"", "None"}
    assert len(secrets) > 10
    assert [secret for secret in sorted(secrets) if secret in page] == []


def test_every_digest_is_that_of_the_file_that_is_shown(tmp_path: Path) -> None:
    record = reviewed_record(tmp_path)
    data = data_of(render_review(record, tmp_path, seed=3))
    files = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (tmp_path / "images").iterdir()}
    used = {name for item in data["items"] for key, name in item["picture"].items() if key != "model"} - {None}
    assert set(data["files"]) == used <= files
    fingerprints = {model.fingerprint for model in record.models}
    for item in data["items"]:
        assert item["picture"]["model"] in fingerprints
    assert (data["run"], data["seed"]) == (record_digest(record), 3)


def test_the_order_is_drawn_by_the_seed_and_each_picture_is_shown_once(tmp_path: Path) -> None:
    record = reviewed_record(tmp_path)
    both = record.model_copy(update={"cases": [*record.cases, record.cases[0].model_copy(update={"id": "again"})]})

    def shown(seed: int) -> list[str]:
        return [json.dumps(item) for item in data_of(render_review(both, tmp_path, seed=seed))["items"]]

    assert render_review(record, tmp_path, seed=1) == render_review(record, tmp_path, seed=1)
    orders = [shown(seed) for seed in range(4)]
    assert len(set(map(tuple, orders))) > 1
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(orders[0]))}
    assert len(orders[0]) == len(set(orders[0])) == PICTURES


def test_only_cases_that_ask_for_reviewers_are_shown_where_there_is_one(tmp_path: Path) -> None:
    record = reviewed_record(tmp_path)
    first = record.cases[0]
    assert len(pictures_to_review(record)) == PICTURES
    alone = first.model_copy(update={"gallery": [], "review": first.review[:1]})
    other = first.model_copy(update={"id": "other", "gallery": first.review, "review": []})
    assert len(pictures_to_review(record.model_copy(update={"cases": [alone, other]}))) == 1
    assert len(pictures_to_review(record.model_copy(update={"cases": [other]}))) == PICTURES


def test_nothing_to_review_says_what_to_do(tmp_path: Path) -> None:
    record = reviewed_record(tmp_path)
    bare = record.model_copy(
        update={"cases": [one.model_copy(update={"review": [], "gallery": []}) for one in record.cases]}
    )
    with pytest.raises(ResultsError, match="add reviewed_by=2 to one that has"):
        render_review(bare, tmp_path)
    with pytest.raises(ResultsError, match="redacted record has no pictures"):
        render_review(record.model_copy(update={"redacted": True}), tmp_path)
    with pytest.raises(ResultsError, match="seed of a review"):
        render_review(record, tmp_path, seed=2**53)


def test_a_missing_picture_and_one_that_was_altered_are_refused(tmp_path: Path) -> None:
    record = reviewed_record(tmp_path)
    file = tmp_path / record.cases[0].review[0].panels[0].file
    content = file.read_bytes()
    file.write_bytes(content + b"\0")
    with pytest.raises(ResultsError, match="is not the picture that the run drew"):
        render_review(record, tmp_path)
    file.unlink()
    with pytest.raises(ResultsError, match="is missing or cannot be read"):
        render_review(record, tmp_path)


def test_both_languages_are_on_the_page(tmp_path: Path) -> None:
    page = render_review(reviewed_record(tmp_path), tmp_path, language="ja")
    texts = json.loads(re.findall(r'id="texts">(.*?)</script>', page, re.DOTALL)[0])
    assert '<html lang="ja">' in page and set(texts["en"]) == set(texts["ja"])
    assert (texts["en"]["next"], texts["ja"]["next"]) == ("Next", "次へ")
    assert texts["en"]["at"] == "Picture {at} of {count}"
