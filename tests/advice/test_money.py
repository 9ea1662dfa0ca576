"""What mistakes and steps cost, against amounts worked out by hand."""

from __future__ import annotations

import pytest
from advice.inspected_line import COSTS, DEFECTIVE, GOOD, asks, line, probe, rate
from hypothesis import given
from hypothesis import strategies as st
from report.sample_record import OTHER_CLASS
from scipy.stats import beta

from modelaudit.advice.mistakes import Rate, mistakes_of
from modelaudit.advice.money import (
    Amount,
    break_even,
    cost_of_mistakes,
    gain_of,
    mistake_costs,
    photographs_wanted,
    total,
    work_to_decide,
    work_to_mend_masks,
    work_to_retrain,
)
from modelaudit.advice.prices import dearest_situation, saving_of
from modelaudit.evidence.record import RunRecord


def upper(wrong: int, n: int, risk: float) -> float:
    return float(beta.ppf(1 - risk, wrong + 1, n - wrong))


def test_the_amounts_are_those_worked_out_by_hand() -> None:
    plain, elsewhere = mistake_costs(line(), risk=0.05)
    # as photographed 2 of 40 are missed: of 200 defective parts 10, at 1,000; 3 of 60 rejected: of 9,800 490, at 10
    assert plain.contexts == ()
    assert plain.parts["missed"].expected == pytest.approx(10 * 1000)
    assert plain.parts["alarms"].expected == pytest.approx(490 * 10)
    assert plain.amount.expected == pytest.approx(14_900)
    # on other backgrounds a quarter of 200 is missed; false alarms were not measured there
    assert [one.text for one in elsewhere.contexts] == [OTHER_CLASS.text]
    assert elsewhere.parts.keys() == {"missed"}
    assert elsewhere.amount.expected == pytest.approx(50_000)


def test_each_end_holds_at_half_of_the_risk_for_each_rate() -> None:
    plain, _ = mistake_costs(line(), risk=0.05)
    high = 200 * 1000 * upper(2, DEFECTIVE, 0.025) + 9800 * 10 * upper(3, GOOD, 0.025)
    assert plain.amount.high == pytest.approx(high, rel=1e-6)
    (first, *_) = mistakes_of(line(), risk=0.025)
    assert first.missed is not None
    assert first.missed.upper == pytest.approx(upper(2, DEFECTIVE, 0.025))


def test_the_rate_of_one_lot_does_not_stand_for_the_line() -> None:
    whole = line()
    narrowed = asks("misses_few_of_lot_7", rate("miss_rate", where=" & group('lot 7')"), 0.1, 0.05, "PASS")
    only = whole.model_copy(update={"cases": [narrowed]})
    assert mistakes_of(only, risk=0.025) == []
    (first, *_) = mistakes_of(whole.model_copy(update={"cases": [narrowed, *whole.cases]}), risk=0.025)
    assert first.missed is not None
    assert first.missed.estimate == pytest.approx(2 / DEFECTIVE)


@pytest.mark.parametrize("field", ["missed_defect", "false_alarm"])
def test_what_has_no_cost_is_left_out(field: str) -> None:
    found = mistake_costs(line(COSTS.model_copy(update={field: None})), risk=0.05)
    kept = {"missed_defect": "alarms", "false_alarm": "missed"}[field]
    assert {kind for one in found for kind in one.parts} == {kept}


@pytest.mark.parametrize("costs", [None, COSTS.model_copy(update={"defect_share": None})])
def test_without_costs_or_the_share_of_defects_nothing_is_said(costs: object) -> None:
    assert mistake_costs(line(costs), risk=0.05) == []  # type: ignore[arg-type]


def test_without_parts_a_month_amounts_are_of_a_thousand() -> None:
    (plain, _) = mistake_costs(line(COSTS.model_copy(update={"parts_a_month": None})), risk=0.05)
    assert plain.amount.expected == pytest.approx(1490)


def test_a_rate_of_a_part_of_the_line_does_not_stand_for_it() -> None:
    found = line()
    narrowed = asks("lot", rate("miss_rate", where=" & group(a)"), 0.1, 0.5, "FAIL")
    assert mistake_costs(found.model_copy(update={"cases": [narrowed]}), risk=0.05) == []


def test_known_bad_models_and_quick_looks_cost_nothing() -> None:
    found = line()
    bad = [one.model_copy(update={"must_fail": True}) for one in found.cases]
    assert mistake_costs(found.model_copy(update={"cases": bad}), risk=0.05) == []
    assert mistake_costs(found.model_copy(update={"quick_look": 8}), risk=0.05) == []


def test_meeting_a_limit_saves_what_is_above_it() -> None:
    found = line()
    # 25 % against 10 %: 15 % of 200 defective parts, at 1,000
    assert saving_of(found.cases[2], COSTS) == pytest.approx(30_000)
    assert saving_of(found.cases[0], COSTS) == 0
    assert saving_of(found.cases[0], None) is None


def test_what_is_saved_in_one_situation_adds_up_and_situations_do_not() -> None:
    found = line()
    alarms = asks("alarms_elsewhere", rate("false_alarm_rate", OTHER_CLASS), 0.1, 0.2, "FAIL")
    again = asks("again", rate("miss_rate", OTHER_CLASS), 0.2, 0.25, "FAIL")
    saved, contexts = dearest_situation([found.cases[2], alarms, again], COSTS)
    # 15 points of 200 defective parts at 1,000 (the second asks for less), and 10 points of 9,800 good ones at 10
    assert saved == pytest.approx(30_000 + 9_800)
    assert [one.text for one in contexts] == [OTHER_CLASS.text]
    plain = asks("plain", rate("miss_rate"), 0.1, 0.5, "FAIL")
    assert dearest_situation([found.cases[2], alarms, plain], COSTS) == (pytest.approx(80_000), ())
    assert dearest_situation([], COSTS) == (0.0, ())


rates = st.floats(0, 1)
bounded = st.builds(lambda a, b, c: Rate(sorted((a, b, c))[1], min(a, b, c), max(a, b, c)), rates, rates, rates)


@given(bounded, bounded)
def test_an_amount_lies_between_its_ends_and_adds_up(missed: Rate, alarms: Rate) -> None:
    parts = cost_of_mistakes(missed, alarms, COSTS)
    whole = parts["missed"] + parts["alarms"]
    assert whole.low is not None
    assert whole.high is not None
    assert whole.low <= whole.expected * (1 + 1e-12) + 1e-9
    assert whole.expected <= whole.high * (1 + 1e-12) + 1e-9
    alone = cost_of_mistakes(missed, None, COSTS)
    assert alone == {"missed": parts["missed"]}


def undecided(*asked: tuple[str, int, int]) -> RunRecord:
    """Requirements that lack images: of which stratum, how many there are, and how many more would decide."""
    found = line(COSTS.model_copy(update={"photograph": 3.0, "mask": 5.0}))
    cases = []
    for at, (where, images, more) in enumerate(asked):
        one = asks(f"a{at}", rate("miss_rate", where=where), 0.1, 0.09, "INCONCLUSIVE", reason="too_few_images")
        assert one.decision is not None
        counts = one.decision.counts.model_copy(update={"asked": images, "measured": images})
        decided = one.decision.model_copy(
            update={"counts": counts, "more_images": more, "reason": "too_few_images", "verdict": "INCONCLUSIVE"}
        )
        cases.append(one.model_copy(update={"decision": decided}))
    return found.model_copy(update={"cases": cases})


def test_photographs_of_one_kind_serve_all_requirements_on_it() -> None:
    assert photographs_wanted(undecided(("", 40, 60), ("", 40, 20))) == 100
    assert photographs_wanted(undecided((" & group(a)", 10, 20), (" & group(b)", 10, 40))) == 80
    assert photographs_wanted(line()) == 0


def test_work_is_what_is_stated_times_what_it_costs() -> None:
    found = undecided(("", 40, 60))
    assert [(one.kind, one.number, one.cost) for one in work_to_decide(found)] == [("photograph", 100, 300.0)]
    masked = [one.model_copy(update={"needs_masks": True}) for one in found.cases]
    assert total(work_to_decide(found.model_copy(update={"cases": masked}))) == 100 * 3 + 100 * 5
    assert work_to_decide(found.model_copy(update={"costs": COSTS})) == []
    trained = COSTS.model_copy(update={"gpu_hour": 600, "training_hours": 3})
    assert total(work_to_retrain(line(trained))) == 1800
    assert work_to_retrain(line(trained.model_copy(update={"training_hours": None}))) == []


def test_masks_are_mended_of_every_image_of_the_requirement() -> None:
    found = undecided(("", 40, 60))
    assert found.costs is not None
    assert total(work_to_mend_masks(found.cases, found.costs)) == 40 * 5
    assert work_to_mend_masks(found.cases, None) == []


def test_what_retraining_saves_is_the_estimated_change_of_each_rate_at_its_cost() -> None:
    plain, elsewhere = mistake_costs(line(), risk=0.05)
    # half a point more of 200 defective parts are missed, at 1,000; 2 points fewer of 9,800 good ones rejected, at 10
    gain = gain_of(plain, probe(), COSTS)
    assert gain is not None
    assert gain.expected == pytest.approx(-1000 + 1960)
    assert gain.low == pytest.approx(-4000 - 0)
    assert gain.high == pytest.approx(2000 + 2940)
    gain = gain_of(elsewhere, probe(), COSTS)
    assert gain is not None
    assert (gain.expected, gain.low, gain.high) == (pytest.approx(40_000), pytest.approx(20_000), pytest.approx(44_000))
    only_accuracy = probe(("accuracy", "original", 0.9, 0.0, 0.0, 0.0))
    assert gain_of(plain, only_accuracy, COSTS) is None


def test_what_is_paid_once_is_won_back_after_so_many_months() -> None:
    assert break_even(1800, Amount(600, 300, 900)) == Amount(3, 2, 6)
    assert break_even(1800, Amount(600, -10, 900)) == Amount(3, 2, None)
    assert break_even(1800, Amount(0, -10, 10)) is None
