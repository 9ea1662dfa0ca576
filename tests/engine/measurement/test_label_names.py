"""Labels that measures name: found before anything is measured, kept apart in the store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from engine.small_audits import Net, audit, column, groups_of, measured, results, sample, settings, values

from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, AuditCase
from modelaudit.language.progress import Silent
from modelaudit.language.strata import label
from modelaudit.measures import accuracy, false_alarm_rate, miss_rate, predicted
from modelaudit.statistics import Verdict


def stored(folder: Path, case: AuditCase) -> Measured:
    """What measuring a case finds, with what is stored in the folder."""
    (group,) = groups_of(case=case)
    with closing(Store(folder / "store")) as store:
        return measure(group, settings(folder), Silent(), store)


def test_a_name_that_means_nothing_takes_down_its_expectation_alone_before_a_pass(tmp_path: Path) -> None:
    audited = audit()
    found = measured(
        tmp_path,
        typo=audited.expect(miss_rate(good="bolts") < 0.5),
        other=audited.expect(miss_rate(good="bolt").under("lighting(3)") < 0.5),
    )
    ((key, failure),) = found.failures.items()
    assert key.endswith("|miss_rate(good=bolts)")
    assert "'bolts' means no label of the data and no output of the model; did you mean 'bolt'?" in failure
    assert not np.isnan(values(found, "miss_rate(good=bolt).under(lighting(3))")).any()


def test_a_name_that_means_nothing_is_an_error_and_the_others_are_decided(tmp_path: Path) -> None:
    audited = audit()
    found = results(tmp_path, typo=audited.expect(predicted("nutt") < 0.5), good=audited.expect(predicted("nut") <= 1))
    assert [found[name].verdict for name in ("typo", "good")] == [Verdict.ERROR, Verdict.PASS]
    assert "did you mean 'nut'?" in found["typo"].message


def test_classes_of_the_model_are_names_too(tmp_path: Path) -> None:
    data = [sample(number, "bolt") for number in range(4)]
    found = measured(tmp_path, case=audit(data=data).expect(predicted("washer") < 0.5))
    same = measured(tmp_path, case=audit(data=data).expect(predicted(2) < 0.5))
    assert values(found, "predicted(washer)").tolist() == values(same, "predicted(2)").tolist()


def test_labels_of_one_class_are_all_good_or_none_is(tmp_path: Path) -> None:
    data = [sample(number, ("fine", "perfect", "nut")[number % 3]) for number in range(6)]
    audited = audit(data=data, labels={"fine": "bolt", "perfect": "bolt", "nut": "nut"})
    found = results(
        tmp_path,
        half=audited.expect(miss_rate(good="fine") <= 1),
        whole=audited.expect(miss_rate(good=["fine", "perfect"]) <= 1),
        by_class=audited.expect(miss_rate(good="bolt") <= 1),
    )
    assert found["half"].verdict is Verdict.ERROR
    assert "good=['fine', 'perfect']" in found["half"].message
    assert [found[name].decision.counts.asked for name in ("whole", "by_class")] == [2, 2]  # type: ignore[union-attr]


def test_an_output_that_only_shares_a_label_is_no_name_for_it(tmp_path: Path) -> None:
    audited = audit(labels={"bolt": ["bolt", "washer"], "nut": "nut"}, data=[sample(n, "bolt") for n in range(3)])
    found = results(tmp_path, case=audited.expect(predicted("washer") < 0.5))
    assert "'washer' means no label of the data" in found["case"].message


def test_what_a_name_means_is_part_of_the_key_of_its_values(tmp_path: Path) -> None:
    """The same name and another class: nothing of the other run is taken."""
    net = Net()

    def shares(classes: tuple[str, ...]) -> list[float]:
        case = audit(net, [sample(number, 0) for number in range(8)], classes=classes).expect(predicted("b") < 1)
        return column(stored(tmp_path, case), "predicted(b)").values.tolist()

    first, second = shares(("a", "b", "c")), shares(("a", "c", "b"))
    assert first != second
    assert first == shares(("a", "b", "c"))


def test_predicted_classes_are_kept_where_the_originals_were_seen(tmp_path: Path) -> None:
    audited = audit()
    found = measured(tmp_path, case=audited.expect(accuracy > 0.1))
    (model,) = found.models
    right = [one == index for one, index in zip(model.predicted, model.indices, strict=True)]
    assert right == (values(found, "accuracy") == 1).tolist()
    assert [one.key for one in found.columns] == ["accuracy"]
    unseen = measured(tmp_path, case=audited.expect(accuracy.under("lighting(3)") > 0.1))
    assert unseen.models[0].predicted == []


def test_predicted_classes_come_back_from_the_store(tmp_path: Path) -> None:
    case = audit().expect(accuracy > 0.1)
    first, second = stored(tmp_path, case), stored(tmp_path, case)
    assert second.passes.forward == 0
    assert first.models[0].predicted == second.models[0].predicted


@pytest.mark.parametrize("good", ["bolt", ["bolt", "nut"]])
def test_rates_are_proportions_of_their_own_images(tmp_path: Path, good: str | list[str]) -> None:
    audited: Audit = audit()
    kinds = [good] if isinstance(good, str) else good
    found = results(
        tmp_path,
        missed=audited.expect(miss_rate(good=good) < 0.5),
        alarms=audited.expect(false_alarm_rate(good=good) < 0.5),
        by_hand=audited.expect(predicted(*kinds).where(~label("bolt")) < 0.5),
    )
    missed, alarms = found["missed"].decision, found["alarms"].decision
    assert missed is not None and alarms is not None
    assert missed.counts.asked + alarms.counts.asked == 10
    assert {missed.rule, alarms.rule} == {"clopper_pearson"}
    if good == "bolt":
        by_hand = found["by_hand"].decision
        assert by_hand is not None
        assert (missed.estimate, missed.upper) == (by_hand.estimate, by_hand.upper)
