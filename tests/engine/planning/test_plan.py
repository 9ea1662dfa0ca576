"""The plan: nothing is asked twice, and every process of a run arrives at the same keys."""

from __future__ import annotations

import pytest
from engine.small_audits import CLASSES, Net, asked, audit, groups_of, samples

from modelaudit.contexts import gaussian_noise, lighting, original, swap_background
from modelaudit.engine.planning.plan import MapAsk, original_context, plan
from modelaudit.language import Audit, Preprocessing, correct, label, object_area
from modelaudit.measures import (
    accuracy,
    adversarial_background_rate,
    background_dependence,
    background_share,
    confidence,
    flip_rate,
)

SWAP = swap_background("other_class")


def test_forty_expectations_about_one_thing_cost_one_pass() -> None:
    one = audit()
    cases = {f"case_{at}": one.expect(accuracy.under(SWAP) > at / 40) for at in range(40)}
    (group,) = groups_of(**cases)
    assert len(group.cases) == 40
    assert [(ask.context, len(ask.columns)) for ask in group.passes] == [(SWAP, 1)]


def test_measures_of_one_method_share_its_map() -> None:
    one = audit()
    (group,) = groups_of(
        share=one.expect(background_share("gradcam") < 0.5),
        dependence=one.expect(background_dependence("gradcam", "saliency") < 0.5),
        again=one.expect(background_dependence("saliency") < 0.4),
    )
    (ask,) = group.passes
    assert [column.key for column in ask.columns] == [
        "background_share(gradcam)",
        "background_dependence(gradcam)",
        "background_dependence(saliency)",
    ]
    assert [one.text for one in ask.maps] == ["gradcam", "saliency"]


def test_another_target_is_another_map() -> None:
    one = audit()
    (group,) = groups_of(
        prediction=one.expect(background_dependence("saliency") < 0.5),
        label=one.expect(background_dependence("saliency", target="label") < 0.5),
    )
    (ask,) = group.passes
    assert [found.text for found in ask.maps] == ["saliency", "saliency of label"]
    assert len({column.key for column in ask.columns}) == 2


def test_the_original_comes_first_whatever_the_order_of_the_questions() -> None:
    one = audit({"a": Net(), "b": Net(1)})
    (group,) = groups_of(
        dark=one.expect(accuracy.under(lighting(3)) > 0.5),
        noisy=one.expect(confidence.under(gaussian_noise(2)) > 0.5),
        plain=one.expect(accuracy > 0.5),
    )
    assert [(ask.model, str(ask.context)) for ask in group.passes] == [
        ("model:a", "original"),
        ("model:a", "lighting(3)"),
        ("model:a", "gaussian_noise(2)"),
        ("model:b", "original"),
        ("model:b", "lighting(3)"),
        ("model:b", "gaussian_noise(2)"),
    ]


def test_under_original_is_the_same_pass_and_the_same_column_as_no_context() -> None:
    one = audit()
    (group,) = groups_of(bare=one.expect(accuracy > 0.5), said=one.expect(accuracy.under(original) > 0.6))
    assert [[column.key for column in ask.columns] for ask in group.passes] == [["accuracy"]]


@pytest.mark.parametrize(
    ("left", "columns"),
    [
        (flip_rate.under(SWAP), []),
        (confidence.under(SWAP).where(correct), ["accuracy"]),
        (confidence.under(SWAP).where(correct & (object_area < 0.5)), ["accuracy"]),
    ],
)
def test_what_is_judged_on_the_original_asks_for_its_pass(left: object, columns: list[str]) -> None:
    (group,) = groups_of(case=audit().expect(left < 0.5))  # type: ignore[operator]
    assert [ask.context for ask in group.passes] == [original_context(), SWAP]
    assert [column.key for column in group.passes[0].columns] == columns


def test_a_stratum_of_labels_or_areas_asks_for_no_further_pass() -> None:
    (group,) = groups_of(case=audit().expect(confidence.under(SWAP).where(label("nut") & (object_area < 0.5)) > 0))
    assert [ask.context for ask in group.passes] == [SWAP]


def test_audits_of_the_same_model_and_data_are_one_group_and_one_model() -> None:
    net, data = Net(), samples()
    (group,) = groups_of(
        a=audit(net, data).expect(accuracy > 0.5), b=audit(net, data, confidence=0.9).expect(accuracy > 0.6)
    )
    assert list(group.models) == ["model:Net"]
    assert len(group.passes) == 1


def test_a_yaml_audit_and_a_python_audit_share_their_model() -> None:
    """They differ in whether a factory may be named, and here none is."""
    python = Audit("demo:sound", "demo:?images=8").expect(accuracy > 0.5)
    yaml = Audit("demo:sound", "demo:?images=8", allow_code=False).expect(accuracy > 0.6)
    (group,) = groups_of(python=python, yaml=yaml)
    assert list(group.models) == ["model:demo:sound"]
    assert len(group.passes) == 1


def test_a_factory_is_not_run_for_the_audit_that_may_not_run_code() -> None:
    python = Audit("net.py:build", "demo:?images=8").expect(accuracy > 0.5)
    yaml = Audit("net.py:build", "demo:?images=8", allow_code=False).expect(accuracy > 0.5)
    (group,) = groups_of(python=python, yaml=yaml)
    assert [ask.allow_code for ask in group.models.values()] == [True, False]


@pytest.mark.parametrize("options", [{"seed": 1}, {"labels": {"bolt": 0, "nut": 1, "washer": 2}}, {"data": samples(3)}])
def test_other_data_labels_or_seed_are_another_group(options: dict[str, object]) -> None:
    net, data = Net(), samples()
    first = audit(net, data).expect(accuracy > 0.5)
    second = audit(net, options.pop("data", data), **options).expect(accuracy > 0.5)
    one, other = groups_of(first=first, second=second)
    assert one.key != other.key and one.digest != other.digest


@pytest.mark.parametrize("options", [{"preprocessing": Preprocessing(resize=8)}, {"classes": ("a", "b", "c")}])
def test_one_network_prepared_or_named_otherwise_is_another_model(options: dict[str, object]) -> None:
    net, data = Net(), samples()
    first, second = audit(net, data).expect(accuracy > 0.5), audit(net, data, **options).expect(accuracy > 0.5)
    (group,) = groups_of(first=first, second=second)
    assert list(group.models) == ["model:Net", "model:Net#2"]


def test_keys_are_the_same_in_every_process() -> None:
    """Two workers execute the same file, and get other objects in it."""

    def collected() -> list[object]:
        one, other = audit({"new": Net(), "old": Net()}), audit(Net())
        groups = groups_of(
            gap=one.expect(accuracy.of("new") - accuracy.of("old").under(SWAP) > 0),
            each=one.expect(accuracy > 0.5),
            single=other.expect(accuracy > 0.5),
        )
        return [
            (group.key, group.digest, list(group.models), [(ask.model, str(ask.context)) for ask in group.passes])
            for group in groups
        ]

    first = collected()
    assert first == collected()
    assert len({digest for _, digest, _, _ in first}) == 2  # type: ignore[misc]


def test_several_models_become_an_item_each_and_named_ones_stay_together() -> None:
    one = audit({"new": Net(), "old": Net(1)})
    items = asked(each=one.expect(accuracy > 0.5), gap=one.expect(accuracy.of("new") - accuracy.of("old") > 0))
    assert [item.id for item in items] == ["each[new]", "each[old]", "gap"]
    (group,) = plan(items)
    assert [dict(case.models) for case in group.cases] == [
        {"new": "model:new"},
        {"old": "model:old"},
        {"new": "model:new", "old": "model:old"},
    ]


def test_options_may_be_given_by_model() -> None:
    by_name = {"new": Preprocessing(resize=8), "old": Preprocessing(resize=12)}
    one = audit({"new": Net(), "old": Net()}, preprocessing=by_name, classes={"new": CLASSES})
    (group,) = groups_of(case=one.expect(accuracy.of("new") - accuracy.of("old") > 0))
    found = {ask.key: (ask.preprocessing, ask.classes) for ask in group.models.values()}
    assert found == {"model:new": (by_name["new"], CLASSES), "model:old": (by_name["old"], None)}


def test_every_map_is_asked_with_its_own_target() -> None:
    (group,) = groups_of(case=audit().expect(background_dependence("gradcam", "saliency", target="margin") < 0.5))
    assert all(isinstance(column.map, MapAsk) and column.map.target == "margin" for column in group.passes[0].columns)


def test_other_pools_are_another_group_and_the_same_pools_are_not() -> None:
    net, data = Net(), samples(4)
    night = swap_background("pool:night")

    def one(pool: str) -> Audit:
        return audit(net, data, pools={"night": pool})

    first, same, other = (one(pool).expect(accuracy.under(night) > 0) for pool in ("folder:a", "folder:a", "folder:b"))
    assert len(groups_of(first=first, same=same)) == 1
    found = groups_of(first=first, other=other)
    assert [group.pools for group in found] == [{"night": "folder:a"}, {"night": "folder:b"}]
    assert len({group.digest for group in found}) == 2


def test_the_worst_background_asks_for_the_original_too() -> None:
    (group,) = groups_of(case=audit().expect(adversarial_background_rate(3).under(SWAP) < 0.5))
    assert [(ask.context, [column.key for column in ask.columns]) for ask in group.passes] == [
        (original_context(), ["accuracy"]),
        (SWAP, [f"adversarial_background_rate(backgrounds=3).under({SWAP})"]),
    ]
