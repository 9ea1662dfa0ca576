"""What stands over the pictures of a gallery."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.sample_record import OTHER_CLASS, case, decision, draw_gallery, measure, worded
from report.test_page import whole

from modelaudit.evidence.record import ArithmeticNode, Node
from modelaudit.report.cases import case_view
from modelaudit.report.gallery import Pictures

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
