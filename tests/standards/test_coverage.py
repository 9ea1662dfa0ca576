"""Which requirements and records are evidence for an item: a pure function of the record and of the standard's data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sample_record import LIGHTING, OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.record import (
    AgreementRecord,
    ArithmeticNode,
    CompositeNode,
    CurveNode,
    DomainAttribute,
    DomainCoverage,
    DomainValue,
    DoseNode,
    MeasureNode,
    Node,
)
from modelaudit.standards.coverage import coverage, coverage_document, names_used, selects
from modelaudit.standards.coverage_record import Coverage, ItemEvidence
from modelaudit.standards.records import NUMBERS, numbers_of
from modelaudit.standards.standard_file import RECORDS, Selector, Standard, StandardItem, built_in_standards


def standard(**changed: Any) -> Standard:
    fields = {"id": "X", "title": "x", "not_given": "y"}
    item = StandardItem.model_validate({**fields, **changed})
    return Standard(name="ours", title="t", edition="1", publisher="us", titles_from="us", items=[item])


def row(**changed: Any) -> ItemEvidence:
    return coverage(record(), standard(**changed)).rows[0]


DROP = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))
CURVE = CurveNode(
    functional="slope",
    of=measure("accuracy", doses=[DoseNode(dose=1.0, contexts=[LIGHTING])]),
    text="slope(accuracy)",
)
WORST = CompositeNode(
    name="worst_group_accuracy", arguments={"by": "group"}, of=[measure()], text="worst_group_accuracy"
)


@pytest.mark.parametrize(
    ("selector", "left", "selected"),
    [
        ({"measures": ["accuracy"]}, measure(), True),
        ({"measures": ["flip_rate"]}, measure(), False),
        ({"contexts": ["original"]}, measure(), True),
        ({"contexts": ["original"]}, DROP, False),  # a fall says nothing about how right it is as photographed
        ({"contexts": ["original", "change"]}, DROP, True),
        ({"contexts": ["change"]}, measure("accuracy", OTHER_CLASS), True),
        ({"contexts": ["swap_background"]}, measure("accuracy", OTHER_CLASS), True),
        ({"contexts": ["perturbation"]}, measure("accuracy", OTHER_CLASS), False),
        ({"contexts": [LIGHTING.name]}, CURVE, True),
        ({"heat_maps": True}, measure("background_dependence", methods=["gradcam"]), True),
        ({"heat_maps": True}, measure(), False),
        ({"heat_maps": False}, measure(), True),
        ({"groups": True}, measure(stratum="group(line_2)"), True),
        ({"groups": True}, measure(stratum="~label(gear) & correct"), True),
        ({"groups": True}, measure(stratum="correct"), False),
        ({"groups": True}, measure(stratum="object_area < 0.1"), False),
        ({"groups": True}, WORST, True),
        ({"measures": ["worst_group_accuracy"]}, WORST, True),
        # both must hold of one measure
        ({"measures": ["flip_rate"], "contexts": ["change"]}, DROP, False),
    ],
)
def test_a_requirement_is_selected_where_everything_holds(selector: dict[str, Any], left: Node, selected: bool) -> None:
    assert selects(Selector.model_validate(selector), case("one", left, ">", 0.9, "PASS")) is selected


def test_a_comparison_of_models_is_selected_by_its_models() -> None:
    selector = Selector(compares_models=True)
    assert selects(selector, case("one", measure(), ">", 0.9, "PASS", models=["m0", "m1"]))
    assert not selects(selector, case("one", measure(), ">", 0.9, "PASS"))
    unopened = ArithmeticNode(op="-", left=measure(model="new"), right=measure(model="old"))
    assert selects(selector, case("one", unopened, ">", 0.9, "ERROR", models=[]))


CONDITIONS = {
    "measures": st.sampled_from([["accuracy"], ["flip_rate"], ["accuracy", "background_dependence"]]),
    "contexts": st.sampled_from([["original"], ["change"], ["perturbation", "original"]]),
    "heat_maps": st.booleans(),
    "groups": st.booleans(),
    "compares_models": st.booleans(),
}
LEFT = st.sampled_from(
    [
        measure(),
        DROP,
        CURVE,
        WORST,
        measure("background_dependence", OTHER_CLASS, methods=["gradcam"]),
        measure("flip_rate"),
    ]
)


@given(st.fixed_dictionaries({}, optional=CONDITIONS).filter(len), LEFT, st.data())
def test_a_further_condition_never_selects_more(stated: dict[str, Any], left: Node, data: st.DataObject) -> None:
    one = case("one", left, ">", 0.9, "PASS")
    kept = data.draw(st.sampled_from(sorted(stated)))
    if selects(Selector.model_validate(stated), one):
        assert selects(Selector.model_validate({kept: stated[kept]}), one)


def test_a_verdict_is_evidence_whatever_it_is_and_an_error_is_none() -> None:
    found = {
        one.name: one for one in row(requirements=[{"contexts": ["original", "change", "perturbation"]}]).requirements
    }
    settled = {name: one.settled for name, one in found.items()}
    assert settled == {
        "decides_on_the_part": True,
        "survives_layout_change": True,
        "survives_lighting": True,
        "robust_to_dust": False,
        "recognises_small_parts": False,
    }
    assert found["survives_layout_change"].verdict == "FAIL" and found["survives_layout_change"].upper == 0.161
    assert found["robust_to_dust"].estimate is None


def test_a_known_bad_model_is_no_evidence_for_the_model_under_test() -> None:
    found = row(requirements=[{"measures": ["accuracy"]}], records=["known_bad"])
    assert "shortcut_is_caught" not in [one.name for one in found.requirements]
    assert found.records[0].numbers == {"caught": 1, "decided": 1}


def test_a_quick_look_is_no_evidence() -> None:
    quick = coverage(record(quick_look=5), standard(requirements=[{"measures": ["accuracy"]}])).rows[0]
    assert quick.place == "not_in_this_run"
    assert quick.requirements and not any(one.settled for one in quick.requirements)
    assert all(one.estimate is None for one in quick.requirements)


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({}, "outside"),
        ({"records": ["operating_domain"]}, "not_in_this_run"),
        ({"documents": ["watch"]}, "not_in_this_run"),
        ({"requirements": [{"measures": ["margin"]}]}, "not_in_this_run"),
        ({"records": ["operating_domain", "data_read"]}, "in_this_run"),
        ({"requirements": [{"measures": ["accuracy"]}]}, "in_this_run"),
    ],
)
def test_where_the_evidence_of_an_item_is(item: dict[str, Any], place: str) -> None:
    assert row(**item).place == place


def test_what_a_record_lacks_is_named() -> None:
    found = row(records=["operating_domain", "data_read", "reviews"])
    assert found.missing == ["operating_domain", "reviews"]
    assert [one.numbers for one in found.records] == [{"images": 240, "labels": 4, "unusable": 1}]


def test_an_operating_domain_is_counted_by_how_its_values_stand() -> None:
    values = [
        DomainValue(value="day", images=9, standing="covered"),
        DomainValue(value="night", images=0, standing="missing"),
        DomainValue(value="dusk", images=1, standing="unforeseen"),
    ]
    domain = DomainCoverage(images=10, attributes=[DomainAttribute(attribute="light", values=values)])
    agreed = record(agreement=AgreementRecord(sha256="0" * 64, clauses=3, domain=domain))
    assert numbers_of("operating_domain", agreed) == {"attributes": 1, "combinations": 0, "values": 3, "covered": 1}
    assert numbers_of("agreement", agreed) == {"clauses": 3, "unmet": 0}


def test_every_kind_of_record_can_be_asked_for() -> None:
    for kind in RECORDS:
        numbers = numbers_of(kind, record())
        assert numbers is None or (numbers and set(numbers) <= set(NUMBERS))


def test_names_that_a_run_uses() -> None:
    measures, contexts = names_used(record())
    assert {"accuracy", "background_dependence"} <= measures
    assert {"dust", "perturbation", "swap_background"} <= contexts


def test_the_document_is_read_back_as_it_was_written() -> None:
    written = coverage_document(record(), built_in_standards())
    read = type(written).model_validate_json(written.model_dump_json())
    assert read == written and read.run == "20261123-091402-7f3a"
    guideline = next(one for one in read.standards if one.standard == "mlqm-3")
    assert guideline.count("in_this_run") + guideline.count("not_in_this_run") == 9


def evidence(found: Coverage, item: str) -> list[str]:
    (one,) = (each for each in found.rows if each.item == item)
    return [each.name for each in one.requirements]


def test_the_guidelines_characteristics_get_what_they_are_about() -> None:
    right = case("right", measure(), ">", 0.9, "PASS", decision=decision("PASS", 0.95, 0.92, 0.97))
    newer = case("no_worse", measure(), ">", 0.9, "PASS", models=["m0", "m1"])
    run = record(cases=[*record().cases, right, newer])
    found = coverage(run, next(one for one in built_in_standards() if one.name == "mlqm-3"))
    # that a model is no worse than another says nothing about how right it is
    assert evidence(found, "C-1") == ["decides_on_the_part", "recognises_small_parts", "right"]
    assert evidence(found, "C-2") == [
        *("decides_on_the_part", "survives_layout_change", "survives_lighting", "robust_to_dust"),
    ]
    assert evidence(found, "E-1") == ["no_worse"]
    assert isinstance(right.left, MeasureNode)
