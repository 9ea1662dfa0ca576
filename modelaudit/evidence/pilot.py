"""A record read back: the cases of a run with the values that decided them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..engine.decision.case_table import CaseTable, NotMeasured
from ..engine.planning.plan import Asked, PlanGroup, PlannedCase, plan
from ..engine.results.measured import (
    Measured,
    MeasuredColumn,
    MeasuredData,
    MeasuredModel,
    MeasuredSamples,
    PassCounts,
    PassDonors,
    as_values,
)
from ..language.audit import Audit
from ..language.checks import CheckSettings
from ..language.errors import AuditError
from ..language.expression import Expectation
from ..language.parser import parse
from ..language.reasons import Missing
from ..language.text_column import TextColumn, attribute_names, column_of_attribute, column_of_texts
from ..statistics import ColumnTable
from .record import CaseRecord, ModelRecord, RunRecord, TableRecord


@dataclass(frozen=True)
class Pilot:
    """A case of a record, its expectation, the values of its images, and their labels."""

    case: CaseRecord
    expectation: Expectation
    table: ColumnTable
    labels: tuple[str, ...]


def pilots(record: RunRecord) -> Iterator[tuple[CaseRecord, Pilot | str]]:
    """Every case of a record, or why it cannot be read back.

    Strata are judged as in the run, but that an object's area is that of the first model's view.
    """
    tables = {table.data: table for table in record.tables}
    read = {key: _measured(table, record) for key, table in tables.items()}
    for case in record.cases:
        if case.data is None or case.data not in read:
            yield case, "it was not measured"
            continue
        try:
            expectation = parse(case.expectation)
            planned = _planned(case, expectation)
            table = CaseTable(planned, read[case.data])
            table.check()
        except (AuditError, NotMeasured) as error:
            yield case, str(error)
            continue
        yield case, Pilot(case, expectation, table, tuple(one.label for one in tables[case.data].samples))


def groups_of(found: Mapping[str, Pilot], checks: CheckSettings) -> tuple[PlanGroup, ...]:
    """The plan of these recorded cases, for counting passes; its models and data cannot be opened."""
    audits: dict[tuple[str, ...], Audit] = {}
    asked = []
    for name, pilot in found.items():
        models = _models(pilot.case, pilot.expectation)
        key = (str(pilot.case.data), *sorted(pilot.case.models))
        known = {str(model): reference for model, reference in models.items()}
        if key not in audits:
            audits[key] = Audit(known, str(pilot.case.data), checks=checks)
        asked.append(Asked(name, audits[key].expect(pilot.expectation), pilot.expectation))
    return plan(asked)


def _planned(case: CaseRecord, expectation: Expectation) -> PlannedCase:
    models = "model" if None in _models(case, expectation) else _named(case, expectation)
    audit = Audit(models, "data", without_object=case.without_object)
    return PlannedCase(Asked(case.id, audit.expect(expectation), expectation), _models(case, expectation))


def _named(case: CaseRecord, expectation: Expectation) -> dict[str, str]:
    return {str(name): key for name, key in _models(case, expectation).items()}


def _models(case: CaseRecord, expectation: Expectation) -> dict[str | None, str]:
    """The model keys by the names that an expectation uses; the record lists them in the order of the sorted names."""
    names = sorted({measure.model for measure in expectation.expression.measures()}, key=str)
    if len(case.models) == 1:
        return dict.fromkeys(names, case.models[0])
    if len(names) != len(case.models):
        raise NotMeasured(f"{case.name}: its {len(names)} models are {len(case.models)} in the record")
    return dict(zip(names, case.models, strict=True))


def _measured(table: TableRecord, record: RunRecord) -> Measured:
    facts = next(data for data in record.data if data.key == table.data)
    used = {column.model for column in table.columns}
    return Measured(
        group=table.data,
        data=MeasuredData(
            key=table.data,
            reference=facts.reference,
            available=facts.available,
            labels=sorted(facts.labels),
            mask_kinds=facts.mask_kinds,
            fingerprint=facts.fingerprint,
            notes=[],
        ),
        samples=MeasuredSamples(
            {
                **{
                    name: column_of_texts(table.samples, name)
                    for name in ("id", "label", "group", "cluster", "copy_of")
                },
                **dict.fromkeys(("image", "mask"), TextColumn.of([None] * len(table.samples))),
            },
            {name: column_of_attribute(table.samples, name) for name in attribute_names(table.samples)},
        ),
        models=[_facts(model, table) for model in record.models if model.key in used],
        columns=[
            MeasuredColumn(
                model=column.model,
                key=column.measure,
                scale=column.scale,
                values=as_values(column.values),
                missing={at: Missing(reason) for at, reason in column.missing.items()},
            )
            for column in table.columns
        ],
        galleries={},
        failures={},
        passes=PassCounts(),
        shown=[
            PassDonors(model=model, context=context, donors=donors)
            for key, donors in table.donors.items()
            for model, _, context in [key.partition("|")]
        ],
    )


def _facts(model: ModelRecord, table: TableRecord) -> MeasuredModel:
    classes = model.classes or []
    at = {name: index for index, name in enumerate(classes)}
    return MeasuredModel(
        key=model.key,
        reference=model.reference,
        architecture=model.architecture,
        parameters=model.parameters,
        outputs=model.outputs,
        classes=model.classes,
        preprocessing=model.preprocessing,
        fingerprint=model.fingerprint,
        probe_digest=model.probe_digest,
        indices=[at.get(str(label), -1) for label in column_of_texts(table.samples, "label")],
        areas=[sample.object_area for sample in table.samples],
    )
