"""Audits as data: ``*.audit.yaml``, validated against the JSON schema that ``modelaudit schema`` prints.

A YAML audit is data, never code: aliases, tags, duplicate keys and keys other than text are errors that name the line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .audit import DEFAULT_CONFIDENCE, DEFAULT_OBJECT_KEPT, Audit, AuditCase
from .audit_arguments import MOST_REVIEWERS, Importance
from .errors import AuditError, AuditFileError, after
from .parser import parse
from .plain_text import plain
from .sample import Preprocessing
from .scores import DEFAULT_THRESHOLD, Scores
from .yaml_complaints import complaints
from .yaml_reader import Where, read_yaml

Side = int | tuple[int, int] | None
Channels = float | tuple[float] | tuple[float, float, float]


def _switched(value: Any) -> Any:
    """YAML reads a bare on or off as true or false."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


_Switch = BeforeValidator(_switched)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PreprocessingFields(_Strict):
    """The geometry and photometry of a model's input; sizes in pixels, mean and std in pixel values [0, 1]."""

    resize: Side = Field(default=None, description="shorter side, [height, width], or null to leave the size")
    crop: Side = Field(default=None, description="side of the centre crop, [height, width], or null")
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    antialias: bool = True
    channels: Literal[1, 3] | None = Field(
        default=None, description="3 (RGB), 1 (grey), or null for as many as mean and std have"
    )


class ExpectationFields(_Strict):
    """One expectation: a comparison in canonical text, and what goes with it."""

    that: str = Field(description="e.g. accuracy.under(lighting(3)) > 0.9")
    clause: str | None = Field(default=None, description="the contract clause it stands for")
    says: str | dict[Literal["en", "ja"], str] | None = Field(
        default=None, description="the sentence that the report prints instead of its own, or one for each language"
    )
    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    must_fail: bool = Field(
        default=False, description="a known-bad model: passes when, and only when, the verdict is FAIL"
    )
    importance: Importance = Field(
        default="major", description="critical: cannot be waived; advisory: its verdict is shown and fails no run"
    )
    reviewed_by: Annotated[int, Field(strict=True, ge=1, le=MOST_REVIEWERS)] | None = Field(
        default=None, description="how many people must have reviewed its pictures before it can PASS"
    )
    marks: list[str | dict[str, str]] = Field(default=[], description="pytest marks: a name, or {name: reason}")


class NoWorseFields(_Strict):
    """Compares every expectation of the file with the same one of a baseline."""

    baseline: str = Field(description="a stored run by its path (baselines/v1), or a model, which is run")
    margin: float = Field(gt=0, description="how much worse counts as no worse, in the unit of each left side")
    of: str | None = Field(default=None, description="the model, where the audit has several")
    clause: str | None = Field(default=None, description="instead of each expectation's own")
    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    importance: Importance | None = Field(default=None, description="instead of each expectation's own")


class AuditFields(_Strict):
    """One audit: a model (or several by name), a data set, and what must hold."""

    model: str | dict[str, str]
    data: str
    classes: list[str] | dict[str, list[str]] | None = None
    preprocessing: PreprocessingFields | None = None
    scores: Scores | dict[str, Scores] | None = Field(
        default=None, description="what the model's outputs are; left out, what the model shows"
    )
    output: int | str | dict[str, int | str] | None = Field(
        default=None, description="the output that holds the scores, by index or key, of a model with several"
    )
    score_threshold: float | dict[str, float] = Field(
        default=DEFAULT_THRESHOLD, description="the probability from which on a multilabel model has found a label"
    )
    labels: dict[str, str | int | list[str | int]] | str | None = Field(
        default=None, description="labels of the data to classes of the model (one or several), or a CSV or JSON file"
    )
    confidence: float = Field(default=DEFAULT_CONFIDENCE, gt=0.5, lt=1)
    about: Literal["process", "this_set"] = "process"
    bounds: Literal["approximate", "guaranteed"] = Field(
        default="approximate", description="guaranteed: decide by proven bounds alone, which are mostly wider"
    )
    claim: Literal["these_clusters"] | None = Field(
        default=None, description="these_clusters: the claim is about the clusters and backgrounds met alone"
    )
    object_kept: float = Field(
        default=DEFAULT_OBJECT_KEPT, ge=0, le=1, description="least share of an object that the model's crop must leave"
    )
    seed: int | None = None
    pools: dict[str, str] = Field(
        default={}, description="data whose backgrounds swap_background('pool:NAME') takes, by name"
    )
    stop: Literal["early"] | None = Field(default=None, description="early: stop as soon as everything is decided")
    checks: (
        dict[str, Annotated[int | float | Literal["off"], _Switch]] | Annotated[Literal["on", "off"], _Switch] | None
    ) = Field(
        default=None,
        description="how the audit is itself audited: on, off, or images a check (masks, noise, blind, ...)",
    )
    known_bad: list[str] = Field(
        default=[], description="models that must be caught and of which something else is expected too, by name"
    )
    without_object: list[str | int] = Field(
        default=[], description="labels whose images have nothing to mask: they leave what needs masks, and are counted"
    )
    expect: dict[str, ExpectationFields | str] = Field(min_length=1, description="expectations by name")
    no_worse_than: NoWorseFields | None = Field(
        default=None, description="the model is no worse than a baseline: one case more for each expectation"
    )


@dataclass(frozen=True)
class NamedCase:
    """A case of a YAML file with its name and line."""

    name: str
    case: AuditCase
    line: int


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of ``*.audit.yaml``."""
    schema = AuditFields.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "modelaudit audit file"}


def load_audit_file(path: Path, *, allow_code: bool) -> list[NamedCase]:
    """The cases of a YAML audit, in the file's order.

    Args:
        allow_code: whether the file may name a Python factory.

    Raises:
        AuditFileError: with file and line, for anything that cannot be read as an audit.
    """
    fields, lines = _validated(path)
    given = fields.preprocessing
    try:
        audit = Audit(
            fields.model,
            fields.data,
            classes=fields.classes,
            preprocessing=None if given is None else Preprocessing(**given.model_dump()),
            scores=fields.scores,
            output=fields.output,
            score_threshold=fields.score_threshold,
            labels=fields.labels,
            confidence=fields.confidence,
            about=fields.about,
            bounds=fields.bounds,
            claim=fields.claim,
            object_kept=fields.object_kept,
            seed=fields.seed,
            pools=fields.pools,
            stop=fields.stop,
            checks=fields.checks,
            known_bad=fields.known_bad,
            without_object=[str(label) for label in fields.without_object],
            allow_code=allow_code,
        )
    except AuditError as error:
        raise AuditFileError(*after(f"{path}:1: ", str(error))) from error
    named = [_case(path, audit, name, body, lines) for name, body in fields.expect.items()]
    return named if fields.no_worse_than is None else [*named, *_no_worse(path, audit, named, fields, lines)]


def _case(path: Path, audit: Audit, name: str, body: ExpectationFields | str, lines: Mapping[Where, int]) -> NamedCase:
    fields = ExpectationFields(that=body) if isinstance(body, str) else body
    here = lines[("expect", name)]
    line = lines.get(("expect", name, "that"), here)
    if not name.strip() or "::" in name or any(mark in name for mark in "[]") or plain(name) != name:
        raise AuditFileError(
            f"{path}:{here}: {name!r} cannot name an expectation; leave out '::', brackets and invisible characters"
        )
    try:
        case = audit.expect(
            parse(fields.that),
            clause=fields.clause,
            says={str(name): text for name, text in fields.says.items()}
            if isinstance(fields.says, dict)
            else fields.says,
            confidence=fields.confidence,
            must_fail=fields.must_fail,
            importance=fields.importance,
            reviewed_by=fields.reviewed_by,
            marks=_marks(fields.marks),
        )
    except AuditError as error:
        raise AuditFileError(*after(f"{path}:{line}: {name}: ", str(error))) from error
    return NamedCase(name, case, here)


def _no_worse(
    path: Path, audit: Audit, named: Sequence[NamedCase], fields: AuditFields, lines: Mapping[Where, int]
) -> list[NamedCase]:
    line = lines[("no_worse_than",)]
    assert fields.no_worse_than is not None
    try:
        stated = audit.no_worse_than(**fields.no_worse_than.model_dump())
    except AuditError as error:
        raise AuditFileError(*after(f"{path}:{line}: no_worse_than: ", str(error))) from error
    names = {one.case: one.name for one in named}
    return [NamedCase(name, case, line) for name, case in stated.named("no_worse", names)]


def _marks(marks: list[str | dict[str, str]]) -> list[Any]:
    import pytest

    found: list[Any] = []
    for mark in marks:
        reasons = {mark: None} if isinstance(mark, str) else mark
        for name, reason in reasons.items():
            if not name.isidentifier() or name.startswith("_"):
                raise AuditFileError(f"{name!r} cannot be a mark of pytest; write the name of one, e.g. slow")
            made = getattr(pytest.mark, name)
            found.append(made if reason is None else made(reason=reason))
    return found


def _validated(path: Path) -> tuple[AuditFields, Mapping[Where, int]]:
    document = read_yaml(path, AuditFileError, text_keys=True)
    if document.value is None:
        raise AuditFileError(f"{path}:1: is empty; give model, data and expect")
    if not isinstance(document.value, dict):
        raise AuditFileError(f"{path}:1: must be a mapping with model, data and expect")
    try:
        return AuditFields.model_validate(document.value), document.lines
    except ValidationError as error:
        said = [f"{path}:{line}: {text}" for line, text in complaints(error.errors(), document.lines, _siblings)]
        raise AuditFileError(*said) from error


def _siblings(where: tuple[str, ...]) -> tuple[str, ...]:
    if len(where) == 1:
        return tuple(AuditFields.model_fields)
    if where[0] == "preprocessing":
        return tuple(PreprocessingFields.model_fields)
    return tuple(ExpectationFields.model_fields)
