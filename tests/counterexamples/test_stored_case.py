"""A stored counterexample reads as it was written; one that is damaged, edited or of a later version is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counterexamples.stored import stored
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.counterexamples.stored_case import MOST_BYTES, case_text, is_case, read_case
from modelaudit.language.errors import ResultsError

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


@given(case=TEXT, sample=TEXT, context=TEXT, before=TEXT)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, case: str, sample: str, context: str, before: str
) -> None:
    one = stored(case=case)
    one = one.model_copy(
        update={
            "image": one.image.model_copy(update={"sample": sample}),
            "change": one.change.model_copy(update={"context": context}),
            "model": one.model.model_copy(update={"before": before}),
        }
    ).sealed()
    file = tmp_path_factory.mktemp("case") / one.name
    file.write_bytes(case_text(one).encode())
    assert read_case(file) == one
    assert case_text(read_case(file)).encode() == file.read_bytes()


@given(case=TEXT, sample=TEXT)
def test_a_name_is_one_file_of_every_system(case: str, sample: str) -> None:
    one = stored(case=case)
    name = one.model_copy(update={"image": one.image.model_copy(update={"sample": sample})}).name
    assert re.fullmatch(r"[\w.][\w.-]*-[0-9a-f]{8}\.json", name) and name[0] not in ".-"
    assert len(name.encode()) <= 255


def test_a_name_reads_as_the_case_and_the_image() -> None:
    one = stored(case="audits/audit_line.py::keeps_its_answer[shortcut]")
    assert one.name.startswith("keeps_its_answer-shortcut-bolt-1.png-")
    assert stored(case="a.py::背景が変わっても").name.startswith("背景が変わっても-bolt-1.png-")


def test_names_tell_apart_what_differs() -> None:
    one = stored()
    other = [
        one.model_copy(update={"case": "audits/audit_line.py::other"}),
        one.model_copy(update={"image": one.image.model_copy(update={"image": "d" * 64})}),
        one.model_copy(update={"change": one.change.model_copy(update={"context": "fog(3)"})}),
    ]
    assert len({each.name for each in (one, *other)}) == 4
    assert one.model_copy(update={"run": "another", "versions": {}}).name == one.name


def _edited(**changed: Any) -> Callable[[str], str]:
    def edit(text: str) -> str:
        return json.dumps({**json.loads(text), **changed})

    return edit


def _change(**changed: Any) -> Callable[[str], str]:
    def edit(text: str) -> str:
        document = json.loads(text)
        return json.dumps({**document, "change": {**document["change"], **changed}})

    return edit


DAMAGE: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda text: "", "not valid JSON"),
    "cut off": (lambda text: text[: len(text) // 2], "not valid JSON"),
    "a list": (lambda text: "[]", "format None"),
    "another format": (_edited(format="modelaudit-plan/1"), "format 'modelaudit-plan/1'"),
    "a later version": (_edited(format="modelaudit-counterexample/2"), "use the version that wrote it"),
    "another change": (_change(context="fog(1)"), "its digest does not fit"),
    "another dose": (_change(dose=0.5), "its digest does not fit"),
    "a dose beyond its range": (_change(dose=2), "dose"),
    "not a number": (lambda text: text.replace("0.04", "NaN", 1), "not finite"),
    "an unknown field": (_edited(passed=True), "passed"),
    "a field missing": (lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "seed"}), "seed"),
    "a key twice": (lambda text: text.replace('"seed"', '"seed": 1, "seed"', 1), "occurs twice"),
    "no digest": (_edited(digest=""), "its digest does not fit"),
    "half of a surrogate pair": (lambda text: text.replace("bolt/1.png", "\\ud800", 1), "surrogate"),
    "deep": (lambda text: "[" * 200 + "]" * 200, "inside of one another"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(kind: str, tmp_path: Path) -> None:
    damage, said = DAMAGE[kind]
    file = tmp_path / "case.json"
    file.write_text(damage(case_text(stored())), encoding="utf-8")
    assert not is_case(file)
    with pytest.raises(ResultsError, match=re.escape(said)) as error:
        read_case(file)
    assert "case.json" in str(error.value)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ResultsError, match=re.escape("folder.json: cannot be read")):
        read_case(tmp_path / "folder.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ResultsError, match="is larger than"):
        read_case(tmp_path / "large.json")
