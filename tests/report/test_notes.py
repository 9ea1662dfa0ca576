"""Notes of decisions: what the statistics write is found by its form and told in the language of the report."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from report.sample_record import worded

import modelaudit.statistics
from modelaudit.report.notes import _FORMS, note_text
from modelaudit.statistics.feasibility import Infeasible

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
        (
            f"a ratio, decided as numerator - threshold * denominator; it {Infeasible(1200, 5900)}",
            "A ratio, decided as numerator minus limit times denominator. 1,200 images are too few for a pass: at "
            "least 5,900 are needed.",
            "比の判定は「分子－基準値×分母」で行っています。画像1,200枚では合格と判定できません。5,900枚以上必要です。",
        ),
        (
            f"it {Infeasible(8, 29, 'label(rare)', still=True)}",
            "8 images of label(rare) are too few for a pass, even where the context changes nothing: at least 29 are "
            "needed.",
            "label(rare)の画像8枚では、条件によって何も変わらない場合でも合格と判定できません。29枚以上必要です。",
        ),
        (
            f"it {Infeasible(120, 590, clusters=12)}",
            "120 images are too few for a pass: at least 590 are needed, from 59 clusters as large as these 12.",
            "画像120枚では合格と判定できません。今回の12個と同じ大きさのまとまり59個から、590枚以上必要です。",
        ),
        (
            f"it {Infeasible(90, None, clusters=9)}",
            "Images of 9 clusters (scenes, lots) are too few for a pass: at least 10 clusters are needed. More images "
            "of the same ones do not help; or limit the claim to these with Audit(claim='these_clusters').",
            "9個のまとまり（場面・ロット）の画像では、合格と判定できません。まとまりが10個以上必要です。"
            "同じまとまりの画像を増やしても効果はありません。または、Audit(claim='these_clusters')で主張を"
            "今回のまとまりに限ってください。",
        ),
        (
            f"it {Infeasible(500, None)}",
            "No number of images can show it: the limit is the best value that there is.",
            "判定基準が取り得る最良の値のため、画像を何枚増やしても示せません。",
        ),
        (
            f"it {Infeasible(500, None, outside='accuracy lies between 0 and 1; did you mean 0.90?')}",
            "It cannot pass: accuracy lies between 0 and 1; did you mean 0.90?",
            "合格と判定できません。accuracyの値は0～1です（もしかして：0.90）。",
        ),
        (
            f"it {Infeasible(500, None, outside='accuracy lies between 0 and 1')}",
            "It cannot pass: accuracy lies between 0 and 1.",
            "合格と判定できません。accuracyの値は0～1です。",
        ),
        ("a note of a later version", "a note of a later version", "a note of a later version"),
    ],
)
def test_a_note_is_told_in_both_languages_and_one_of_another_form_stands(
    note: str, english: str, japanese: str
) -> None:
    assert note_text(note, EN) == english
    assert note_text(note, JA) == japanese
