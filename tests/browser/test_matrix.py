"""The table of classes and contexts at its largest: on a phone, and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, overflow, printed, sizes
from report.test_matrix import largest

from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened

#: cells whose text does not fit, and how far the table stands out of its frame
CROWDED = """() => {
  const table = document.querySelector('.grid-table');
  const cells = [...table.querySelectorAll('td, th')].filter(each => each.scrollWidth > each.clientWidth + 1);
  const out = table.getBoundingClientRect().right - table.parentNode.getBoundingClientRect().right;
  return [cells.length, table.querySelectorAll('td').length, Math.round(out)];
}"""


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_largest_fits_a_phone_and_prints_on_a4(opened: Opened, tmp_path: Path, language: str) -> None:
    page = opened(render_html(largest(), tmp_path, language=language), 390)
    assert overflow(page) == []
    assert sizes(printed(page, tmp_path / "report.pdf")) == {A4}
    # as wide as the text of an A4 page (180 mm)
    page.set_viewport_size({"width": 680, "height": 900})
    page.emulate_media(media="print")
    assert page.evaluate(CROWDED) == [0, 600, 0]
