"""What the report says of reviews: on a phone, on a screen and on paper, and what somebody wrote into a comment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import axe_findings, overflow, printed
from evidence.reviews import reviewed
from report.reviewed_record import reviewed_record
from report.test_reviews import HOSTILE, counted, seen

from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [390, 1280])
def test_reviews_fit_and_show_text_as_text(opened: Opened, tmp_path: Path, width: int, language: str) -> None:
    record = reviewed_record(tmp_path)
    second = reviewed(record, "佐藤 葵", says=seen)
    for at, answer in enumerate(second["answers"]):
        answer["comment"] = HOSTILE + "long" * 100 if at else "影が部品に見えます。\n照明を変えてください。"
    page = opened(render_html(counted(record, reviewed(record), second), tmp_path, language=language), width)
    assert overflow(page) == [] and axe_findings(page) == []
    assert page.locator(".disputed").count() == 4
    assert page.locator(".disputed img").count() == 0
    assert page.locator(".page-one:visible .reviewed li").count() >= 4
    page.locator(".page-one:visible .reviewed a").click()
    assert page.evaluate("location.hash") == "#settle"
    paper = printed(page, tmp_path / "report.pdf")
    assert "Aoi Sato" in paper.pages[0].extract_text()
