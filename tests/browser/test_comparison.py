"""The page of a comparison in a browser: narrow and wide, by keyboard, dark, on paper, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, axe_findings, letters, overflow, printed, sizes, tab_to
from report.sample_comparison import comparison

from modelaudit.report.comparison import write_comparison_page

if TYPE_CHECKING:
    from browser.conftest import Opened


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """A page with every outcome, and pictures."""
    return write_comparison_page(comparison(tmp_path), tmp_path)[0]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_stands_out_and_everybody_can_read_it(
    opened: Opened, page_file: Path, artefact: Path, width: int, language: str
) -> None:
    page = opened(page_file, width, fragment=f"#{language}")
    assert page.locator("main:visible").get_attribute("lang") == language
    assert overflow(page) == [] and axe_findings(page) == []
    page.screenshot(path=artefact.with_suffix(".png"), full_page=True)


def test_it_is_read_in_the_dark_too(opened: Opened, page_file: Path) -> None:
    assert axe_findings(opened(page_file, color_scheme="dark")) == []


def test_the_language_is_switched_by_keyboard(opened: Opened, page_file: Path) -> None:
    page = opened(page_file)
    tab_to(page, "日本語")
    page.keyboard.press("Enter")
    assert page.locator("h1:visible").inner_text() == "新版は旧版より悪化しています"
    assert page.title().startswith("新版") and page.evaluate("document.documentElement.lang") == "ja"


def test_without_scripts_it_is_there_in_the_language_it_was_written_in(opened: Opened, page_file: Path) -> None:
    page = opened(page_file, java_script_enabled=False)
    assert page.locator("h1:visible").inner_text() == "The new run is worse"
    assert page.locator("button:visible").count() == 0


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_first_sheet_answers_the_questions(opened: Opened, page_file: Path, artefact: Path, language: str) -> None:
    page = opened(page_file, fragment=f"#{language}")
    paper = printed(page, artefact.with_suffix(".pdf"))
    assert sizes(paper) == {A4} and len(paper.pages) <= 4
    first = letters(paper.pages[0].extract_text())
    for answer in page.locator("main:visible .glance dd, main:visible h1, main:visible .shown .caption").all():
        assert letters(answer.inner_text()) in first
    for name in ("survives_layout_change", "falls_by_little", "looks_at_the_part"):
        assert letters(name) in first
