"""Which evidence a run has for the items of a standard: plain data, as ``modelaudit coverage --json`` writes it.

It lists evidence. Whether an item is fulfilled is for people to judge, and nothing here says it.
"""

from __future__ import annotations

from typing import Literal

from ..evidence.case_record import VerdictName
from ..evidence.part import Part
from ..evidence.states import RunState, Standing
from .standard_file import DocumentKind, RecordKind

#: where evidence for an item is: in this run, in what this run leaves out, or in no audit
Place = Literal["in_this_run", "not_in_this_run", "outside"]


class FoundRequirement(Part):
    """A requirement that gives evidence, with what was measured.

    ``settled``: it has a verdict of a whole measurement; not where it was not run, ended in an error, or the run was a
    quick look.
    """

    case: str
    name: str
    verdict: VerdictName | None
    standing: Standing
    settled: bool
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None


class FoundRecord(Part):
    """A part of the run's record that gives evidence, and what there is of it: numbers by name."""

    kind: RecordKind
    numbers: dict[str, int]


class ItemEvidence(Part):
    """The evidence for one item.

    ``requirements``: those of the run that are about it, settled or not. ``asked``: whether the standard's data name
    any kind of requirement. ``missing``: parts of a record that would give evidence, and this run does not have.
    ``documents``: of other commands, which would; whether they exist is not known from a record.
    """

    item: str
    title: str | dict[str, str]
    levels: list[str]
    place: Place
    asked: bool
    requirements: list[FoundRequirement]
    records: list[FoundRecord]
    missing: list[RecordKind]
    documents: list[DocumentKind]
    not_given: str | dict[str, str]


class Coverage(Part):
    """The evidence for every item of a standard; see :class:`~modelaudit.standards.standard_file.Standard`."""

    standard: str
    title: str | dict[str, str]
    edition: str | dict[str, str]
    publisher: str | dict[str, str]
    titles_from: str | dict[str, str]
    rows: list[ItemEvidence]

    def count(self, place: Place) -> int:
        """How many items have their evidence at that `place`."""
        return sum(row.place == place for row in self.rows)


class CoverageDocument(Part):
    """The evidence of a run for items of several standards. ``record_sha256``: of its ``run.json``."""

    format: Literal["modelaudit coverage"] = "modelaudit coverage"
    schema_version: Literal[1] = 1
    run: str
    record_sha256: str
    overall: RunState
    quick_look: int | None = None
    standards: list[Coverage]
