"""The three boxes of page one: what was tested, what was not, and what is next."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.sample_record import LIGHTING, OTHER_CLASS, case, decision, measure, record

from modelaudit.advice.next_steps import RULES, rule_for, stage_of, steps_of
from modelaudit.engine.results.checks import CheckResults, Sensitivity, Stopped
from modelaudit.evidence.record import (
    Absence,
    ArithmeticNode,
    ByClass,
    CaseRecord,
    ColumnRecord,
    ContextNode,
    CountsRecord,
    DataRecord,
    Departure,
    LockRecord,
    MatrixCell,
    MatrixContext,
    MatrixRecord,
    RunRecord,
    SampleRecord,
    TableRecord,
)
from modelaudit.report.boxes import MOST_STEPS, BoxesView, boxes_view
from modelaudit.report.coverage import Ledger, ledger_of, not_asked_for, total_ledger, weakest_limit
from modelaudit.report.next_steps import step_lines
from modelaudit.report.words import Words, words_of
from modelaudit.statistics.verdict import Reason

EN, JA = words_of("en"), words_of("ja")
NOISE = ContextNode(name="gaussian_noise", family="perturbation", arguments={"severity": 1}, text="gaussian_noise(1)")
FILLED = ContextNode(name="mean_fill", family="no_information", arguments={}, text="mean_fill")
SHIFT = ContextNode(name="shift", family="perturbation", arguments={}, text="shift")
PATCH = ContextNode(name="background_patch", family="change", arguments={}, text="background_patch(0, 0, 1, 1, grey)")
SEARCH = measure("worst_change", better="low", percent=True, searched=[PATCH, LIGHTING])
MAPS = measure("background_dependence", OTHER_CLASS, methods=["gradcam"])
DROP = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))


def run(*cases: CaseRecord, **changed: Any) -> RunRecord:
    return record(cases=list(cases), **changed)


def boxes(*cases: CaseRecord, words: Any = EN, **changed: Any) -> BoxesView:
    return boxes_view(run(*cases, **changed), words)


def undecided(reason: str, **changed: Any) -> CaseRecord:
    left = changed.pop("left", measure("accuracy", LIGHTING))
    found = decision("INCONCLUSIVE", 0.9, 0.85, 0.95, reason=reason, **changed)
    return case("survives", left, ">", 0.9, "INCONCLUSIVE", reason=reason, decision=found)


@pytest.mark.parametrize(
    ("ended", "stage", "key"),
    [
        (case("a", DROP, "<", 0.05, "FAIL"), "retrain", "retrain_background"),
        (case("a", measure("accuracy", FILLED), ">", 0.9, "FAIL"), "retrain", "retrain_hidden"),
        (case("a", measure("accuracy", LIGHTING), ">", 0.9, "FAIL"), "retrain", "retrain_light"),
        (case("a", measure("accuracy", SHIFT), ">", 0.9, "FAIL"), "retrain", "retrain_camera"),
        (case("a", measure("accuracy", NOISE), ">", 0.9, "FAIL"), "retrain", "retrain_degraded"),
        (case("a", measure(), ">", 0.9, "FAIL"), "retrain", "retrain_original"),
        (case("a", SEARCH, "<", 0.05, "FAIL"), "retrain", "retrain_background"),
        (case("a", MAPS, "<", 0.4, "FAIL"), "look", "maps_on_background"),
        (case("a", MAPS, "<", 0.4, "PASS", must_fail=True), "look", "known_bad_missed"),
        (case("a", MAPS, "<", 0.4, "FAIL", must_fail=True), "watch", "deploy"),
        (case("a", measure(), ">", 0.9, "ERROR"), "look", "mend_errors"),
        (case("a", measure(), ">", 0.9, None), "look", "run_the_rest"),
        (case("a", measure(), ">", 0.9, "PASS"), "watch", "deploy"),
        (undecided("too_few_images", more_images=4800), "photograph", "photograph"),
        (undecided("too_few_images", more_images=4801), "retrain", "too_near"),
        (undecided("too_few_images"), "retrain", "too_near"),
        (undecided("too_few_clusters"), "photograph", "new_scenes"),
        (undecided("mask_uncertain"), "look", "mend_masks"),
        (undecided("attribution_invalid"), "look", "other_method"),
        (undecided("undefined_values"), "look", "missing_values"),
        (undecided("below_noise_floor"), "look", "other_limit"),
        (undecided("instrument_insensitive"), "look", "other_limit"),
    ],
)
def test_the_stage_follows_from_the_verdict_and_its_reason(ended: CaseRecord, stage: str, key: str) -> None:
    assert (rule_for(ended).stage, rule_for(ended).key) == (stage, key)
    assert stage_of(steps_of(run(ended))) == stage


def test_only_a_lack_of_images_asks_for_photographs() -> None:
    asking = {rule.reason for rule in RULES if rule.stage == "photograph"}
    assert asking == {Reason.TOO_FEW_IMAGES, Reason.TOO_FEW_CLUSTERS}


def test_every_rule_holds_for_something() -> None:
    keys = [rule.key for rule in RULES]
    assert len(set(keys)) == len(keys) - 1  # two reasons ask for another limit


def test_a_model_is_deployed_only_where_nothing_is_left_to_do() -> None:
    passed = case("a", measure(), ">", 0.9, "PASS")
    left_out = case("b", measure(), ">", 0.9, None)
    assert stage_of(steps_of(run(passed, left_out))) == "look"
    assert stage_of(steps_of(run(passed, quick_look=4))) == "look"
    assert [step.rule.key for step in steps_of(run(passed, undecided("mask_uncertain")))] == ["mend_masks"]


def test_a_failing_claim_on_behaviour_comes_before_one_on_heat_maps() -> None:
    steps = steps_of(run(case("a", MAPS, "<", 0.4, "FAIL"), case("b", DROP, "<", 0.05, "FAIL")))
    assert [step.rule.key for step in steps] == ["retrain_background", "maps_on_background"]


def test_next_says_how_many_photographs_would_decide_what() -> None:
    (line,) = boxes(undecided("too_few_images", more_images=129)).next.lines
    assert line == (
        "Photograph a new set of about 369 objects, all classes alike (129 more than now, none used before): that "
        "would probably decide “survives”. "
        "The change is computed from the photos."
    )
    nut = measure("accuracy", LIGHTING, stratum="label('nut')")
    (line,) = boxes(undecided("too_few_images", more_images=129, left=nut)).next.lines
    assert line.startswith(
        "Photograph a new set of about 369 objects of class “nut” (129 more than now, none used before)"
    )
    (line,) = boxes(undecided("too_few_images", more_images=129, left=nut), words=JA).next.lines
    assert line.startswith(
        "クラス「nut」の対象物を約369枚（現在より129枚多く、使用済みの写真は含めずに）新たに撮影してください。「survives」を判定できる見込みです。"
    )


def test_next_asks_once_for_what_several_requirements_need_alike() -> None:
    both = [undecided("too_few_images", more_images=40).model_copy(update={"name": name}) for name in "ab"]
    (line,) = boxes(*both).next.lines
    assert "“a”, “b”" in line


def test_classes_that_need_as_many_are_asked_for_in_one_line() -> None:
    several = [
        undecided("too_few_images", more_images=140, left=measure("accuracy", LIGHTING, stratum=f"label('{name}')"))
        for name in ("gear", "nut", "bolt")
    ]
    (line,) = boxes(*several).next.lines
    assert line.startswith(
        "For each of these, photograph a new set of about 380 objects (140 more than now, none used before): objects "
        "of class “gear”, objects of class “nut” and 1 more."
    )


def test_a_name_that_is_too_long_is_cut() -> None:
    long = undecided("mask_uncertain").model_copy(update={"name": "x" * 200})
    (line,) = boxes(long).next.lines
    assert "x" * 35 + "…" in line and "x" * 36 not in line


def test_next_asks_for_no_photographs_where_none_can_decide() -> None:
    (line,) = boxes(undecided("too_few_images")).next.lines
    assert "too near to its limit for photos" in line and "Photograph" not in line


@pytest.mark.parametrize(
    ("note", "wanted"),
    [
        ("the backgrounds of 60 images come from 4 donors, and at least 10 are needed", "new backgrounds"),
        ("60 images of 4 clusters, and at least 10 are needed", "new scenes or lots"),
        ("4 different pictures among 60 images: copies count as one image", "copies of a picture"),
    ],
)
def test_next_says_what_is_too_few(note: str, wanted: str) -> None:
    (line,) = boxes(undecided("too_few_clusters", note=note)).next.lines
    assert wanted in line


def matrix(images: int = 60, **means: float) -> ByClass:
    cells = [
        MatrixCell(label=label, context=1, n=images, mean=mean, lower=mean - 0.1, upper=mean + 0.1)
        for label, mean in means.items()
    ]
    contexts = [MatrixContext(key="accuracy", contexts=[]), MatrixContext(key="x", contexts=[OTHER_CLASS])]
    found = MatrixRecord(
        data="d0", model="m0", measure=measure(), low=0.0, high=1.0, confidence=0.95, contexts=contexts, cells=cells
    )
    return ByClass(matrices=[found], wanted=[])


def test_retraining_begins_with_the_class_that_does_worst_under_the_change() -> None:
    failed = case("a", DROP, "<", 0.05, "FAIL")
    (line,) = boxes(failed, by_class=matrix(gear=0.9, nut=0.52, bolt=0.88)).next.lines
    assert line == (
        "Retrain with objects on other backgrounds: “a” is not met. Begin with class “nut” (accuracy 52% there)."
    )
    (line,) = boxes(failed, by_class=matrix(gear=0.9, nut=0.88, bolt=0.9)).next.lines
    assert "Begin" not in line
    (line,) = boxes(failed, by_class=matrix(images=19, gear=0.9, nut=0.52, bolt=0.88)).next.lines
    assert "Begin" not in line


counts = st.tuples(*[st.integers(0, 500)] * 5)


@given(st.lists(counts, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_the_ledger_adds_up(found: list[tuple[int, int, int, int, int]]) -> None:
    cases = []
    for measured, undefined, errored, without, unseen in found:
        each = CountsRecord(
            asked=measured + undefined + errored,
            measured=measured,
            undefined=undefined,
            errored=errored,
            without_object=without,
        )
        looked = each.asked + without
        stopped = Stopped(looked=looked, available=looked + unseen, looks=1)
        checks = CheckResults(stopped=stopped)
        cases.append(
            case("a", measure(), ">", 0.9, "PASS", decision=decision("PASS", 1, 1, 1, counts=each), checks=checks)
        )
    total = total_ledger(run(*cases))
    assert total.asked == sum(sum(one) for one in found)
    assert total.asked == sum(total.counts[1:])


def test_what_was_not_run_and_what_failed_stand_in_the_ledger() -> None:
    one = run(case("a", measure(), ">", 0.9, None), case("b", measure(), ">", 0.9, "ERROR"))
    assert ledger_of(one.cases[0], one) == Ledger(asked=240, not_run=240)
    assert ledger_of(one.cases[1], one) == Ledger(asked=240, errored=240)


def test_the_ledger_of_the_sample() -> None:
    lines = boxes_view(record(), EN).not_tested.lines
    assert (
        "Values: 1,440 asked = 951 measured + 0 not applicable + 7 undefined + 242 with errors + 240 not run." in lines
    )
    whole = boxes(case("a", measure(), ">", 0.9, "PASS", decision=decision("PASS", 1, 1, 1)))
    assert "Every image was measured for every requirement (240 values)." in whole.not_tested.lines


def sensitive(name: str, share: float | None, verdict: str = "PASS", **changed: Any) -> CaseRecord:
    checks = CheckResults(sensitivity=Sensitivity(model="m0", images=240, share=share, **changed))
    return case(name, MAPS, "<", 0.4, verdict, checks=checks)


def effect(name: str, value: float) -> CaseRecord:
    return case(name, measure(), ">", 0.9, "PASS", checks=CheckResults(smallest_effect=value))


@pytest.mark.parametrize(
    ("cases", "weakest"),
    [
        ([sensitive("a", 0.3), sensitive("b", 0.5)], "b"),
        ([sensitive("a", 0.9), sensitive("b", None)], "b"),
        ([sensitive("a", 0.3), effect("b", 0.5)], "b"),
        ([sensitive("a", 0.3), effect("b", 0.8)], "a"),
        ([sensitive("a", 0.9, "FAIL"), effect("b", 0.8)], "b"),
        ([sensitive("a", 0.01)], None),
        ([sensitive("a", None, why_not="no map was kept")], None),
    ],
)
def test_the_limit_that_could_miss_most(cases: list[CaseRecord], weakest: str | None) -> None:
    found = weakest_limit(run(*cases))
    assert (None if found is None else found[0].name) == weakest


def test_what_could_be_missed_is_said_plainly() -> None:
    assert boxes(sensitive("a", 0.46)).not_tested.lines[0] == (
        "“a”: another model, of which the background decides about 46% of the answers, could pass this limit too."
    )
    assert boxes(effect("a", 0.8)).not_tested.lines[0] == (
        "“a” (limit 90%): a true value of 80.0% fails in 8 of 10 such audits; one nearer to the limit could be missed."
    )


def test_a_search_is_told_by_what_it_changes_and_never_as_photos_as_they_are() -> None:
    for words, text in (
        (EN, "Searched on every photo for the smallest change that flips the answer: another background, other light."),
        (JA, "答えを変える最小の変更を各写真で探索：別の背景、照明の変化。"),
    ):
        found = boxes(case("a", SEARCH, "<", 0.05, "FAIL"), words=words)
        assert found.tested.lines[-1] == text
        assert words._("tested_as_they_are") not in found.tested.lines
    asked = run(case("a", SEARCH, "<", 0.05, "PASS"))
    assert not_asked_for(asked) == ["camera", "degraded", "hidden"]
    only_known_bad = boxes(case("a", SEARCH, "<", 0.05, "FAIL", must_fail=True))
    assert not any("Searched" in line for line in only_known_bad.tested.lines)


def test_changes_that_no_requirement_asks_for_are_named() -> None:
    assert not_asked_for(run(case("a", measure("accuracy", LIGHTING), ">", 0.9, "PASS"))) == [
        *("background", "camera", "degraded", "hidden")
    ]
    everything = [measure("accuracy", one) for one in (OTHER_CLASS, LIGHTING, SHIFT, NOISE, FILLED)]
    assert not_asked_for(run(*(case("a", left, ">", 0.9, "PASS") for left in everything))) == []
    only_known_bad = case("a", measure("accuracy", LIGHTING), ">", 0.9, "FAIL", must_fail=True)
    assert "light" in not_asked_for(run(only_known_bad))


def data(**changed: Any) -> list[DataRecord]:
    fields: dict[str, Any] = {
        "key": "d0",
        "reference": "folder:x",
        "available": 90,
        "images": 90,
        "labels": {"gear": 50, "nut": 40},
        "mask_kinds": {"mask": 80, "polygon": 4, "machine": 6},
        "fingerprint": None,
    }
    return [DataRecord(**{**fields, **changed})]


def test_what_was_tested() -> None:
    asked = case("a", measure("accuracy", LIGHTING), ">", 0.9, "PASS")
    caught = case("b", MAPS, "<", 0.4, "FAIL", must_fail=True)
    assert boxes(asked, caught, data=data()).tested.lines == (
        "90 images, 2 classes (40 to 50 each).",
        "Object masks: 6 guessed by a program, 84 supplied with the data.",
        "Computed from these photos, not photographed: other lighting of the whole image (severity 3 of 5).",
        "Known-bad models: 1 of 1 requirements on them failed, as they must.",
    )


def test_pictures_of_the_data_are_not_called_computed() -> None:
    stored = ContextNode(name="stored", family="change", arguments={"name": "night"}, text="stored('night')")
    lines = boxes(case("a", measure("accuracy", stored), ">", 0.9, "PASS")).tested.lines
    assert any(line.startswith("Pictures that came with the data") for line in lines)
    assert not any("Computed" in line for line in lines)
    as_they_are = boxes(case("a", measure(), ">", 0.9, "PASS")).tested.lines
    assert "The photos as they are: nothing was changed." in as_they_are


def test_what_was_not_tested() -> None:
    off = case("a", measure(), ">", 0.9, "PASS", weakened=["checks_off"], decision=decision("PASS", 1, 1, 1))
    skipped = case("b", measure(), ">", 0.9, None, absence=Absence(by="skip", why="no camera today"))
    lines = boxes(off, skipped, data=data(labels={"gear": 50, "bolt": 40, "nut": 9})).not_tested.lines
    assert lines[:3] == (
        "1 of 2 declared requirements are not counted (1 skipped).",
        "No images of these classes: plate.",
        "1 requirement was not itself checked, or in part only.",
    )
    assert lines[-1].startswith("No known-bad model was run")


def test_labels_that_are_mapped_to_classes_of_other_names_are_not_called_absent() -> None:
    lines = boxes(case("a", measure(), ">", 0.9, "PASS"), data=data(labels={"Zahnrad": 9})).not_tested.lines
    assert not any("No images of" in line for line in lines)


@pytest.mark.parametrize("words", [EN, JA], ids=["en", "ja"])
def test_a_box_is_short_whatever_was_declared(words: Any) -> None:
    many = [undecided("too_few_images", more_images=n).model_copy(update={"name": f"c{n}"}) for n in range(1, 30)]
    view = boxes(*many, words=words)
    assert len(view.next.lines) == MOST_STEPS and "26" in view.next.more
    assert sum(stage.now for stage in view.stages) == 1


def test_every_stage_that_the_box_asks_for_is_marked() -> None:
    failing = case("a", DROP, "<", 0.05, "FAIL", decision=decision("FAIL", 0.2, 0.1, 0.3))
    stages = boxes(failing, undecided("too_few_images", more_images=40)).stages
    assert [stage.name for stage in stages if stage.asked] == ["Photograph", "Retrain"]
    assert [stage.name for stage in stages if stage.now] == ["Retrain"]


def test_tested_says_how_many_images_are_right_as_photographed() -> None:
    samples = [SampleRecord(id=str(n), label="gear") for n in range(4)]
    column = ColumnRecord(measure="accuracy", model="m0", scale="proportion", values=[1, 1, 0, 1])
    changed = column.model_copy(update={"measure": "accuracy.under(swap_background(other_class))", "values": [0] * 4})
    one = run(case("a", DROP, "<", 0.05, "PASS"))
    table = TableRecord(data="d0", samples=samples, columns=[column, changed])
    lines = boxes_view(one.model_copy(update={"tables": [table]}), EN).tested.lines
    assert "Right on the photos as they are: 75.0%." in lines


@pytest.mark.parametrize("words", [EN, JA], ids=["en", "ja"])
def test_what_was_agreed_not_to_count_is_mended_beside_deploying(words: Words) -> None:
    advice = case("advice", DROP, "<", 0.05, "FAIL", importance="advisory", standing="advisory", outcome="xfailed")
    run = record(cases=[case("holds", DROP, "<", 0.5, "PASS"), advice])
    assert [step.rule.key for step in steps_of(run)] == ["deploy", "mend_exceptions"]
    assert stage_of(steps_of(run)) == "watch"
    assert any("advice" in line for line in step_lines(steps_of(run), run, words))


def test_what_is_not_as_agreed_is_run_or_agreed_again() -> None:
    departure = Departure(what="option", where="seed", agreed="0", found="3")
    lock = LockRecord(sha256="0" * 64, created="2026-11-12T09:00:00+00:00", departures=[departure])
    run = record(cases=[case("holds", DROP, "<", 0.5, "PASS")], lock=lock)
    assert [step.rule.key for step in steps_of(run)] == ["run_as_agreed"]
