"""Reads records that were written as JSON: of a run, a comparison, a probe, a monitor, an alarm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..language.errors import AuditError
from ..language.json_file import json_of
from ..language.plain_text import plain
from ..language.regular_files import read_file
from ..language.yaml_complaints import complaints

Record = TypeVar("Record", bound=BaseModel)
#: places that are named, and characters of what is said of each
_NAMED, _LONGEST = 3, 200


def read_json_record(
    file: Path,
    record: type[Record],
    error: Callable[..., AuditError],
    *,
    called: str,
    way_out: str,
    invalid: str | None = None,
    check: Callable[[Any], None] = lambda document: None,
) -> Record:
    """The record that a file holds.

    Args:
        error: the type of what is raised.
        called: what the file is meant to be: "the record of an alarm".
        way_out: what to do where the file cannot be read.
        invalid: what to do where it is something else; None: nothing is said.
        check: raises an error of its own for a document of another format.

    Raises:
        AuditError: of type `error`: the file cannot be read, is not valid JSON, or is not such a record.
    """
    otherwise = "" if invalid is None else f"; {invalid}"
    try:
        content = read_file(file)
    except OSError as failed:
        raise error(f"{file}: cannot be read ({failed.strerror}); {way_out}") from failed
    check(json_of(content, str(file), lambda problem: error(f"{problem}; this is not {called}{otherwise}")))
    try:
        return record.model_validate_json(content)
    except ValidationError as failed:
        raise error(f"{file}: not {called}: {_wrong(failed)}{otherwise}") from failed


def _wrong(failed: ValidationError) -> str:
    """The first places of what is no such record, each with what is wrong there, on one line."""
    found = [plain(text, _LONGEST) for _, text in complaints(failed.errors(), {}, lambda where: ())]
    more = [f"and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return "; ".join([*found[:_NAMED], *more])
