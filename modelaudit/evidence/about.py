"""What a run is about, as ``about.yaml`` states it: whose report it is, of which model, on which photographs.

It changes no number. The file is optional, one a run, and data: it is read like ``*.audit.yaml``.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from ..language.errors import AboutFileError, AuditError, nearest
from ..language.yaml_complaints import Where, complaints

ABOUT_NAMES = ("about.yaml", "about.yml")
LANGUAGES = ("en", "ja")
_LONGEST = 100


def line_of(value: Any, longest: int = _LONGEST) -> Any:
    """One line of text; YAML reads a bare 2026-11-23 as a date, and 1.10 as the number 1.1, which is refused."""
    if type(value) is datetime.date:
        return value.isoformat()
    if not isinstance(value, str):
        cure = "; put quotes around what you wrote" if isinstance(value, int | float | datetime.datetime) else ""
        raise PydanticCustomError("line", "must be text, got {value}{cure}", {"value": str(value), "cure": cure})
    text = " ".join(value.split())
    if not text:
        raise PydanticCustomError("line", "must not be empty; leave the key out")
    if len(text) > longest:
        raise PydanticCustomError("line", "has {n} characters; at most {most} fit", {"n": len(text), "most": longest})
    return text


def text_of(value: Any, longest: int = _LONGEST) -> Any:
    """A line, or one for each language."""
    if not isinstance(value, dict):
        return line_of(value, longest)
    for name in value:
        if name not in LANGUAGES:
            hint = nearest(str(name), LANGUAGES)
            raise PydanticCustomError("text", "unknown language {name}{hint}", {"name": repr(name), "hint": hint})
    if not value:
        raise PydanticCustomError("text", "must not be empty; leave the key out")
    return {name: line_of(line, longest) for name, line in value.items()}


Line = Annotated[str, BeforeValidator(line_of)]
Text = Annotated[str | dict[str, str], BeforeValidator(text_of)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AboutModel(_Fields):
    """The model under test, by the name and version that the parties have for it."""

    name: Text | None = None
    version: Line | None = None


class AboutData(_Fields):
    """Photographs: what they are called, where they were taken, and when."""

    name: Text | None = None
    where: Text | None = None
    when: Text | None = None


class About(_Fields):
    """What the head of page one says; everything is optional. ``number``: of the report."""

    title: Text | None = None
    customer: Text | None = None
    issuer: Text | None = None
    number: Line | None = None
    model: AboutModel = AboutModel()
    data: list[AboutData] = []


def about_files(audit_files: Iterable[Path], root: Path, names: Iterable[str] = ABOUT_NAMES) -> list[Path]:
    """Every ``about.yaml`` next to an audit file, or in a folder above it and below `root`, or `names` there."""
    folders: dict[Path, None] = {}
    for file in audit_files:
        folders[file.parent] = None
        if file.parent.is_relative_to(root):
            folders |= dict.fromkeys(
                folder for folder in file.parent.parents if folder != root and root in folder.parents
            )
    found = [folder / name for folder in folders for name in names if (folder / name).exists()]
    return list({path.resolve(): path for path in found}.values())


def only_file(files: Sequence[Path], name: str, error: type[AuditError]) -> Path | None:
    """The one file of its name that a run has; None if it has none.

    Raises:
        AuditError: of type `error`: there are several.
    """
    if len(files) > 1:
        raise error(
            f"a run has one {name}, and here are several; keep one of them, or run their folders one at a time:",
            *(f"  {file}" for file in files),
        )
    return files[0] if files else None


@dataclass(frozen=True)
class AboutFile:
    """An ``about.yaml`` as it was read; ``lines``: of every key."""

    path: Path
    about: About
    lines: Mapping[Where, int]


def read_about(files: list[Path]) -> About | None:
    """What a run's ``about.yaml`` says; None if it has none.

    Raises:
        AboutFileError: there are several, or it cannot be read; with file, line and field.
    """
    found = read_about_file(files)
    return None if found is None else found.about


def read_about_file(files: list[Path]) -> AboutFile | None:
    """The same with the lines of its keys."""
    file = only_file(files, ABOUT_NAMES[0], AboutFileError)
    return None if file is None else _read(file)


def _read(path: Path) -> AboutFile:
    from ..language.yaml_reader import read_yaml  # a report is made of a record where nothing reads YAML

    document = read_yaml(path, AboutFileError, text_keys=True)
    fields = {} if document.value is None else document.value
    if not isinstance(fields, dict):
        raise AboutFileError(f"{path}:1: must be a mapping with some of {', '.join(About.model_fields)}")
    fields, lines = data_in_a_list(fields, document.lines)
    try:
        return AboutFile(path, About.model_validate(fields), lines)
    except ValidationError as error:
        said = [f"{path}:{line}: {text}" for line, text in complaints(error.errors(), lines, known_keys)]
        raise AboutFileError(*said) from error


def data_in_a_list(
    fields: dict[str, Any], lines: Mapping[Where, int], above: Where = ()
) -> tuple[dict[str, Any], Mapping[Where, int]]:
    """The fields and their lines; one set of photographs needs no list, and gets one here.

    Args:
        above: the keys that lead to these fields.
    """
    if not isinstance(fields.get("data"), dict):
        return fields, lines
    data = (*above, "data")
    own = {(*data, "0", *where[len(data) :]): line for where, line in lines.items() if where[: len(data)] == data}
    return {**fields, "data": [fields["data"]]}, {**lines, **own}


def known_keys(where: Where) -> tuple[str, ...]:
    """The keys that are known where an unknown one stands."""
    kinds: dict[str, type[_Fields]] = {"model": AboutModel, "data": AboutData}
    return tuple(kinds.get(where[0], About).model_fields if len(where) > 1 else About.model_fields)
