"""A run is the pilot of a plan: its values, its labels, its speed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.evidence.build import decision_record
from modelaudit.evidence.pilot import Pilot, pilots
from modelaudit.language import parse
from modelaudit.statistics import decide
from modelaudit.statistics.assumptions import Assumptions, from_assumptions
from modelaudit.statistics.sample_size import PowerTarget, from_pilot

AUDIT = """
from modelaudit import correct, label
SWAP = swap_background("other_class")
audit = Audit(**told(Corner()), checks="off", known_bad=["model"])
half = audit.expect(accuracy > 0.4)
drop = audit.expect(accuracy - accuracy.under(SWAP) < 0.2)
depends = audit.expect(background_dependence("saliency", "integrated_gradients").under(SWAP) < 0.9)
ratio = audit.expect(confidence.under(SWAP) / confidence > 0.5)
red = audit.expect(accuracy.where(label("red")) > 0.3)
right = audit.expect(flip_rate.under(SWAP).where(correct) < 0.5)
control = audit.expect(accuracy > 0.99, must_fail=True)
two = Audit(**told({"a": Colour(), "b": wrong()}), checks="off")
models = two.expect(accuracy.of("a") - accuracy.of("b") > 0.2)
"""


def planned(line: Line, monkeypatch: pytest.MonkeyPatch, *args: str) -> dict[str, Any]:
    monkeypatch.chdir(line.path)
    assert main(["plan", *args, "--json", "plan.json"]) in (0, 1)
    return dict(json.loads((line.path / "plan.json").read_text(encoding="utf-8")))


def test_what_is_read_back_is_decided_as_the_run_decided_it(line: Line) -> None:
    line.audit(AUDIT)
    line.run()
    found = dict((case.name, pilot) for case, pilot in pilots(line.record()))  # noqa: C402
    assert len(found) == 8
    for name, pilot in found.items():
        assert isinstance(pilot, Pilot), f"{name}: {pilot}"
        case = pilot.case
        again = decide(pilot.expectation, pilot.table, confidence=case.confidence, about=case.about)
        kept = case.decision
        assert kept is not None and (again.estimate, again.lower, again.upper) == (
            kept.estimate,
            kept.lower,
            kept.upper,
        ), name
        assert decision_record(again).counts == kept.counts


def test_a_plan_from_a_run_reads_its_values_and_its_speed(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line.audit(AUDIT)
    line.run()
    found = planned(line, monkeypatch, "--margin", "0.1")
    by_name = {one["name"]: one for one in found["expectations"]}
    assert set(by_name) == {"half", "drop", "depends", "ratio", "red", "right", "models"}
    (size,) = from_assumptions(parse("accuracy > 0.4"), PowerTarget(0.1), Assumptions())
    assert by_name["half"]["images"] == size.images
    pilot = next(pilot for case, pilot in pilots(line.record()) if case.name == "depends")
    assert isinstance(pilot, Pilot)
    sizes = from_pilot(pilot.expectation, pilot.table, PowerTarget(0.1))
    assert [part["images"] for part in by_name["depends"]["parts"]] == [size.images for size in sizes]
    assert by_name["red"]["parts"][0]["share"] == 0.5
    assert set(found["images_in_all"]) == {"red", "green"}
    assert found["images_in_all"]["red"] >= by_name["red"]["parts"][0]["images"]
    passes, images = line.record().passes, sum(found["images_in_all"].values())
    assert passes.seconds is not None and passes.seconds > 0
    # the same work an image, for more of them
    assert found["seconds"] == pytest.approx(passes.seconds * images / 20, rel=0.15)
    assert "at the speed of the run" in " ".join(capsys.readouterr().out.split())


def test_without_a_margin_the_truth_lies_where_the_run_put_it(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line.audit(
        """
        audit = Audit(**told(Blind()), checks="off")
        half = audit.expect(accuracy > 0.3)
        bad = audit.expect(accuracy > 0.8)
        """
    )
    line.run()
    found = planned(line, monkeypatch, str(line.path / "audit-results" / "latest" / "run.json"))
    half, bad = found["expectations"]
    assert half["parts"][0]["supposed"] == pytest.approx(0.5)
    assert bad["images"] is None and "does not meet the expectation" in bad["why_not"]
    assert "give --margin" in " ".join(capsys.readouterr().out.split())


def test_what_was_not_run_is_said(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.audit(
        """
        audit = Audit(**told(), checks="off")
        one = audit.expect(accuracy > 0.3)
        other = audit.expect(accuracy > 0.4)
        """
    )
    line.run("-k", "one")
    one, other = planned(line, monkeypatch, "--margin", "0.1")["expectations"]
    assert one["images"] > 0 and other["why_not"] == "it was not measured"


def test_groups_are_planned_as_clusters_and_donors_are_in_the_record(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.audit(
        """
        from dataclasses import replace
        grouped = [replace(one, group=f"lot {at // 2}") for at, one in enumerate(samples(40))]
        audit = Audit(**told(Blind(), data=grouped), checks="off")
        half = audit.expect(confidence < 0.9)
        swapped = audit.expect(accuracy.under(swap_background("other_class")) > 0.3)
        """
    )
    line.run()
    half, _ = planned(line, monkeypatch, "--margin", "0.05")["expectations"]
    assert half["parts"][0]["clusters"] is not None or half["parts"][0]["rule"] != "clusters"
    (table,) = line.record().tables
    ((key, donors),) = table.donors.items()
    assert (
        "swap_background" in key
        and len(donors) == 40
        and set(filter(None, donors)) <= {f"{at:03}.png" for at in range(40)}
    )
