"""What the report says of earlier runs: one sentence on page one, and the drawings behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report.sample_record import LIGHTING, case, decision, measure, record, worded
from report.whole_records import earlier

from modelaudit.evidence.record import CaseRecord, RequirementHistory, RunRecord, SinceLastRun, UnreadRun
from modelaudit.report import render_html, render_summary
from modelaudit.report.history import HEIGHT, MOST_CHARTS, history_view, since_sentence

EN, JA = worded("en"), worded("ja")
NOWHERE = Path("nowhere")

LAST = "20261020-091402-7f3a"


def passing(name: str = "a", **changed: Any) -> CaseRecord:
    found = {"decision": decision("PASS", 0.96, 0.93, 0.98), **changed}
    return case(name, measure("accuracy", LIGHTING), ">", 0.9, "PASS", **found)


def with_history(*cases: CaseRecord, **changed: Any) -> RunRecord:
    """Of these cases; what is changed is changed in the history."""
    shown = earlier(cases)
    return record(cases=list(cases), since_last_run=shown.model_copy(update=changed))


def outcomes(run: RunRecord, *since: str | None, **changed: Any) -> RunRecord:
    assert run.since_last_run is not None
    pairs = zip(run.since_last_run.requirements, since, strict=True)
    requirements = [one.model_copy(update={"since": each, **changed}) for one, each in pairs]
    return run.model_copy(
        update={"since_last_run": run.since_last_run.model_copy(update={"requirements": requirements})}
    )


def test_a_first_run_says_nothing_of_others() -> None:
    run = record(cases=[passing()])
    assert history_view(run, EN) is None and since_sentence(run, EN) == ""
    assert 'id="history"' not in render_html(run, NOWHERE) and "Since the last run" not in render_summary(run)


def test_page_one_names_what_is_worse_and_better() -> None:
    run = outcomes(with_history(*map(passing, "abcd")), "equivalent", "worse", "better", "cannot_tell")
    assert since_sentence(run, EN) == (
        "Since the baseline v1 of October 20, 2026: 1 worse (b +3.1 points), 1 better (c +3.1 points), 1 equivalent, "
        "1 undecided. The model has changed since then."
    )
    assert since_sentence(run, JA) == (
        "ベースライン「v1」（2026年10月20日）との比較：悪化1件（b +3.1ポイント）、改善1件（c +3.1ポイント）、"
        "同等1件、判定不能1件。その後モデルが変更されています。"
    )
    page_one = render_html(run, NOWHERE)
    assert page_one.index('class="since"') < page_one.index('id="behind"') < page_one.index('id="history"')
    assert "1 worse" in render_summary(run) and "悪化1件" in render_summary(run, language="ja")


def test_a_run_like_the_last_one_has_not_changed() -> None:
    run = outcomes(with_history(passing("a"), passing("b")), "same", "same", new_model=False)
    assert since_sentence(run, EN) == (
        "Since the baseline v1 of October 20, 2026 nothing has changed: same model, same images, same values."
    )


@pytest.mark.parametrize(
    ("changed", "since", "said"),
    [
        ({"last": None}, None, "No earlier run has the same images, seed and definitions"),
        ({}, None, "This run was not compared with the baseline v1 of October 20, 2026: no requirement was measured"),
        (
            {"unread": [UnreadRun(name=LAST, why="not_compared", why_not="contradicts")]},
            None,
            "This run was not compared with the baseline v1 of October 20, 2026: its record contradicts itself.",
        ),
        (
            {"unread": [UnreadRun(name=LAST, why="not_compared", why_not="margin=0 must be positive")]},
            None,
            "This run was not compared with the baseline v1 of October 20, 2026: margin=0 must be positive",
        ),
        ({"runs": [], "requirements": [], "last": None}, None, ""),
    ],
)
def test_it_is_said_where_nothing_is_compared(changed: dict[str, Any], since: str | None, said: str) -> None:
    run = outcomes(with_history(passing()), since)
    assert run.since_last_run is not None
    run = run.model_copy(update={"since_last_run": run.since_last_run.model_copy(update=changed)})
    assert since_sentence(run, EN).startswith(said) and bool(since_sentence(run, EN)) == bool(said)
    assert render_html(run, NOWHERE)


def test_a_known_bad_model_is_neither_better_nor_worse() -> None:
    bad = case(
        "bad", measure(), ">", 0.9, "FAIL", must_fail=True, outcome="passed", decision=decision("FAIL", 0.1, 0, 0.2)
    )
    run = outcomes(with_history(passing("a"), bad), "equivalent", "worse")
    assert "worse" not in since_sentence(run, EN)
    view = history_view(run, EN)
    assert view is not None and [chart.name for chart in view.charts] == ["a", "bad"], "it is drawn, after the others"
    assert view.charts[1].dots[-1].kind == "caught"


def test_the_drawing_joins_what_is_of_one_line_and_nothing_else() -> None:
    view = history_view(with_history(passing()), EN)
    assert view is not None
    (chart,) = view.charts
    assert len(chart.dots) == 21 and [dot.apart for dot in chart.dots] == [True] * 6 + [False] * 15
    assert chart.dots[9].y is None and chart.dots[9].kind == "error"
    joined = {(x1, x2) for x1, _, x2, _ in chart.segments}
    x = [dot.x for dot in chart.dots]
    assert joined == {(x[at], x[at + 1]) for at in range(6, 20) if 9 not in (at, at + 1)}
    assert x == sorted(x) and all(0 <= each <= 100 for each in x)
    assert [kind for _, kind in chart.marks] == ["data", "model", "model", "model"]
    assert len(chart.limits) == 2 and chart.limits[0][1] == chart.limits[1][0], "the limit as it was, then as it is"
    assert all(0 <= y <= HEIGHT for dot in chart.dots if dot.bar for y in (dot.y, *dot.bar) if y is not None)
    assert chart.dates == ("2026-10-01", "2026-11-23")


def test_the_values_are_there_in_words() -> None:
    view = history_view(with_history(passing()), EN)
    assert view is not None
    rows = view.charts[0].rows
    assert (rows[0].date, rows[0].verdict, rows[0].notes) == ("2026-10-01", "Fail", ("other images",))
    assert rows[9].value == "–" and rows[9].verdict == "Error"
    assert rows[-1].value == "96.0%" and rows[-1].notes == ("another model",)
    assert "2026-10-02 Fail 81.6%" in view.charts[0].described


def test_what_cannot_be_read_is_named() -> None:
    view = history_view(with_history(passing()), EN)
    assert view is not None and view.unread == (
        "v1 is not shown: its record cannot be read.",
        "v1 was not compared with this run: v1",
    )


def test_so_many_requirements_are_drawn_those_that_changed_first() -> None:
    run = with_history(*(passing(f"r{at}") for at in range(MOST_CHARTS + 3)))
    since = ["equivalent"] * (MOST_CHARTS + 3)
    since[-1] = "worse"
    view = history_view(outcomes(run, *since), EN)
    assert view is not None and len(view.charts) == MOST_CHARTS and view.charts[0].name == f"r{MOST_CHARTS + 2}"
    assert view.more == "3 more requirements are in the record only."


def test_a_requirement_without_any_value_is_not_drawn() -> None:
    error = case("e", measure(), ">", 0.9, "ERROR", message="ModelError: gone")
    shown = SinceLastRun(runs=earlier([], runs=1).runs, requirements=[RequirementHistory(case=error.id, points=[])])
    view = history_view(record(cases=[error], since_last_run=shown), EN)
    assert view is not None and view.charts == ()
