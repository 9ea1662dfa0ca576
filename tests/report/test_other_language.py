"""The details stand in the file once, with what differs in the other language."""

from __future__ import annotations

import re
from pathlib import Path

from report.sample_record import case, measure, record

from modelaudit.report import render_html
from modelaudit.report.anchors import anchors_of
from modelaudit.report.other_language import language_patch


def test_the_details_stand_in_the_file_once() -> None:
    html = render_html(record(), Path("nowhere"))
    assert html.count("<article") == html.count("</article>") == len(record().cases)
    shown, patch = html.split('id="embedded">')
    assert "要求事項ごとの詳細" in patch and "要求事項ごとの詳細" not in shown
    assert "Each requirement in detail" in shown and "Each requirement in detail" not in patch


def test_parts_that_differ_in_shape_are_kept_whole() -> None:
    main = '<div data-part><p>one</p></div><div data-part title="a">same</div>'
    other = '<div data-part><p>eins</p><p>zwei</p></div><div data-part title="b">same</div>'
    patch = language_patch(main, other, "ja")
    assert re.sub(r"\\u003[ce]", "|", patch).count("|div data-part||p|eins") == 1
    assert patch.endswith('[1,1,[],[0,"title",0]]]}')
    assert language_patch(main, f"{other}<p>", "ja").startswith('{"language":"ja","whole":')


def test_what_the_script_unfolds_is_counted_as_it_stands_then() -> None:
    plain = [f"<div data-part><p>{text}</p><i>same</i></div>" for text in ("one", "eins")]
    folded = [each.replace("<p>", "<noscript><p>").replace("</div>", "</noscript></div>") for each in plain]
    assert language_patch(folded[0], folded[1], "ja") == language_patch(plain[0], plain[1], "ja")


def test_an_anchor_follows_from_the_name_alone_unless_two_share_it() -> None:
    names = ["survives_light", "odd: name / 1", "明るさ", "same", "\u202e", "a" * 200]
    plain = [case(name, measure(), ">", 0.9, "PASS") for name in names]
    twin = case("same", measure(), ">", 0.9, "PASS", id="audits/other.py::same")
    alone, together = anchors_of(plain), anchors_of([twin, *plain])
    assert alone[:5] == ("r-survives_light", "r-odd-name-1", "r-明るさ", "r-same", "r-")
    assert len(alone[5]) == 62
    assert [a for a in together if a in alone] == [a for a in alone if a != "r-same"]
    shared = [a for a in together if a.startswith("r-same-")]
    assert len(set(shared)) == 2 and anchors_of([plain[3], twin]) == (shared[1], shared[0])
