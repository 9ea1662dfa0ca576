"""The window of a gallery: it opens and closes, compares original and changed, and needs no mouse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.conftest import Opened
from browser.looking import axe_findings, focused, overflow
from report.sample_record import layered_case, record

from modelaudit.report import render_html

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ENLARGE = {"en": "Enlarge and compare", "ja": "拡大して比較"}


def report(folder: Path, language: str = "en") -> str:
    return render_html(record(cases=[layered_case(folder)]), folder, language=language)


def window(page: Page) -> Locator:
    return page.locator("dialog[open]")


def opened_window(page: Page, number: int = 0) -> Locator:
    page.locator(".enlarge:visible").nth(number).click()
    window(page).wait_for()
    return window(page)


def name_of(page: Page) -> str:
    return window(page).locator("h2").inner_text()


def changed_part(page: Page) -> float:
    """How much of the width of the picture the original covers, in per cent, as it is drawn: what is clicked there."""
    return float(
        window(page)
        .locator(".stage")
        .evaluate(
            """stage => { const box = stage.getBoundingClientRect(), y = box.top + box.height / 2;
            const first = stage.querySelector('.before');
            let at = 0;
            const under = () => document.elementFromPoint(box.left + box.width * (at + 0.5) / 200, y);
            while (at < 200 && first.contains(under())) at += 1;
            return at / 2; }"""
        )
    )


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_opens_by_mouse_and_closes_by_its_button(tmp_path: Path, opened: Opened, language: str) -> None:
    page = opened(report(tmp_path, language), fragment="#ja" if language == "ja" else "")
    assert page.locator(".enlarge:visible").first.inner_text() == ENLARGE[language]
    shown = opened_window(page)
    assert name_of(page).startswith("gear/L_0.jpg")
    assert shown.get_attribute("lang") == language
    assert shown.locator("[data-role=place]").inner_text() == "1 / 4"
    shown.locator("[data-role=close]").click()
    assert page.locator("dialog[open]").count() == 0


def test_a_picture_opens_it_too_and_a_click_beside_it_closes_it(tmp_path: Path, opened: Opened) -> None:
    page = opened(report(tmp_path))
    page.locator(".strip svg.picture:visible").nth(5).click()
    assert name_of(page).startswith("gear/L_1.jpg")
    page.mouse.click(5, 5)
    assert page.locator("dialog[open]").count() == 0


def test_the_keyboard_alone_opens_turns_and_closes_it_and_comes_back(tmp_path: Path, opened: Opened) -> None:
    page = opened(report(tmp_path))
    page.locator(".enlarge:visible").nth(1).focus()
    page.keyboard.press("Enter")
    assert name_of(page).startswith("gear/L_1.jpg")
    page.keyboard.press("ArrowRight")
    assert name_of(page).startswith("gear/L_2.jpg")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert name_of(page).startswith("gear/L_3.jpg")  # round the end
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('dialog') || document.activeElement === document.body")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert focused(page) == ENLARGE["en"]
    assert page.evaluate("[...document.querySelectorAll('.enlarge')].indexOf(document.activeElement)") == 1


def test_the_slider_moves_between_original_and_changed_by_keyboard_and_by_mouse(tmp_path: Path, opened: Opened) -> None:
    page = opened(report(tmp_path))
    shown = opened_window(page)
    slider = shown.get_by_label("Compare: original on the left of the line")
    assert changed_part(page) == pytest.approx(50, abs=1)
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "60" and slider.get_attribute("aria-valuetext") == "60%"
    assert changed_part(page) == pytest.approx(60, abs=1)
    assert name_of(page).startswith("gear/L_0.jpg")  # the arrow keys are the slider's
    stage = shown.locator(".stage").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + stage["width"] * 0.6, stage["y"] + 50)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.2, stage["y"] + 60)
    page.mouse.up()
    assert float(slider.input_value()) == pytest.approx(20, abs=1)
    assert changed_part(page) == pytest.approx(20, abs=1)


def test_the_map_fades_and_another_one_and_the_outline_can_be_chosen(tmp_path: Path, opened: Opened) -> None:
    page = opened(report(tmp_path))
    shown = opened_window(page)
    heat, outline = shown.locator(".after .heat"), shown.locator(".outline")
    assert outline.count() == 2 and shown.locator(".after .contours").count() == 1
    shown.get_by_label("Outline of the object").uncheck()
    assert outline.count() == 0
    shown.get_by_label("Opacity of the heat map").fill("30")
    assert heat.evaluate("each => getComputedStyle(each).opacity") == "0.3"
    first = heat.get_attribute("href")
    assert "28% of the heat on the object" in shown.locator("[data-role=said-after]").inner_text()
    shown.locator("[data-role=method]").select_option(index=1)
    assert heat.get_attribute("href") != first
    assert "71% of the heat on the object" in shown.locator("[data-role=said-after]").inner_text()
    described = shown.locator("svg.after").get_attribute("aria-label") or ""
    assert "which is wrong (label gear); the heat is mostly on the object (71%)" in described


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_stands_out_and_axe_finds_nothing(tmp_path: Path, opened: Opened, artefact: Path, width: int) -> None:
    page = opened(report(tmp_path), width=width)
    opened_window(page)
    page.screenshot(path=artefact.with_suffix(".png"))
    assert overflow(page) == []
    assert [finding for finding in axe_findings(page) if "lightbox" in finding or "settings" in finding] == []


def test_the_picture_of_page_one_opens_too(tmp_path: Path, opened: Opened) -> None:
    page = opened(report(tmp_path))
    page.locator(".convincing svg.picture:visible").first.click()
    assert name_of(page) == page.locator(".convincing .sentence:visible").inner_text()
    assert window(page).locator(".before use, .after use").count() >= 2


def test_without_script_there_is_a_row_of_pictures_and_no_button(tmp_path: Path, opened: Opened) -> None:
    page = opened(report(tmp_path), java_script_enabled=False)
    assert page.locator(".enlarge:visible").count() == 0
    assert page.locator(".strip:visible").first.locator("svg.picture:visible").count() == 4
