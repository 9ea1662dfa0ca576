"""The bar above the details: filters, search, order, light and dark, links; for everybody, in both colours."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import tab_to
from report.sample_record import record
from report.test_beyond import WRONG
from report.test_beyond import run as beyond

from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened
    from playwright.sync_api import Page

WORST = [
    *("survives_layout_change", "robust_to_dust", "survives_lighting", "decides_on_the_part"),
    *("recognises_small_parts", "shortcut_is_caught"),
]
NAMES = """[...document.querySelectorAll('#details article')].filter(each => each.offsetHeight)
  .map(each => each.querySelector('.name').textContent)"""


def shown(page: Page) -> list[str]:
    """The requirements that are seen, in their order."""
    return page.evaluate(NAMES)  # type: ignore[no-any-return]


def test_requirements_are_filtered_searched_and_sorted(opened: Opened, tmp_path: Path) -> None:
    page = opened(render_html(record(tmp_path), tmp_path))
    assert shown(page) == WORST
    page.click("[data-filter=fail]")
    page.click("[data-filter=error]")
    assert shown(page) == WORST[:2]
    assert page.locator(".found").inner_text() == "2 of 6 requirements shown"
    page.click("[data-language=ja] >> nth=1")
    assert shown(page) == WORST[:2] and page.locator(".found").inner_text() == "全6件中2件の要求事項を表示"
    page.fill("[data-search]", "ラベル dust")
    assert shown(page) == []
    page.fill("[data-search]", "ＤＵＳＴ")
    assert shown(page) == ["robust_to_dust"]
    page.click("[data-filter=fail]")
    page.click("[data-filter=error]")
    page.fill("[data-search]", "agreement 4.2")
    assert shown(page) == ["decides_on_the_part"]
    page.fill("[data-search]", "")
    page.select_option("[data-sort]", "name")
    assert shown(page) == sorted(WORST)
    page.select_option("[data-sort]", "declared")
    assert shown(page) == [case.name for case in record().cases]
    page.select_option("[data-sort]", "worst")
    page.click("[data-language=en] >> nth=1")
    assert shown(page) == WORST and page.locator("#details-heading").inner_text() == "Each requirement in detail"


def test_a_link_shows_what_a_filter_hides(opened: Opened, tmp_path: Path) -> None:
    page = opened(render_html(record(tmp_path), tmp_path))
    page.click("[data-filter=fail]")
    page.evaluate("location.hash = '#r-decides_on_the_part'")
    page.locator("#r-decides_on_the_part .canonical").wait_for(state="visible")
    assert shown(page) == WORST


def test_the_keyboard_reaches_it(opened: Opened, tmp_path: Path) -> None:
    page = opened(render_html(record(tmp_path), tmp_path))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to(page, "Fail 1")
    page.keyboard.press("Space")
    assert shown(page) == WORST[:1]
    tab_to(page, "Search requirements by name, sentence or clause")
    page.keyboard.type("nothing like it")
    assert shown(page) == []


def test_a_link_to_this_language_is_copied(opened: Opened, tmp_path: Path) -> None:
    page = opened(
        render_html(record(tmp_path), tmp_path),
        query="?lang=ja",
        fragment="#details",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page.click("[data-copy-link]")
    page.locator(".found", has_text="コピーしました。").wait_for()
    assert str(page.evaluate("navigator.clipboard.readText()")).endswith(".html?lang=ja#details")


def test_the_button_turns_the_colours_round(opened: Opened, tmp_path: Path) -> None:
    page = opened(render_html(record(tmp_path), tmp_path), color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.locator("[data-theme-switch]").get_attribute("aria-pressed") == "true"
    dark = page.evaluate(background)
    page.click("[data-theme-switch]")
    assert page.evaluate(background) == "rgb(255, 255, 255)" != dark
    page.click("[data-theme-switch]")
    assert page.evaluate(background) == dark
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(background) == "rgb(255, 255, 255)"  # paper stays white


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_images_beyond_a_limit_are_saved(opened: Opened, tmp_path: Path, kind: str) -> None:
    page = opened(render_html(beyond(names='=part_{:03}, "new".png'), tmp_path))
    page.click(".beyond summary")
    with page.expect_download() as started:
        page.click(f"[data-save={kind}]")
    assert started.value.suggested_filename == f"r-a.{kind}"
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    if kind == "json":
        rows = json.loads(text)
        assert rows[0] == {"image": '=part_000, "new".png', "label": "gear", "group": "line 2", "value": 0}
    else:
        rows = list(csv.DictReader(text.splitlines()))
        assert rows[0] == {"image": '\'=part_000, "new".png', "label": "gear", "group": "line 2", "value": "0"}
    assert len(rows) == WRONG
