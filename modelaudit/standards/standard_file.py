"""A standard as data: its items, what of an audit gives evidence for each, and what an audit does not give.

Titles are short quotations or translations, and no text of a standard stands here. The files of this room are read
like ``*.audit.yaml``; users may write their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ..evidence.about import LANGUAGES, line_of, text_of
from ..language.errors import StandardError, nearest
from ..language.yaml_complaints import Where, complaints

_FOLDER = Path(__file__).parent
_LONGEST = 800
#: in the order in which they are shown
_BUILT_IN = ("mlqm-3", "iso-iec-25059-2023", "iso-iec-ts-42119-2-2025")
#: how the measure of a requirement without a change is named
ORIGINAL = "original"
#: kinds of changes: contexts of a family
FAMILIES = ("change", "perturbation", "no_information", "control")

#: parts of a run's record that can give evidence
RecordKind = Literal[
    "about",
    "agreement",
    "audit_checks",
    "class_by_context",
    "clusters",
    "confusion",
    "data_read",
    "earlier_runs",
    "exceptions",
    "files",
    "known_bad",
    "lock",
    "map_checks",
    "model_identity",
    "operating_domain",
    "pictures",
    "probe",
    "reviews",
    "versions",
]
#: what other commands make and a run's record does not have
DocumentKind = Literal["comparison", "data_check", "leak_check", "pack", "watch"]
RECORDS: tuple[RecordKind, ...] = get_args(RecordKind)
DOCUMENTS: tuple[DocumentKind, ...] = get_args(DocumentKind)


def _long_text(value: Any) -> Any:
    return text_of(value, _LONGEST)


Text = Annotated[
    str | dict[str, str],
    BeforeValidator(_long_text),
    Field(description="a line of text, or one for each language"),
]
Name = Annotated[str, BeforeValidator(line_of), Field(min_length=1)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Selector(_Fields):
    """Which requirements give evidence: those for which everything that is stated holds.

    What is said of measures and contexts must hold for one and the same measure of the left side.
    """

    measures: list[Name] | None = Field(
        default=None, min_length=1, description="names of measures or composites, one of which it reads"
    )
    contexts: list[Name] | None = Field(
        default=None,
        min_length=1,
        description="names of contexts, or of families (change, perturbation, no_information, control), under one of "
        "which it is measured; original: none of its measures is under a change",
    )
    heat_maps: bool | None = Field(default=None, description="whether it is read off heat maps")
    groups: bool | None = Field(default=None, description="whether it is about groups, classes or values of a column")
    compares_models: bool | None = Field(default=None, description="whether it compares several models")

    @model_validator(mode="after")
    def _says_something(self) -> Selector:
        if not self.model_fields_set:
            names = " or ".join(type(self).model_fields)
            raise PydanticCustomError("selector", "selects every requirement; state {names}", {"names": names})
        return self


class StandardItem(_Fields):
    """One item of a standard: a characteristic or a clause.

    ``not_given``: what this item asks for and an audit of a classifier does not give; there always is something.
    ``levels``: ids of the levels that the standard knows of the item. An item without requirements, records and
    documents is one for which an audit gives nothing.
    """

    id: Name
    title: Text
    levels: list[Name] = []
    requirements: list[Selector] = Field(default=[], description="requirements that give evidence for it")
    records: list[RecordKind] = Field(default=[], description="parts of a run's record that do")
    documents: list[DocumentKind] = Field(default=[], description="documents of other commands that do")
    not_given: Text = Field(description="what an audit does not give")


class Standard(_Fields):
    """A standard or guideline.

    ``name``: by which it is asked for. ``titles_from``: where ids and titles were taken from.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", description="by which it is asked for")]
    title: Text
    edition: Text
    publisher: Text
    titles_from: Text = Field(description="where ids and titles were taken from")
    items: list[StandardItem] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_item_once(self) -> Standard:
        seen: set[str] = set()
        for item in self.items:
            if item.id in seen:
                said = "the item {item} is there twice; give each an id of its own"
                raise PydanticCustomError("item", said, {"item": item.id})
            seen.add(item.id)
        return self


def built_in() -> tuple[str, ...]:
    """The names of the standards that come with the package."""
    return _BUILT_IN


@cache
def built_in_standards() -> tuple[Standard, ...]:
    """The standards that come with the package, by name."""
    return tuple(_read(_FOLDER / f"{name}.yaml") for name in built_in())


def read_standard(named: str) -> Standard:
    """A standard by its name, or from a file.

    Raises:
        StandardError: an unknown name, or a file that cannot be read as a standard; with file, line and field.
    """
    for one in built_in_standards():
        if one.name == named:
            return one
    path = Path(named)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return _read(path)
    raise StandardError(
        f"standard {named!r} is not known{nearest(named, built_in())}; give one of these, or a YAML file "
        "(modelaudit schema standard prints its schema)"
    )


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a file with a standard."""
    schema = Standard.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "modelaudit standard"}


def _read(path: Path) -> Standard:
    from ..language.yaml_reader import read_yaml  # a report of the command line needs no YAML before it is asked for

    document = read_yaml(path, StandardError, text_keys=True)
    if not isinstance(document.value, dict):
        raise StandardError(f"{path}:1: must be a mapping with {', '.join(Standard.model_fields)}")
    try:
        return Standard.model_validate(document.value)
    except ValidationError as error:
        said = complaints(error.errors(), document.lines, _known_keys)
        raise StandardError(*(f"{path}:{line}: {text}" for line, text in said)) from error


def _known_keys(where: Where) -> tuple[str, ...]:
    """The keys that are known where an unknown one stands."""
    kinds: Mapping[int, type[_Fields]] = {1: Standard, 3: StandardItem, 5: Selector}
    return tuple(kinds[len(where)].model_fields) if len(where) in kinds else LANGUAGES
