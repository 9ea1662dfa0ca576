"""The page of a comparison in a browser: narrow and wide, by keyboard, dark, on paper, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, letters, printed, sizes
from browser.two_languages import TwoLanguagePage
from report.sample_comparison import comparison

from modelaudit.report.comparison import write_comparison_page

if TYPE_CHECKING:
    from browser.conftest import Opened


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """A page with every outcome, and pictures."""
    return write_comparison_page(comparison(tmp_path), tmp_path)[0]


class TestPageOfAComparison(TwoLanguagePage):
    headings = ("The new run is worse", "新版は旧版より悪化しています")


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
