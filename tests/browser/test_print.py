"""The report on paper: what a meeting reads by default, everything where it is asked for, and no page for nothing."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.conftest import Opened
from browser.looking import A4, sizes
from report import whole_records
from report.sample_record import record

from modelaudit.evidence.record import RunRecord, record_digest
from modelaudit.report import render_html

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pypdf import PageObject, PdfReader

#: at most so many pages by default
PAGES = {"passing": 3, "failing": 4, "inconclusive": 4, "errored": 4, "partial": 4, "two_models": 4, "many": 15}
FOOT = 0.06


def paper(page: Page, file: Path) -> PdfReader:
    from pypdf import PdfReader

    page.pdf(path=file, prefer_css_page_size=True, print_background=True)
    return PdfReader(file)


def opened_record(opened: Opened, run: RunRecord, folder: Path, language: str, query: str = "") -> Page:
    return opened(render_html(run, folder, language=language), query=query)


def text_of(pages: list[PageObject]) -> str:
    """Of some pages, in the letters that the report has: a font may have one glyph for two of them."""
    text = unicodedata.normalize("NFKC", " ".join(page.extract_text() for page in pages))
    return " ".join(text.split())


def filled(page: PageObject) -> float:
    """How far down the text of a page goes, as a share of its height; the foot does not count."""
    heights: list[float] = []

    def visit(text: str, matrix: list[float], place: list[float], *_: object) -> None:
        if text.strip():
            heights.append(place[5] * matrix[3] + matrix[5])

    page.extract_text(visitor_text=visit)
    height = float(page.mediabox.height)
    lowest = min((each for each in heights if each > FOOT * height), default=height)
    return 1 - lowest / height


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", PAGES)
def test_it_prints_on_few_full_pages(opened: Opened, artefact: Path, tmp_path: Path, name: str, language: str) -> None:
    run: RunRecord = getattr(whole_records, name)(tmp_path)
    printed = paper(opened_record(opened, run, tmp_path, language), artefact.with_suffix(".pdf"))
    pages = list(printed.pages)
    assert sizes(printed) == {A4} and 2 <= len(pages) <= PAGES[name]
    signatures = {"en": "Decision rule and signatures", "ja": "判定規則と署名"}[language]
    assert signatures in text_of(pages[:1]), "page one is one page"
    half_empty = [at for at, page in enumerate(pages[:-1], start=1) if filled(page) < 0.5]
    assert not half_empty
    for number, page in enumerate(pages, start=1):
        foot = text_of([page])
        assert f"{number} / {len(pages)}" in foot and run.id in foot and record_digest(run)[:12] in foot


def test_a_meeting_gets_what_is_not_met_and_where_it_comes_from(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path)
    behind = list(paper(opened_record(opened, run, tmp_path, "en"), tmp_path / "a.pdf").pages)[1:]
    text = text_of(behind)
    assert "survives_layout_change" in text and "survives_lighting" in text and "robust_to_dust" in text
    assert "Provenance" in text and "Printed are the requirements that are not met" in text
    details = text[text.index("Each requirement in detail") :]  # before it, the steps name what they are about
    assert "decides_on_the_part" not in details and "recognises_small_parts" not in details
    assert "How to read this report" not in text and "Checks of the audit itself" not in text


@pytest.mark.parametrize("language", ["en", "ja"])
def test_everything_is_printed_where_it_is_asked_for(opened: Opened, tmp_path: Path, language: str) -> None:
    run = record(tmp_path)
    page = opened_record(opened, run, tmp_path, language, "?print=full")
    folded = page.locator("details:not([open])").count()
    text = text_of(list(paper(page, tmp_path / "a.pdf").pages))
    for case in run.cases:
        if case.reproduce and case.verdict:
            assert re.sub(r"\s", "", case.reproduce) in re.sub(r"\s", "", text), case.name
    assert {"en": "How to read this report", "ja": "本報告書の読み方"}[language] in text
    assert folded and page.locator("details:not([open])").count() == folded, "what was open on paper is folded again"


def test_what_the_reader_has_folded_is_printed_all_the_same(opened: Opened, tmp_path: Path) -> None:
    page = opened_record(opened, record(tmp_path), tmp_path, "en")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    text = text_of(list(paper(page, tmp_path / "a.pdf").pages))
    assert "accuracy - accuracy.under(swap_background(other_class)) < 0.05" in text


def test_without_its_script_it_prints_too(opened: Opened, tmp_path: Path) -> None:
    html = render_html(whole_records.failing(tmp_path), tmp_path)
    printed = paper(opened(html, java_script_enabled=False), tmp_path / "a.pdf")
    assert "survives_layout_change" in text_of(list(printed.pages)[1:])
