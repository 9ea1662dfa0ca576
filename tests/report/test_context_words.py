"""Every context that is registered has words in both languages, with its strength, its series and its fill."""

from __future__ import annotations

import re

import pytest

from modelaudit.evidence.build import node_of
from modelaudit.evidence.record import ContextNode, MeasureNode
from modelaudit.language import parse_context, registry
from modelaudit.language.spec import Context
from modelaudit.measures import accuracy
from modelaudit.report.context_words import CONTEXTS, DOSES, said_of
from modelaudit.report.words import words_of

EN, JA = words_of("en"), words_of("ja")


def node(context: Context | str) -> ContextNode:
    found = node_of(accuracy.under(parse_context(context) if isinstance(context, str) else context))
    assert isinstance(found, MeasureNode)
    return found.contexts[0]


def examples() -> list[str]:
    entries = [registry.find("context", name) for name in registry.names("context")]
    told = [text for entry in entries if entry.name != "original" for text in entry.declares.examples]
    return [*told, "paste_back", "stored(night)"]


@pytest.mark.parametrize("text", examples())
def test_every_context_has_words_in_both_languages(text: str) -> None:
    english, japanese = said_of(node(text), EN), said_of(node(text), JA)
    assert english is not None and japanese is not None
    assert not any("{" in said or "_" in said for said in (*english, *japanese))
    assert re.search("[ぁ-ん一-龠ァ-ン]", japanese[0]) and re.search("[ぁ-ん一-龠ァ-ン]", japanese[1])
    # た場合 follows a verb stem
    assert japanese[1][-1] in "しえけげせてねべめれ見み"


def test_words_are_of_registered_contexts_and_their_fields() -> None:
    assert set(CONTEXTS) <= set(registry.names("context"))
    fields = {
        name
        for kind in registry.names("context")
        for name in vars(registry.find("context", kind).spec).get("__dataclass_fields__", {})
    }
    assert set(DOSES) <= fields


@pytest.mark.parametrize(
    ("text", "label", "clause"),
    [
        ("fog(3)", "fog over the background (severity 3 of 5)", "fog covers the background (severity 3 of 5)"),
        ("blur(2.5, region=whole)", "blur of the whole image (σ = 2.5 px)", "the whole image is blurred (σ = 2.5 px)"),
        (
            "fog(each=[1, 3, 5])",
            "fog over the background (severity 1 to 5 of 5)",
            "fog covers the background (severity 1 to 5 of 5)",
        ),
        (
            "swap_background('class:a {b}')",
            "background of class “a {b}”",
            "the background is replaced by that of an image of class “a {b}”",
        ),
        ("swap_background('photos:x/y')", "background from “x/y”", "the background is replaced by a photo from “x/y”"),
        (
            "remove_background(fill=white)",
            "the background removed (filled with white)",
            "the background is removed (filled with white)",
        ),
    ],
)
def test_strengths_series_and_names_are_told(text: str, label: str, clause: str) -> None:
    assert said_of(node(text), EN) == (label, clause)


def test_what_is_not_known_has_no_words() -> None:
    known = node("fog(3)")
    assert said_of(known.model_copy(update={"name": "sandstorm"}), EN) is None
    assert said_of(known.model_copy(update={"arguments": {"region": "sky"}}), EN) is None
    assert said_of(node("swap_background(random)").model_copy(update={"arguments": {"donors": "moon:x"}}), EN) is None
