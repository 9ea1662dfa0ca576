"""Every ending of a run as a whole report: on every window, in both languages, and on paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, WIDTHS, overflow, printed, sizes
from report.whole_records import WHOLE_RECORDS

from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened

Rendered = Callable[[str, str], str]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The HTML of one of the whole records, in a language."""
    folders: dict[str, Path] = {}

    def render(ending: str, language: str) -> str:
        folder = folders.setdefault(ending, tmp_path_factory.mktemp(ending))
        return render_html(WHOLE_RECORDS[ending](folder), folder, language=language)

    return render


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("ending", WHOLE_RECORDS)
def test_it_stands_on_every_window(
    opened: Opened, rendered: Rendered, artefact: Path, ending: str, language: str
) -> None:
    page = opened(rendered(ending, language))
    assert page.evaluate("document.documentElement.lang") == language
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == []
        page.screenshot(path=artefact.with_name(f"{artefact.name}-{width}.png"))
    assert sizes(printed(page, artefact.with_suffix(".pdf"))) == {A4}
