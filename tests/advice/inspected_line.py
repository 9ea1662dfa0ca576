"""The record of an inspection line whose mistakes are known: 40 defective parts and 60 good ones."""

from __future__ import annotations

from typing import Any

from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.costs import Costs
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
