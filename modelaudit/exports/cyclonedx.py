"""A run as a CycloneDX 1.7 bill of materials: models with their metrics, data, and declarations of evidence.

- Components: a ``machine-learning-model`` for each model, its ``modelCard`` with what was measured and the bounds as
  ``confidenceInterval``; a ``data`` component for each data set.
- ``definitions.standards``: ids and titles of the items of standards, and what an audit does not give for each.
- ``declarations``: a claim for each requirement that is met, a counter claim for each that is not, both with what was
  measured as evidence, and claims about parts of the run's record. An attestation maps them to the items of a standard.
  It states no score of conformance and no confidence: whether an item is fulfilled is for people to judge.

What has no result (an error, a requirement that was not run, a quick look) is named in the document's properties, and
is no claim, no evidence and no metric. One that is undecided is evidence alone.

Source: the CycloneDX 1.7 JSON schema (ECMA-424).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from ..evidence.record import CaseRecord, DataRecord, MatrixRecord, MeasureNode, ModelRecord, RunRecord, record_digest
from ..evidence.record_texts import shown_record
from ..report.sentences import text_of
from ..report.words import words_of
from ..standards.coverage import coverage
from ..standards.coverage_record import Coverage, FoundRecord, ItemEvidence
from ..standards.standard_file import Standard, built_in_standards
from .requirements import Requirement, requirements_of

SPECIFICATION = "1.7"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOOL = "pytest-modelaudit"
_OWN = "modelaudit:"
#: verdicts of requirements that have a result
_SETTLED = ("PASS", "FAIL", "INCONCLUSIVE")

Json = dict[str, Any]


def cyclonedx(record: RunRecord, standards: Sequence[Standard] | None = None) -> Json:
    """The bill of materials of a run, as the data of its JSON.

    Args:
        standards: what claims are mapped to; None takes those that come with the package.
    """
    digest, shown = record_digest(record), shown_record(record)
    requirements = dict(zip((case.id for case in shown.cases), requirements_of(record), strict=True))
    found = [coverage(shown, one) for one in (built_in_standards() if standards is None else standards)]
    models = [_model(one, shown, requirements) for one in shown.models]
    data = [_data(one) for one in shown.data]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'modelaudit {digest}')}",
        "version": 1,
        "metadata": _metadata(shown, digest),
        "components": [*models, *data],
        "dependencies": [{"ref": "run", "dependsOn": [one["bom-ref"] for one in (*models, *data)]}],
        "definitions": {"standards": [_standard(one) for one in found]},
        "declarations": _declarations(shown, requirements, found),
        "properties": list(_document_properties(shown, requirements)),
    }


def _metadata(record: RunRecord, digest: str) -> Json:
    """The run as the component that the document is about, and the software that made it."""
    versions = {name: version for name, version in record.provenance.versions.items() if version != "not installed"}
    run = {
        "type": "data",
        "bom-ref": "run",
        "name": f"audit run {record.id}",
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "data": [
            {"type": "other", "name": "run.json", "description": "the record of the run; the hash is of this file"}
        ],
    }
    tools = [
        {"type": "application" if name == _TOOL else "library", "name": name, "version": version}
        for name, version in versions.items()
    ]
    return {"timestamp": record.finished, "tools": {"components": tools}, "component": run}


def _model(model: ModelRecord, record: RunRecord, requirements: dict[str, Requirement]) -> Json:
    cases = [case for case in record.cases if model.key in case.models]
    known_bad = bool(cases) and all(case.must_fail for case in cases)
    data = list(dict.fromkeys(case.data for case in cases if case.data is not None))
    metrics = [metric for case in cases if (metric := _metric(case, requirements[case.id])) is not None]
    metrics += [metric for matrix in _matrices(record, model) for metric in _class_metrics(matrix)]
    confidences = sorted({case.confidence for case in cases})
    card: Json = {
        "modelParameters": {
            "task": "image classification",
            "modelArchitecture": model.architecture,
            "datasets": [{"ref": _ref("data", key)} for key in data],
            "inputs": [{"format": "image"}],
            "outputs": [{"format": "class scores"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "properties": [
            _property("bounds", "each bound of a confidence interval is one-sided, at the confidence given here"),
            *(_property("confidence", repr(each)) for each in confidences),
        ],
    }
    component: Json = {
        "type": "machine-learning-model",
        "bom-ref": _ref("model", model.key),
        "name": next((name for name in model.names if name not in ("model", "")), model.reference),
        "description": model.reference,
        "modelCard": card,
        "properties": [
            _property("fingerprint", model.fingerprint),
            _property("fingerprint.of", "parameters, architecture, preprocessing and code, by SHA-256"),
            _property("known_bad", "true" if known_bad else "false"),
        ],
    }
    version = None if record.about is None or known_bad else record.about.model.version
    return component | ({} if version is None else {"version": version})


def _data(data: DataRecord) -> Json:
    component: Json = {
        "type": "data",
        "bom-ref": _ref("data", data.key),
        "name": data.reference,
        "data": [
            {
                "type": "dataset",
                "name": data.reference,
                "description": "test images with labels and object masks, as they were read",
                "contents": {
                    "properties": [
                        _property("images", str(data.images)),
                        _property("unusable", str(len(data.unusable))),
                        *(_property(f"label.{label}", str(images)) for label, images in data.labels.items()),
                    ]
                },
            }
        ],
    }
    if data.fingerprint is not None and _SHA256.fullmatch(data.fingerprint):
        component["hashes"] = [{"alg": "SHA-256", "content": data.fingerprint}]
        component["properties"] = [_property("hash.of", "ids, images, masks and labels, in the order of the ids")]
    return component


def _metric(case: CaseRecord, requirement: Requirement) -> Json | None:
    """What was measured of a requirement; None without a number."""
    if requirement.verdict not in _SETTLED or requirement.estimate is None:
        return None
    leaf = case.left if isinstance(case.left, MeasureNode) else None
    kind = text_of(case.left) if leaf is None else _measure_text(leaf)
    slices = [f"data={requirement.data}"]
    if leaf is not None:
        slices += [f"under={leaf.under}"] if leaf.under else []
        slices += [f"where={leaf.stratum}"] if leaf.stratum else []
    for name in ("method", "dose", "group"):
        value = getattr(requirement, name)
        slices += [] if value is None else [f"{name}={value}"]
    return _with_bounds(kind, requirement.estimate, "; ".join(slices), requirement.lower, requirement.upper)


def _measure_text(leaf: MeasureNode) -> str:
    return f"{leaf.measure}({', '.join(leaf.methods)})" if leaf.methods else leaf.measure


def _matrices(record: RunRecord, model: ModelRecord) -> list[MatrixRecord]:
    matrices = [] if record.by_class is None or record.quick_look is not None else record.by_class.matrices
    return [one for one in matrices if one.model == model.key]


def _class_metrics(matrix: MatrixRecord) -> Iterator[Json]:
    """A metric for each class under each change that has a mean."""
    for cell in matrix.cells:
        if cell.mean is not None:
            contexts = " | ".join(one.text for one in matrix.contexts[cell.context].contexts)
            under = f"; under={contexts}" if contexts else ""
            name = f"class={cell.label}{under}; confidence={matrix.confidence!r} on each side"
            yield _with_bounds(_measure_text(matrix.measure), cell.mean, name, cell.lower, cell.upper)


def _with_bounds(kind: str, value: float, name: str, lower: float | None, upper: float | None) -> Json:
    bounds = {"lowerBound": lower, "upperBound": upper}
    known = {side: repr(bound) for side, bound in bounds.items() if bound is not None}
    return {"type": kind, "value": repr(value), "slice": name} | ({"confidenceInterval": known} if known else {})


def _standard(found: Coverage) -> Json:
    words = words_of("en")
    requirements, levels = [], []
    for row in found.rows:
        requirements.append(
            {
                "bom-ref": _item_ref(found, row),
                "identifier": row.item,
                "title": words.own(row.title),
                "descriptions": [f"An audit by modelaudit does not give: {words.own(row.not_given)}"],
            }
        )
        levels += [
            {"bom-ref": f"level:{found.standard}:{level}", "identifier": level, "requirements": [_item_ref(found, row)]}
            for level in row.levels
        ]
    standard: Json = {
        "bom-ref": f"standard:{found.standard}",
        "name": words.own(found.title),
        "version": words.own(found.edition),
        "description": words.own(found.titles_from),
        "owner": words.own(found.publisher),
        "requirements": requirements,
    }
    return standard | ({"levels": levels} if levels else {})


def _item_ref(found: Coverage, row: ItemEvidence) -> str:
    return f"item:{found.standard}:{row.item}"


def _declarations(record: RunRecord, requirements: dict[str, Requirement], found: Sequence[Coverage]) -> Json:
    settled = {key: one for key, one in requirements.items() if one.verdict in _SETTLED and record.quick_look is None}
    parts = {one.kind: one for each in found for row in each.rows for one in row.records}
    models = {case.id: case.models[0] for case in record.cases if case.models}
    claims = [
        _claim(key, one, models[key]) for key, one in settled.items() if one.met in ("PASS", "FAIL") and key in models
    ]
    claims += [_record_claim(one) for one in parts.values()]
    assessor = None if record.about is None or record.about.issuer is None else words_of("en").own(record.about.issuer)
    made: Json = {
        "claims": claims,
        "evidence": [
            *(_evidence(key, one, record.finished) for key, one in settled.items()),
            *(_record_evidence(one, record.finished) for one in parts.values()),
        ],
        "attestations": [_attestation(one, record, settled, models, assessor is not None) for one in found],
    }
    if assessor is not None:
        made["assessors"] = [{"bom-ref": "assessor", "organization": {"name": assessor}}]
    return made


def _claim(key: str, requirement: Requirement, model: str) -> Json:
    """That a requirement is met, or a known-bad model is caught by it; or that it is not."""
    be = "is" if requirement.met == "PASS" else "is not"
    ending = f"{be} met" if not requirement.known_bad else f"{be} failed by the known-bad model, which must be caught"
    return {
        "bom-ref": f"claim:{key}",
        "target": _ref("model", model),
        "predicate": f"requirement {requirement.name!r} ({requirement.expectation}) {ending}",
        "reasoning": _reasoning(requirement),
        "evidence": [f"evidence:{key}"],
    }


def _reasoning(requirement: Requirement) -> str:
    return (
        f"measured {_number(requirement.estimate)}, one-sided bounds {_number(requirement.lower)} and "
        f"{_number(requirement.upper)} at confidence {requirement.confidence!r} each, by {requirement.rule}, on "
        f"{requirement.measured} of {requirement.asked} images"
    )


def _number(value: float | None) -> str:
    return "none" if value is None else repr(value)


def _evidence(key: str, requirement: Requirement, created: str) -> Json:
    """What was measured of a requirement, whatever its verdict is."""
    fields = ("expectation", "verdict", "reason", "standing", "estimate", "lower", "upper", "confidence", "rule")
    counts = ("asked", "measured", "undefined", "errored")
    content = {name: getattr(requirement, name) for name in (*fields, *counts)}
    reason = f" ({requirement.reason})" if requirement.reason else ""
    description = f"{requirement.name}: {requirement.verdict}{reason}"
    return _attached(f"evidence:{key}", "requirement", description, content, created)


def _record_claim(found: FoundRecord) -> Json:
    kind = words_of("en").named("evidence_kind", found.kind)
    return {
        "bom-ref": f"claim:record:{found.kind}",
        "target": "run",
        "predicate": f"the record of the run holds: {kind}",
        "evidence": [f"evidence:record:{found.kind}"],
    }


def _record_evidence(found: FoundRecord, created: str) -> Json:
    description = words_of("en").named("evidence_kind", found.kind)
    return _attached(f"evidence:record:{found.kind}", f"record.{found.kind}", description, found.numbers, created)


def _attached(ref: str, name: str, description: str, content: Json, created: str) -> Json:
    attachment = {"contentType": "application/json", "content": json.dumps(content, ensure_ascii=False)}
    return {
        "bom-ref": ref,
        "propertyName": f"{_OWN}{name}",
        "description": description,
        "data": [{"name": description, "contents": {"attachment": attachment}}],
        "created": created,
    }


def _attestation(
    found: Coverage, record: RunRecord, settled: dict[str, Requirement], models: dict[str, str], assessed: bool
) -> Json:
    """Which claims are about which item. Nothing is said of how far an item is fulfilled."""
    mapped = []
    for row in found.rows:
        keys = [one.case for one in row.requirements if one.case in settled and one.case in models]
        claims = [f"claim:{key}" for key in keys if settled[key].met == "PASS"]
        claims += [f"claim:record:{one.kind}" for one in row.records]
        against = [f"claim:{key}" for key in keys if settled[key].met == "FAIL"]
        one: Json = {"requirement": _item_ref(found, row)}
        mapped.append(one | ({"claims": claims} if claims else {}) | ({"counterClaims": against} if against else {}))
    summary = (
        f"Evidence of audit run {record.id} for items of {words_of('en').own(found.title)}. "
        "Whether an item is fulfilled is for people to judge; no score is given."
    )
    return {"summary": summary, "map": mapped} | ({"assessor": "assessor"} if assessed else {})


def _document_properties(record: RunRecord, requirements: dict[str, Requirement]) -> Iterator[Json]:
    yield _property("state", record.overall)
    yield _property("exit_status", str(record.exit_status))
    if record.redacted:
        yield _property("redacted", "true")
    for key, one in requirements.items():
        if one.verdict not in _SETTLED or record.quick_look is not None:
            yield _property("without_result", f"{key}: {one.verdict}")


def _property(name: str, value: str) -> Json:
    return {"name": f"{_OWN}{name}", "value": value}


def _ref(kind: str, key: str) -> str:
    """The ``bom-ref`` of a model or of data, whose keys usually begin with what they are of."""
    return key if key.startswith(f"{kind}:") else f"{kind}:{key}"
