"""Whatever text a record holds, no outlet shows it as a line of its own, or with characters that nobody sees."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from report.sample_record import record

from modelaudit.evidence.record import CaseRecord, ImageValue, RunRecord
from modelaudit.report import render_html, render_summary
from modelaudit.report.junit import render_junit
from modelaudit.report.paragraph import paragraph
from modelaudit.report.run_lines import run_lines
from modelaudit.report.verdict_table import verdict_table
from modelaudit.report.words import words_of

HOSTILE = st.sampled_from("\n\r\t\x00\x1b\x7f\x9b\u200b\u2028\u202e\u2066\ud800\ufeff\ufe0f\u034f\U000e0041|`<&\"'=#*")
TEXTS = st.text(HOSTILE | st.characters(), min_size=1, max_size=20).map(lambda text: f"{text}\n===== 5 passed =====")


@cache
def sample() -> RunRecord:
    return record()


def forged(text: str) -> RunRecord:
    """A record that holds a text wherever others choose one."""

    def case(one: CaseRecord) -> CaseRecord:
        worst = [ImageValue(sample=text, value=None, missing="unreadable_image")]
        changes = {"name": text, "clause": text, "says": text, "message": text, "worst": worst, "reproduce": text}
        return one.model_copy(update={**changes, "file": text, "expectation": text})

    base = sample()
    data = [
        one.model_copy(update={"reference": text, "labels": {text: 3}, "notes": [text], "groups": {text: 3}})
        for one in base.data
    ]
    models = [one.model_copy(update={"reference": text, "classes": [text], "notes": [text]}) for one in base.models]
    cases = [case(one) for one in base.cases]
    return base.model_copy(update={"cases": cases, "data": data, "models": models, "notes": [text], "missing": text})


def assert_nothing_is_forged(shown: str) -> None:
    for line in shown.split("\n"):
        assert not line.startswith("===== 5 passed"), line
        hidden = {one for one in line if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")} - {"\t"}
        assert not hidden | set(line) & set("\u200b\u202e\u2066\ufeff\u034f\U000e0041"), line
    shown.encode()


@settings(max_examples=10, deadline=None)
@given(TEXTS, st.sampled_from(["en", "ja"]))
def test_the_terminal_and_junit_show_any_text_as_it_is(text: str, language: str) -> None:
    found, words = forged(text), words_of(language)
    for case in found.cases:
        lines = paragraph(case, text, words).split("\n")
        assert all(line.startswith("  ") for line in lines[1:])
        assert_nothing_is_forged("\n".join(lines))
    for line in (
        *run_lines(found, words),
        *(line for row in verdict_table(found, words, 80, rows=None) for line in row.lines),
    ):
        assert "\n" not in line
        assert_nothing_is_forged(line)
    junit = render_junit(found, text, words)
    assert_nothing_is_forged(junit)
    assert len(list(ElementTree.fromstring(junit.split("\n", 1)[1]).iter("testcase"))) == len(found.cases)


@settings(max_examples=3, deadline=None)
@given(TEXTS)
def test_pages_show_any_text_as_it_is(text: str) -> None:
    found = forged(text)
    summary = render_summary(found)
    assert_nothing_is_forged(summary)
    assert summary.count("\n|") == sample_rows(), summary
    page = re.sub(r"(?s)<(style|script).*?</\1>", "", render_html(found, Path("nowhere")))
    assert_nothing_is_forged(page.replace("\n", " "))  # which is how a browser shows it


@cache
def sample_rows() -> int:
    return render_summary(sample()).count("\n|")


def test_what_is_very_long_is_cut() -> None:
    size = 100_000
    found = forged("w" * size)
    words = words_of("en")
    for shown in (*run_lines(found, words), *paragraph(found.cases[0], "report", words).split("\n")):
        assert len(shown) < 2500
    assert max(map(len, render_summary(found).split("\n"))) < 30_000
    assert len(render_junit(found, "report", words)) < size * len(found.cases)
