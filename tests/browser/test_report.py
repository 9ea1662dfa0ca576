"""Whole reports in a browser: on every window, in both languages, for everybody, and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, WIDTHS, overflow, printed, sizes
from report.sample_record import case, decision, measure, record

from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_fits_every_window(opened: Opened, tmp_path: Path, artefact: Path, language: str) -> None:
    run = record(tmp_path)
    long_name = "very_" * 30 + "long"
    worst = case(long_name, measure(), ">", 0.9, "FAIL", decision=decision("FAIL", 0.2, 0.1, 0.3), message="x" * 300)
    run = run.model_copy(update={"cases": [*run.cases, worst]})
    page = opened(render_html(run, tmp_path, language=language))
    assert page.evaluate("document.documentElement.lang") == language
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == []
        page.screenshot(path=artefact.with_name(f"{artefact.name}-{width}.png"), full_page=True)


def test_it_switches_language(opened: Opened, tmp_path: Path) -> None:
    page = opened(render_html(record(tmp_path), tmp_path))
    shown = "[...document.querySelectorAll('.page')].filter(each => each.offsetHeight).map(each => each.lang)"
    assert (page.evaluate(shown), page.evaluate("document.documentElement.lang")) == (["en"], "en")
    page.get_by_text("日本語", exact=True).first.click()
    assert (page.evaluate(shown), page.evaluate("document.documentElement.lang")) == (["ja"], "ja")
    assert page.title().startswith("エラー · 20261123")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_prints_on_a4(opened: Opened, tmp_path: Path, artefact: Path, language: str) -> None:
    page = opened(render_html(record(tmp_path), tmp_path, language=language))
    paper = printed(page, artefact.with_suffix(".pdf"))
    assert 4 <= len(paper.pages) <= 12
    assert sizes(paper) == {A4}
