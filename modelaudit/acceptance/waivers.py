"""``waivers.yaml``: requirements that need not be met for a time, each with an owner, a reason and an end.

A waiver changes no verdict: what it covers is shown as it was measured, and counts for nothing.
"""

from __future__ import annotations

import datetime as dates
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ..evidence.about import Line, about_files, line_of
from ..evidence.record import CaseRecord, WaiverRecord
from ..evidence.states import can_be_waived
from ..language.errors import AcceptanceError, nearest
from ..language.yaml_complaints import Where, complaints

WAIVERS_NAMES = ("waivers.yaml", "waivers.yml")
FORMAT, VERSION = "modelaudit waiver", 1
_LONGEST = 2_000
_EXAMPLE = "2026-12-31T23:59:59+09:00"


def _moment(value: Any) -> Any:
    """A date and time with a time zone, as YAML reads it or as text."""
    if isinstance(value, str):
        try:
            alone = dates.date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return _moment(alone)
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError(
                "moment", "must be a date and time, got {value}; write " + _EXAMPLE, {"value": repr(value)}
            ) from None
    if type(value) is dates.date:
        told = {"day": value.isoformat()}
        raise PydanticCustomError("moment", "{day} is a date alone; add time and zone: {day}T00:00:00+09:00", told)
    if not isinstance(value, datetime):
        told = {"value": repr(value)}
        raise PydanticCustomError("moment", "must be a date and time, got {value}; write " + _EXAMPLE, told)
    if value.tzinfo is None:
        told = {"time": value.isoformat()}
        raise PydanticCustomError("moment", "{time} has no time zone; write {time}+09:00 (or {time}Z for UTC)", told)
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
LongLine = Annotated[str, BeforeValidator(partial(line_of, longest=_LONGEST))]


class Waiver(BaseModel):
    """An exception for one expectation, in force from ``issued`` until before ``expires``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expectation: LongLine = Field(description="its exact id: audits/audit_line.py::name, or ...::name[model]")
    owner: Line = Field(description="who answers for it")
    reason: LongLine = Field(description="why it need not be met for now")
    issued: Moment = Field(description="from when, with a time zone (RFC 3339)")
    expires: Moment = Field(description="until when, with a time zone (RFC 3339)")
    errors: StrictBool = Field(default=False, description="it covers an ERROR too: that nothing could be measured")

    @field_validator("expires")
    @classmethod
    def _after_it_was_issued(cls, expires: datetime, info: ValidationInfo) -> datetime:
        issued = info.data.get("issued")
        if issued is not None and expires <= issued:
            told = {"expires": expires.isoformat(), "issued": issued.isoformat()}
            raise PydanticCustomError("order", "must be after issued ({issued}), got {expires}", told)
        return expires

    def content(self) -> bytes:
        """What a signature is over: canonical JSON."""
        from .canonical import canonical

        return canonical({"format": FORMAT, "version": VERSION, **self.model_dump(mode="json")})

    def overlaps(self, other: Waiver) -> bool:
        """Whether both are in force at one time."""
        return self.issued < other.expires and other.issued < self.expires


@dataclass(frozen=True)
class WaiversFile:
    """Waivers as they were read; ``lines``: of each, where it begins."""

    path: Path
    waivers: tuple[Waiver, ...]
    lines: tuple[int, ...]


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of ``waivers.yaml``."""
    schema = TypeAdapter(list[Waiver]).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "modelaudit waivers"}


def waivers_files(audit_files: Iterable[Path], root: Path) -> list[Path]:
    """Every ``waivers.yaml`` next to an audit file, or in a folder above it and below `root`."""
    return about_files(audit_files, root, WAIVERS_NAMES)


def read_waivers(files: Sequence[Path]) -> WaiversFile | None:
    """The waivers of a run; None if it has no waivers.yaml.

    Raises:
        AcceptanceError: several files, one that cannot be read, or two waivers for one expectation that are in force at
            one time; with file, line and field.
    """
    if len(files) > 1:
        raise AcceptanceError(
            "a run has one waivers.yaml, and here are several; keep one of them, or run their folders one at a time:",
            *(f"  {file}" for file in files),
        )
    return _read(files[0]) if files else None


def _read(path: Path) -> WaiversFile:
    from ..language.yaml_reader import read_yaml

    document = read_yaml(path, AcceptanceError, text_keys=True)
    entries = [] if document.value is None else document.value
    if not isinstance(entries, list):
        raise AcceptanceError(
            f"{path}:1: must be a list of waivers, each with expectation, owner, reason, issued and expires"
        )
    found: list[Waiver] = []
    wrong: list[tuple[int, str]] = []
    for at, entry in enumerate(entries):
        try:
            found.append(Waiver.model_validate(entry))
        except ValidationError as error:
            wrong += complaints(error.errors(), _lines_of(at, document.lines), lambda _: tuple(Waiver.model_fields))
    lines = tuple(document.lines[str(at),] for at in range(len(entries)))
    wrong += [] if wrong else _overlapping(found, lines)
    if wrong:
        raise AcceptanceError(*(f"{path}:{line}: {text}" for line, text in wrong))
    return WaiversFile(path, tuple(found), lines)


def _lines_of(at: int, lines: Mapping[Where, int]) -> dict[Where, int]:
    """Where the keys of one waiver stand, and the waiver itself."""
    return {where[1:]: line for where, line in lines.items() if where[:1] == (str(at),)}


def _overlapping(waivers: Sequence[Waiver], lines: Sequence[int]) -> Iterator[tuple[int, str]]:
    for (at, one), (other_at, other) in combinations(enumerate(waivers), 2):
        if one.expectation == other.expectation and one.overlaps(other):
            yield (
                lines[other_at],
                f"{other.expectation}: is in force together with the waiver of line {lines[at]}; let one end before "
                "the other begins",
            )


def unfit(found: WaiversFile, cases: Sequence[CaseRecord], unread: Callable[[str], bool]) -> list[str]:
    """The waivers that waive what cannot be waived: no expectation, a critical one, or a known-bad model.

    Args:
        cases: what is declared in the files that were read.
        unread: whether a file of audits, by its name in an id, is there and was not read, so that nobody knows.
    """
    declared = {case.id: case for case in cases}
    return [
        f"{found.path}:{line}: expectation: {text}"
        for waiver, line in zip(found.waivers, found.lines, strict=True)
        if (text := _unfit(waiver.expectation, declared, unread))
    ]


def _unfit(name: str, declared: Mapping[str, CaseRecord], unread: Callable[[str], bool]) -> str:
    case = declared.get(name)
    if case is None:
        if unread(name.partition("::")[0]):
            return ""
        variants = [one for one in declared if one.startswith(f"{name}[")]
        if variants:
            return f"{name} is stated of several models; waive it for each that needs it: {', '.join(variants)}"
        return f"no expectation is {name!r}{nearest(name, declared)}"
    if can_be_waived(case):
        return ""
    if case.must_fail:
        return f"{name} is of a known-bad model, which must be caught; take the waiver out"
    return f"{name} is critical, which cannot be waived; take the waiver out, or agree on another importance"


def waiver_at(waivers: Iterable[Waiver], at: datetime) -> dict[str, Waiver]:
    """The waiver of each expectation that counts at a moment: the one in force, else the last that was, else the next.

    Args:
        at: with a time zone.
    """

    def rank(waiver: Waiver) -> tuple[bool, float]:
        return waiver.issued <= at, -abs((waiver.issued - at).total_seconds())

    found: dict[str, Waiver] = {}
    for waiver in sorted(waivers, key=rank):
        found[waiver.expectation] = waiver
    return found


def waiver_record(waiver: Waiver, **signature: Any) -> WaiverRecord:
    """A waiver as a run's record has it; `signature`: ``signed_by``, or what it ``lacks``."""
    return WaiverRecord(**waiver.model_dump(exclude={"expectation"}), **signature)
