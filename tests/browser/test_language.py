"""The two languages of a report: by a click, and by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from report.sample_record import record

from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened
    from playwright.sync_api import Page

SHOWN = """() => [document.documentElement.lang, ...new Set(
  [...document.querySelectorAll('.page')].filter(each => each.offsetHeight).map(each => each.lang))]"""


def shown(page: Page) -> list[str]:
    """The document's language, and those of the parts that are seen."""
    return page.evaluate(SHOWN)  # type: ignore[no-any-return]


def test_it_switches_language(opened: Opened, tmp_path: Path) -> None:
    page = opened(render_html(record(tmp_path), tmp_path))
    assert shown(page) == ["en", "en"]
    page.get_by_text("日本語", exact=True).first.click()
    assert shown(page) == ["ja", "ja"]
    assert page.title().startswith("不合格（一部測定不能） · 20261123")
    page.get_by_text("English", exact=True).first.click()
    assert shown(page) == ["en", "en"]


@pytest.mark.parametrize("address", ["#ja", "?lang=ja", "?lang=ja#details"])
def test_its_address_chooses_the_language(opened: Opened, tmp_path: Path, address: str) -> None:
    query, _, fragment = address.partition("#")
    page = opened(render_html(record(tmp_path), tmp_path), query=query, fragment=fragment and f"#{fragment}")
    assert shown(page) == ["ja", "ja"]
