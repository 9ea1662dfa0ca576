"""Records of small runs, with the values of every image as they are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.record import (
    ArithmeticNode,
    CaseRecord,
    ColumnRecord,
    RunRecord,
    SampleRecord,
    TableRecord,
    ViewRecord,
)

SWAP = str(OTHER_CLASS.text)
ACCURACY, SWAPPED = "accuracy", f"accuracy.under({SWAP})"
BLUR = "background_dependence(gradcam)"
LABELS = ("bolt", "gear", "nut", "plate")
Values = NDArray[np.float64] | Sequence[float | None]


def samples(n: int, **columns: Sequence[str | None]) -> list[SampleRecord]:
    """Images with contents of their own, their labels in turn; `columns` are further fields."""
    return [
        SampleRecord(
            **{
                "id": f"{LABELS[at % 4]}/{at:04}",
                "label": LABELS[at % 4],
                "image": digest(f"image {at}"),
                "mask": digest(f"mask {at}"),
                **{name: values[at] for name, values in columns.items()},
            }
        )
        for at in range(n)
    ]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def accuracy_case(**changed: Any) -> CaseRecord:
    """``accuracy > 0.5``."""
    return requirement("accurate", measure(), ">", 0.5, **changed)


def drop_case(**changed: Any) -> CaseRecord:
    """``accuracy - accuracy.under(swap_background(other_class)) < 0.3``."""
    swapped = measure("accuracy", OTHER_CLASS, under=SWAP)
    return requirement("steady", ArithmeticNode(op="-", left=measure(), right=swapped), "<", 0.3, **changed)


def maps_case(*methods: str, **changed: Any) -> CaseRecord:
    """``background_dependence(methods) < 0.4``."""
    named = {"specs": [f"background_dependence({method})" for method in methods], "methods": list(methods)}
    return requirement("looks_at_it", measure("background_dependence", **named), "<", 0.4, **changed)


def requirement(name: str, left: Any, op: str, threshold: float, **changed: Any) -> CaseRecord:
    fields = {"decision": decision("PASS", 0.9, 0.8, 0.95), "model_names": {"": "m0"}, **changed}
    return case(name, left, op, threshold, fields.pop("verdict", "PASS"), **fields)


def run(
    values: Mapping[str, Values],
    cases: Sequence[CaseRecord] = (),
    *,
    images: Sequence[SampleRecord] | None = None,
    predicted: Sequence[int | None] = (),
    donors: Mapping[str, list[str | None]] | None = None,
    long_forms: Mapping[str, str] | None = None,
    available: int | None = None,
    **changed: Any,
) -> RunRecord:
    """A run of one model, m0, on one data set, d0, with these columns."""
    n = len(next(iter(values.values())))
    shown = list(images) if images is not None else samples(n)
    table = TableRecord(
        data="d0",
        samples=shown,
        columns=[column(key, found, (long_forms or {}).get(key)) for key, found in values.items()],
        donors=dict(donors or {}),
        labels=list(LABELS),
        views=[
            ViewRecord(
                model="m0",
                indices=[LABELS.index(one.label) for one in shown],
                areas=[0.2] * n,
                predicted=list(predicted),
            )
        ],
        available=available,
    )
    return record(cases=list(cases) or [accuracy_case()], tables=[table], **changed)


def column(key: str, values: Values, long_form: str | None = None) -> ColumnRecord:
    found = [None if value is None or np.isnan(value) else float(value) for value in values]
    known = {value for value in found if value is not None}
    return ColumnRecord(
        measure=key,
        model="m0",
        scale="proportion" if known <= {0.0, 1.0} and "accuracy" in key else "mean",
        values=found,
        missing={at: "non_finite_logits" for at, value in enumerate(found) if value is None},
        long_form=long_form,
    )


def right(n: int, wrong: Sequence[int] = ()) -> NDArray[np.float64]:
    """All right but these."""
    values = np.ones(n)
    values[list(wrong)] = 0.0
    return values
