"""Two records compared: outcomes, images, and what the runs state differently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.sample_record import decision, measure
from scipy.stats import binomtest

from modelaudit.evidence.record import RunRecord, SampleRecord
from modelaudit.language.errors import ExpressionError
from modelaudit.releases.comparison import compare
from modelaudit.releases.comparison_record import ComparisonRecord, RequirementComparison

from .small_runs import ACCURACY, SWAPPED, accuracy_case, digest, drop_case, maps_case, requirement, right, run, samples


def only(found: ComparisonRecord) -> RequirementComparison:
    (one,) = found.requirements
    return one


def compared(old: RunRecord, new: RunRecord, **how: Any) -> ComparisonRecord:
    return compare(old, new, **how)


def of_another_model(one: RunRecord) -> RunRecord:
    models = [model.model_copy(update={"fingerprint": "0" * 64}) for model in one.models]
    return one.model_copy(update={"models": models})


def test_two_models_without_a_difference_are_equivalent_from_149_images_on() -> None:
    """Without a change the upper end of its share is 1 - 0.05 ** (1 / n), which is under 2 points from 149 on."""
    for images, outcome in ((148, "cannot_tell"), (149, "equivalent")):
        same = run({ACCURACY: right(images)})
        assert only(compared(same, of_another_model(same))).outcome == outcome


def test_a_model_is_equivalent_to_itself_however_few_the_images_are() -> None:
    one = run({ACCURACY: right(12, [3])})
    found = only(compared(one, one))
    assert (found.outcome, found.change, found.lower, found.upper) == ("equivalent", 0.0, 0.0, 0.0)
    assert "same_model" in found.notes and found.more_images is None
    others = (
        run({ACCURACY: right(12, [4])}),  # the values are others: a library, a device
        run({ACCURACY: right(11, [3])}),  # of some of the images nothing is known
        of_another_model(one),
    )
    for other in others:
        assert only(compared(one, other)).outcome == "cannot_tell"
        assert "same_model" not in only(compared(one, other)).notes


def test_many_losses_are_worse_and_the_same_gains_are_better() -> None:
    good, bad = run({ACCURACY: right(200)}), run({ACCURACY: right(200, range(30))})
    found = compared(good, bad)
    assert found.outcome == only(found).outcome == "worse"
    assert only(found).change == pytest.approx(-0.15)
    assert only(compared(bad, good)).outcome == "better"


@settings(max_examples=20)
@given(st.lists(st.integers(0, 79), unique=True, max_size=40), st.lists(st.integers(0, 79), unique=True, max_size=40))
def test_swapping_the_runs_mirrors_the_comparison(wrong_old: list[int], wrong_new: list[int]) -> None:
    old, new = run({ACCURACY: right(80, wrong_old)}), run({ACCURACY: right(80, wrong_new)})
    there, back = only(compared(old, new)), only(compared(new, old))
    mirrored = {"better": "worse", "worse": "better"}
    assert back.outcome == mirrored.get(str(there.outcome), there.outcome)
    assert there.change == pytest.approx(-back.change, abs=1e-12)  # type: ignore[operator]
    assert there.lower == pytest.approx(-back.upper, abs=1e-7)  # type: ignore[operator]


@settings(max_examples=20)
@given(st.permutations(range(40)))
def test_the_order_of_the_images_plays_no_part(order: list[int]) -> None:
    images = samples(40)
    old = run({ACCURACY: right(40, (1, 5))})
    values = right(40, (5, 6, 7, 8))
    new = run({ACCURACY: values[order]}, images=[images[at] for at in order])
    plain = run({ACCURACY: values})
    assert only(compared(old, new)).model_dump() == only(compared(old, plain)).model_dump()


def test_renaming_an_image_loses_no_pair() -> None:
    renamed = [one.model_copy(update={"id": f"moved/{one.id}"}) for one in samples(60)]
    found = compared(run({ACCURACY: right(60)}), run({ACCURACY: right(60, (3,))}, images=renamed))
    assert found.images[0].common == 60 and len(found.images[0].renamed) == 60
    assert [(one.id, one.id_old) for one in found.answers[0].newly_wrong] == [("moved/plate/0003", "plate/0003")]


def test_a_low_value_is_good_where_the_limit_is_above() -> None:
    old = run({"background_dependence(gradcam)": np.linspace(0.1, 0.3, 100)}, [maps_case("gradcam")])
    new = run({"background_dependence(gradcam)": np.linspace(0.3, 0.5, 100)}, [maps_case("gradcam")])
    found = only(compared(old, new))
    assert (found.outcome, found.higher_is_better, found.unit) == ("worse", False, "number")
    assert found.change == pytest.approx(0.2)


def test_of_two_methods_one_that_is_worse_is_enough_and_is_shown() -> None:
    keys = [f"background_dependence({name})" for name in ("gradcam", "lrp")]
    level = np.full(100, 0.2)
    case = maps_case("gradcam", "lrp")
    old = run(dict.fromkeys(keys, level), [case])
    new = run({keys[0]: level, keys[1]: level + 0.2}, [case])
    found = only(compared(old, new))
    assert (found.outcome, found.parts, found.method) == ("worse", 2, "lrp")
    both = run({keys[0]: level - 0.1, keys[1]: level - 0.1}, [case])
    assert only(compared(old, both)).outcome == "better"
    one = run({keys[0]: level, keys[1]: level - 0.1}, [case])
    assert only(compared(old, one)).outcome == "cannot_tell"


def test_without_a_common_image_the_sides_are_independent_and_it_is_said() -> None:
    other = [one.model_copy(update={"image": digest(f"other {one.id}")}) for one in samples(400)]
    found = compared(run({ACCURACY: right(400, range(20))}), run({ACCURACY: right(400, range(120))}, images=other))
    one = only(found)
    assert (one.outcome, one.paired, one.notes) == ("worse", False, ["no_common"])
    assert one.rule.startswith("mover") and found.answers == []
    assert one.lower is not None and one.upper is not None and one.lower < -0.25 < one.upper


def test_few_common_images_are_not_enough_for_pairs() -> None:
    def common(n: int) -> list[SampleRecord]:
        return [*samples(100)[:n], *(one.model_copy(update={"image": digest(one.id)}) for one in samples(100)[n:])]

    found = only(compared(run({ACCURACY: right(100)}), run({ACCURACY: right(100)}, images=common(49))))
    assert not found.paired and found.notes[0] == "few_common"
    found = only(compared(run({ACCURACY: right(100)}), run({ACCURACY: right(100)}, images=common(50))))
    assert found.paired and found.images == 50


def test_changed_and_missing_and_doubled_images_are_named() -> None:
    before = samples(60)
    after = list(before)
    after[0] = after[0].model_copy(update={"mask": digest("another mask")})
    after[1] = after[1].model_copy(update={"label": "bolt"})
    after[2] = after[3].model_copy(update={"id": "twice"})
    found = compared(run({ACCURACY: right(60)}), run({ACCURACY: right(60)}, images=after)).images[0]
    assert [(one.id, one.what, one.label_new) for one in found.changed] == [
        (before[0].id, ["mask"], None),
        (before[1].id, ["label"], "bolt"),
    ]
    assert found.missing == [before[2].id] and found.new == found.doubled_new == ["twice"]
    assert found.common == 57


def test_a_changed_mask_is_no_other_image_where_no_mask_is_needed() -> None:
    before = samples(60)
    after = [one.model_copy(update={"mask": digest(f"new {one.id}")}) for one in before]
    old, new = run({ACCURACY: right(60)}), run({ACCURACY: right(60)}, images=after)
    assert only(compared(old, new)).paired
    needs = accuracy_case(needs_masks=True)
    old, new = run({ACCURACY: right(60)}, [needs]), run({ACCURACY: right(60)}, [needs], images=after)
    assert not only(compared(old, new)).paired


def test_an_older_record_is_paired_by_id_and_says_so() -> None:
    older = [one.model_copy(update={"image": None, "mask": None}) for one in samples(60)]
    found = compared(run({ACCURACY: right(60)}, images=older), run({ACCURACY: right(60)}))
    assert found.images[0].common == 60 and "paired_by_id" in found.notes


def test_missing_values_count_at_their_worst_end() -> None:
    values: list[float | None] = [*right(200)]
    values[:20] = [None] * 20
    found = only(compared(run({ACCURACY: right(200)}), run({ACCURACY: values})))
    assert found.without_value == 20 and found.change == 0.0
    assert found.lower is not None and found.lower < -0.1 and found.outcome == "cannot_tell"


def test_another_definition_is_not_comparable_and_another_limit_is() -> None:
    old, new = (run({ACCURACY: right(300)}, long_forms={ACCURACY: f"accuracy v{at}"}) for at in (1, 2))
    one = only(compared(old, new))
    assert one.outcome == "not_comparable" and compared(old, new).outcome == "not_comparable"
    assert [(d.code, d.old, d.new) for d in one.differences] == [("long_form", "accuracy v1", "accuracy v2")]
    left = run({ACCURACY: right(300)}, [requirement("accurate", measure("confidence"), ">", 0.5)])
    assert only(compared(old, left)).differences[0].code == "left"
    limit = run({ACCURACY: right(300)}, [requirement("accurate", measure(), ">", 0.6)])
    one = only(compared(run({ACCURACY: right(300)}), limit))
    assert one.outcome == "equivalent" and ("threshold", "0.5", "0.6") in [
        (d.code, d.old, d.new) for d in one.differences
    ]


def test_requirements_of_one_run_alone_and_those_not_measured() -> None:
    values = {ACCURACY: right(300)}
    found = compared(run(values), run(values, [accuracy_case(), requirement("more", measure(), ">", 0.7)]))
    assert [(one.change_of, one.outcome) for one in found.requirements] == [(None, "equivalent"), ("added", None)]
    assert found.outcome == "equivalent"
    found = compared(run(values, [accuracy_case(), requirement("more", measure(), ">", 0.7)]), run(values))
    assert found.requirements[1].change_of == "removed" and found.outcome == "not_comparable"
    errored = accuracy_case(verdict="ERROR", decision=None)
    found = compared(run(values), run(values, [errored]))
    assert (found.outcome, only(found).notes) == ("not_comparable", ["not_measured_new"])


def test_a_known_bad_model_is_shown_and_not_compared() -> None:
    bad = accuracy_case(must_fail=True, verdict="FAIL")
    found = compared(run({ACCURACY: right(300)}, [bad]), run({ACCURACY: right(300)}, [bad]))
    assert only(found).outcome is None and found.outcome == "not_comparable" and found.answers == []


def test_a_renamed_file_keeps_its_requirements() -> None:
    moved = accuracy_case(id="other/audit.py::accurate")
    assert only(compared(run({ACCURACY: right(300)}), run({ACCURACY: right(300)}, [moved]))).outcome == "equivalent"


def test_holm_over_requirements_takes_away_what_one_alone_would_show() -> None:
    """Nine losses of nine changes: p = 2 * 0.5 ** 9 = .004 alone; with twenty requirements it is .08."""
    keys = {ACCURACY: right(400)}
    lost = {ACCURACY: right(400, range(9))}
    one = only(compared(run(keys), run(lost)))
    assert one.outcome == "worse" and binomtest(9, 9).pvalue < 0.05
    many = [requirement(f"r{at}", measure(), ">", at / 40) for at in range(20)]
    found = compared(run(keys, many), run(lost, many))
    alone = [one.lower is not None and one.upper is not None and one.upper < 0 for one in found.requirements]
    assert all(alone) and {one.outcome for one in found.requirements} == {"cannot_tell"}


def test_clusters_of_either_side_count() -> None:
    lots = [f"lot {at // 10}" for at in range(200)]
    wrong = range(20)  # two whole lots
    clustered = samples(200, cluster=lots)
    alone = only(compared(run({ACCURACY: right(200)}), run({ACCURACY: right(200, wrong)})))
    assert alone.outcome == "worse" and alone.clusters is None
    for old, new in ((clustered, samples(200)), (samples(200), clustered), (clustered, clustered)):
        found = only(compared(run({ACCURACY: right(200)}, images=old), run({ACCURACY: right(200, wrong)}, images=new)))
        assert (found.outcome, found.clusters) == ("cannot_tell", 20)


def test_clusters_and_strata_are_those_of_the_common_images() -> None:
    """The old run has 40 images more, in front, and the new one another order: nothing of that may shift the codes."""
    every = samples(140, cluster=[f"lot {at // 10}" for at in range(140)])
    order = list(range(139, 39, -1))
    wrong = [at for at in range(40, 140) if at // 10 in (4, 5, 6)]
    old = run({ACCURACY: right(140)}, images=every)
    new = run({ACCURACY: right(140, wrong)[order]}, images=[every[at] for at in order])
    alike = (
        run({ACCURACY: right(140)[40:]}, images=every[40:]),
        run({ACCURACY: right(140, wrong)[40:]}, images=every[40:]),
    )
    found, plain = only(compared(old, new)), only(compared(*alike))
    assert found.clusters == plain.clusters == 10 and found.images == 100
    assert (found.lower, found.upper) == pytest.approx((plain.lower, plain.upper))


def test_donors_that_moved_are_counted() -> None:
    key = f"m0|{SWAPPED.removeprefix('accuracy.under(')[:-1]}"
    ids = [one.id for one in samples(60)]
    donors = {key: [ids[(at + 4) % 60] for at in range(60)]}
    moved = {key: [ids[(at + (8 if at < 5 else 4)) % 60] for at in range(60)]}
    values = {ACCURACY: right(60), SWAPPED: right(60)}
    found = compared(run(values, [drop_case()], donors=donors), run(values, [drop_case()], donors=moved))
    (one,) = [each for each in found.differences if each.code == "donors"]
    assert one.new == "5"


def test_an_agreed_set_is_compared_exactly() -> None:
    case = accuracy_case(about="this_set")
    found = only(compared(run({ACCURACY: right(20)}, [case]), run({ACCURACY: right(20, (3,))}, [case])))
    assert (found.outcome, found.lower, found.upper, found.notes) == ("worse", -0.05, -0.05, ["whole_set"])
    other = [*samples(21)][1:]
    found = only(compared(run({ACCURACY: right(20)}, [case]), run({ACCURACY: right(20)}, [case], images=other)))
    assert found.outcome == "cannot_tell" and found.notes == ["set_changed"]


def test_a_run_that_may_stop_early_has_bounds_for_every_look() -> None:
    wrong = range(20, 300, 33)
    fixed = only(compared(run({ACCURACY: right(300)}), run({ACCURACY: right(300, wrong)})))
    early = only(compared(run({ACCURACY: right(300)}, available=900), run({ACCURACY: right(300, wrong)})))
    assert early.notes == ["stopped_early"] and early.rule == "betting_sequence"
    assert early.upper is not None and fixed.upper is not None and early.upper > fixed.upper


def test_no_worse_is_noted_where_more_cannot_be_told() -> None:
    found = only(compared(run({ACCURACY: right(400, range(8))}), run({ACCURACY: right(400, range(4))})))
    assert found.outcome == "cannot_tell" and found.notes == ["no_worse"]


def test_the_class_that_lost_is_named_with_its_images() -> None:
    wrong = [at for at in range(200) if at % 4 == 2][:40]  # nuts
    predicted = [2 if at not in wrong else 0 for at in range(200)]
    found = compared(run({ACCURACY: right(200)}), run({ACCURACY: right(200, wrong)}, predicted=predicted)).answers[0]
    assert {one.name: one.outcome for one in found.by_class} == {
        "bolt": "cannot_tell",
        "gear": "cannot_tell",
        "nut": "worse",
        "plate": "cannot_tell",
    }
    assert len(found.newly_wrong) == 40 and {one.label for one in found.newly_wrong} == {"nut"}
    assert {one.predicted_new for one in found.newly_wrong} == {"bolt"}
    assert found.recovered == []


def test_groups_are_compared_where_there_are_several() -> None:
    images = samples(200, group=["line a" if at < 100 else "line b" for at in range(200)])
    found = compared(
        run({ACCURACY: right(200)}, images=images), run({ACCURACY: right(200, range(100, 130))}, images=images)
    )
    assert [(one.name, one.outcome, one.newly_wrong) for one in found.answers[0].by_group] == [
        ("line a", "cannot_tell", 0),
        ("line b", "worse", 30),
    ]


def test_models_versions_and_settings_that_differ_are_listed() -> None:
    old = run({ACCURACY: right(60)})
    (model,) = old.models
    new = run(
        {ACCURACY: right(60)},
        models=[model.model_copy(update={"fingerprint": "00" * 32})],
        provenance=old.provenance.model_copy(
            update={"versions": {**old.provenance.versions, "torch": "2.9.0"}, "seed": 1, "device": "cpu"}
        ),
    )
    found = compared(old, new)
    assert {(one.kind, one.code) for one in found.differences} == {
        ("model", "fingerprint"),
        ("version", "torch"),
        ("option", "seed"),
        ("machine", "device"),
    }
    assert "same_models" not in found.notes and "same_models" in compared(old, old).notes


def test_brief_leaves_out_answers_and_numbers_of_images() -> None:
    old, new = run({ACCURACY: right(60)}), run({ACCURACY: right(60, (1,))})
    assert only(compared(old, new)).more_images is not None
    brief = compared(old, new, brief=True)
    assert brief.answers == [] and only(brief).more_images is None
    assert only(brief).outcome == only(compared(old, new)).outcome


def test_the_images_asked_for_settle_it() -> None:
    """So many more images with the same share of changes are enough."""
    old, wrong = right(300, range(20)), right(300, range(10, 30))
    found = only(compared(run({ACCURACY: old}), run({ACCURACY: wrong})))
    assert found.outcome == "cannot_tell" and found.more_images is not None
    times = 1 + -(-found.more_images // 300)
    again = only(compared(run({ACCURACY: np.tile(old, times)}), run({ACCURACY: np.tile(wrong, times)})))
    assert again.outcome == "equivalent"


def test_a_margin_in_per_cent_is_refused() -> None:
    same = run({ACCURACY: right(20)})
    with pytest.raises(ExpressionError, match=r"margin=2: no share can change by that much.* did you mean 0\.02\?"):
        compared(same, same, margin=2)
    with pytest.raises(ExpressionError, match="margin=1: no share can change by that much"):
        compared(same, same, margin=1)


@pytest.mark.parametrize("how", [{"margin": 0.0}, {"margin": float("inf")}, {"confidence": 0.4}, {"confidence": 1.0}])
def test_margins_and_confidences_have_a_range(how: dict[str, float]) -> None:
    same = run({ACCURACY: right(20)})
    with pytest.raises(ExpressionError, match=r"margin|confidence"):
        compared(same, same, **how)


def test_a_case_without_its_columns_says_so() -> None:
    case = drop_case(decision=decision("PASS", 0.1, 0.0, 0.2))
    found = only(compared(run({ACCURACY: right(60)}, [case]), run({ACCURACY: right(60)}, [case])))
    assert found.outcome == "not_comparable" and found.notes == ["not_in_record"]
    assert "no values" in str(found.differences[0].new)
