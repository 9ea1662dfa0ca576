"""Words of declarations: every context, method and measure has them in both languages, with its arguments filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from modelaudit.language import registry
from modelaudit.language.parser import parse_context, parse_expression
from modelaudit.language.spec import Spec
from modelaudit.language.wording import Phrase, Wording, phrases
from modelaudit.measures.composites import CompositeSpec

JAPANESE = re.compile("[ぁ-ん一-龠ァ-ン]")


def words_of(spec: Spec) -> dict[str, Phrase]:
    return phrases(spec, registry.entry_of(spec).declares.wording)


def test_every_context_has_words_in_both_languages() -> None:
    examples = [
        text
        for name in registry.names("context")
        if name != "original"
        for text in registry.find("context", name).declares.examples
    ]
    for text in [*examples, "stored(night)", "swap_background('pool:line b')"]:
        words = words_of(parse_context(text))
        for phrase in words.values():
            told = f"{phrase.label} {phrase.clause} {phrase.detail}"
            assert phrase.label and phrase.clause and not re.search(r"[{}_]", told), text
        assert JAPANESE.search(words["ja"].label) and JAPANESE.search(words["ja"].clause), text
        assert words["ja"].clause[-1] in "しえけげせてねべめれ見み", text  # た場合 follows a verb stem


def test_every_method_measure_and_composite_has_words() -> None:
    assert [
        name for name in registry.names("attribution") if not registry.find("attribution", name).declares.wording
    ] == []
    assert [name for name in registry.names("measure") if not registry.find("measure", name).declares.wording] == []
    for name in registry.names("composite"):
        spec = registry.find("composite", name).spec
        assert spec is not None and spec.wording is not CompositeSpec.wording, name


@pytest.mark.parametrize(
    ("text", "label", "detail"),
    [
        ("fog(3)", "fog over the background", "severity 3 of 5"),
        ("blur(2.5, region=whole)", "blur of the whole image", "σ = 2.5 px"),
        ("fog(each=[1, 3, 5])", "fog over the background", "severity 1 to 5 of 5"),
        ("swap_background('class:a {b}')", "background of class “a {b}”", ""),
        ("swap_background('photos:x/y')", "background from “x/y”", ""),
        ("remove_background(fill=white)", "the background removed", "filled with white"),
    ],
)
def test_strengths_series_regions_and_names_are_filled_in(text: str, label: str, detail: str) -> None:
    english = words_of(parse_context(text))["en"]
    assert (english.label, english.detail) == (label, detail)


def test_a_composite_says_what_it_is_relative_to() -> None:
    expression = parse_expression("mean_corruption_error(['fog', 'snow'], baseline=old, severities=[1])")
    words = phrases(expression.spec, expression.spec.wording())  # type: ignore[attr-defined]
    assert words["en"].detail == "relative to model “old”, 2 corruptions"
    assert words["ja"].detail == "モデル「old」比、劣化2種類"


def test_without_words_there_are_none_and_what_is_no_field_stays() -> None:
    @dataclass(frozen=True)
    class Dust(Spec):
        density: float = 0.25

    assert phrases(Dust(), None) == phrases(Dust(), lambda spec: None) == {}
    told = Wording(Phrase("dust {density} {value}"), Phrase("{density}"))
    assert phrases(Dust(), told) == {"en": Phrase("dust 0.25 {value}"), "ja": Phrase("0.25")}
