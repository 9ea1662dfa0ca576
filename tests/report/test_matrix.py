"""The section on what fails where: its numbers as text, both languages, hostile names, and its limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from report.sample_record import LIGHTING, OTHER_CLASS, case, decision, measure, record, worded
from report.test_render import HOSTILE, PageParser

from modelaudit.evidence.record import (
    ByClass,
    ConfusionCell,
    ConfusionColumn,
    ConfusionRecord,
    ConfusionRow,
    ContextNode,
    MatrixCell,
    MatrixContext,
    MatrixRecord,
    RunRecord,
    WantedImages,
)
from modelaudit.report import render_html, render_summary
from modelaudit.report.matrix import ByClassView, MatrixView, by_class_view

EN, JA = worded("en"), worded("ja")
NOWHERE = Path("nowhere")
SHARE = {"low": 0.0, "high": 1.0}


def cells(labels: int = 2, contexts: int = 2, name: str = "class {}") -> list[MatrixCell]:
    """Right on the original; the more contexts and labels before it, the worse."""
    return [
        MatrixCell(
            label=name.format(at),
            context=context,
            n=40 - at % 5,
            mean=max(0.0, 1 - 0.06 * context),
            lower=max(0.0, 0.9034 - 0.06 * context),
            upper=1.0,
            few=at % 2 == 1,
        )
        for at in range(labels)
        for context in range(contexts)
    ]


def matrix(found: list[MatrixCell], **changes: Any) -> MatrixRecord:
    count = 1 + max(cell.context for cell in found)
    nodes = [[], [OTHER_CLASS], *([LIGHTING.model_copy(update={"arguments": {"severity": at}})] for at in range(count))]
    fields: dict[str, Any] = {
        "data": "d0",
        "model": "m0",
        "measure": measure(),
        "confidence": 0.95,
        "contexts": [MatrixContext(key=f"k{at}", contexts=nodes[at]) for at in range(count)],
        "cells": found,
        **SHARE,
    }
    return MatrixRecord(**{**fields, **changes})


def wanted(label: str = "bolt", **changes: Any) -> WantedImages:
    cell = MatrixCell(label=label, context=1, n=12, mean=0.75, lower=0.4727, upper=0.9281, few=True)
    fields: dict[str, Any] = {
        "data": "d0",
        "model": "m0",
        "measure": measure(),
        "contexts": [OTHER_CLASS],
        "cell": cell,
        "rule": "threshold",
        "op": ">",
        "threshold": 0.9,
        "more": 37,
    }
    return WantedImages(**{**fields, **changes})


def run(*matrices: MatrixRecord, lines: tuple[WantedImages, ...] = (), **changes: Any) -> RunRecord:
    return record(by_class=ByClass(matrices=list(matrices), wanted=list(lines), **changes))


def section(html: str, language: str = "en") -> str:
    """The section of one language, as HTML."""
    page = html[html.index(f'id="behind" lang="{language}"') :]
    start = page.index('<section class="by-class"')
    return page[start : page.index("</section>", start)]


def view(found: RunRecord, words: Any = EN) -> ByClassView:
    result = by_class_view(found, words)
    assert result is not None
    return result


def only(one: MatrixRecord, words: Any = EN) -> MatrixView:
    (found,) = view(run(one), words).matrices
    return found


def test_a_cell_has_its_value_its_bounds_and_the_row_its_images() -> None:
    found = only(matrix(cells()))
    assert (found.title, found.heads) == ("Accuracy", ("original images", "background of another class"))
    assert [(row.label, row.images) for row in found.rows] == [("class 0", "40 images"), ("class 1", "39 images")]
    # bounds are rounded away from each other: .8434 is not "at least 85 %"
    assert [(cell.value, cell.interval) for cell in found.rows[0].cells] == [
        ("100.0%", "90 to 100"),
        ("94.0%", "84 to 100"),
    ]
    assert [cell.few for row in found.rows for cell in row.cells] == [False, False, True, True]


def confusion(**changes: Any) -> ConfusionRecord:
    """Of 8 free ones 1 is taken for none of the labels, of 10 scratched ones 4 for free."""
    fields: dict[str, Any] = {
        "data": "d0",
        "model": "m0",
        "confidence": 0.95,
        "rows": [ConfusionRow(label="free", n=8), ConfusionRow(label="scratch", n=10, missing=2)],
        "columns": [
            ConfusionColumn(kind="class", name="free"),
            ConfusionColumn(kind="class", name="scratch"),
            ConfusionColumn(kind="others", classes=3),
            ConfusionColumn(kind="none"),
        ],
        "cells": [
            ConfusionCell(label=label, column=at, n=n, share=share, lower=0.0213, upper=0.7, right=right)
            for label, at, n, share, right in (
                ("free", 0, 7, 0.875, True),
                ("free", 1, 0, 0.0, False),
                ("free", 2, 0, 0.0, False),
                ("free", 3, 1, 0.125, False),
                ("scratch", 0, 4, 0.4, False),
                ("scratch", 1, 6, 0.6, True),
                ("scratch", 2, 0, 0.0, False),
                ("scratch", 3, 0, 0.0, False),
            )
        ],
    }
    return ConfusionRecord(**{**fields, **changes})


def test_a_confusion_table_says_what_the_images_of_each_label_are_taken_for() -> None:
    (found,) = view(run(confusions=[confusion()])).matrices
    assert found.heads == ("taken for “free”", "taken for “scratch”", "3 other classes", "none of the labels")
    assert [(row.label, row.images) for row in found.rows] == [("free", "8 images"), ("scratch", "12 images")]
    missed = found.rows[1].cells[0]
    assert (missed.value, missed.interval, missed.images) == ("40.0%", "2 to 70", "4 images")
    assert [cell.tone for cell in found.rows[1].cells] == [2, 2, 0, 0]
    assert found.notes == ("2 images have no prediction; in the bounds they stand at the worst and at the best.",)


def test_the_confusion_table_stands_in_the_report_in_both_languages_without_any_matrix() -> None:
    html = render_html(run(confusions=[confusion()]), NOWHERE)
    assert "taken for “scratch”" in section(html) and "each at 95%" in section(html)
    japanese = section(render_html(run(confusions=[confusion()]), NOWHERE, language="ja"), "ja")
    assert "「scratch」と判定" in japanese and "いずれのラベルでもない" in japanese


def test_of_many_labels_the_pairs_are_listed() -> None:
    pairs = [one for one in confusion().cells if one.n and not one.right]
    (found,) = view(run(confusions=[confusion(pairs=True, cells=pairs, pairs_left_out=2)])).matrices
    assert [(row.label, row.cells[0].value, row.cells[1].value) for row in found.rows] == [
        ("free", "none of the labels", "12.5%"),
        ("scratch", "free", "40.0%"),
    ]
    assert found.notes[-1] == "2 more confusions, no more frequent than these, are not shown."


def test_labels_that_are_never_confused_are_named_below_the_table() -> None:
    cells = [cell for cell in confusion().cells if cell.label == "scratch"]
    right = [cell.model_copy(update={"label": "free", "n": 8 if cell.right else 0}) for cell in cells]
    right = [cell.model_copy(update={"right": cell.column == 0, "n": 8 * (cell.column == 0)}) for cell in right]
    table = confusion(cells=[*right, *cells], rows=[row.model_copy(update={"missing": 0}) for row in confusion().rows])
    (found,) = view(run(confusions=[table])).matrices
    assert [row.label for row in found.rows] == ["scratch"]
    assert "Not listed is 1 label of which every image is taken for its own class: free." in found.notes


def test_names_in_a_confusion_table_are_escaped() -> None:
    columns = [ConfusionColumn(kind="class", name=HOSTILE)]
    cell = ConfusionCell(label=HOSTILE, column=0, n=1, share=1.0, right=True)
    hostile = confusion(columns=columns, rows=[ConfusionRow(label=HOSTILE, n=1)], cells=[cell])
    assert "<script" not in section(render_html(run(confusions=[hostile]), NOWHERE))


def test_numbers_that_are_no_shares_keep_two_digits() -> None:
    maps = measure("background_dependence", methods=["gradcam"])
    one = MatrixCell(label="a", context=0, n=5, mean=0.314, lower=0.1449, upper=0.501)
    found = only(matrix([one, one.model_copy(update={"context": 1})], measure=maps))
    assert found.title == "Background dependence (Grad-CAM)"
    assert (found.rows[0].cells[0].value, found.rows[0].cells[0].interval) == ("0.31", "0.14 to 0.51")


@pytest.mark.parametrize(
    ("better", "low", "high", "tones"),
    [("high", 0.0, 1.0, (6, 3, 0)), ("low", 0.0, 1.0, (0, 3, 6)), ("high", None, None, (6, 3, 0))],
)
def test_the_worse_the_darker(better: str, low: float | None, high: float | None, tones: tuple[int, ...]) -> None:
    means = [0.0, 0.5, 1.0]
    found = [MatrixCell(label="a", context=at, n=9, mean=mean) for at, mean in enumerate(means)]
    one = only(matrix(found, measure=measure(better=better), low=low, high=high))
    assert tuple(cell.tone for cell in one.rows[0].cells) == tones


def test_every_colour_stands_beside_its_number() -> None:
    html = section(render_html(run(matrix(cells(6, 12))), NOWHERE))
    shown = re.findall(r'<td class="tone-\d"><b>([^<]+)', html)
    assert len(shown) == 72 and all(re.fullmatch(r"[\d.]+%", text) for text in shown)


def test_missing_values_and_cells_without_any_are_told() -> None:
    none = MatrixCell(label="a", context=0, n=0, missing=6, mean=None, lower=0.0, upper=1.0, few=True)
    some = MatrixCell(label="a", context=1, n=5, missing=1, mean=0.8, lower=0.3, upper=1.0)
    row = only(matrix([none, some])).rows[0]
    assert [(cell.value, cell.images) for cell in row.cells] == [("–", "0 / 6"), ("80.0%", "5 / 6")]
    assert row.images == "6 images"


def test_many_contexts_are_numbered_and_named_in_a_list() -> None:
    found = only(matrix(cells(3, 6)))
    assert found.heads == ("1", "2", "3", "4", "5", "6")
    assert found.numbered[:2] == ("original images", "background of another class")
    html = section(render_html(run(matrix(cells(3, 6))), NOWHERE))
    assert "<li>other lighting of the whole image (severity 3 of 5)</li>" in html


def test_what_is_left_out_is_counted() -> None:
    one = matrix(cells(), labels_left_out=950, contexts_left_out=3, stopped=True)
    text = section(render_html(run(one, matrices_left_out=2, wanted_left_out=1, unread=["a", "b"]), NOWHERE))
    for said in (
        "950 more classes are not shown",
        "3 contexts that do better on average are not shown",
        "could stop early",
        "2 more tables are not shown",
        "More images of at least 1 other class would help too.",
        "the measure is not known where the record was made: a, b",
    ):
        assert said in text


def settled(*lines: WantedImages, **changes: Any) -> RunRecord:
    """A run of which no requirement is undecided, with what its classes need."""
    fields = {"cases": [case("a", measure(), ">", 0.5, "PASS")], **changes}
    return run(matrix(cells()), lines=lines).model_copy(update=fields)


def few(label: str = "bolt", **changes: Any) -> WantedImages:
    return wanted(label, rule="width", op=None, threshold=None, **changes)


def with_cell(want: WantedImages, **changes: Any) -> WantedImages:
    return want.model_copy(update={"cell": want.cell.model_copy(update=changes)})


def test_a_line_of_the_shopping_list_says_what_and_why() -> None:
    bare = with_cell(few("nut", more=1), lower=None, upper=None, clusters=3, scarce="cluster")
    assert view(settled(wanted(), few("gear", more=1, contexts=[]), bare)).wanted == (
        (
            "Photograph about 37 more objects of class “bolt”. The change is computed from the photos: "
            "background of another class.",
            "Accuracy 75.0% on 12 images (47 to 93): not enough to tell whether it is more than 90%. "
            "No verdict depends on it.",
        ),
        (
            "Photograph about 1 more object of class “gear”.",
            "Accuracy 75.0% on 12 images (47 to 93): a bound lies more than ten points away.",
        ),
        (
            "Photograph about 1 more object of class “nut”. The change is computed from the photos: background of "
            "another class. Take them in new scenes or lots: more of the same ones help little.",
            "Accuracy 75.0% on 12 images (of 3 clusters): too few for any bound.",
        ),
    )


def test_what_decides_a_requirement_stands_first() -> None:
    open_one = case(
        *("dark", measure("accuracy", LIGHTING), ">", 0.9, "INCONCLUSIVE"),
        reason="too_few_images",
        decision=decision("INCONCLUSIVE", 0.9, 0.8, 0.95, more_images=310),
    )
    lines = view(settled(few(), cases=[open_one])).wanted
    assert len(lines) == 2
    assert lines[0][0].startswith("Photograph a new set of about 550 objects, all classes alike (310 more")
    assert "that would probably decide “dark”" in lines[0][0]
    ((_, why),) = view(settled(wanted(decides=["dark"]))).wanted
    assert why.endswith("more than 90%. “dark” is undecided.")


def test_classes_that_need_the_same_have_one_line() -> None:
    alike = [few(name, more=9, contexts=[]) for name in ("gear", "nut")]
    ((asked, why),) = view(settled(*alike)).wanted
    assert asked == "Photograph about 9 more objects of each of these classes: “gear”, “nut”."
    assert why == "So that the accuracy of each is known to ten points."
    ((_, why),) = view(settled(wanted("gear"), wanted("nut"))).wanted
    assert why.startswith("Accuracy: “gear” 75.0% (47 to 93), “nut” 75.0% (47 to 93): not enough to tell whether it is")
    ((asked, _),) = view(settled(alike[0], few("nut", more=40, contexts=[]))).wanted
    assert asked == "Photograph more objects of these classes, about: “gear” 9, “nut” 40."


def test_ten_classes_with_the_same_need_are_not_ten_lines() -> None:
    found = view(settled(*(few(f"c{at}", more=29) for at in range(30))))
    ((asked, _),) = found.wanted
    assert "“c7” and 22 more" in asked and found.notes == ()


def test_no_line_is_lost_in_silence() -> None:
    found = view(settled(*(wanted(f"c{at}", threshold=0.5 + at / 100) for at in range(14))))
    assert len(found.wanted) == 10
    assert "More images of at least 4 other classes would help too." in found.notes


def test_where_backgrounds_are_scarce_those_are_asked_for() -> None:
    ((asked, _),) = view(settled(with_cell(few(), lower=None, upper=None, clusters=4, scarce="donor"))).wanted
    assert asked.startswith("Photograph new backgrounds for “bolt”") and "37" not in asked


def test_the_same_in_japanese() -> None:
    passed = [case("a", measure(), ">", 0.5, "PASS")]
    found = view(run(matrix(cells(), labels_left_out=2), lines=(wanted(),)).model_copy(update={"cases": passed}), JA)
    (one,) = found.matrices
    assert (one.title, one.heads, one.rows[0].images) == ("正解率", ("元画像", "別クラスの背景"), "40枚")
    assert found.wanted == (
        (
            "boltの実写画像を約37枚追加してください。条件は本ツールが写真から合成します：別クラスの背景。",
            "12枚での正解率は 75.0%（47～93）。これだけでは、90%超かどうかを判断できません。判定には影響しません。",
        ),
    )
    html = section(render_html(run(matrix(cells())), NOWHERE, language="ja"), "ja")
    assert "どこで失敗しているか" in html and "images" not in html


def test_models_and_data_are_named_where_there_are_several() -> None:
    plain = run(matrix(cells()), lines=(wanted(),))
    model, data = plain.models[0], plain.data[0]
    two = plain.model_copy(
        update={
            "models": [model, model.model_copy(update={"key": "m1", "names": ["second"]})],
            "data": [data, data.model_copy(update={"key": "d1"})],
        }
    )
    (one,) = view(two).matrices
    assert (one.model, one.data) == ("model", "folder:data/line_a")
    assert "(47 to 93, model)" in view(two).wanted[-1][1]
    assert only(matrix(cells())).data == ""


def test_without_a_matrix_there_is_no_section() -> None:
    for nothing in (record(), run()):
        assert by_class_view(nothing, EN) is None
        assert '<section class="by-class"' not in render_html(nothing, NOWHERE)


def test_the_summary_is_as_it_was() -> None:
    assert render_summary(run(matrix(cells()), lines=(wanted(),))) == render_summary(record())


def test_hostile_names_stay_text() -> None:
    node = ContextNode(name=HOSTILE, family=HOSTILE, arguments={}, text=HOSTILE)
    found = [cell.model_copy(update={"label": HOSTILE}) for cell in cells(1, 6)]
    one = matrix(found, measure=measure(HOSTILE, methods=[HOSTILE]), model=HOSTILE, data=HOSTILE)
    one = one.model_copy(update={"contexts": [MatrixContext(key=HOSTILE, contexts=[node])] * 6})
    hostile = run(one, lines=(wanted(HOSTILE, contexts=[node], model=HOSTILE, measure=one.measure),))
    html = render_html(hostile, NOWHERE)
    seen = PageParser(html)
    tags = [tag for tag, _ in seen.elements]
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (2, 1, 0)
    assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
    assert "\u202e" not in html
    assert any("{{ 7*7 }} {0} %s 日本語" in text for text in seen.text)


def largest() -> RunRecord:
    """What a run of 1000 classes and 15 contexts leaves in its record, with long names."""
    name = "class_{}_" + "very_long_" * 9
    one = matrix(cells(50, 12, name), labels_left_out=950, contexts_left_out=4)
    return run(one, lines=tuple(wanted(name.format(at)) for at in range(10)), wanted_left_out=90)
