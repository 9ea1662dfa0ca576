"""What is looked for on an opened report: overflow, what axe-core finds, where the keyboard is, its pages on paper."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pypdf import PdfReader

WIDTHS = (390, 820, 1280, 1920)
#: in points
A4 = (595, 842)

#: boxes that stand out of the window sideways, and of no element that scrolls or clips; at most ten
_OVERFLOWING = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  if (document.documentElement.scrollWidth <= wide) return found;
  for (const each of document.body.querySelectorAll('*')) {
    const box = each.getBoundingClientRect();
    if (!box.width || box.right <= wide + 1) continue;
    let above = each.parentElement, clipped = false;
    for (; above && above !== document.body; above = above.parentElement)
      if (getComputedStyle(above).overflowX !== 'visible') clipped = true;
    if (!clipped) found.push(each.tagName + '.' + each.getAttribute('class') + ' to ' + Math.round(box.right));
  }
  return found.slice(0, 10).concat(found.length ? [] : ['the page scrolls sideways']);
}"""
_AXE = """() => axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(
  each => [each.id, each.impact, each.help, each.nodes.length,
    each.nodes[0].target.join(' '), each.nodes[0].failureSummary].join(' | ')))"""
_FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return '';
  return (at.getAttribute('aria-label') || at.innerText || at.value || at.id || at.tagName).trim();
}"""


def overflow(page: Page) -> list[str]:
    """What stands out of the window sideways; empty where nothing does."""
    return page.evaluate(_OVERFLOWING)  # type: ignore[no-any-return]


def axe_findings(page: Page) -> list[str]:
    """Every finding of axe-core at any impact, its best practices included: rule, impact, first element and why."""
    page.evaluate(_axe_script())
    return page.evaluate(_AXE)  # type: ignore[no-any-return]


@cache
def _axe_script() -> str:
    from axe_playwright_python.base import AXE_SCRIPT

    return AXE_SCRIPT + ";0"


def focused(page: Page) -> str:
    """What the element that has the keyboard is called; empty where none has it."""
    return page.evaluate(_FOCUSED)  # type: ignore[no-any-return]


def tab_stops(page: Page, most: int = 200) -> list[str]:
    """What Tab reaches from the top of the page, in order, by name."""
    stops: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        if not (name := focused(page)):
            break
        stops.append(name)
    return stops


def tab_to(page: Page, name: str, most: int = 200) -> None:
    """Press Tab until the element called `name` has the keyboard.

    Raises:
        AssertionError: it is not reached.
    """
    stops: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stops.append(focused(page))
        if stops[-1] == name:
            return
        if not stops[-1] and len(stops) > 1:
            break
    raise AssertionError(f"Tab does not reach {name!r}; it reached {json.dumps(stops, ensure_ascii=False)}")


def printed(page: Page, file: Path) -> PdfReader:
    """The report on paper, of the size that its own rules for print say (otherwise US letter)."""
    from pypdf import PdfReader

    page.pdf(path=file, prefer_css_page_size=True, print_background=True)
    return PdfReader(file)


def sizes(paper: PdfReader) -> set[tuple[int, int]]:
    """The sizes of its pages in points."""
    return {(round(float(each.mediabox.width)), round(float(each.mediabox.height))) for each in paper.pages}


def letters(text: str) -> str:
    """Its letters and digits alone, as they compare between a page and its PDF: no spaces, ligatures, punctuation."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text))
