"""The file holds the details once: the script turns them into what the other language would have been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from report import whole_records
from report.sample_record import case, decision, measure, record

from modelaudit.evidence.record import RunRecord
from modelaudit.report import render_html
from modelaudit.report.pictures import MANY

if TYPE_CHECKING:
    from browser.conftest import Opened
    from playwright.sync_api import Page


def run(folder: Path) -> RunRecord:
    """Every ending, hostile names, words that are the same in both languages, and those of the report as names."""
    made = record(folder)
    names = ["</script><b>x", "Original", "Expression", "  spaced  out ", "日本語", "a&amp;b", "a\u202eb"]
    extra = [
        case(name, measure(stratum=f"label('{at}')"), ">", 0.9, "FAIL", decision=decision("FAIL", 0.2, 0.1, 0.3))
        for at, name in enumerate(names)
    ]
    return made.model_copy(update={"cases": [*made.cases, *extra]})


def details(page: Page) -> str:
    """What stands behind page one, as the browser has it."""
    html: str = page.evaluate("document.getElementById('behind').outerHTML")
    return html


@pytest.mark.parametrize(("main", "other"), [("en", "ja"), ("ja", "en")])
def test_after_the_switch_the_details_are_those_of_the_other_language(
    opened: Opened, tmp_path: Path, main: str, other: str
) -> None:
    made = run(tmp_path)
    wanted = details(opened(render_html(made, tmp_path, language=other)))
    page = opened(render_html(made, tmp_path, language=main))
    written = details(page)
    page.click(f"[data-language={other}]")
    assert details(page) == wanted != written
    page.click(f"[data-language={main}]")
    assert details(page) == written


def test_of_many_requirements_the_folded_ones_are_made_when_they_are_opened(opened: Opened, tmp_path: Path) -> None:
    made = whole_records.many(tmp_path, MANY + 1, images=2)
    html = {language: render_html(made, tmp_path, language=language) for language in ("en", "ja")}
    name = "r-requirement_002"  # one that is met

    def one(page: Page) -> str:
        page.locator(f"#{name} > details[open] .canonical").wait_for()
        return page.evaluate(f"document.getElementById('{name}').outerHTML")  # type: ignore[no-any-return]

    wanted = {language: one(opened(text, fragment=f"#{name}")) for language, text in html.items()}
    page = opened(html["en"])
    assert not page.locator(f"#{name} .canonical").count()
    page.select_option("[data-sort]", "declared")
    page.click("[data-language=ja]")
    page.click(f"#{name} summary")
    assert one(page) == wanted["ja"]
    page.click("[data-language=en] >> nth=1")
    assert one(page) == wanted["en"] != wanted["ja"]
    silent = opened(html["en"], java_script_enabled=False)
    silent.click(f"#{name} summary")
    assert silent.locator(f"#{name} .canonical").is_visible()


def test_without_script_page_one_stands_in_both_languages(opened: Opened, tmp_path: Path) -> None:
    page = opened(render_html(record(), tmp_path, language="ja"), java_script_enabled=False)
    assert page.locator(".first-en").is_visible() and page.locator(".first-ja").is_visible()
    assert page.locator("#details-heading").inner_text() == "要求事項ごとの詳細"
    assert not page.locator("[data-language]").first.is_visible()


def test_a_link_opens_what_is_folded(opened: Opened, tmp_path: Path) -> None:
    html = render_html(record(), tmp_path)
    folded = "#r-decides_on_the_part"
    assert not opened(html).locator(f"{folded} .canonical").is_visible()
    page = opened(html, fragment=folded)
    assert page.locator(f"{folded} .canonical").is_visible()
    page.click("[data-language=ja]")
    assert page.locator(f"{folded} .canonical").is_visible()  # what was opened stays open
