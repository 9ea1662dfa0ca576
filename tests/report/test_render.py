"""The report as a file: safe, offline, bounded in size, and the same for the same record."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report.sample_record import case, decision, measure, record

from modelaudit.evidence.record import RunRecord, write_record
from modelaudit.language.errors import ResultsError
from modelaudit.report import render_html, render_summary, write_reports
from modelaudit.report.render import css_string, markdown_code, markdown_text, visible

HOSTILE = "</style><script>alert('x')</script>\"'><img src=x onerror=alert(1)> {{ 7*7 }} {0} %s 日本語 \u202egpj.exe"
FOLDER = Path("nowhere")


class PageParser(HTMLParser):
    """Every element and attribute, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text.append(data)


def hostile_record() -> RunRecord:
    node = measure(model=HOSTILE, stratum=HOSTILE)
    attack = case(
        HOSTILE,
        node,
        "<",
        0.4,
        "ERROR",
        clause=HOSTILE,
        says=None,
        expectation=HOSTILE,
        message=HOSTILE,
        reproduce=HOSTILE,
        decision=decision("ERROR", 0.1, 0.0, 0.2, note=HOSTILE, rule=HOSTILE),
    )
    told = case("told", measure(), "<", 0.4, "FAIL", says=HOSTILE)
    plain = record()
    model = plain.models[0].model_copy(
        update={
            "names": [HOSTILE],
            "reference": HOSTILE,
            "notes": [HOSTILE],
            "architecture": HOSTILE,
            "preprocessing": {HOSTILE: HOSTILE},
        }
    )
    data = plain.data[0].model_copy(update={"reference": HOSTILE, "labels": {HOSTILE: 3}, "notes": [HOSTILE]})
    return record(
        id=HOSTILE,
        command=HOSTILE,
        missing=HOSTILE,
        notes=[HOSTILE],
        started=HOSTILE,
        cases=[attack, told],
        models=[model],
        data=[data],
    )


def test_hostile_text_stays_text() -> None:
    seen = PageParser(render_html(hostile_record(), FOLDER))
    tags = [tag for tag, _ in seen.elements]
    assert tags.count("script") == 2  # the own one, and the data of the other language
    assert tags.count("style") == 1
    assert "img" not in tags
    assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
    assert any("<script>alert('x')</script>" in text for text in seen.text)
    assert any("{{ 7*7 }} {0} %s 日本語" in text for text in seen.text)


def test_hidden_and_reordering_characters_are_spelled_out() -> None:
    html = render_html(hostile_record(), FOLDER)
    assert "\u202e" not in html
    assert "\\u202egpj.exe" in html
    assert visible("a\u0000b\u2066c") == "a\\u0000b\\u2066c"
    assert visible("日本語 עברית\n\t") == "日本語 עברית\n    "


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_no_text_can_open_an_element(text: str) -> None:
    calm = [tag for tag, _ in PageParser(render_html(_named("calm"), FOLDER)).elements]
    assert [tag for tag, _ in PageParser(render_html(_named(text), FOLDER)).elements] == calm


def _named(text: str) -> RunRecord:
    stated = case(f"n{text}", measure(model=f"m{text}"), "<", 0.5, "FAIL", clause=f"c{text}")
    return record(id=f"r{text}", cases=[stated])


def test_nothing_outside_the_file_is_referred_to(tmp_path: Path) -> None:
    html = render_html(record(tmp_path), tmp_path)
    for tag, attributes in PageParser(html).elements:
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/")), (tag, name, value)
    assert "url(" not in html
    assert "@import" not in html
    assert not re.findall(r"https?://", html)


def test_the_content_policy_allows_the_own_script_and_no_network() -> None:
    policies = [a["content"] for tag, a in PageParser(render_html(record(), FOLDER)).elements if a.get("http-equiv")]
    assert len(policies) == 1 and policies[0] is not None
    assert policies[0].startswith("default-src 'none'; img-src data:;")
    assert "script-src 'sha256-" in policies[0]


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    run = record(tmp_path)
    again = RunRecord.model_validate_json(run.model_dump_json())
    assert render_html(run, tmp_path) == render_html(again, tmp_path)
    assert render_summary(run) == render_summary(again)


def test_both_languages_are_in_the_file_and_the_asked_one_is_first() -> None:
    for language in ("en", "ja"):
        html = render_html(record(), FOLDER, language=language)
        assert "Each requirement in detail" in html
        assert "要求事項ごとの詳細" in html
        chosen = [a for tag, a in PageParser(html).elements if tag == "button" and a.get("aria-pressed") == "true"]
        assert [a["data-language"] for a in chosen] == [language]
        assert f'<html lang="{language}">' in html


def test_ids_are_unique_and_every_link_has_its_target(tmp_path: Path) -> None:
    elements = PageParser(render_html(record(tmp_path), tmp_path)).elements
    ids = [a["id"] for _, a in elements if a.get("id")]
    assert len(ids) == len(set(ids))
    for _, attributes in elements:
        link = attributes.get("href") or ""
        assert not link.startswith("#") or link[1:] in ids
        for label in (attributes.get("aria-labelledby") or "").split():
            assert label in ids


def test_drawings_and_pictures_have_a_name_for_those_who_cannot_see_them(tmp_path: Path) -> None:
    drawn = [a for tag, a in PageParser(render_html(record(tmp_path), tmp_path)).elements if tag == "svg"]
    assert drawn
    assert all(a.get("aria-label") or a.get("aria-hidden") == "true" for a in drawn)


def test_an_unknown_language_names_the_known_ones() -> None:
    with pytest.raises(ResultsError, match=r"'jp'.*ja"):
        render_html(record(), FOLDER, language="jp")


def test_a_template_of_the_user_takes_the_place_of_the_own(tmp_path: Path) -> None:
    (tmp_path / "signatures.html.j2").write_text("<p>signed by {{ record.id }}</p>", encoding="utf-8")
    html = render_html(record(), FOLDER, templates_dir=tmp_path)
    assert html.count("signed by 20261123-091402-7f3a") == 2
    assert "Each requirement in detail" in html


def test_a_template_that_misspells_a_name_says_where(tmp_path: Path) -> None:
    (tmp_path / "signatures.html.j2").write_text("{{ record.ident }}", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"template .*ident"):
        render_html(record(), FOLDER, templates_dir=tmp_path)


def test_a_missing_templates_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="this folder of templates does not exist"):
        render_html(record(), FOLDER, templates_dir=tmp_path / "none")


def test_reports_are_written_beside_the_record(tmp_path: Path) -> None:
    run = record(tmp_path)
    write_record(run, tmp_path)
    html, summary = write_reports(tmp_path, record=run)
    assert html == tmp_path / "report.html" and summary == tmp_path / "summary.md"
    assert html.read_text(encoding="utf-8") == render_html(run, tmp_path)
    assert summary.read_text(encoding="utf-8") == render_summary(run)
    assert {path.name for path in tmp_path.iterdir()} == {"images", "report.html", "run.json", "summary.md"}


def test_without_a_record_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"run\.json"):
        write_reports(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_run_id_cannot_leave_its_css_string() -> None:
    assert css_string('a"; } </style>') == '"a\\22 \\3b \\20 \\7d \\20 \\3c \\2f style\\3e "'


def test_the_summary_tells_the_verdicts_and_the_way_back() -> None:
    text = render_summary(record())
    assert text.startswith("## modelaudit: Fail (not everything was measured)\n")
    assert "> **A selection.**" in text
    assert "1 of 5 requirements is met; 1 is not met" in text
    assert "`pytest 'audits/audit_line_a.py::survives_layout_change'`" in text
    assert "9 of 960 values could not be computed" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 6
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_hostile_text_cannot_break_out_of_the_summary() -> None:
    text = render_summary(hostile_record())
    outside_code = re.sub(r"(`+).*?\1", "", text)
    assert "<script" not in outside_code
    assert "<img" not in outside_code
    assert markdown_text("a|b\n# c <b> [x](http://y)") == "a\\|b \\# c &lt;b&gt; \\[x\\](http&#58;//y)"
    assert markdown_code("a`b | c\nd") == "`` a`b \\| c d ``"


def test_an_older_record_without_words_reads_by_its_texts(tmp_path: Path) -> None:
    data = json.loads(record(tmp_path).model_dump_json())
    for stated in data["cases"]:
        del stated["wording"]
    page = render_html(RunRecord.model_validate_json(json.dumps(data)), tmp_path)
    assert "When “swap_background(other_class)” is applied to the images" in page
    assert "画像に「swap_background(other_class)」を適用した場合、" in page
    assert "gradcam" in page and "Grad-CAM" not in page
