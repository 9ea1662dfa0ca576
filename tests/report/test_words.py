"""The two catalogues: every text in both languages, none left over, and none in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from modelaudit.advice.kinds import KINDS
from modelaudit.advice.next_steps import RULES, STAGES
from modelaudit.engine.results.measured import HeatAt
from modelaudit.evidence.agreed import UnmetKind
from modelaudit.evidence.probe import Assumption
from modelaudit.evidence.record import Weakening
from modelaudit.evidence.since_last_run import Apart, Since, Unread
from modelaudit.evidence.states import AbsentBy
from modelaudit.language import associations
from modelaudit.language.errors import ResultsError
from modelaudit.language.findings import Kind
from modelaudit.language.progress import ProgressTexts
from modelaudit.language.reasons import Missing
from modelaudit.monitoring.alarm_record import ComparedWith, Measurability
from modelaudit.monitoring.monitor_file import STATISTICS
from modelaudit.releases import comparison_record
from modelaudit.report.alarm_changes import PROPERTIES
from modelaudit.report.comparison_requirements import ORDER
from modelaudit.report.coverage import Ledger
from modelaudit.report.notes import _FORMS
from modelaudit.report.record_notes import FORMS, PARTNER
from modelaudit.report.reviewed import QUESTIONS
from modelaudit.report.run_lines import progress_texts
from modelaudit.report.sheets import FAMILIES, REMARKS
from modelaudit.report.words import CATALOGUES, words_of
from modelaudit.standards.records import NUMBERS
from modelaudit.standards.standard_file import DOCUMENTS, RECORDS
from modelaudit.statistics.verdict import Reason, Verdict

ROOT = Path(__file__).parents[2]
#: whose modules take their texts from the report's catalogue
MODULES = (CATALOGUES.parent, CATALOGUES.parents[1] / "exports")
#: has a catalogue of its own (test_error_texts.py)
APART = "error_texts.py"
EN, JA = words_of("en"), words_of("ja")
#: how a text is asked for, and what the call fills by itself
CALLS: dict[str, set[str]] = {"_": set(), "ngettext": {"n"}}
KEY = re.compile(r"[a-z0-9_]+\Z")
#: the fixed lists whose words stand in the catalogue, each under the name of its kind
LISTS: dict[str, Iterable[str]] = {
    "verdict": [*Verdict, "FAIL_ERROR", "NOT_RUN", "PARTIAL", "SELECTION", "QUICK_LOOK", "CAUGHT", "MISSED"],
    "reason": list(Reason),
    "missing": Missing,
    "missing_advice": Missing,
    "partner": PARTNER.values(),
    "state": [*Verdict, "NOT_RUN", "XFAIL", "PARTIAL", "SELECTION", "QUICK_LOOK", "CAUGHT", "MISSED"],
    "weakened": get_args(Weakening),
    "association_column": ["group", "cluster"],
    "association_reason": [one for one in get_args(associations.Reason) if one not in ("", "same_as_column")],
    "outcome": ["xfailed", "xpassed", "warned", "skipped"],
    "rank": ["worst", "typical", "best"],
    "image": [
        "right_then_wrong",
        "wrong_then_right",
        "no_difference",
        "right",
        "wrong",
        "answer_changed",
        "answer_kept",
    ],
    "heat_at": get_args(HeatAt),
    "mask": ["mask", "polygon", "rle", "box", "machine", "none"],
    "target": ["label", "margin"],
    "variant": ["eroded", "dilated", "shifted_x", "shifted_y"],
    "sanity": ["mprt", "smprt", "emprt", "deletion", "insertion"],
    "finding": Kind,
    "advice": Kind,
    "remark": REMARKS,
    "remark_advice": REMARKS,
    "family": FAMILIES,
    "about_family": FAMILIES,
    "absent": get_args(AbsentBy),
    **{kind: ["clusters", "donors", "different_pictures"] for kind in ("counted", "shared", "few")},
    "limited": ["these_clusters", "these_backgrounds", "these_clusters_and_these_backgrounds"],
    "since": get_args(Since),
    "apart": get_args(Apart),
    "unread": get_args(Unread),
    "history_mark": ["model", "data"],
    "scale": ["background_dependence", "background_share"],
    "chip": [*Reason, "xfailed", "xpassed"],
    "folded": ["pass", "fail", "inconclusive", "error", "not_run"],
    "stage": STAGES,
    "ended": ["pass", "fail", "inconclusive", "error"],
    "unmet": get_args(UnmetKind),
    "domain": ["unforeseen", "off", "too_few_to_tell"],
    "domain_attribute": ["label", "group"],
    "agreed_inconclusive": ["fail", "warn"],
    "review_question": ["looks_at", "change_realistic"],
    "review_asked": QUESTIONS,
    "review_answer": ["object", "background", "both", "cannot_tell", "yes", "no"],
    "kind": KINDS,
    "alarm_title": [*STATISTICS, "whole_image"],
    "alarm_statistic": [*STATISTICS, "whole_image"],
    "alarm_look": [*STATISTICS, "whole_image"],
    "alarm_compared": get_args(ComparedWith),
    "alarm_then": get_args(ComparedWith),
    "alarm_standing": get_args(Measurability),
    "alarm_touched": [*Verdict, "NOT_RUN"],
    "alarm_change": PROPERTIES,
    "diff_title": [*get_args(comparison_record.Outcome), "no_worse"],
    "diff_outcome": ORDER,
    "diff_count": ORDER,
    "diff_means": ["worse", "worse_without_pictures", "not_comparable"],
    "diff_side": ["old", "new"],
    "diff_changed": ["newly_wrong", "recovered"],
    "diff_images": ["new", "missing", "changed", "renamed", "doubled_old", "doubled_new"],
    "diff_content": ["image", "mask", "label"],
    "diff_kind": ["model", "data", "version", "option", "definition", "machine"],
    "diff_note": get_args(comparison_record.RequirementNote),
    "diff_run_note": get_args(comparison_record.ComparisonNote),
    "diff_no_picture_why": get_args(comparison_record.NoPictures.model_fields["why"].annotation),
    "next": [*(rule.key for rule in RULES if rule.key != "photograph"), "new_pictures", "new_backgrounds"],
    "probe_assumption": get_args(Assumption),
    "evidence_kind": RECORDS,
    "evidence_document": DOCUMENTS,
    "evidence_number": NUMBERS,
    "ledger": [field.name for field in fields(Ledger)],
    "shopping": ["cluster", "copies"],
    "progress": [field.name for field in fields(ProgressTexts)],
    "measure_noun": ["accuracy", "false_alarm_rate", "miss_rate"],
    "mask_origin": ["supplied", "box", "machine", "none", "without_object"],
    **{kind: forms.values() for kind, forms in FORMS.items()},
    "note": [key.removeprefix("note.") for key in _FORMS.values() if key.startswith("note.")],
}


def keys() -> set[str]:
    """Every key that the templates and the modules ask for."""
    found: set[str] = set()
    keywords = {"_": None, "ngettext": None}
    for folder, method in (*((folder, "python") for folder in MODULES), (ROOT / "templates", "jinja2")):
        for file in folder.glob("*.py" if method == "python" else "*.j2"):
            if file.name == APART:
                continue
            with file.open("rb") as source:
                for _, message, *_rest in extract(method, source, keywords, options={"encoding": "utf-8"}):
                    text = message[0] if isinstance(message, tuple) else message
                    if isinstance(text, str) and text:
                        found.add(text)
    return found


def texts(language: str) -> dict[str, Message]:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    return {each(message.id)[0]: message for message in found if message.id}


def each(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def test_every_key_has_a_text_in_both_languages_and_none_is_left_over() -> None:
    asked = keys() | {"fall_of_limit", "change_of_limit"}
    english, japanese = texts("en"), texts("ja")
    assert set(english) == set(japanese)
    plain = {key for key in english if "." not in key}
    assert len(asked) > 100 and asked == plain
    assert [m.id for t in (english, japanese) for m in t.values() if m.fuzzy or not all(each(m.string))] == []


def test_no_sentence_stands_in_a_module_or_a_template() -> None:
    assert [key for key in keys() if not KEY.match(key)] == []


def test_no_translation_loses_or_invents_a_placeholder() -> None:
    japanese = texts("ja")
    for key, message in texts("en").items():
        wanted = set(re.findall(r"\{(\w*)\}", each(message.string)[-1]))
        for text in each(japanese[key].string):
            assert set(re.findall(r"\{(\w*)\}", text)) - {"japan"} == wanted, key


def test_every_text_has_the_placeholders_that_the_code_fills() -> None:
    """A key that is taken for two texts loses the placeholders of one of them, and its values vanish unseen."""
    passed = list(filled())
    assert len(passed) > 300
    wrong = []
    for language in ("en", "ja"):
        known = texts(language)
        for place, key, names, open_ended in passed:
            *_, last = forms = [set(re.findall(r"\{(\w*)\}", text)) for text in each(known[key].string)]
            lost = names - last - {"n"} - ({"japan"} if language == "en" else set())
            unfilled = set() if open_ended else set().union(*forms) - names
            if lost or unfilled:
                wrong.append(f"{place}: {key} ({language}) does not show {lost}, and nothing fills {unfilled}")
    assert wrong == []


def filled() -> Iterator[tuple[str, str, set[str], bool]]:
    """Every call for a text: its file, the key, the placeholders that it fills, and whether it may fill others too."""
    for file in (file for folder in MODULES for file in folder.glob("*.py")):
        if file.name == APART:
            continue
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
                continue
            key = call.args[0]
            if call.func.attr in CALLS and isinstance(key, ast.Constant):
                named = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
                yield file.name, str(key.value), named | CALLS[call.func.attr], len(named) < len(call.keywords)
    for file in (ROOT / "templates").glob("*.j2"):
        for found in Environment().parse(file.read_text(encoding="utf-8")).find_all(nodes.Call):
            if (
                isinstance(found.node, nodes.Name)
                and found.node.name in CALLS
                and isinstance(found.args[0], nodes.Const)
            ):
                named = {keyword.key for keyword in found.kwargs}
                yield file.name, str(found.args[0].value), named | CALLS[found.node.name], found.dyn_kwargs is not None


def test_every_name_of_a_fixed_list_has_words_in_both_languages() -> None:
    for language in ("en", "ja"):
        known = texts(language)
        assert [
            f"{kind}.{name}" for kind, names in LISTS.items() for name in names if f"{kind}.{name}" not in known
        ] == []


def test_the_engine_and_the_catalogue_give_the_same_advice() -> None:
    assert {reason: EN.named("missing_advice", reason) for reason in Missing} == {one: one.advice for one in Missing}


def test_a_bar_says_the_same_with_and_without_the_catalogue() -> None:
    assert progress_texts(EN) == ProgressTexts()
    assert progress_texts(JA).start.format(title="pets", total=10) == "監査中：pets（画像10枚）"


@pytest.mark.parametrize(
    ("verdict", "english", "japanese"),
    [("PASS", "Pass", "合格"), ("FAIL", "Fail", "不合格"), ("INCONCLUSIVE", "Inconclusive", "判定不能")],
)
def test_the_terms_of_the_trade(verdict: str, english: str, japanese: str) -> None:
    assert EN.named("verdict", verdict) == english
    assert JA.named("verdict", verdict) == japanese


def test_numbers_are_written_as_they_were_meant() -> None:
    assert EN.limit(0.4, "number") == "0.40"
    assert EN.limit(0.123456789, "number") == "0.123457"
    assert EN.limit(0.05, "points") == "5 points"
    assert EN.limit(0.01, "points") == "1 point"
    assert EN.limit(0.9, "percent") == "90%"
    assert EN.quantity(-0.0001, "percent", 1) == "0.0%"
    assert EN.quantity(-0.031, "points", 1) == "−3.1 points"
    assert EN.quantity(1e300, "number", 3) == "1E300"
    assert EN.count(25557032) == JA.count(25557032) == "25,557,032"


def test_moments_are_written_in_the_language_and_other_text_as_it_stands() -> None:
    assert EN.moment("2026-11-23T09:21:47+09:00") == "November 23, 2026, 09:21 UTC+09:00"
    assert JA.moment("2026-11-23T09:21:47+09:00") == "2026年11月23日 09:21 UTC+09:00"
    assert JA.moment("2026-11-23T15:40:00+00:00") == "2026年11月23日 15:40 UTC（日本時間 2026年11月24日 00:40）"
    assert EN.moment("2026-11-23T15:40:00+00:00") == "November 23, 2026, 15:40 UTC"
    assert EN.moment("yesterday") == "yesterday"


def test_text_that_looks_like_a_placeholder_is_left_alone() -> None:
    assert EN._("model_named", model="{0} %s {model}") == "model “{0} %s {model}”"


def test_another_language_names_those_there_are() -> None:
    with pytest.raises(ResultsError, match="known: en, ja"):
        words_of("deutsch")
