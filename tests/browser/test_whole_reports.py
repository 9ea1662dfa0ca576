"""Every ending of a run as a whole report: on every window, in both languages, and on paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, WIDTHS, axe_findings, letters, overflow, printed, sizes
from report.whole_records import WHOLE_RECORDS

from modelaudit.report import render_html

if TYPE_CHECKING:
    from browser.conftest import Opened

Rendered = Callable[[str, str], str]
#: 20 requirements repeat all that 200 do, and axe looks a minute at those; page one stays
WITHOUT_REPEATS = """() => ['article', '.coverage tbody tr', '.checks-lines > div'].forEach(
  kind => [...document.querySelectorAll(kind)].slice(20).forEach(each => each.remove()))"""
#: the text of page one, and the first heading behind it
FIRST_AND_NEXT = """() => {
  const one = [...document.querySelectorAll('.page-one')].find(each => each.offsetHeight);
  const behind = [...document.querySelectorAll('h2')].find(
    each => each.offsetHeight && one.compareDocumentPosition(each) === Node.DOCUMENT_POSITION_FOLLOWING);
  return [one.innerText, behind.innerText];
}"""


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The HTML of one of the whole records, in a language."""
    folders: dict[str, Path] = {}

    def render(ending: str, language: str) -> str:
        folder = folders.setdefault(ending, tmp_path_factory.mktemp(ending))
        return render_html(WHOLE_RECORDS[ending](folder), folder, language=language)

    return render


#: that of many requirements says in Japanese what the others do, and takes longest
SEEN = [
    (ending, *how)
    for ending in WHOLE_RECORDS
    for how in (("en", "light"), ("ja", "dark"))
    if (ending, how[0]) != ("many", "ja")
]


@pytest.mark.parametrize(("ending", "language", "scheme"), SEEN)
def test_it_is_whole_for_everybody(
    opened: Opened, rendered: Rendered, artefact: Path, ending: str, language: str, scheme: str
) -> None:
    page = opened(rendered(ending, language), color_scheme=scheme)
    assert page.evaluate("document.documentElement.lang") == language
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == []
        page.screenshot(path=artefact.with_name(f"{artefact.name}-{width}.jpg"), type="jpeg", quality=80)
    one, behind = map(letters, page.evaluate(FIRST_AND_NEXT))
    paper = printed(page, artefact.with_suffix(".pdf"))
    assert sizes(paper) == {A4}
    page_one, signature = letters(paper.pages[0].extract_text()), one[-6:]  # of the line to sign on
    assert (page_one.count(signature), behind in page_one) == (one.count(signature), False)
    page.evaluate(WITHOUT_REPEATS)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert axe_findings(page) == []
