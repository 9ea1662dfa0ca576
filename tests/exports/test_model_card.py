"""The model card: what huggingface_hub reads of its metadata, and what a renderer of Markdown makes of its section."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt
from report.sample_record import record
from report.whole_records import WHOLE_RECORDS, quick_look, two_models

from modelaudit.cli import main
from modelaudit.evidence.record import RunRecord
from modelaudit.exports.model_card import BEGIN, END, card_results, card_section, card_subject, with_section
from modelaudit.language.errors import ResultsError

if TYPE_CHECKING:
    from huggingface_hub import ModelCard

OWN = """---
license: apache-2.0
tags:
- inspection
model-index:
- name: parts
  results:
  - task:
      type: image-classification
    dataset:
      name: ImageNet
      type: imagenet-1k
    metrics:
    - type: accuracy
      value: 0.76
---
# Parts

Trained in May.
"""


def card(found: RunRecord, there: str = "", *, model: str | None = None, language: str = "en") -> str:
    subject = card_subject(found, model)
    return with_section(there, card_section(subject, language), card_results(subject), subject.title)


def read(text: str) -> ModelCard:
    from huggingface_hub import ModelCard

    return ModelCard(text)


def rendered(text: str) -> str:
    """As GitHub and the Hub render it: CommonMark with tables, HTML let through."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(read(text).text)


def test_the_metadata_hold_what_counts_and_is_decided_with_its_bounds() -> None:
    found = {one.metric_name: one for one in read(card(record())).data.eval_results}
    assert set(found) == {
        "decides_on_the_part",
        "survives_layout_change",
    }  # neither undecided, nor an error, nor known-bad
    drop = found["survives_layout_change"]
    assert drop.metric_value == 0.121 and drop.metric_type == "accuracy - accuracy.under(swap_background(other_class))"
    assert drop.metric_args == {
        "tool": "modelaudit",
        "required": "< 0.05",
        "verdict": "FAIL",
        "lower": 0.087,
        "upper": 0.161,
        "confidence": 0.95,
        "images": 240,
    }
    assert (drop.dataset_name, drop.dataset_type, drop.task_type) == (
        "folder:data/line_a",
        "folder",
        "image-classification",
    )


def test_a_quick_look_gives_no_result(tmp_path: Path) -> None:
    assert read(card(quick_look(tmp_path))).data.eval_results is None


def test_a_card_keeps_everything_else_and_a_second_export_replaces_the_first() -> None:
    first = card(record(), OWN)
    changed = record(id="20270101-000000-0000", cases=[one for one in record().cases if one.verdict != "FAIL"])
    second = card(changed, first)
    for text in (first, second):
        data = read(text).data
        assert (data.license, data.tags, data.model_name) == ("apache-2.0", ["inspection"], "parts")
        assert [one.metric_value for one in data.eval_results if one.dataset_type == "imagenet-1k"] == [0.76]
        assert text.count(BEGIN) == text.count(END) == 1 and "Trained in May." in text
    assert "20270101-000000-0000" in second and "20261123-091402-7f3a" not in second
    assert [one.metric_name for one in read(second).data.eval_results] == [None, "decides_on_the_part"]
    assert card(changed, second) == second


def test_a_card_without_metadata_gets_them() -> None:
    text = card(record(), "# Ours\n\nText.\n")
    assert (
        read(text).text.lstrip().startswith("# Ours")
        and read(text).data.model_name == "resnet50 (torchvision), weights IMAGENET1K_V2"
    )


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_section_renders_as_one_table_with_a_row_for_each_requirement(language: str) -> None:
    page = rendered(card(record(), language=language))
    assert page.count("<table>") == 1 and page.count("<tr>") == 1 + len(record().cases)
    assert ("range 8.7 to 16.1" if language == "en" else "範囲 8.7～16.1") in page


@pytest.mark.parametrize("name", sorted(WHOLE_RECORDS.keys() - {"many", "two_models"}))
def test_texts_of_others_stay_text(name: str, tmp_path: Path) -> None:
    found = WHOLE_RECORDS[name](tmp_path)
    text = card(found)
    page = rendered(text)
    assert not re.search(r"<script|<img|<a ", page) and "\u202e" not in text
    assert card(found, text) == text


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    found = two_models(tmp_path)
    with pytest.raises(ResultsError, match="choose one with --model: candidate, current"):
        card(found)
    with pytest.raises(ResultsError, match="did you mean 'candidate'"):
        card(found, model="candidat")
    text = card(found, model="candidate")
    assert [one.metric_name for one in read(text).data.eval_results] == ["survives_layout_change[candidate]"]
    assert "survives\\_layout\\_change\\[current\\]" not in text


@pytest.mark.parametrize(
    ("there", "says"),
    [(f"# A\n{BEGIN}\n", "once each"), (f"{END}\n{BEGIN}\n", "once each"), ("---\na: [\n---\n", "metadata cannot be")],
)
def test_a_card_that_cannot_be_read_is_left_alone(there: str, says: str) -> None:
    with pytest.raises(ResultsError, match=says):
        card(record(), there)


def test_the_command_writes_into_the_card_that_is_there(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(audited)
    file = tmp_path / "README.md"
    file.write_text(OWN, encoding="utf-8")
    given = ["export", "model-card", "-o", str(file), "--language", "ja", "--dataset", "ours/line"]
    assert main(given) == 2
    assert "choose one with --model: Colour, Raises" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == OWN
    assert main([*given, "--model", "Colour"]) == 0
    results = read(file.read_text(encoding="utf-8")).data.eval_results
    assert {one.dataset_type for one in results} == {"imagenet-1k", "ours/line"}
    assert "## 監査結果" in file.read_text(encoding="utf-8")
