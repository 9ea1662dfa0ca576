"""What holds for every page that carries both languages and switches between them in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from browser.looking import axe_findings, overflow, tab_to

if TYPE_CHECKING:
    from browser.conftest import Opened


class TwoLanguagePage:
    """Derive from it, with a fixture ``page_file``: a page that was written in English.

    ``headings``: its first heading in English and in Japanese; titles begin as these do.
    """

    headings: ClassVar[tuple[str, str]]

    @pytest.mark.parametrize("width", [390, 1280])
    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_nothing_stands_out_and_everybody_can_read_it(
        self, opened: Opened, page_file: Path, artefact: Path, width: int, language: str
    ) -> None:
        page = opened(page_file, width, fragment=f"#{language}")
        assert page.locator("main:visible").get_attribute("lang") == language
        assert overflow(page) == [] and axe_findings(page) == []
        page.screenshot(path=artefact.with_suffix(".png"), full_page=True)

    def test_it_is_read_in_the_dark_too(self, opened: Opened, page_file: Path) -> None:
        assert axe_findings(opened(page_file, color_scheme="dark")) == []

    def test_the_language_is_switched_by_keyboard(self, opened: Opened, page_file: Path) -> None:
        page = opened(page_file)
        assert page.title()[:2] == self.headings[0][:2]
        tab_to(page, "日本語")
        page.keyboard.press("Enter")
        assert page.locator("h1:visible").inner_text() == self.headings[1]
        assert page.title()[:2] == self.headings[1][:2]
        assert page.evaluate("document.documentElement.lang") == "ja"

    def test_without_scripts_it_is_there_in_the_language_it_was_written_in(
        self, opened: Opened, page_file: Path
    ) -> None:
        page = opened(page_file, java_script_enabled=False)
        assert page.locator("h1:visible").inner_text() == self.headings[0]
        assert page.locator("button:visible").count() == 0
