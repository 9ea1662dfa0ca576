"""Builds the run record from the results of the engine."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..contexts import family
from ..engine.decision.case import RankedImage, Result
from ..engine.decision.interim_analysis import sequential
from ..engine.planning.plan import Asked, single_method
from ..engine.results.measured import KeptImage, Measured, MeasuredModel, listed
from ..language import registry
from ..language.audit import Audit, model_text, models_of
from ..language.checks import CheckSettings
from ..language.composite import Composite, Extreme
from ..language.errors import ExpressionError
from ..language.expression import Arithmetic, Expectation, Expression, Measure, Number, OfCurve, open_doses
from ..language.parser import parse_context
from ..language.recorded_models import is_recorded
from ..language.spec import Composed, Context, SearchSpec, Spec, long_text, value_text
from ..language.without_object import needs_masks
from .class_order import class_order_of
from .decisions import decision_record
from .record import (
    Absence,
    ArithmeticNode,
    CaseRecord,
    ChangeRecord,
    ColumnRecord,
    CompositeNode,
    ContextNode,
    CropRecord,
    CurveNode,
    DataRecord,
    DoseNode,
    ExtremeNode,
    GalleryRow,
    ImageValue,
    LayerRecord,
    MeasureNode,
    ModelRecord,
    Node,
    NumberNode,
    Panel,
    PassesRecord,
    SampleRecord,
    ScoresRecord,
    TableRecord,
    Unusable,
    ViewRecord,
    Weakening,
)
from .wording import spec_phrases, wording_record


@dataclass(frozen=True)
class Place:
    """Where a case is stated."""

    name: str
    file: str
    line: int | None


_UNDECIDED: dict[str, Any] = {
    **dict.fromkeys(("decision", "checks", "complete_reviews")),
    **{name: [] for name in ("worst", "gallery", "review")},
}


def declared_case(asked: Asked, place: Place) -> CaseRecord:
    """The record of a case before anything ran."""
    expectation, case = asked.expectation, asked.case
    return CaseRecord(
        id=asked.id,
        name=place.name,
        file=place.file,
        line=place.line,
        clause=case.clause,
        says=case.says,
        expectation=str(expectation),
        long_form=case.long_form(expectation),
        fingerprint=case.fingerprint(expectation),
        left=node_of(expectation.expression),
        op=expectation.op,
        threshold=expectation.threshold,
        confidence=case.confidence,
        about=case.audit.about,
        bounds=case.audit.bounds,
        claim=case.audit.claim,
        without_object=list(case.audit.without_object),
        needs_masks=needs_masks(expectation.expression),
        must_fail=case.must_fail,
        importance=case.importance,
        reviewed_by=case.reviewed_by,
        known_bad=list(case.known_bad(expectation)),
        stated_models=[model_text(case.audit, name) for name in models_of(case.audit, expectation)],
        wording=wording_record(expectation.expression),
        weakened=list(_weakened(case.audit, expectation)),
        verdict=None,
        standing="not_run",
        reason="not_run",
        outcome="not_run",
    )


def _weakened(audit: Audit, expectation: Expectation) -> Iterator[Weakening]:
    """The weakenings that an audit chooses itself; values of an earlier run cannot be checked by measuring again."""
    checks, names = audit.checks, models_of(audit, expectation)
    recorded = any(is_recorded(audit.models[name]) for name in names)
    if isinstance(checks, CheckSettings) and not checks.any:
        yield "checks_off"
    elif recorded or (isinstance(checks, CheckSettings) and 0 in dataclasses.astuple(checks)):
        yield "checks_left_out"
    if audit.claim == "these_clusters":
        yield "these_clusters"


def with_result(case: CaseRecord, result: Result, *, reproduce: str) -> CaseRecord:
    """The case with its result."""
    return case.model_copy(
        update={
            "verdict": result.verdict.value,
            "standing": "counted",
            "reason": None if result.reason is None else result.reason.value,
            "message": result.message,
            "weakened": [*case.weakened, *(() if result.deterministic else ("not_deterministic",))],
            "decision": None if result.decision is None else decision_record(result.decision),
            "models": list(result.models),
            "model_names": {name or "": key for name, key in result.names.items()},
            "formula": None if result.formula is None else node_of(result.formula),
            "data": result.data,
            "worst": [_image_value(one) for one in result.worst],
            "gallery": [_gallery_row(row) for row in result.gallery],
            "review": [_gallery_row(row) for row in result.review],
            "reproduce": reproduce,
            "checks": result.checks,
        }
    )


def without_result(case: CaseRecord, message: str) -> CaseRecord:
    """The case as an ERROR with its message, without a decision."""
    changes = {"verdict": "ERROR", "standing": "counted", "reason": None, "message": message}
    return case.model_copy(update={**_UNDECIDED, **changes})


def not_run(case: CaseRecord, absence: Absence, outcome: str) -> CaseRecord:
    """The case without a verdict, and why; what was measured for it does not count."""
    changes = {"verdict": None, "standing": "not_run", "reason": "not_run", "message": absence.why}
    return case.model_copy(update={**_UNDECIDED, **changes, "absence": absence, "outcome": outcome})


def node_of(expression: Expression) -> Node:
    """The structure of a left side, so that a report can put it into words."""
    if isinstance(expression, Number):
        return NumberNode(value=expression.value)
    if isinstance(expression, Arithmetic):
        return ArithmeticNode(op=expression.op, left=node_of(expression.left), right=node_of(expression.right))
    if isinstance(expression, OfCurve):
        return CurveNode(functional=expression.functional, of=node_of(expression.curve), text=str(expression))
    if isinstance(expression, Composite):
        return _composite_node(expression)
    if isinstance(expression, Extreme):
        return ExtremeNode(
            of=expression.kind,
            parts=[node_of(part) for part in expression.parts],
            names=list(expression.names),
            low=expression.low if math.isfinite(expression.low) else None,
            high=expression.high if math.isfinite(expression.high) else None,
        )
    assert isinstance(expression, Measure)
    return _measure_node(expression)


def _composite_node(expression: Composite) -> CompositeNode:
    spec = expression.spec
    values = {part.name: getattr(spec, part.name) for part in dataclasses.fields(spec)}  # type: ignore[arg-type]
    return CompositeNode(
        name=registry.entry_of(spec).name,
        arguments={
            name: value_text(value) if isinstance(value, Spec | tuple) else value for name, value in values.items()
        },
        of=[_measure_node(leaf) for leaf in expression.leaves()],
        curve=bool(open_doses(expression)),
        text=str(expression),
    )


def _measure_node(expression: Measure) -> MeasureNode:
    entry = registry.entry_of(expression.spec)
    target = getattr(expression.spec, "target", None)
    return MeasureNode(
        measure=entry.name,
        methods=[str(method) for method in expression.spec.methods],
        target=None if target is None else str(target),
        scale=entry.declares.scale,
        better=entry.declares.better,
        percent=entry.declares.percent,
        contexts=_context_nodes(expression.context),
        doses=_dose_nodes(expression.context),
        model=expression.model,
        stratum=None if expression.stratum is None else str(expression.stratum),
        text=str(expression),
        specs=[str(spec) for spec, _ in single_method(expression.spec)],
        under=None if expression.context is None else str(expression.context),
        searched=_searched_nodes(expression),
    )


def _searched_nodes(expression: Measure) -> list[ContextNode]:
    search = getattr(expression.spec, "search", None)
    if not isinstance(search, SearchSpec):
        return []
    return [node for context in search.kinds for node in _context_nodes(context)]


def model_records(measured: Sequence[Measured]) -> list[ModelRecord]:
    """One record for each model that was run."""
    found: dict[str, ModelRecord] = {}
    for part in measured:
        for facts in part.models:
            found.setdefault(facts.key, _model_record(facts))
    return list(found.values())


def data_records(measured: Sequence[Measured]) -> list[DataRecord]:
    """Every data set that was read."""
    records: list[DataRecord] = []
    for part in measured:
        if part.data is None:
            continue
        records.append(
            DataRecord(
                key=part.data.key,
                reference=part.data.reference,
                available=part.data.available,
                images=len(part.samples),
                labels=dict(sorted(Counter(sample.label for sample in part.samples).items())),
                groups=_counted(one.group for one in part.samples),
                clusters=_counted(one.cluster for one in part.samples),
                mask_kinds=part.data.mask_kinds,
                fingerprint=part.data.fingerprint,
                root=part.data.root,
                notes=part.data.notes,
                unusable=[
                    Unusable(sample=name, reason=reason.value, message=message)
                    for name, (reason, message) in part.data.unusable.items()
                ],
                without_object=_counted(
                    sample.label for sample in part.samples if sample.label in part.data.without_object
                ),
                seed=part.data.seed,
                object_kept=part.data.object_kept,
                pools=part.data.pools,
                label_classes=part.data.label_classes,
            )
        )
    return records


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    """How often each name occurs, in the order of the names."""
    return dict(sorted(Counter(name for name in names if name is not None).items()))


def table_records(measured: Sequence[Measured]) -> list[TableRecord]:
    """The per-image values of every group."""
    return [_table_record(part) for part in measured if part.data is not None]


def passes_record(measured: Sequence[Measured]) -> PassesRecord:
    """The passes that the run took."""
    return PassesRecord(
        decoded=sum(part.passes.decoded for part in measured),
        forward=sum(part.passes.forward for part in measured),
        backward=sum(part.passes.backward for part in measured),
        seconds=sum(part.passes.seconds for part in measured),
        values=sum(part.passes.values for part in measured),
        stored=sum(part.passes.stored for part in measured),
    )


def searched(measured: Sequence[Measured]) -> dict[str, Any]:
    """What searches for the smallest change found, as the fields of the record."""
    found = [one for part in measured for one in part.counterexamples]
    replays = [one for part in measured for one in part.replays]
    return {
        "counterexamples": found,
        "searches": [one for part in measured for one in part.searches],
        "replays": replays,
        "changes": change_records([*(one.context for one in found), *(one.context for one in replays)]),
    }


def change_records(texts: Iterable[str]) -> dict[str, ChangeRecord]:
    """How changes read, by their canonical texts; those that this process does not know read as their texts."""
    found: dict[str, ChangeRecord] = {}
    for text in dict.fromkeys(texts):
        with contextlib.suppress(ExpressionError):
            context = parse_context(text)
            words = {str(part): spec_phrases(part) for part in _parts(context)}
            found[text] = ChangeRecord(
                long_form=long_text(context),
                contexts=_context_nodes(context),
                words={name: phrases for name, phrases in words.items() if phrases},
            )
    return found


def _table_record(part: Measured) -> TableRecord:
    areas = part.models[0].areas if part.models else [None] * len(part.samples)
    return TableRecord(
        data=part.group,
        samples=[
            SampleRecord(
                id=sample.id,
                label=sample.label,
                group=sample.group,
                object_area=area,
                columns=sample.columns,
                cluster=sample.cluster,
                copy_of=sample.copy_of,
                image=sample.image,
                mask=sample.mask,
            )
            for sample, area in zip(part.samples, areas, strict=True)
        ],
        columns=[
            ColumnRecord(
                measure=column.key,
                model=column.model,
                scale=column.scale,
                values=listed(column.values),
                missing={at: reason.value for at, reason in column.missing.items()},
                low=column.low,
                high=column.high,
                steps=column.steps,
                long_form=column.long_form,
            )
            for column in part.columns
            if f"{column.model}|{column.key}" not in part.failures
        ],
        donors={f"{one.model}|{one.context}": one.donors for one in part.shown},
        donor_contents=part.donor_contents,
        pictures=part.pictures,
        views=[
            ViewRecord(
                model=one.key,
                indices=one.indices,
                areas=one.areas,
                predicted=one.predicted,
                class_order=class_order_of(
                    [sample.label for sample in part.samples], one.indices, one.predicted, one.classes
                ),
            )
            for one in part.models
        ],
        labels=[] if part.data is None else sorted(set(part.data.labels)),
        available=sequential(part),
    )


def _model_record(facts: MeasuredModel) -> ModelRecord:
    layer = facts.layer
    return ModelRecord(
        key=facts.key,
        names=[facts.key.removeprefix("model:")],
        reference=facts.reference,
        architecture=facts.architecture,
        parameters=facts.parameters,
        outputs=facts.outputs,
        classes=facts.classes,
        preprocessing=facts.preprocessing,
        fingerprint=facts.fingerprint,
        probe_digest=facts.probe_digest,
        spatial_layer=None if layer is None else LayerRecord.model_validate(layer.model_dump()),
        precision=facts.precision,
        micro_batch=facts.micro_batch,
        crop=None if facts.crop is None else CropRecord.model_validate(facts.crop.model_dump()),
        scores=None if facts.scores is None else ScoresRecord.model_validate(facts.scores.model_dump()),
        notes=facts.notes,
    )


def _parts(context: Context | None) -> tuple[Context, ...]:
    if context is None or registry_name(context) == "original":
        return ()
    return context.parts if isinstance(context, Composed) else (context,)


def registry_name(context: Context) -> str | None:
    """The name of a single context; None for a composition."""
    return None if isinstance(context, Composed) else registry.entry_of(context).name


def _dose_nodes(context: Context | None) -> list[DoseNode]:
    if context is None:
        return []
    return [DoseNode(dose=dose, contexts=_context_nodes(context.at_dose(dose))) for dose in context.doses]


def _context_nodes(context: Context | None) -> list[ContextNode]:
    return [_context_node(part) for part in _parts(context)]


def _context_node(context: Context) -> ContextNode:
    arguments: dict[str, Any] = {}
    for part in dataclasses.fields(context):  # type: ignore[arg-type]
        value = getattr(context, part.name)
        if part.name == "each" and not value:  # not a series
            continue
        arguments[part.name] = str(value) if isinstance(value, Spec | tuple) else value
    return ContextNode(
        name=registry.entry_of(context).name, family=family(context), arguments=arguments, text=str(context)
    )


def _image_value(image: RankedImage) -> ImageValue:
    return ImageValue(sample=image.sample, value=image.value, missing=image.missing)


def _gallery_row(row: KeptImage) -> GalleryRow:
    return GalleryRow(
        rank=row.rank,
        sample=row.sample,
        label=row.label,
        value=row.value,
        object_area=row.object_area,
        panels=[Panel.model_validate(picture.model_dump()) for picture in row.pictures],
    )
