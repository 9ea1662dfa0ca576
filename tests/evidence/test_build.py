"""From what was found to the record: nothing lost, nothing that is no number, every left side taken apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.small_audits import SIDE, Broken, Net, asked, audit, results, sample, samples, settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from language import expressions

from modelaudit.contexts import gaussian_noise, lighting, original, swap_background
from modelaudit.engine.executors.run import read_measured
from modelaudit.evidence.build import (
    Place,
    data_records,
    declared_case,
    model_records,
    node_of,
    passes_record,
    table_records,
    with_result,
)
from modelaudit.evidence.record import ArithmeticNode, CaseRecord, MeasureNode, NumberNode
from modelaudit.language import correct, object_area, parse_expression
from modelaudit.language.expression import Expression, Number
from modelaudit.measures import accuracy, background_dependence, confidence, flip_rate

SWAP = swap_background("other_class")


def rebuilt(node: Any) -> Expression:
    """The expression that a node's own texts and structure spell."""
    if isinstance(node, NumberNode):
        return Number(node.value)
    if isinstance(node, MeasureNode):
        return parse_expression(node.text)
    assert isinstance(node, ArithmeticNode)
    left, right = rebuilt(node.left), rebuilt(node.right)
    return {"+": left.__add__, "-": left.__sub__, "*": left.__mul__, "/": left.__truediv__}[node.op](right)


def test_a_number() -> None:
    node = node_of((accuracy * 2).right)  # type: ignore[attr-defined]
    assert node == NumberNode(value=2.0)


def test_a_measure_of_behaviour_on_the_original() -> None:
    assert node_of(accuracy) == MeasureNode(
        measure="accuracy",
        methods=[],
        target=None,
        scale="proportion",
        better="high",
        contexts=[],
        model=None,
        stratum=None,
        text="accuracy",
        specs=["accuracy"],
    )
    said = node_of(accuracy.under(original))
    assert isinstance(said, MeasureNode) and said.contexts == []


def test_a_measure_with_every_refinement() -> None:
    left = background_dependence("gradcam", "saliency", target="label").under(gaussian_noise(2) | SWAP | lighting(3))
    node = node_of(left.of("new").where(correct & (object_area < 0.1)))
    assert isinstance(node, MeasureNode)
    assert (node.methods, node.target, node.scale, node.better) == (["gradcam", "saliency"], "label", "mean", "low")
    assert [spec.partition(",")[0] for spec in node.specs] == [
        "background_dependence(gradcam",
        "background_dependence(saliency",
    ]
    assert node.under == "gaussian_noise(2) | swap_background(other_class) | lighting(3)"
    assert (node.model, node.stratum) == ("new", "correct & (object_area < 0.1)")
    assert [(part.name, part.family) for part in node.contexts] == [
        ("gaussian_noise", "perturbation"),
        ("swap_background", "change"),
        ("lighting", "perturbation"),
    ]
    # every argument, the defaults too: a reader of the record needs no source code
    assert node.contexts[0].arguments == {"severity": 2, "region": "background"}
    swap = {"donors": "other_class", "feather": 1.0, "fill": "inpaint", "rank": 0, "max_donor_object": 0.8}
    assert node.contexts[1].arguments == swap


@pytest.mark.parametrize("op", ["+", "-", "*", "/"])
def test_arithmetic_keeps_its_sides(op: str) -> None:
    node = node_of(parse_expression(f"accuracy {op} confidence"))
    assert isinstance(node, ArithmeticNode) and node.op == op
    assert [side.text for side in (node.left, node.right) if isinstance(side, MeasureNode)] == [
        "accuracy",
        "confidence",
    ]


@given(expressions.expressions)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_the_structure_of_any_expression_spells_it_again(expression: Expression) -> None:
    assert str(rebuilt(node_of(expression))) == str(expression)


def recorded(folder: Path, **cases: Any) -> tuple[dict[str, CaseRecord], list[Any]]:
    found = results(folder, **cases)
    records = {
        item.id: with_result(
            declared_case(item, Place(item.id, "audit_a.py", 7)), found[item.id], reproduce="pytest audit_a.py"
        )
        for item in asked(**cases)
    }
    return records, read_measured(settings(folder).folder)


def test_a_case_that_was_never_run_says_so() -> None:
    (item,) = asked(
        a=audit().expect(accuracy > 0.5, clause="4.2", says="it works", must_fail=True, importance="critical")
    )
    record = declared_case(item, Place("a", "audits/audit_a.py", 12))
    assert (record.verdict, record.standing, record.reason, record.outcome) == (None, "not_run", "not_run", "not_run")
    assert (record.clause, record.says, record.must_fail, record.line) == ("4.2", "it works", True, 12)
    assert record.expectation == "accuracy > 0.5" and record.fingerprint == item.case.fingerprint(item.expectation)
    terms = "confidence=0.95, about=process, bounds=approximate, claim=None, must_fail=True, importance=critical"
    assert record.long_form.endswith(f"; {terms}") and record.importance == "critical"
    assert record.decision is None and record.gallery == []


def test_nothing_of_a_result_is_lost(tmp_path: Path) -> None:
    one = audit()
    cases = {
        "both": one.expect(background_dependence("gradcam", "saliency").under(SWAP) < 0.5),
        "gap": one.expect(accuracy - accuracy.under(SWAP) < 0.5),
    }
    found = results(tmp_path, **cases)
    records, _ = recorded(tmp_path, **cases)
    for name, result in found.items():
        record, decision = records[name], result.decision
        assert record.decision is not None and decision is not None
        for field in (
            "estimate",
            "lower",
            "upper",
            "confidence",
            "rule",
            "guaranteed",
            "more_images",
            "note",
            "method",
        ):
            assert getattr(record.decision, field) == getattr(decision, field)
        assert [part.method for part in record.decision.parts] == [part.method for part in decision.parts]
        assert record.decision.counts.asked == decision.counts.asked == 10
        assert [(image.sample, image.value) for image in record.worst] == [
            (image.sample, image.value) for image in result.worst
        ]
        assert [(row.rank, row.sample, row.object_area, len(row.panels)) for row in record.gallery] == [
            (row.rank, row.sample, row.object_area, len(row.pictures)) for row in result.gallery
        ]
        assert CaseRecord.model_validate_json(record.model_dump_json()) == record
    assert [part.method for part in records["both"].decision.parts] == ["gradcam", "saliency"]  # type: ignore[union-attr]


def test_failures_leave_no_half_columns_and_no_value_that_is_no_number(tmp_path: Path) -> None:
    data = samples(10)
    data[2] = sample(2, image=b"no picture")
    data[5] = sample(5, mask=np.ones((SIDE, SIDE), np.uint8))
    one = audit({"good": Net(), "bad": Broken()}, data)
    records, measured = recorded(
        tmp_path,
        plain=one.expect(accuracy > 0.1),
        map=one.expect(background_dependence("saliency") < 0.5),
        flips=one.expect(flip_rate.under(SWAP) < 0.5),
        ratio=one.expect(confidence.under(SWAP) / confidence > 0.1),
    )
    (table,) = table_records(measured)
    assert {column.model for column in table.columns} == {"model:good"}
    for column in table.columns:
        assert len(column.values) == len(table.samples) == 10
        assert {at for at, value in enumerate(column.values) if value is None} == set(column.missing)
    assert {record.verdict for name, record in records.items() if "[bad]" in name} == {"ERROR"}
    for document in (table, *records.values(), *model_records(measured), *data_records(measured)):
        json.loads(document.model_dump_json(), parse_constant=lambda constant: pytest.fail(f"{constant} in JSON"))


def test_models_data_and_cost_are_recorded_once(tmp_path: Path) -> None:
    data = samples(9)
    data[4] = sample(4, image=b"no picture", group="night")
    net = Net()
    _, measured = recorded(
        tmp_path,
        a=audit(net, data).expect(background_dependence("saliency") < 0.5),
        b=audit(net, data, seed=5).expect(accuracy > 0.5),
    )
    (model,) = model_records(measured)
    assert (model.key, model.outputs, model.classes) == ("model:Net", 3, ["bolt", "nut", "washer"])
    first, second = data_records(measured)
    assert first.fingerprint == second.fingerprint and first.key != second.key
    assert (first.available, first.images, first.labels, first.groups) == (
        9,
        9,
        {"bolt": 3, "nut": 3, "washer": 3},
        {"night": 1},
    )
    ((name, reason),) = [(one.sample, one.reason) for one in first.unusable]
    assert (name, reason) == ("004.png", "unreadable_image")
    # 8 readable images in three chunks, padded to 4: forward passes for both audits, backward ones for saliency
    passes = passes_record(measured)
    assert (passes.decoded, passes.forward, passes.backward) == (18, 12 + 12, 12)
