"""What is next, in stages, and what mistakes cost: what the report says, in both languages."""

from __future__ import annotations

import pytest
from advice.inspected_line import COSTS, asks, line, probe, rate
from report.sample_record import OTHER_CLASS, worded

from modelaudit.advice.next_steps import steps_of
from modelaudit.evidence.probe import CurveForecast, CurvePoint, LearningCurve
from modelaudit.evidence.record import RunRecord
from modelaudit.report.costs import cost_at_the_limit, decision_threshold, money, rounded, rounded_money, stated_costs
from modelaudit.report.money import money_sentence
from modelaudit.report.page import page_of
from modelaudit.report.pictures import Pictures
from modelaudit.report.stages import stages_view
from modelaudit.report.words import words_of

ENGLISH, JAPANESE = worded("en"), worded("ja")


def test_every_amount_is_said_with_its_range_and_what_it_is_made_of() -> None:
    view = stages_view(line(), ENGLISH)
    (table,) = view.money
    plain, elsewhere = table.rows
    assert plain.situation == "As photographed"
    assert plain.amount.startswith("14,900 EUR (")
    assert plain.parts == "missed defects 10,000 EUR, false alarms 4,900 EUR"
    assert elsewhere.situation == "Background of another class"
    assert elsewhere.amount.startswith("50,000 EUR (")
    assert elsewhere.parts == "missed defects alone"
    assert view.heading == "Expected cost of the model's mistakes a month"
    assert "In operation 2% are expected to be defective." in view.assumptions
    assert elsewhere.bar.whisker is not None
    assert elsewhere.bar.whisker[1] == 100
    assert 0 < elsewhere.bar.whisker[0] < elsewhere.bar.value < 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (ENGLISH, "Mistakes are expected to cost 14,900 EUR a month as photographed ("),
        (JAPANESE, "誤りの費用は、撮影時の条件で1か月あたり約14,900 EURと見込まれます（"),
    ],
)
def test_page_one_has_the_cost_as_photographed_and_the_costliest_change(words: object, said: str) -> None:
    text = money_sentence(line(), words)  # type: ignore[arg-type]
    assert text.startswith(said)
    assert "50,000 EUR" in text
    assert money_sentence(line(None), words) == ""  # type: ignore[arg-type]


def test_without_costs_steps_are_told_and_no_amount() -> None:
    view = stages_view(line(None), ENGLISH)
    assert view.steps
    assert not view.costs_known
    assert view.money == ()
    assert view.assumptions == ()
    assert {step.cost for step in view.steps} == {""}


def test_a_step_says_what_was_found_what_it_brings_and_costs() -> None:
    costs = COSTS.model_copy(update={"gpu_hour": 600, "training_hours": 3})
    (step,) = stages_view(line(costs), ENGLISH).steps
    assert step.stage == "Retrain"
    assert step.found == "“misses_few_elsewhere”: not met"
    assert step.brings.endswith(
        "Meeting the limits saves about 30,000 EUR a month if every part comes with “background of another class”."
    )
    assert step.cost == "3 hours of training at 600 EUR: 1,800 EUR"
    (unpriced,) = stages_view(line(), ENGLISH).steps
    assert unpriced.cost == "not stated"


def probed(**costs: float) -> RunRecord:
    return line(COSTS.model_copy(update=costs)).model_copy(update={"probes": [probe()]})


def test_what_retraining_would_save_stands_beside_what_mistakes_cost() -> None:
    view = stages_view(probed(gpu_hour=6000, training_hours=10), ENGLISH)
    (table,) = view.money
    assert table.estimated
    plain, elsewhere = (row.retrained for row in table.rows)
    assert elsewhere is not None
    assert (elsewhere.after, elsewhere.gain) == ("10,000 EUR", "saves 40,000 EUR (20,000 EUR to 44,000 EUR)")
    # 60,000 at 40,000 a month, and at 20,000
    assert elsewhere.back == "paid back after 1.5 months (at most 3.0)"
    assert plain is not None
    assert plain.back == "paid back after 62.5 months, or perhaps never"
    assert plain.gain == "saves 960 EUR (−4,000 EUR to 4,940 EUR)"
    assert table.shares == ()
    assert view.estimates[0] == (
        "As photographed: accuracy 95.0% → 94.0%, a change of −1.0 points (−3.0 points to 1.0 points); "
        "resnet50 (torchvision), weights IMAGENET1K_V2"
    )
    assert any(text.startswith("An estimate from the last layer alone") for text in view.assumptions)


def test_a_loss_as_photographed_is_told_and_from_which_share_of_changed_parts_on_it_is_worth_it() -> None:
    losing = probe(
        ("miss_rate", "original", 0.05, 0.05, 0.03, 0.06),
        ("false_alarm_rate", "original", 0.05, 0.0, 0.0, 0.0),
        ("miss_rate", OTHER_CLASS.text, 0.25, -0.2, -0.22, -0.1),
    )
    (table,) = stages_view(line(COSTS).model_copy(update={"probes": [losing]}), ENGLISH).money
    plain = table.rows[0].retrained
    assert plain is not None
    assert (plain.after, plain.gain) == ("24,900 EUR", "costs 10,000 EUR more (6,000 EUR to 12,000 EUR)")
    # s * 40,000 = (1 - s) * 10,000
    assert table.shares == (
        "Retraining saves money where more than 20% of the parts come with “background of another class”.",
    )


def test_a_training_that_is_won_back_at_once_needs_no_number_of_months() -> None:
    (table,) = stages_view(probed(gpu_hour=100, training_hours=10), ENGLISH).money
    elsewhere = table.rows[1].retrained
    assert elsewhere is not None
    assert elsewhere.back == "paid back within the first month"


def test_without_the_costs_of_a_training_nobody_says_when_it_is_paid_back() -> None:
    (table,) = stages_view(probed(), ENGLISH).money
    assert {row.retrained.back for row in table.rows if row.retrained} == {
        "when it is paid back: costs of a training are not stated"
    }


def test_a_probe_without_costs_says_what_it_estimates_alone() -> None:
    view = stages_view(line(None).model_copy(update={"probes": [probe()]}), JAPANESE)
    assert len(view.estimates) == 5
    assert view.money == ()


def test_what_more_training_images_are_forecast_to_bring_is_said() -> None:
    forecast = CurveForecast(times=2, images=200, error=0.2, lower=0.15, upper=0.25)
    points = [CurvePoint(images=100, draws=3, error=0.25)]
    curve = LearningCurve(context="original", points=points, a=0.1, b=1.0, c=0.5, forecasts=[forecast])
    curved = probe().model_copy(update={"curves": [curve, curve.model_copy(update={"label": "free"})]})
    view = stages_view(line(None).model_copy(update={"probes": [curved]}), ENGLISH)
    assert view.estimates[-1] == (
        "As photographed: with 200 training images of the same kind, 20.0% wrong answers are forecast (15.0% to 25.0%)."
    )
    assert len(view.estimates) == 6


def test_the_probe_of_another_model_is_not_shown_with_amounts() -> None:
    other = probe().model_copy(update={"model": "another"})
    (table,) = stages_view(line().model_copy(update={"probes": [other]}), ENGLISH).money
    assert not table.estimated


def test_page_one_tells_what_retraining_would_save_and_cost() -> None:
    text = money_sentence(probed(), ENGLISH)
    assert text.endswith(
        "Retraining on other backgrounds is estimated to make a difference: saves 40,000 EUR (20,000 EUR to 44,000 EUR)"
        " there, saves 960 EUR (−4,000 EUR to 4,940 EUR) as photographed."
    )


def test_photographs_for_a_model_that_is_to_be_retrained_wait() -> None:
    found = line()
    few = found.cases[0].model_copy(update={"name": "few", "verdict": "INCONCLUSIVE", "reason": "too_few_images"})
    assert few.decision is not None
    decided = few.decision.model_copy(update={"verdict": "INCONCLUSIVE", "reason": "too_few_images", "more_images": 60})
    few = few.model_copy(update={"decision": decided})
    both = found.model_copy(update={"cases": [found.cases[2], few]})
    steps = steps_of(both)
    assert [step.rule.stage for step in steps] == ["retrain", "photograph"]
    waiting = "Better after retraining"
    assert [waiting in step.brings for step in stages_view(both, ENGLISH).steps] == [False, True]
    alone = found.model_copy(update={"cases": [few]})
    assert not any(waiting in step.brings for step in stages_view(alone, ENGLISH).steps)


def two_failures(costs: object = COSTS) -> RunRecord:
    """One fails by a light that nothing is priced under, and behind it one by backgrounds that costs most."""
    found = line(costs)  # type: ignore[arg-type]
    accuracy = asks("holds_up", rate("false_alarm_rate", OTHER_CLASS), 0.1, 0.2, "FAIL")
    light = found.cases[2].model_copy(update={"name": "light"})
    node = light.left
    assert node.kind == "measure"
    changed = OTHER_CLASS.model_copy(update={"name": "lighting", "text": "lighting(3)", "family": "perturbation"})
    dear = light.model_copy(update={"left": node.model_copy(update={"contexts": [changed]})})
    return found.model_copy(update={"cases": [accuracy, dear]})


def test_the_step_that_saves_most_comes_first() -> None:
    assert [step.rule.key for step in steps_of(two_failures(None))] == ["retrain_background", "retrain_light"]
    # 10 points of 9,800 good parts at 10 are 9,800; 15 points of 200 defective ones at 1,000 are 30,000
    assert [step.rule.key for step in steps_of(two_failures())] == ["retrain_light", "retrain_background"]


def test_what_is_missing_for_an_amount_is_said() -> None:
    without_share = line(COSTS.model_copy(update={"defect_share": None}))
    assert any("defect_share" in text for text in stages_view(without_share, ENGLISH).assumptions)
    found = line()
    other = found.model_copy(update={"cases": []})
    assert any("miss_rate" in text for text in stages_view(other, ENGLISH).assumptions)


def test_the_document_has_the_threshold_and_what_mistakes_cost_at_the_limits() -> None:
    words = words_of("en")
    # 10 / (10 + 1000)
    assert "from a probability of 0.99% on" in decision_threshold(COSTS, words)
    assert decision_threshold(COSTS.model_copy(update={"false_alarm": None}), words) == ""
    # a tenth of 200 defective parts, at 1,000
    assert cost_at_the_limit(line().cases[0], COSTS, words).endswith("cost 20,000 EUR a month.")
    under = cost_at_the_limit(line().cases[2], COSTS, ENGLISH)
    assert under.endswith("cost 20,000 EUR a month. That is if every part comes with “background of another class”.")
    of_parts = COSTS.model_copy(update={"parts_a_month": None})
    assert "2,000 EUR" in cost_at_the_limit(line().cases[0], of_parts, words)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, 0), (0.4, 0), (12.6, 13), (1234.5, 1230), (998_999, 999_000), (-1234, -1230)]
)
def test_computed_amounts_have_three_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown


def test_yen_are_written_as_each_language_does() -> None:
    assert money(1200, "JPY", words_of("en")) == "1,200 JPY"
    assert money(1200, "JPY", words_of("ja")) == "1,200円"
    assert money(1200.5, "EUR", words_of("en")) == "1,200.50 EUR"
    for value, japanese, english in (
        (9_000, "9,000円", "9,000 JPY"),
        (258_432, "25.8万円", "258,000 JPY"),
        (-12_500, "−1.25万円", "−12,500 JPY"),
        (22_000_000, "2,200万円", "22,000,000 JPY"),
        (350e6, "3.5億円", "350,000,000 JPY"),
    ):
        assert rounded_money(value, "JPY", words_of("ja")) == japanese
        assert rounded_money(value, "JPY", words_of("en")) == english


def test_every_stated_cost_has_its_sentence_in_both_languages() -> None:
    whole = COSTS.model_copy(update={"photograph": 1, "mask": 2, "gpu_hour": 3, "training_hours": 1, "per": "part"})
    for language in ("en", "ja"):
        said = list(stated_costs(whole, words_of(language)))
        assert len(said) == 7
        assert not any("costs_" in text or "{" in text for text in said)
    alone = COSTS.model_copy(update={"missed_defect": None})
    assert next(stated_costs(alone, words_of("en"))).startswith("A false")


def test_the_page_has_the_stages() -> None:
    page = page_of(line(), ENGLISH, Pictures(frozenset(), {}, frozenset(), 0))
    assert page.stages.money
    assert page.boxes.money
