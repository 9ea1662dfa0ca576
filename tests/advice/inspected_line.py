"""The record of an inspection line whose mistakes are known: 40 defective parts and 60 good ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.costs import Costs
from modelaudit.evidence.probe import LeftOut, ProbeEffect, ProbeRecord
from modelaudit.evidence.record import (
    CaseRecord,
    ColumnRecord,
    ContextNode,
    MeasureNode,
    RunRecord,
    SampleRecord,
    TableRecord,
    ViewRecord,
)

DEFECTIVE, GOOD = 40, 60
#: 2 % of 10,000 parts a month are defective: 200, which cost 1,000 each where they are missed
COSTS = Costs(currency="EUR", missed_defect=1000, false_alarm=10, defect_share=2, parts_a_month=10_000)


def rate(name: str, *contexts: ContextNode, where: str = "") -> MeasureNode:
    stratum = ("~label(free)" if name == "miss_rate" else "label(free)") + where
    under = " | ".join(one.text for one in contexts)
    spec = f"{name}(good=free)"
    text = spec + (f".under({under})" if under else "") + f".where({stratum})"
    return measure(name, *contexts, stratum=stratum, text=text, specs=[spec], better="low", under=under or None)


def asks(name: str, left: MeasureNode, threshold: float, estimate: float, verdict: str, **changed: Any) -> CaseRecord:
    decided = decision(verdict, estimate, estimate / 2, min(1.0, 2 * estimate))
    fields = {"data": "d0", "models": ["m0"], "model_names": {"": "m0"}, "decision": decided, **changed}
    return case(name, left, "<", threshold, verdict, **fields)


def column(measured: str, wrong: int) -> ColumnRecord:
    """A column in which so many of its images are mistaken."""
    defective = "miss_rate" in measured
    begin, count = (0, DEFECTIVE) if defective else (DEFECTIVE, GOOD)
    inside = range(begin, begin + count)
    values = [float(at - begin < wrong) if at in inside else 0.0 for at in range(DEFECTIVE + GOOD)]
    return ColumnRecord(measure=measured, model="m0", scale="proportion", values=list(values))


def line(costs: Costs | None = COSTS, *, missed: int = 2, alarms: int = 3, missed_elsewhere: int = 10) -> RunRecord:
    """Of the defective parts so many are missed as photographed, and on other backgrounds; of the good ones so many are
    rejected."""
    samples = [
        SampleRecord(id=str(at), label="scratch" if at < DEFECTIVE else "free") for at in range(DEFECTIVE + GOOD)
    ]
    table = TableRecord(
        data="d0",
        samples=samples,
        labels=["free", "scratch"],
        columns=[
            column("miss_rate(good=free)", missed),
            column("false_alarm_rate(good=free)", alarms),
            column(f"miss_rate(good=free).under({OTHER_CLASS.text})", missed_elsewhere),
        ],
        views=[
            ViewRecord(
                model="m0",
                indices=[1 if at < DEFECTIVE else 0 for at in range(len(samples))],
                areas=[None] * len(samples),
            )
        ],
    )
    cases = [
        asks("misses_few", rate("miss_rate"), 0.1, missed / DEFECTIVE, "PASS"),
        asks("few_alarms", rate("false_alarm_rate"), 0.1, alarms / GOOD, "PASS"),
        asks("misses_few_elsewhere", rate("miss_rate", OTHER_CLASS), 0.1, missed_elsewhere / DEFECTIVE, "FAIL"),
    ]
    return record(cases=cases, tables=[table], costs=costs)


Effect = tuple[Literal["accuracy", "miss_rate", "false_alarm_rate"], str, float, float, float, float]
#: what a probe estimates: measure, context, before, and the change with its interval
EFFECTS: tuple[Effect, ...] = (
    ("accuracy", "original", 0.95, -0.01, -0.03, 0.01),
    ("accuracy", OTHER_CLASS.text, 0.75, 0.15, 0.1, 0.2),
    ("miss_rate", "original", 0.05, 0.005, -0.01, 0.02),
    ("false_alarm_rate", "original", 0.05, -0.02, -0.03, 0.0),
    ("miss_rate", OTHER_CLASS.text, 0.25, -0.2, -0.22, -0.1),
)


def probe(*effects: Effect, good: tuple[str, ...] = ("free",)) -> ProbeRecord:
    """A probe of the line's model."""
    return ProbeRecord(
        modelaudit="0.1.0",
        created=datetime(2026, 11, 30, tzinfo=UTC),
        model=line().models[0].fingerprint,
        model_reference="a",
        layer="score",
        train="folder:train",
        train_root="0" * 64,
        train_images=100,
        train_copies=100,
        trained="swap_background(random)",
        left_out=LeftOut(),
        data="folder:audit",
        data_root="0" * 64,
        images=DEFECTIVE + GOOD,
        classes=["free", "scratch"],
        good=list(good),
        seed=0,
        confidence=0.95,
        resamples=200,
        penalty=1.0,
        effects=[
            ProbeEffect(
                measure=measure,
                context=context,
                images=100,
                before=before,
                after=before + change,
                change=change,
                lower=lower,
                upper=upper,
            )
            for measure, context, before, change, lower, upper in effects or EFFECTS
        ],
        assumptions=["last_layer_alone"],
    )
