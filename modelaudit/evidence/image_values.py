"""The value of every image of a requirement, from the tables of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.results.per_image import worst_per_image
from ..language.errors import AuditError
from ..language.expression import Measure
from .record import CaseRecord, RunRecord, SampleRecord
from .recorded import RecordTable, Values, expectation_of


@dataclass(frozen=True)
class RecordedImages:
    """The images of a case that have a value, as its first model sees them.

    ``values`` [n]; of several methods or doses the one that speaks most against the requirement. ``areas`` [n]: the
    object's share of each image, NaN where it is not known.
    """

    samples: tuple[SampleRecord, ...]
    values: NDArray[np.float64]
    areas: NDArray[np.float64]


def recorded_images(record: RunRecord) -> tuple[RecordedImages | None, ...]:
    """By case; None if it was not measured, or if what it requires is not a mean over images."""
    classes = {model.key: model.classes for model in record.models}
    values = {table.data: Values(table, classes) for table in record.tables}
    return tuple(_of_case(case, values) for case in record.cases)


def _of_case(case: CaseRecord, tables: Mapping[str, Values]) -> RecordedImages | None:
    values = tables.get(case.data or "")
    if case.decision is None or values is None:
        return None
    try:
        found = _values(case, values)
    except AuditError:  # of an older record that does not say what its columns are
        return None
    there = np.flatnonzero(np.isfinite(found))
    if not there.size:
        return None
    view = next((view for view in values.table.views if view.model in case.models[:1]), None)
    areas = [None] * len(found) if view is None else view.areas
    return RecordedImages(
        tuple(values.table.samples[at] for at in there.tolist()),
        found[there],
        np.array([areas[at] for at in there.tolist()], dtype=np.float64),
    )


def _values(case: CaseRecord, values: Values) -> NDArray[np.float64]:
    """[n] NaN where an image has no value."""
    expectation, table = expectation_of(case), RecordTable(case, values)

    def leaf(one: Measure) -> NDArray[np.float64]:
        spec: Any = one.spec
        each = [replace(spec, methods=(method,)) for method in spec.methods] or [spec]
        columns = [table.column(replace(one, spec=single)) for single in each]
        worse = np.fmax if expectation.wants_low else np.fmin
        found = np.asarray(worse.reduce(np.stack([column.values for column in columns]), axis=0)).copy()
        for column in columns:
            if column.applicable is not None:
                found[~column.applicable] = np.nan
        if one.stratum is not None:
            found[~table.members(one.stratum, one.model).inside] = np.nan
        return found

    everywhere = (len(values.labels),)
    return np.array(np.broadcast_to(worst_per_image(expectation, leaf), everywhere))
