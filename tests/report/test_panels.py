"""What stands over the pictures of a gallery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from report.sample_record import OTHER_CLASS, case, decision, draw_gallery, measure, worded
from report.test_page import whole

from modelaudit.engine.gallery.drawing import heat_bytes
from modelaudit.evidence.record import ArithmeticNode, CaseRecord, Node, Panel, SampleRecord, TableRecord
from modelaudit.report import render_html
from modelaudit.report.cases import case_view
from modelaudit.report.pictures import Pictures, choose, read_pictures

EN, JA = worded("en"), worded("ja")
ADVERSARIAL = measure("adversarial_background_rate", OTHER_CLASS)


def headings(left: Node, folder: Path, language: str = "en") -> list[str]:
    stated = case("a", left, "<", 0.5, "PASS", decision=decision("PASS", 0.1, 0.0, 0.2), gallery=draw_gallery(folder))
    shown = Pictures(frozenset((0, row) for row in range(3)), {}, frozenset(), 0)
    view = case_view(whole([stated]), 0, {"en": EN, "ja": JA}[language], shown)
    return [panel.heading for panel in view.rows[0].panels]


def test_a_background_is_told_in_words(tmp_path: Path) -> None:
    assert headings(measure("accuracy", OTHER_CLASS), tmp_path)[:2] == ["Original", "Background of another class"]


@pytest.mark.parametrize(("right", "marked"), [(None, False), (True, True), (False, False)])
def test_whether_an_answer_is_right_the_record_says_and_names_only_where_it_does_not(
    tmp_path: Path, right: bool | None, marked: bool
) -> None:
    (row, *_) = draw_gallery(tmp_path)  # answered "bolt" under the context; "gear" is the label
    panels = [panel.model_copy(update={"right": right}) for panel in row.panels]
    stated = case("a", measure(), "<", 0.5, "PASS", decision=decision("PASS", 0.1, 0.0, 0.2))
    stated = stated.model_copy(update={"gallery": [row.model_copy(update={"panels": panels})]})
    view = case_view(whole([stated]), 0, EN, Pictures(frozenset({(0, 0)}), {}, frozenset(), 0))
    assert view.rows[0].panels[1].right is marked


@pytest.mark.parametrize("left", [ADVERSARIAL, ArithmeticNode(op="-", left=ADVERSARIAL, right=measure())])
def test_of_several_backgrounds_the_one_that_is_shown_is_the_first_that_was_tried(left: Node, tmp_path: Path) -> None:
    assert headings(left, tmp_path)[1] == "Background of another class (the first that was tried)"
    assert headings(left, tmp_path, "ja")[1] == "別クラスの背景（最初に試したもの）"


def layered(folder: Path, **changed: object) -> CaseRecord:
    """A case with one image whose heat map is stored apart from its picture."""
    row = draw_gallery(folder)[0]
    original, context, heat, _ = row.panels
    (folder / "images/map.png").write_bytes(heat_bytes(np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)))
    context = context.model_copy(update={"outline": "M100 100l800 0 0 800-800 0z", "right": False})
    fields = {"map": "images/map.png", "file": context.file, "contours": ["M1 1l9 0 0 9z", "M1 1l20 0 0 20z"]}
    told = {"share_on_object": 0.28, "heat_at": "top_left", "right": False, **changed}
    row = row.model_copy(update={"panels": [original, context, heat.model_copy(update=fields | told)]})
    found = decision("FAIL", 0.5, 0.4, 0.6)
    return case("a", measure("accuracy", OTHER_CLASS), ">", 0.9, "FAIL", decision=found, gallery=[row])


def test_a_heat_map_is_laid_over_its_picture_with_contours_and_the_outline_of_the_object(tmp_path: Path) -> None:
    run = whole([layered(tmp_path)])
    pictures = choose(run, *read_pictures(run, tmp_path), room=10**7)
    _, context, heat = case_view(run, 0, EN, pictures).rows[0].panels
    assert heat.picture == context.picture and heat.map is not None and heat.map.uri.startswith("data:image/png")
    assert heat.contours is not None and heat.contours.path == "M1 1l9 0 0 9zM1 1l20 0 0 20z"
    assert heat.outline is not None and heat.outline == context.outline
    html = render_html(run, tmp_path)
    assert html.count("data:image/") == 3  # the picture under the map is that of the context
    assert html.count(f'<use class="heat" href="#{heat.map.id}"/>') == 1
    assert html.count(f'd="{heat.outline.path}"') == html.count(f'd="{heat.contours.path}"') == 1


def test_the_text_says_whether_the_answer_is_right_and_where_the_heat_is(tmp_path: Path) -> None:
    run, none = whole([layered(tmp_path)]), Pictures(frozenset({(0, 0)}), {}, frozenset(), 0)
    heat = case_view(run, 0, EN, none).rows[0].panels[2]
    assert heat.alternative == (
        "Heat map, Grad-CAM: gear/IMG_0000.jpg, predicted as bolt (49%), which is wrong (label gear); "
        "the heat is mostly on the background (72%); most of it at the top left"
    )
    assert heat.heat == "28% of the heat on the object"
    japanese = case_view(run, 0, JA, none).rows[0].panels[2].alternative
    assert "寄与は主に背景上（72%）、左上に集中" in japanese and "不正解" in japanese
    on_it = whole([layered(tmp_path, share_on_object=0.5, heat_at="spread", right=True)])
    told = case_view(on_it, 0, EN, none).rows[0].panels[2].alternative
    assert told.endswith("which is right; the heat is mostly on the object (50%); spread over the picture")


def test_a_map_that_cannot_be_read_leaves_its_place(tmp_path: Path) -> None:
    run = whole([layered(tmp_path)])
    (tmp_path / "images/map.png").unlink()
    html = render_html(run, tmp_path)
    assert html.count('class="picture absent"') == 1 and 'class="heat"' not in html


@pytest.mark.parametrize("path", ["M0 0L9 9z", 'M0 0"/><script>', "url(https://example.com)"])
def test_a_record_whose_lines_are_anything_but_lines_is_refused(tmp_path: Path, path: str) -> None:
    panel = draw_gallery(tmp_path)[0].panels[0].model_dump()
    with pytest.raises(ValidationError, match="outline"):
        Panel.model_validate(panel | {"outline": path})


def test_who_lent_the_background_stands_under_the_picture(tmp_path: Path) -> None:
    lent = TableRecord(
        data="d0",
        samples=[SampleRecord(id=name, label="gear") for name in ("gear/other.jpg", "gear/IMG_0000.jpg")],
        columns=[],
        donors={"m0|swap_background(other_class)": [None, "nut/IMG_0009.jpg"], "m1|swap_background(other_class)": []},
    )
    run = whole([layered(tmp_path)]).model_copy(update={"tables": [lent]})
    pictures = choose(run, *read_pictures(run, tmp_path), room=10**7)
    donors = [panel.donor for panel in case_view(run, 0, EN, pictures).rows[0].panels]
    assert donors == ["", "background of nut/IMG_0009.jpg", ""]
