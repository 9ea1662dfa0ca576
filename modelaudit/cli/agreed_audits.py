"""The audits of an agreement as ``modelaudit agree`` reads them: their expectations, and their images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..acceptance.compliance import DeclaredExpectation
from ..acceptance.operating_domain import samples_of_data
from ..engine.planning.plan import Asked
from ..evidence.build import Place, declared_case
from ..evidence.record import CaseRecord, SampleRecord
from ..language.audit import AuditCase
from ..language.errors import AcceptanceError
from .plan import cases_of_file
from .plan_data import AuditData

_PATTERNS = ("audit_*.py", "*.audit.yaml", "*.audit.yml")


@dataclass(frozen=True)
class AgreedCase:
    """An expectation of one model, with the record of it before anything ran."""

    case: AuditCase
    record: CaseRecord


@dataclass(frozen=True)
class AgreedAudits:
    """The audit files below a folder, their expectations, and their data, which are opened when they are asked for."""

    files: list[Path]
    cases: list[AgreedCase]
    data: AuditData

    def declared(self) -> list[DeclaredExpectation]:
        """The expectations, with the images that their data hold."""
        return [
            DeclaredExpectation(
                one.record.name,
                one.record.file,
                one.record.confidence,
                one.record.about,
                one.record.must_fail,
                None if (data := self.data.of(one.case.audit)) is None else len(data.samples),
            )
            for one in self.cases
        ]

    def samples(self) -> list[SampleRecord]:
        """The images of all data that can be read here, each once."""
        found = {}
        for one in self.cases:
            audit = one.case.audit
            key = audit.data if isinstance(audit.data, str) else id(audit.data)
            if (data := self.data.of(audit)) is not None:
                found.update({(key, sample.id): sample for sample in samples_of_data(data.samples)})
        return list(found.values())


def read_audits(folder: Path, root: Path) -> AgreedAudits:
    """The audits below a folder, in the order of their files.

    Args:
        root: what paths of data and names of files are relative to.

    Raises:
        AcceptanceError: no audit file there.
        AuditError: one that cannot be read.
    """
    files = sorted({file for pattern in _PATTERNS for file in folder.rglob(pattern)})
    if not files:
        raise AcceptanceError(f"{folder}: has no audit file (audit_*.py, *.audit.yaml); give the folder of the audits")
    return AgreedAudits(files, [one for file in files for one in _cases(file, root)], AuditData(root))


def _cases(file: Path, root: Path) -> Iterator[AgreedCase]:
    resolved = file.resolve()
    shown = resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else file.as_posix()
    for name, case in cases_of_file(file):
        for model, expectation in case.variants():
            called = name if model is None else f"{name}[{model}]"
            asked = Asked(f"{shown}::{called}", case, expectation)
            yield AgreedCase(case, declared_case(asked, Place(called, shown, None)))
