"""The two languages: every message is translated, and no translation loses what it is to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from modelaudit.language.errors import ResultsError
from modelaudit.language.reasons import Missing
from modelaudit.report import vocabulary
from modelaudit.report.words import LOCALE_FOLDER, words_of
from modelaudit.statistics.verdict import Reason, Verdict

ROOT = Path(__file__).parents[2]
EN, JA = words_of("en"), words_of("ja")


def messages() -> set[str | tuple[str, ...]]:
    """Every message of the templates and of the report's own modules."""
    with (LOCALE_FOLDER / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, directory_filter=lambda folder: _holds_messages(Path(folder)))
    return {message for _, _, message, _, _ in found}


def _holds_messages(folder: Path) -> bool:
    wanted = (ROOT / "templates", ROOT / "modelaudit/report")
    return any(folder == one or folder in one.parents or one in folder.parents for one in wanted)


def translations() -> dict[str | tuple[str, ...], Message]:
    with (LOCALE_FOLDER / "ja/LC_MESSAGES/modelaudit.po").open("rb") as file:
        return {message.id: message for message in read_po(file, locale="ja") if message.id}


def texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def test_every_message_has_a_japanese_text_and_none_is_left_over() -> None:
    asked, translated = messages(), translations()
    assert len(asked) > 150
    assert asked - set(translated) == set()
    assert set(translated) - asked == set()
    assert [m.id for m in translated.values() if m.fuzzy or not all(texts(m.string))] == []


def test_no_translation_loses_or_invents_a_placeholder() -> None:
    for message in translations().values():
        wanted = {name for text in texts(message.id)[-1:] for name in re.findall(r"\{(\w*)\}", text)}
        for text in texts(message.string):
            assert set(re.findall(r"\{(\w*)\}", text)) == wanted, message.id


def test_the_words_of_every_verdict_and_reason_are_known() -> None:
    assert set(vocabulary.VERDICTS) >= set(Verdict)
    assert set(vocabulary.REASONS) >= set(Reason)
    assert set(vocabulary.MISSING) == set(Missing)


@pytest.mark.parametrize(
    ("english", "japanese"),
    [("Pass", "合格"), ("Fail", "不合格"), ("Inconclusive", "判定不能"), ("background dependence", "背景依存度")],
)
def test_the_terms_of_the_trade(english: str, japanese: str) -> None:
    assert JA._(english) == japanese
    assert EN._(english) == english


def test_numbers_are_written_as_they_were_meant() -> None:
    assert EN.limit(0.4, "number") == "0.40"
    assert EN.limit(0.123456789, "number") == "0.123457"
    assert EN.limit(0.05, "points") == "5 percentage points"
    assert EN.limit(0.01, "points") == "1 percentage point"
    assert EN.limit(0.9, "percent") == "90%"
    assert EN.quantity(-0.0001, "percent", 1) == "0.0%"
    assert EN.quantity(-0.031, "points", 1) == "−3.1 percentage points"
    assert EN.quantity(1e300, "number", 3) == "1E300"
    assert EN.count(25557032) == JA.count(25557032) == "25,557,032"


def test_moments_are_written_in_the_language_and_other_text_as_it_stands() -> None:
    assert EN.moment("2026-11-23T09:21:47+09:00") == "November 23, 2026, 09:21 UTC+09:00"
    assert JA.moment("2026-11-23T09:21:47+09:00") == "2026年11月23日 09:21 UTC+09:00"
    assert EN.moment("yesterday") == "yesterday"


def test_text_that_looks_like_a_placeholder_is_left_alone() -> None:
    assert EN._("model “{model}”", model="{0} %s {model}") == "model “{0} %s {model}”"


def test_another_language_names_those_there_are() -> None:
    with pytest.raises(ResultsError, match="known: en, ja"):
        words_of("deutsch")
