"""What mistakes and work cost, as ``costs.yaml`` or the agreement states it.

It changes no verdict. The file is optional, one a run, and data: it is read like ``about.yaml``. Everything in it but
the currency is optional, and nothing is computed from what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..language.errors import CostsFileError
from ..language.yaml_complaints import Where, complaints
from .about import Line, Text, about_files, only_file

COSTS_NAMES = ("costs.yaml", "costs.yml")

#: an amount of money
Cost = Annotated[float, Field(ge=0, le=1e12)]


class Costs(BaseModel):
    """What mistakes and work cost, in one currency."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    currency: Line = Field(description="JPY, EUR, ...")
    missed_defect: Cost | None = Field(default=None, description="a defective part that is called good")
    false_alarm: Cost | None = Field(default=None, description="a good part that is called defective")
    per: Text | None = Field(default=None, description="what is counted: part, image, lot")
    defect_share: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None, description="how many per cent of the parts are defective in operation"
    )
    parts_a_month: Annotated[float, Field(gt=0, le=1e12)] | None = Field(
        default=None, description="how many parts are inspected in a month"
    )
    photograph: Cost | None = Field(default=None, description="a photograph of a part, with its label")
    mask: Cost | None = Field(default=None, description="the mask of the object in a photograph")
    gpu_hour: Cost | None = Field(default=None, description="an hour of the machine that trains")
    training_hours: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        default=None, description="how many hours of that machine one training takes"
    )


@dataclass(frozen=True)
class CostsFile:
    """A ``costs.yaml`` as it was read; ``lines``: of every key."""

    path: Path
    costs: Costs
    lines: Mapping[Where, int]


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of ``costs.yaml``."""
    schema = Costs.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "modelaudit costs"}


def costs_files(audit_files: Iterable[Path], root: Path) -> list[Path]:
    """Every ``costs.yaml`` next to an audit file, or in a folder above it and below `root`."""
    return about_files(audit_files, root, COSTS_NAMES)


def read_costs(files: list[Path]) -> CostsFile | None:
    """The one file of a run; None where there is none.

    Raises:
        CostsFileError: there are several, or it cannot be read; with file, line and field.
    """
    file = only_file(files, COSTS_NAMES[0], CostsFileError)
    return None if file is None else _read(file)


def _read(path: Path) -> CostsFile:
    from ..language.yaml_reader import read_yaml  # a report is made of a record where nothing reads YAML

    document = read_yaml(path, CostsFileError, text_keys=True)
    if not isinstance(document.value, dict):
        raise CostsFileError(
            f"{path}:1: must be a mapping: a currency, and some of {', '.join(list(Costs.model_fields)[1:])}"
        )
    try:
        return CostsFile(path, Costs.model_validate(document.value), document.lines)
    except ValidationError as error:
        found = complaints(error.errors(), document.lines, lambda where: tuple(Costs.model_fields))
        raise CostsFileError(*(f"{path}:{line}: {text}" for line, text in found)) from error


def combined_costs(agreed: Costs | None, agreed_in: str, stated: CostsFile | None) -> Costs | None:
    """What is agreed, and what ``costs.yaml`` adds to it.

    Args:
        agreed_in: the path of the agreement.

    Raises:
        CostsFileError: both say the same thing differently; with the lines of ``costs.yaml``.
    """
    if agreed is None or stated is None:
        return agreed if stated is None else stated.costs
    one, other = agreed.model_dump(exclude_none=True), stated.costs.model_dump(exclude_none=True)
    contradicted = [
        f"{stated.path}:{stated.lines.get((name,), 1)}: {name} is {other[name]!r}, and {one[name]!r} is agreed in "
        f"{agreed_in}; keep one of them"
        for name in one
        if name in other and other[name] != one[name]
    ]
    if contradicted:
        raise CostsFileError(*contradicted)
    return Costs.model_validate({**other, **one})
