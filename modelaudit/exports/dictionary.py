"""The data dictionary of the tables of a run, as Data Package 2.0 has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from ..evidence.leaves import leaves_of
from ..evidence.record import ContextNode, MeasureNode, RunRecord, record_digest
from ..evidence.record_texts import shown_record
from ..language.reasons import Missing
from ..report.naming import context_label, noun_of
from ..report.words import LANGUAGES, Words, words_of
from .tables import ExportTable, Field

DICTIONARY = "datapackage.json"
#: before a cell of a CSV file that a spreadsheet would take for a formula
GUARD = "'"
TableFormat = Literal["csv", "parquet"]
_MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_PROFILE = "https://datapackage.org/profiles/2.0/{}.json"


def data_dictionary(record: RunRecord, tables: tuple[ExportTable, ...], kind: TableFormat) -> dict[str, Any]:
    """What is in the tables: every field by name, type, range and meaning, and how the tables refer to each other.

    Beside what the format defines: ``measures``, each with its unit, range and meaning in both languages, and
    ``missing_reasons``, for which a value may be missing.
    """
    found: dict[str, Any] = {
        "$schema": _PROFILE.format("datapackage"),
        "name": f"modelaudit-run-{record.id.lower()}",
        "title": f"Audit {record.id}",
        "created": record.finished,
        "run": {"id": record.id, "state": record.overall, "record_sha256": record_digest(record)},
        "resources": [_resource(one, kind) for one in tables],
        "measures": list(_measures(shown_record(record))),
        "missing_reasons": [
            {"name": one.value, "errored": one.errored, "meaning": _in_each(_reason(one.value))} for one in Missing
        ],
    }
    if kind == "csv":
        found["notes"] = [
            f"A text that begins with = + - @ or {GUARD}, which a spreadsheet might take for a formula, has {GUARD} "
            "before it."
        ]
    return found


def _resource(table: ExportTable, kind: TableFormat) -> dict[str, Any]:
    encoding = {"encoding": "utf-8"} if kind == "csv" else {}
    schema: dict[str, Any] = {
        "$schema": _PROFILE.format("tableschema"),
        "fields": list(map(_field, table.fields)),
        "missingValues": [""],
        "primaryKey": list(table.key),
    }
    if table.name in ("values", "views"):
        of_images = {"resource": "images", "fields": ["data", "image"]}
        schema["foreignKeys"] = [{"fields": ["data", "image"], "reference": of_images}]
    return {
        "name": table.name,
        "type": "table",
        "path": f"{table.name}.{kind}",
        "format": kind,
        "mediatype": _MEDIA[kind],
        **encoding,
        "description": table.about,
        "schema": schema,
    }


def _field(field: Field) -> dict[str, Any]:
    limits = {
        "required": field.required or None,
        "enum": list(field.values) or None,
        "minimum": field.least,
        "maximum": field.most,
    }
    constraints = {name: value for name, value in limits.items() if value is not None}
    found = {"name": field.name, "type": field.type, "description": field.about}
    return {**found, "constraints": constraints} if constraints else found


def _measures(record: RunRecord) -> Iterator[dict[str, Any]]:
    """Every measured column once, whichever models have it."""
    named = _named(record)
    seen = set()
    for table in record.tables:
        for one in table.columns:
            if one.measure not in seen:
                seen.add(one.measure)
                yield {
                    "name": one.measure,
                    "type": "number",
                    # of a proportion an image has 0 or 1, or what several draws of it average to
                    "unit": "proportion" if one.scale == "proportion" else "1",
                    "minimum": one.low,
                    "maximum": one.high,
                    "long_form": one.long_form,
                    "meaning": _in_each(_meaning(one.measure, named, record)),
                }


def _named(record: RunRecord) -> dict[str, tuple[MeasureNode, list[ContextNode]]]:
    """The measures that requirements name, by the columns that they read."""
    found = {}
    for case in record.cases:
        for leaf in leaves_of(case.formula or case.left):
            for at, spec in enumerate(leaf.specs):
                alone = leaf.model_copy(update={"methods": leaf.methods[at : at + 1], "specs": [spec]})
                for contexts in [dose.contexts for dose in leaf.doses] or [leaf.contexts]:
                    under = " | ".join(one.text for one in contexts)
                    found[f"{spec}.under({under})" if under else spec] = (alone, contexts)
    return found


def _meaning(
    column: str, named: dict[str, tuple[MeasureNode, list[ContextNode]]], record: RunRecord
) -> Callable[[Words], str]:
    def text(words: Words) -> str:
        words = words.of(record.cases)
        if column not in named:  # of a check, which no requirement names
            name = words.named("measure_noun", column)
            return words._("export_measure", measure=name, context=words._("original_images")) if name != column else ""
        measure, contexts = named[column]
        return words._("export_measure", measure=noun_of(measure, words), context=context_label(contexts, words))

    return text


def _reason(name: str) -> Callable[[Words], str]:
    return lambda words: words.named("missing", name)


def _in_each(text: Callable[[Words], str]) -> dict[str, str]:
    """A text in both languages."""
    return {language: text(words_of(language)) for language in LANGUAGES}
