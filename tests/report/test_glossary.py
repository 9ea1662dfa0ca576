"""The words of statistics: each explained once, and numbers on their scale."""

from __future__ import annotations

from html import unescape
from pathlib import Path

from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.report import render_html
from modelaudit.report.cases import case_view
from modelaudit.report.gallery import Pictures
from modelaudit.report.glossary import glossary
from modelaudit.report.sentences import sentence
from modelaudit.report.words import words_of

EN, JA = words_of("en"), words_of("ja")
NOTHING = Pictures(frozenset(), {}, frozenset(), 0)


def test_every_term_is_explained_once_in_both_languages() -> None:
    for words in (EN, JA):
        terms = [term for term, _ in glossary("95%", "5%", words)]
        assert len(set(terms)) == len(terms) == 11
        assert all(text for _, text in glossary("95%", "5%", words))


def test_inconclusive_is_what_it_is() -> None:
    text = dict(glossary("95%", "5%", EN))["Verdicts"]
    assert "the data do not decide; at the agreed confidence the requirement is neither met nor refuted" in text
    assert "データでは決められない" in dict(glossary("95%", "5%", JA))["判定"]


def test_the_report_holds_the_glossary() -> None:
    html = unescape(render_html(record(), Path("nowhere")))
    for term, text in glossary("95%", "5%", EN):
        assert f"<dt>{term}</dt>" in html and text in html


def test_background_dependence_stands_on_its_scale_and_other_measures_speak_for_themselves() -> None:
    maps = case("a", measure("background_dependence", OTHER_CLASS, methods=["gradcam"]), "<", 0.4, "PASS")
    right = case("b", measure(), ">", 0.9, "PASS")
    run = record(cases=[maps, right])
    assert case_view(run, 0, EN, NOTHING).scale == (
        "0 = looks only at the object, 0.5 = no preference, 1 = only at the background."
    )
    assert case_view(run, 1, EN, NOTHING).scale == ""


def test_a_curve_that_is_worst_without_any_change_says_so() -> None:
    parts = [decision("PASS", 0.92, 0.91, 0.94, dose=0.0), decision("PASS", 0.95, 0.93, 0.97, dose=1.0)]
    found = decision("PASS", 0.92, 0.91, 0.94, dose=0.0, parts=parts)
    stated = case("a", measure(), ">", 0.9, "PASS", decision=found)
    assert "With nothing changed, the worst of 2 strengths" in sentence(stated, EN)
