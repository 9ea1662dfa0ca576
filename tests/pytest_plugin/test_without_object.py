"""Audits with labels that are declared to have no object: verdicts, record, report, store, early stopping."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_plugin.runs import Line

from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.record import RunRecord

#: every second image is green: it has no mask, or an empty one
DATA = """
from dataclasses import replace
from modelaudit import object_area
def data(green=None, count=24):
    found = []
    for at, one in enumerate(samples(count)):
        found.append(one if one.label == "red" else replace(one, mask=(None, mask() * 0)[at // 2 % 2]))
    if green is not None:
        found[3] = replace(found[3], mask=green)
    return found
"""
BODY = (
    DATA
    + """
A = Audit(**told(data=data(), without_object=["green"], claim="these_clusters"))
right = A.expect(accuracy > 0.5)
drop = A.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.5)
flips = A.expect(flip_rate.under(swap_background("random")) < 0.5)
maps = A.expect(background_dependence("saliency") < 0.9)
least = A.expect(worst_group_accuracy("swap_background(random)") > 0.3)
area = A.expect(accuracy.where(object_area > 0.1) > 0.3)
"""
)
NEEDS_MASKS = {"drop", "flips", "maps", "least", "area"}


@pytest.fixture
def line(pytester: pytest.Pytester) -> Line:
    return Line(pytester)


def test_images_without_an_object_leave_what_needs_masks_and_are_shown(line: Line) -> None:
    line.checks, line.store = "on", None
    line.audit(BODY)
    done = line.run()
    record = line.record()
    verdicts = {case.name: case.verdict for case in record.cases}
    assert verdicts.pop("maps") == "INCONCLUSIVE", "the maps of so small a model are the same with random weights"
    assert verdicts == dict.fromkeys(verdicts, "PASS")
    for case in record.cases:
        assert case.decision is not None
        counts = case.decision.counts
        assert case.needs_masks == (case.name in NEEDS_MASKS)
        wanted = (12, 12, 12) if case.needs_masks else (24, 24, 0)
        assert (counts.asked, counts.measured, counts.without_object) == wanted, case.name
        assert not any(one.label == "green" for one in case.gallery if case.needs_masks), case.name
    assert [str(one) for one in contradictions(record)] == []
    done.stdout.fnmatch_lines(["*: 12 of 24 images are declared to have no object (green), and leave what*"])
    (data,) = record.data
    assert data.without_object == {"green": 12}
    assert data.mask_kinds == {"mask": 12, "without_object": 12}
    _is_shown(line)
    _lends_its_whole_picture(record)
    _is_no_hole_in_the_matrix(record)
    line.run()
    again = line.record()
    assert again.passes.forward == 0, "an unchanged audit is read from the store"
    assert [case.decision for case in again.cases] == [case.decision for case in record.cases]


def _is_shown(line: Line) -> None:
    folder = line.path / "audit-results" / "latest"
    page, summary = (folder / "report.html").read_text("utf-8"), (folder / "summary.md").read_text("utf-8")
    for text in ("12 of 24 images are declared to have no object", "宣言により24枚中12枚は対象物なし"):
        assert text in page
    assert "12 of 24 images are declared to have no object" in summary


def _lends_its_whole_picture(record: RunRecord) -> None:
    (table,) = record.tables
    (donors,) = [found for key, found in table.donors.items() if key.endswith("swap_background(other_class)")]
    labels = {sample.id: sample.label for sample in table.samples}
    assert {labels[donor] for at, donor in enumerate(donors) if donor and table.samples[at].label == "red"} == {"green"}
    without_mask = {
        sample.id for at, sample in enumerate(table.samples) if sample.label == "green" and at // 2 % 2 == 0
    }
    assert without_mask & set(donors), "also those that have no mask at all"


def _is_no_hole_in_the_matrix(record: RunRecord) -> None:
    assert record.by_class is not None
    cells = {(cell.label, cell.context): cell for matrix in record.by_class.matrices for cell in matrix.cells}
    assert cells["red", 1].n == 12
    assert (cells["green", 0].n, cells["green", 1].n, cells["green", 1].missing) == (12, 0, 0)
    assert not cells["green", 1].few


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda case, table: case.update(needs_masks=False), "needs_masks"),
        (lambda case, table: case.update(without_object=[]), "long_form"),
        (lambda case, table: table["views"][0]["areas"].__setitem__(1, 0.2), "the mask of 001.png"),
        (lambda case, table: case["decision"]["counts"].update(without_object=3), "without_object"),
    ],
    ids=["needs masks", "labels", "a mask", "count"],
)
def test_a_record_that_was_edited_contradicts_itself(line: Line, edit: Any, said: str) -> None:
    line.audit(
        DATA
        + 'A = Audit(**told(data=data(), without_object=["green"]))\n'
        + 'maps = A.expect(background_dependence("saliency") < 0.9)'
    )
    line.run()
    record = json.loads(line.record().model_dump_json())
    edit(record["cases"][0], record["tables"][0])
    found = [str(one) for one in contradictions(RunRecord.model_validate(record))]
    assert any(said in one for one in found), found


def test_what_was_stored_before_a_label_was_declared_is_not_read(line: Line) -> None:
    line.store = None
    for options, reasons in (("", {"empty_mask", "no_mask"}), (', without_object=["green"]', {"no_object"})):
        line.audit(DATA + f'maps = Audit(**told(data=data(){options})).expect(background_dependence("saliency") < 0.9)')
        line.run()
        (table,) = line.record().tables
        assert {reason for one in table.columns for reason in one.missing.values()} == reasons


def test_undeclared_empty_masks_are_undefined_as_before(line: Line) -> None:
    line.audit(DATA + 'maps = Audit(**told(data=data())).expect(background_dependence("saliency") < 0.4)')
    line.run()
    case = line.cases()["maps"]
    assert (case.verdict, case.reason) == ("INCONCLUSIVE", "undefined_values")
    assert case.decision is not None
    assert case.decision.counts.by_reason == {"empty_mask": 6, "no_mask": 6}


def test_a_mask_that_holds_an_object_all_the_same_is_an_error_of_what_needs_masks(line: Line) -> None:
    line.store = None
    body = """
    A = Audit(**told(data=data(green={mask}), without_object=["green"], claim="these_clusters"))
    right = A.expect(accuracy > 0.5)
    maps = A.expect(background_dependence("saliency") < 0.9)
    flips = A.expect(flip_rate.under(swap_background("random")) < 0.5)
    """
    for _ in range(2):  # measured, and from the store
        line.audit(DATA + body.format(mask="mask()").replace("\n    ", "\n"))
        line.run()
        cases = line.cases()
        assert cases["right"].verdict == "PASS"
        for name in ("maps", "flips"):
            assert cases[name].verdict == "ERROR"
            assert "the mask of 003.png holds an object" in cases[name].message
    line.audit(DATA + body.format(mask="None").replace("\n    ", "\n"))
    line.run()
    assert {name: case.verdict for name, case in line.cases().items()} == dict.fromkeys(cases, "PASS")


def test_what_is_left_without_images_and_an_unknown_label_are_errors(line: Line) -> None:
    line.audit(
        DATA
        + """
from modelaudit import label
A = Audit(**told(data=samples(24, masks=False), without_object=["red", "green"]))
none_left = A.expect(background_dependence("saliency") < 0.9)
right = A.expect(accuracy > 0.5)
not_red = Audit(**told(data=data(), without_object=["green"])).expect(
    background_dependence("saliency").where(~label("red")) < 0.9
)
unknown = Audit(**told(data=data(), without_object=["gren"])).expect(accuracy > 0.5)
"""
    )
    line.run()
    cases = line.cases()
    assert cases["right"].verdict == "PASS"
    assert {name: case.verdict for name, case in cases.items() if name != "right"} == dict.fromkeys(
        ("none_left", "not_red", "unknown"), "ERROR"
    )
    assert "all of its 24 images are declared to have no object" in cases["none_left"].message
    assert "all of its 12 images are declared to have no object" in cases["not_red"].message
    assert "no image has the label 'gren'; did you mean 'green'" in cases["unknown"].message


def test_an_audit_that_may_stop_early_does_not_wait_for_them(line: Line) -> None:
    line.audit(
        DATA
        + """
A = Audit(**told(data=data(count=200), without_object=["green"], stop="early"))
least = A.expect(worst_group_accuracy("lighting(2) | swap_background(random)") > 0.2)
maps = A.expect(background_dependence("saliency") < 0.95)
"""
    )
    line.run()
    record = line.record()
    for case in record.cases:
        assert case.verdict == "PASS", (case.name, case.reason, case.decision)
        assert case.checks is not None
        assert case.checks.stopped is not None
        assert case.checks.stopped.looked < 200, case.name
    assert [str(one) for one in contradictions(record)] == []
