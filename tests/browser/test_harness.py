"""The browser tests themselves: a page that asks, complains, overflows or excludes somebody is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser.looking import A4, axe_findings, focused, overflow, printed, sizes, tab_stops, tab_to

if TYPE_CHECKING:
    from pathlib import Path

    from browser.conftest import Opened

GOOD = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title></head><body><main>{}</main></body>'


COMPLAINTS = {
    '<img alt="" src="http://127.0.0.1:9/leak.png">': "asked for http://127.0.0.1:9/leak.png",
    '<img alt="" src="images/another.png">': "/images/another.png",
    "<script>fetch('https://example.org/told').catch(() => 0)</script>": "asked for https://example.org/told",
    "<script>console.log('here')</script>": "console log: here",
    "<script>undefined.x</script>": "error: Cannot read properties of undefined",
    '<meta http-equiv="Content-Security-Policy" content="style-src *">': "The Content Security Policy",
}


def test_a_page_that_asks_or_complains_is_noticed(opened: Opened, complaints: list[str]) -> None:
    page = opened(GOOD.format("".join(COMPLAINTS)))
    for _ in range(100):
        missed = [each for each in COMPLAINTS.values() if not any(each in said for said in complaints)]
        if not missed:
            break
        page.wait_for_timeout(50)
    page.context.close()
    assert missed == [], complaints
    complaints.clear()


def test_what_overflows_is_named_and_what_scrolls_is_not(opened: Opened) -> None:
    wide = '<p style="width:900px">.</p>'
    assert overflow(opened(GOOD.format(wide), 390)) == ["P.null to 908"]
    assert overflow(opened(GOOD.format(f'<div style="overflow-x:auto">{wide}</div>'), 390)) == []


def test_what_axe_finds_is_named_with_its_impact(opened: Opened) -> None:
    assert axe_findings(opened(GOOD.format("<h1>t</h1>"))) == []
    found = axe_findings(opened(GOOD.format('<h1>t</h1><h4>t</h4><p style="color:#aaa">pale</p>')))
    assert [each.split(" | ")[:2] for each in found] == [["color-contrast", "serious"], ["heading-order", "moderate"]]


def test_the_keyboard_is_followed_by_name(opened: Opened) -> None:
    page = opened(GOOD.format('<a href="#x">first</a><span tabindex="-1">never</span><button>second</button>'))
    assert tab_stops(page) == ["first", "second"]
    page.reload()
    tab_to(page, "second")
    assert focused(page) == "second"
    with pytest.raises(AssertionError, match="does not reach 'never'"):
        tab_to(page, "never")


def test_paper_is_counted(opened: Opened, tmp_path: Path) -> None:
    page = opened(GOOD.format('<style>@page{size:A4}</style><p>one</p><p style="break-before:page">two</p>'))
    paper = printed(page, tmp_path / "paper.pdf")
    assert (len(paper.pages), sizes(paper)) == (2, {A4})
    assert paper.pages[1].extract_text() == "two"
