"""The section of the report on standards: in both languages, folded, and short however many requirements there are."""

from __future__ import annotations

import re
from pathlib import Path

from report.sample_record import case, decision, measure, record
from standards.test_standard_file import CLAIMS

from modelaudit.report import render_html
from modelaudit.report.standards import MOST_NAMED, standard_views
from modelaudit.report.words import words_of
from modelaudit.standards.standard_file import built_in_standards, read_standard

EN, JA = words_of("en"), words_of("ja")
RIGHT = decision("PASS", 0.95, 0.92, 0.97)
MANY = record(cases=[case(f"right_{n}", measure(), ">", 0.9, "PASS", decision=RIGHT) for n in range(99)])


def section(page: str) -> str:
    found = re.search(r'<section class="checks standards".*?</section>', page, re.DOTALL)
    assert found is not None
    return found[0]


def test_an_item_says_what_there_is_what_there_is_not_and_what_no_audit_gives() -> None:
    (view,) = standard_views(record(), [read_standard("mlqm-3")], EN)
    items = {one.item: one for one in view.items}
    assert items["C-2"].found[0] == (
        "Requirements: decides_on_the_part (Pass), survives_layout_change (Fail), survives_lighting (Inconclusive)"
    )
    assert items["C-2"].missing[0] == "Without a result that counts: robust_to_dust (Error)"
    assert items["B-1"].found == ("images that were read (images: 240, labels: 4, unusable: 1)",)
    assert items["E-1"].missing[0] == "A requirement of this kind"
    assert "(modelaudit watch)" in items["E-1"].missing[-1]
    assert all(one.not_given for one in view.items)


def test_in_japanese() -> None:
    (view,) = standard_views(record(), [read_standard("mlqm-3")], JA)
    items = {one.item: one for one in view.items}
    assert items["B-1"].found == ("読み込んだ画像（画像 240、ラベル 4、使用不可 1）",)
    assert items["C-2"].title == "機械学習モデルの安定性"


def test_of_many_requirements_some_are_named_and_the_others_counted() -> None:
    (view,) = standard_views(MANY, [read_standard("mlqm-3")], EN)
    (line,) = (text for item in view.items if item.item == "C-1" for text in item.found if "right_0" in text)
    assert line.count("(Pass)") == MOST_NAMED and line.endswith(f"and {99 - MOST_NAMED} more")
    (whole,) = standard_views(MANY, [read_standard("mlqm-3")], EN, most=None)
    assert sum(text.count("(Pass)") for item in whole.items if item.item == "C-1" for text in item.found) == 99


def test_the_section_is_folded_and_claims_nothing(tmp_path: Path) -> None:
    for language in ("en", "ja"):
        page = section(render_html(record(), tmp_path, language=language))
        assert page.count("<details>") == len(built_in_standards()) and "<details open" not in page
        assert not CLAIMS.search(page)


def test_it_takes_little_of_the_report(tmp_path: Path) -> None:
    """In both languages, of a run with 99 requirements."""
    page = render_html(MANY, tmp_path)
    assert len(section(page).encode()) < 40_000
