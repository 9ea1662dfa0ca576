"""Errors, details of images, notes of plans, reasons of guesses: their Japanese texts, by the forms of English ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from modelaudit import acceptance
from modelaudit.language.errors import nearest
from modelaudit.report.error_texts import (
    ERROR_FORMS,
    detail_text,
    error_text,
    guess_reason,
    plan_note,
    verification_line,
)
from modelaudit.report.words import CATALOGUES, words_of
from modelaudit.starter import references

EN, JA = words_of("en"), words_of("ja")


def test_every_form_has_a_japanese_text_and_none_is_left_over() -> None:
    with (CATALOGUES / "errors.ja.po").open("rb") as file:
        texts = {str(one.id): str(one.string) for one in read_po(file, locale="ja") if one.id}
    forms = {f"{kind}.{key}": form for kind, found in ERROR_FORMS.items() for form, key in found.items()}
    assert set(texts) == {*forms, "error_nearest", "error_known"}
    for key, form in forms.items():
        assert set(re.findall(r"\{(\w+)\}", texts[key])) <= set(re.compile(form).groupindex), key


@pytest.mark.parametrize(
    ("error", "starts"),
    [
        ("folder:x: no folder at /data/x", "folder:x：フォルダが見つかりません（探した場所：/data/x）"),
        (
            "folder:x: no folder at /data/x; check the path: give a folder that is there",
            "folder:x：フォルダが見つかりません（探した場所：/data/x）。パスを確認し、",
        ),
        (
            "'yolo:a?split=tset': no folder at /a/tset, and no list at /a/tset.txt; check the path, or the name 'tset' "
            "after split=" + nearest("tset", ["test"]),
            "'yolo:a?split=tset'：フォルダも一覧ファイル/a/tset.txtも見つかりません（探した場所：/a/tset）。",
        ),
        (
            "not applicable: margin needs the scores of every class, and the answers of predictions:a.csv hold labels "
            "alone; let the box write more into them, or take a measure of the label, such as accuracy or flip_rate",
            "適用できません：marginには全クラスのスコアが必要ですが、predictions:a.csvの回答にはラベルしか",
        ),
        (
            "not applicable: top_k_accuracy(3) needs the 3 strongest labels, and the answers of predictions:a.csv hold "
            "the 2 strongest labels; let the box write more into them, or take a measure of the label",
            "適用できません：top_k_accuracy(3)には上位3件のラベルが必要ですが",
        ),
        (
            "not applicable: gradcam needs a model that can be run, or its maps beside the answers of "
            "predictions:a.csv: there is no maps=FOLDER; write them to maps/gradcam/PICTURE.npz",
            "適用できません：gradcamには実行できるモデルか",
        ),
        (
            "a.csv: 3 thing(s) in which answers and manifest do not fit; nothing is guessed",
            "a.csv：回答とマニフェストが3か所で合いません",
        ),
        (
            "m.jsonl: 4 picture(s) of this pass were not rendered (a.png: another image); render again (modelaudit "
            "render AUDIT -o FOLDER; what is there is kept), and run the box on what is new",
            "m.jsonl：このパスの画像4枚が書き出されていません（a.png: another image）",
        ),
        (
            "a.csv: cannot be read (No such file or directory); modelaudit render AUDIT -o FOLDER writes the pictures",
            "a.csv：読み込めません（No such file or directory）。modelaudit render AUDIT",
        ),
        (
            "the run is about several models: choose one with --model: candidate, current",
            "この実行には複数のモデルがあります。--modelで1つ選んでください：candidate, current",
        ),
        (
            "this export needs pyarrow: pip install 'pytest-modelaudit[parquet]' (No module named 'pyarrow')",
            "この出力にはpyarrowが必要です。次のコマンドでインストールしてください：pip install 'pytest-modelaudit[",
        ),
        (
            "m.pt: returns nan for an image of noise (1 of 3 outputs are not finite); look for NaN in its weights",
            "m.pt：ノイズ画像に対する出力がnanになります（全3個中1個が有限の値ではありません）。",
        ),
        (
            "a.png is 4 x 5, the image 8 x 8 (width x height); a mask has the size of its image",
            "マスクa.png",
        ),
        (
            "'folder:x?msk=1': unknown option 'msks'" + nearest("msks", ["masks"]),
            "'folder:x?msk=1'：オプション'msks'",
        ),
        ("nut/1.png is empty (0 bytes)", "nut/1.pngは空のファイルです"),
        (
            "a.yaml:3: expct: unknown key; did you mean 'expect'?",
            "a.yaml:3: expct：このキーは使用できません",
        ),
        (
            "a.json: the record contradicts itself, so it cannot be used: the run: whole is [1, 2, 3, ... 4 more], and "
            "False follows from the record",
            "a.json：記録に矛盾があるため使用できません（実行全体：wholeは[1, 2, 3, ... 4 more]ですが、記録からは",
        ),
        (
            "r: the record contradicts itself, so it cannot be used: a.py::x: verdict is 'PASS', and 'FAIL' follows "
            "from the record",
            "r：記録に矛盾があるため使用できません（a.py::x：verdictは'PASS'ですが、記録からは'FAIL'となります）",
        ),
        (
            "a.json:7: is not valid JSON: Expecting value at column 1; this is not a run record; restore it, or run",
            "a.jsonの7行目：正しいJSONではありません（Expecting value at column 1）。",
        ),
        (
            "a.onnx: cannot be read as an ONNX file (broken)",
            "a.onnxをONNXファイルとして読み込めません（broken）",
        ),
    ],
)
def test_frequent_errors_are_told_in_japanese(error: str, starts: str) -> None:
    told = error_text(f"{error}\nHere: more", JA)
    assert told.startswith(starts)
    assert ("もしかして" in told) == ("did you mean" in error)


def test_english_and_what_nobody_here_wrote_stand_as_they_are() -> None:
    assert error_text("something else", JA) == ""
    assert detail_text("something else", JA) == plan_note("something else", JA) == "something else"
    assert detail_text("equal pixels", EN) == "equal pixels"
    assert detail_text("equal pixels", JA) == "画素がすべて同じ"
    assert plan_note("not with 1000 images", JA) == "1000枚でも足りません"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "run/run.json: the run: whole is True, and False follows from the record",
            "run/run.json：実行全体：wholeはTrueですが、記録からはFalseとなります",
        ),
        (
            "run/run.json: a.py::x: verdict is 'PASS', and 'FAIL' follows from the record",
            "run/run.json: a.py::x：verdictは'PASS'ですが、記録からは'FAIL'となります",
        ),
        (
            "run/evidence.json: predicate.result: is 'PASSED', and what run/run.json and the files make has 'FAILED'",
            "run/evidence.json: predicate.result：'PASSED'ですが、"
            "run/run.jsonとファイルから作られる内容では'FAILED'です",
        ),
        ("no --expect-commit was given", "--expect-commitの指定がありません"),
        ("something of another form", "something of another form"),
    ],
)
def test_what_verify_says_is_told_in_japanese(line: str, said: str) -> None:
    assert verification_line(line, JA) == said
    assert verification_line(line, EN) == line


def test_every_reason_why_a_check_is_not_made_is_told_in_japanese() -> None:
    reasons = []
    for file in Path(acceptance.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named = {
            one.targets[0].id: one.value
            for one in tree.body
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
        }
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "NotChecked":
                (said,) = call.args
                said = named[said.id] if isinstance(said, ast.Name) else said
                parts = getattr(said, "values", [said])
                reasons.append("".join(part.value if isinstance(part, ast.Constant) else "x" for part in parts))
    assert len(reasons) > 18
    assert [why for why in reasons if verification_line(why, JA) == why] == []


def test_a_record_cannot_word_its_failure_as_a_warning() -> None:
    """Anybody can write a value into a record; what is said of it stays what is said of a value."""
    mild = (
        "report.html:1: is the file that was signed (by vendor), and this installation (modelaudit 1) renders it "
        "differently: 0.9 made it, and that version can check it; what counts is run/run.json"
    )
    said = verification_line(f"run/run.json: a.py::x: says is '{mild}", JA)
    assert "署名されたファイルそのもの" not in said
    assert "署名されたファイルそのもの" in verification_line(f"run/{mild}", JA)


def test_every_reason_of_a_guess_is_told_in_japanese() -> None:
    """A recogniser returns the scheme, what follows it, and why."""
    tree, reasons = ast.parse(Path(references.__file__).read_text(encoding="utf-8")), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
            parts = getattr(node.value.elts[2], "values", [node.value.elts[2]])
            reasons.append(
                "".join(
                    str(getattr(part, "value", "")) if isinstance(part, ast.Constant) else ".json" for part in parts
                )
            )
    assert len(reasons) > 12
    assert [why for why in reasons if guess_reason(why, JA) == why] == []
    assert guess_reason("a file for onnx:", JA) == "onnx: で読み込むファイル"
    assert guess_reason("a shard", EN) == "a shard"
