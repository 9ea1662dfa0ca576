"""The drawing of a curve over doses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sample_record import case, decision, measure, worded

from modelaudit.evidence.record import CaseRecord, ContextNode, CurveNode, DecisionRecord, DoseNode, PointRecord
from modelaudit.report.figures import HEIGHT, curve_of
from modelaudit.report.sentences import headline, sentence

EN, JA = worded("en"), worded("ja")
DOSES = (0.0, 0.5, 2.0)
BLURRED = ContextNode(
    name="blur",
    family="perturbation",
    arguments={"strength": None, "region": "background", "to": "mean", "each": "(0, 0.5, 2)"},
    text="blur(each=[0, 0.5, 2])",
)
MEASURE = measure("accuracy", BLURRED, doses=[DoseNode(dose=dose, contexts=[BLURRED]) for dose in DOSES])


def opened(*heights: float, methods: tuple[str | None, ...] = (None,)) -> CaseRecord:
    """A curve that must hold at every dose."""
    parts = [
        decision("PASS", y, y - 0.1, y + 0.05, dose=dose, method=method)
        for method in methods
        for dose, y in zip(DOSES, heights, strict=True)
    ]
    return case("a", MEASURE, ">", 0.5, "PASS", decision=decision("PASS", *heights, parts=parts))


def gated(*heights: float) -> CaseRecord:
    points = [PointRecord(dose=dose, estimate=y, lower=None, upper=y) for dose, y in zip(DOSES, heights, strict=True)]
    left = CurveNode(functional="slope", of=MEASURE, text=MEASURE.text + ".slope()")
    found = decision("PASS", -0.05, -0.1, 0.0).model_copy(update={"curve": points})
    return case("a", left, ">", -0.2, "PASS", decision=found)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_higher_values_lie_higher_and_doses_in_their_distance(heights: list[float]) -> None:
    curve = curve_of(opened(*heights), EN)
    assert curve is not None and curve.threshold is not None
    (line,) = curve.lines
    for dot, y in zip(line.dots, heights, strict=True):
        assert 0 <= dot.bar[0] <= dot.y <= dot.bar[1] <= HEIGHT
        assert (y - 0.5) * (curve.threshold - dot.y) >= 0
    first, second, third = (dot.x for dot in line.dots)
    assert (third - first) == pytest.approx(4 * (second - first), abs=0.01)
    assert [mark.label for mark in curve.doses] == ["0", "0.5", "2"]


def test_in_short_a_curve_is_its_worst_dose_by_each_method() -> None:
    found = opened(0.9, 0.7, 0.8, methods=("gradcam", "saliency"))
    assert [(one.method, one.dose) for one in headline(found)] == [("gradcam", 0.5), ("saliency", 0.5)]
    assert [one.dose for one in headline(found.model_copy(update={"op": "<"}))] == [0.0, 0.0]
    assert [one.dose for one in headline(gated(0.9, 0.8, 0.7))] == [None]


def test_every_method_has_its_line() -> None:
    curve = curve_of(opened(0.9, 0.8, 0.7, methods=("gradcam", "saliency")), EN)
    assert curve is not None and [line.label for line in curve.lines] == ["Grad-CAM", "Saliency"]


def test_a_slope_is_drawn_from_its_curve_and_has_no_threshold_there() -> None:
    curve = curve_of(gated(0.9, 0.85, 0.7), EN)
    assert curve is not None and curve.threshold is None
    assert "85.0% at strength 0.5" in curve.described
    assert "強さ0.5で85.0%" in (curve_of(gated(0.9, 0.85, 0.7), JA) or curve).described


def test_a_point_without_a_value_is_left_out_and_a_case_without_a_curve_has_no_drawing() -> None:
    missing = gated(0.9, 0.8, 0.7)
    assert isinstance(missing.decision, DecisionRecord)
    points = [missing.decision.curve[0].model_copy(update={"estimate": None}), *missing.decision.curve[1:]]
    thinned = missing.model_copy(update={"decision": missing.decision.model_copy(update={"curve": points})})
    curve = curve_of(thinned, EN)
    assert curve is not None and len(curve.lines[0].dots) == 2 and len(curve.doses) == 3
    assert curve_of(case("a", measure(), ">", 0.5, "PASS", decision=decision("PASS", 0.9, 0.8, 0.95)), EN) is None


@pytest.mark.parametrize(
    ("found", "english", "japanese"),
    [
        (
            gated(0.9, 0.85, 0.7),
            "the slope of the accuracy over strengths from 0 to 2, for each unit of strength,",
            "傾き",
        ),
        (
            opened(0.9, 0.7, 0.8),
            "the background is blurred (σ = 0 to 2 px), at strength 0.5, the worst of 3, 70.0% of the images",
            "σ = 0～2 px",
        ),
        (opened(0.9, 0.7, 0.8), "70.0% of the images", "3段階のうち最も悪い強さ0.5では"),
        (
            opened(0.9, 0.7, 0.8, methods=("gradcam", "saliency")),
            "70.0% (Grad-CAM, strength 0.5), 70.0% (Saliency",
            "強さ 0.5",
        ),
    ],
)
def test_curves_are_told(found: CaseRecord, english: str, japanese: str) -> None:
    assert english in sentence(found, EN) and japanese in sentence(found, JA)
