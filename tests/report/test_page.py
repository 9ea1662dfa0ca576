"""What the report says of a run as a whole: it never says more than was measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from report.sample_record import OTHER_CLASS, case, decision, measure, record, worded

from modelaudit.evidence.record import (
    Absence,
    AbsentFile,
    CaseRecord,
    CountsRecord,
    DecisionRecord,
    RunRecord,
    Unusable,
)
from modelaudit.report import render_html, render_summary
from modelaudit.report.page import MOST_LISTED, Page, headline, overall_of, page_of, totals
from modelaudit.report.pictures import Pictures

EN, JA = worded("en"), worded("ja")
NONE_SHOWN = Pictures(frozenset(), {}, frozenset(), 0)


def passing(name: str = "a", **changed: Any) -> CaseRecord:
    return case(name, measure(), ">", 0.9, "PASS", **{"decision": decision("PASS", 0.96, 0.93, 0.98), **changed})


def control(verdict: str | None, outcome: str) -> CaseRecord:
    node = measure("accuracy", OTHER_CLASS, model="candidate")
    return case("control", node, ">", 0.9, verdict, must_fail=True, outcome=outcome)


def whole(cases: list[CaseRecord], **changed: Any) -> RunRecord:
    return record(cases=cases, **changed)


def page(run: RunRecord) -> Page:
    return page_of(run, EN, NONE_SHOWN)


def test_a_whole_run_that_holds_says_so() -> None:
    run = whole([passing("a"), passing("b"), control("FAIL", "passed")])
    assert overall_of(run) == "PASS"
    assert headline(run, EN) == (
        "All 2 requirements are met. The known-bad model was caught: its requirement failed, as it must."
    )
    assert headline(run, JA) == ("2件の要求事項はすべて合格。既知不良モデル（1件）を正しく検出しました。")
    assert "No part" not in render_html(run, Path("nowhere"))
    assert page(run).banners == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"absent_files": [AbsentFile(file="audits/audit_b.py", by="skip", why="no GPU")]}, "PARTIAL"),
        ({"absent_files": [AbsentFile(file="audits/audit_b.py", by="selection", why="--ignore")]}, "SELECTION"),
        ({"cases": [control("FAIL", "passed")]}, "PARTIAL"),
        ({"cases": [passing(), case("b", measure(), ">", 0.9, None, absence=None)]}, "PARTIAL"),
        ({"quick_look": 20}, "QUICK_LOOK"),
        ({"cases": [passing(), case("b", measure(), ">", 0.9, None)]}, "SELECTION"),
        ({"cases": []}, "PARTIAL"),
        ({"cases": [passing(), case("b", measure(), ">", 0.9, "FAIL")]}, "FAIL"),
        ({"cases": [passing(), control("PASS", "failed")]}, "FAIL"),
        ({"cases": [passing(), case("b", measure(), ">", 0.9, "ERROR")]}, "ERROR"),
        ({"cases": [passing(), control("INCONCLUSIVE", "failed")]}, "FAIL"),
    ],
)
def test_no_run_passes_of_which_a_part_is_missing_or_did_not_pass(changed: dict[str, Any], said: str) -> None:
    run = whole([passing()]).model_copy(update=changed)
    assert overall_of(run) == said
    shown = page(run)
    assert shown.overall.kind == said.lower()
    assert not shown.headline.startswith(("All", "The expectation holds"))
    assert 'class="verdict is-pass"' not in render_html(run, Path("nowhere"))
    assert "## modelaudit: Pass" not in render_summary(run)


@pytest.mark.parametrize(("by", "title"), [("selection", "A selection"), ("skip", "Partial run")])
def test_what_is_not_the_whole_says_why(by: Any, title: str) -> None:
    run = whole([passing(), case("b", measure(), ">", 0.9, None, absence=Absence(by=by, why="no GPU"))])
    ((shown, text),) = page(run).banners
    assert shown == title
    assert (
        f"Reason: 1 of 2 declared requirements are not counted (1 {'not selected' if by == 'selection' else 'skipped'})"
        in text
    )


def test_a_selection_lists_the_rest() -> None:
    run = record()
    html = render_html(run, Path("nowhere"))
    assert html.count('class="case is-not_run"') == 1
    assert "一部実施" in html


def test_a_quick_look_is_marked_at_every_verdict() -> None:
    run = whole([passing("a"), passing("b"), control("FAIL", "passed")], quick_look=20)
    html = render_html(run, Path("nowhere"))
    assert html.count('class="provisional"') == html.count('class="badge ') == 4
    assert html.count('<span class="chip">quick look</span>') == 2
    assert "Quick look: no verdict" in html and "簡易確認：判定なし" in html
    assert "QUICK LOOK" in html
    assert html.count("is-provisional") == 2 * 2 + 4 + 3 + 3
    assert headline(run, EN).startswith("On 20 images only: 2 of 2 requirements are met")
    assert render_summary(run).count("(quick look)") == 3


def test_values_that_could_not_be_computed_stand_beside_the_headline() -> None:
    counts = CountsRecord(asked=100, measured=90, undefined=7, errored=3, by_reason={"zero_attribution": 7, "odd": 3})
    run = whole([passing(decision=decision("PASS", 0.96, 0.93, 0.98, counts=counts))])
    assert totals(run, EN).startswith("10 of 100 values could not be computed (7 undefined, 3 with errors)")
    (view,) = page(run).expectations
    assert view.counts is not None and not view.counts.complete
    assert view.counts.reasons == ("heat map without any positive value: 7", "odd: 3")


def test_controls_stand_apart_and_are_caught_or_not() -> None:
    caught = page(whole([passing(), control("FAIL", "passed")]))
    assert [view.badge.kind for view in caught.controls] == ["caught"]
    assert len(caught.expectations) == 1
    missed = whole([passing(), control("PASS", "failed")])
    assert page(missed).controls[0].badge.kind == "missed"
    assert (
        headline(missed, EN)
        == "1 of 1 requirements is met. 0 of 1 requirements on known-bad models failed, as they must."
    )
    html = render_html(missed, Path("nowhere"))
    assert "The audit did NOT catch it" in html
    assert "監査はこれを検出できませんでした" in html
    assert "did NOT catch" in render_html(whole([control("INCONCLUSIVE", "failed")]), Path("nowhere"))


def test_a_run_without_a_control_says_what_it_could_have_missed() -> None:
    assert "This run had no known-bad model" in render_html(whole([passing()]), Path("nowhere"))


def test_a_run_in_which_no_control_was_run_does_not_count_it_as_caught() -> None:
    run = record(cases=[passing(), control(None, "not_run")])
    assert headline(run, EN).endswith("No known-bad model was run.")


def test_an_error_shows_its_message_and_an_inconclusive_one_what_would_settle_it() -> None:
    html = render_html(record(), Path("nowhere"))
    assert "changed no pixel in any of 240 images; raise its density" in html
    assert "About 310 more images would probably settle it" in html
    assert "あと約310枚" in html


def test_an_approximate_rule_is_marked() -> None:
    view = next(view for view in page(record()).expectations if view.case.name == "decides_on_the_part")
    assert view.rule == "BCa bootstrap (approximate)"


def test_an_xfail_is_told_as_one() -> None:
    run = whole([passing(), case("a", measure(), ">", 0.9, "FAIL", outcome="xfailed", standing="xfail")])
    assert headline(run, EN).startswith(
        "1 of 2 requirements is met; 1 is not met; 1 of these is marked as expected to fail (xfail)."
    )
    view = page(run).expectations[-1]
    assert view.badge.kind == "fail"
    assert any("xfail" in note for note in view.notes)


def test_the_interval_says_that_it_is_made_of_the_bounds_that_decide() -> None:
    (view,) = page(whole([passing()])).expectations
    assert view.made_of == ("range: what lies between the two one-sided 95% bounds that decide")
    html = render_html(whole([passing()]), Path("nowhere"))
    assert "範囲：判定に用いる2つの片側95%限界（信頼下限と信頼上限）の間" in html


@pytest.mark.parametrize(
    "decided",
    [decision("PASS", 0.96, 0.93, None), decision("PASS", 0.96, 0.96, 0.96), decision("ERROR", None, None, None), None],
)
def test_without_an_interval_of_two_bounds_none_is_explained(decided: DecisionRecord | None) -> None:
    (view,) = page(whole([passing(decision=decided)])).expectations
    assert view.made_of == ""


def test_long_lists_say_how_many_more_the_record_has() -> None:
    run = record()
    broken = [Unusable(sample=f"{at}.png", reason="unreadable", message="") for at in range(MOST_LISTED + 7)]
    data = run.data[0].model_copy(update={"unusable": broken})
    html = render_html(run.model_copy(update={"data": [data]}), Path("nowhere"))
    assert f"<bdi>{MOST_LISTED - 1}.png</bdi>" in html and f"<bdi>{MOST_LISTED}.png</bdi>" not in html
    assert "7 more are left out here; run.json has all of them." in html and "ほかの7件は" in html


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_internal_name_stands_in_a_sentence(tmp_path: Path, language: str) -> None:
    run = record(tmp_path)
    html = render_html(run, tmp_path, language=language).split('id="embedded"')[0].split("<main")[1]
    names = {case.name for case in run.cases}
    told = re.sub(r"<(code|pre|bdi|svg)\b.*?</\1>", " ", html, flags=re.DOTALL)
    found = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", re.sub(r"<[^>]*>", " ", told)))
    assert found <= names
