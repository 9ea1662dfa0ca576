"""The rows that every export is made of."""

from __future__ import annotations

from pathlib import Path

from report.sample_record import record
from report.whole_records import quick_look, two_models

from modelaudit.exports.requirements import requirements_of


def test_what_was_measured_keeps_its_bounds_and_its_verdict() -> None:
    found = {one.name: one for one in requirements_of(record())}
    undecided = found["survives_lighting"]
    assert (undecided.verdict, undecided.reason, undecided.more_images) == ("INCONCLUSIVE", "too_few_images", 310)
    assert (undecided.lower, undecided.estimate, undecided.upper) == (0.881, 0.917, 0.944)
    assert found["decides_on_the_part"].models == ("torchvision:resnet50@IMAGENET1K_V2",)
    assert (found["decides_on_the_part"].asked, found["decides_on_the_part"].undefined) == (240, 7)


def test_an_error_and_what_was_not_run_have_no_number() -> None:
    found = {one.name: one for one in requirements_of(record())}
    for name, verdict in (("robust_to_dust", "ERROR"), ("recognises_small_parts", "NOT_RUN")):
        assert found[name].verdict == verdict
        assert (found[name].estimate, found[name].lower, found[name].upper) == (None, None, None)


def test_a_decision_of_an_error_gives_no_number() -> None:
    cases = [
        one.model_copy(update={"verdict": "ERROR"}) if one.name == "survives_layout_change" else one
        for one in record().cases
    ]
    found = {one.name: one for one in requirements_of(record().model_copy(update={"cases": cases}))}
    assert found["survives_layout_change"].estimate is None


def test_a_known_bad_model_that_is_caught_is_met() -> None:
    found = {one.name: one for one in requirements_of(record())}
    caught = found["shortcut_is_caught"]
    assert (caught.verdict, caught.met, caught.known_bad) == ("FAIL", "PASS", True)


def test_a_quick_look_decides_nothing(tmp_path: Path) -> None:
    assert {(one.verdict, one.met) for one in requirements_of(quick_look(tmp_path))} == {("QUICK_LOOK", None)}


def test_two_requirements_of_one_name_are_called_by_their_ids(tmp_path: Path) -> None:
    cases = [one.model_copy(update={"name": "same"}) for one in two_models(tmp_path).cases]
    found = requirements_of(two_models(tmp_path).model_copy(update={"cases": cases}))
    assert [one.key for one in found] == [one.id for one in cases]
    assert len({one.key for one in found}) == 2
