"""Notes of decisions: what the statistics write is found by its form and told in the language of the report."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from report.sample_record import worded

import modelaudit.statistics
from modelaudit.report.notes import _FORMS, note_text

EN, JA = worded("en"), worded("ja")


def stated() -> list[str]:
    """The texts of the statistics, 7 in the place of every value."""
    texts = []
    for file in Path(modelaudit.statistics.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "7" for part in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


def test_every_form_is_one_that_the_statistics_write() -> None:
    texts = stated()
    for form in _FORMS:
        # what is said of clusters, donors and pictures, and whose claim is limited, is put together there from parts
        form = form.replace(r"images of (?P<n>\d+) (?P<what>clusters|donors|different pictures)", "7")
        form = re.sub(r"\(\?P<(what|part)>.*?\)", "7", form)
        assert any(re.search(form, text) for text in texts), form


@pytest.mark.parametrize(
    ("note", "english", "japanese"),
    [
        (
            "images of 77 donors: counts as about 93 independent ones; more images help where they are of new ones",
            "Backgrounds came from 77 photos, so this counts like about 93 independent images. New backgrounds help "
            "more than repeats.",
            "背景は77枚の写真から取られているため、独立した画像約93枚に相当します。同じ背景を増やすより、新しい背景を加えるほうが有効です。",
        ),
        (
            "holds for these clusters alone (claim='these_clusters'); images of 9 clusters: more images help where "
            "they are of new ones",
            "This holds for these clusters alone. The images come from 9 clusters (scenes, lots). New clusters help "
            "more than repeats.",
            "この結果は今回のまとまりに限ります。画像は9個のまとまり（場面・ロット）から取られています。"
            "新しいまとまりを加えるほうが有効です。",
        ),
        ("a note of a later version", "a note of a later version", "a note of a later version"),
    ],
)
def test_a_note_is_told_in_both_languages_and_one_of_another_form_stands(
    note: str, english: str, japanese: str
) -> None:
    assert note_text(note, EN) == english
    assert note_text(note, JA) == japanese
