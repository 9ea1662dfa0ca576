"""The runs that a results folder keeps, and the baselines: of each record what a history needs, and no table.

A record of ten thousand images is read in milliseconds, since what is not asked for is skipped. Whether a record is
the one that its run wrote is seen by the evidence next to it, which names it by digest; only where none does, as of a
baseline, is everything in it computed anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..evidence.case_record import VerdictName
from ..evidence.consistency import contradictions
from ..evidence.nodes import Node
from ..evidence.record import RECORD_NAME, SCHEMA_VERSION, read_record
from ..evidence.results_folder import EVIDENCE_NAME, LATEST, SIGNED_NAME, resolve_run
from ..evidence.since_last_run import RequirementHistory, SinceLastRun, Unread, UnreadRun
from ..evidence.states import RunState, Standing
from ..language.errors import AuditError, ResultsError
from ..language.regular_files import read_file
from ..language.spec import number_text


class _Read(BaseModel):
    """A part of a record, of which everything else is skipped."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, from_attributes=True)


class ReadDecision(_Read):
    """See :class:`~modelaudit.evidence.case_record.DecisionRecord`."""

    estimate: float | None
    lower: float | None
    upper: float | None


class ReadCase(_Read):
    """See :class:`~modelaudit.evidence.case_record.CaseRecord`."""

    id: str
    name: str
    expectation: str
    long_form: str
    left: Node
    op: str
    threshold: float
    confidence: float
    about: str
    bounds: str = "approximate"
    claim: str | None = None
    without_object: list[str] = []
    must_fail: bool
    verdict: VerdictName | None
    standing: Standing
    outcome: str
    decision: ReadDecision | None = None
    models: list[str] = []
    data: str | None = None
    waiver: Any = None

    @property
    def quantity(self) -> tuple[object, ...]:
        """What is measured and how it is bounded: all of the long form but the limit, which may be another one."""
        left, limit, _ = self.long_form.rpartition(f" {self.op} {number_text(self.threshold)}; ")
        terms = (self.confidence, self.about, self.bounds, self.claim, tuple(self.without_object))
        return (left if limit else self.long_form, *terms)


class _ReadModel(_Read):
    key: str
    fingerprint: str


class _ReadData(_Read):
    key: str
    reference: str
    images: int
    fingerprint: str | None
    seed: int | None = None
    object_kept: float | None = None


class _ReadProvenance(_Read):
    seed: int
    git_commit: str | None = None


class _ReadMerged(_Read):
    id: str


class ReadRecord(_Read):
    """What a history needs of :class:`~modelaudit.evidence.record.RunRecord`."""

    schema_version: int
    id: str
    started: str
    finished: str
    overall: RunState
    quick_look: int | None = None
    redacted: bool = False
    digest: str | None = None
    provenance: _ReadProvenance
    cases: list[ReadCase]
    models: list[_ReadModel] = []
    data: list[_ReadData] = []
    merged: list[_ReadMerged] = []
    reviews: list[Any] = []
    parent: str | None = None
    since_last_run: SinceLastRun | None = None
    baseline_of: str | None = None

    @property
    def start(self) -> datetime:
        """When the run began; a moment without a time zone is taken for UTC."""
        found = datetime.fromisoformat(self.started)
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """Of the models, by their keys."""
        return {model.key: model.fingerprint for model in self.models}

    def models_of(self, case: ReadCase) -> frozenset[str]:
        """The fingerprints of a requirement's models; that of one that was not loaded is not known."""
        return frozenset(self.fingerprints[key] for key in case.models if key in self.fingerprints)

    def data_of(self, case: ReadCase) -> _ReadData | None:
        """The data of a requirement, None where none were read."""
        return next((one for one in self.data if one.key == case.data), None)

    def seed_of(self, case: ReadCase) -> int:
        """The seed of a requirement's draws."""
        data = self.data_of(case)
        return self.provenance.seed if data is None or data.seed is None else data.seed

    def since(self, case: str) -> RequirementHistory | None:
        """What the run itself says of a requirement since the run before."""
        known = self.since_last_run.requirements if self.since_last_run else []
        return next((one for one in known if one.case == case), None)


@dataclass(frozen=True)
class KeptRun:
    """A run with a record. ``file``: its ``run.json``, or the file of the baseline of that name.

    ``sha256``: of the run's ``run.json``, also of a baseline.
    """

    file: Path
    sha256: str
    record: ReadRecord
    baseline: str | None = None

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.file.parent

    @property
    def signed(self) -> bool:
        """Whether its evidence is signed."""
        return (self.folder / SIGNED_NAME).exists()

    @property
    def ended(self) -> bool:
        """Whether everything was written: the evidence is the last. A baseline was made of a whole run."""
        return self.baseline is not None or (self.folder / EVIDENCE_NAME).exists()


@dataclass(frozen=True)
class KeptRuns:
    """Every run of a results folder, oldest first, the baselines of runs that it does not keep among them.

    ``baselines``: names, by the sha256 of the ``run.json`` that they were made from. ``claimed``: what baselines that
    are not shown give as that sha256, so that their runs stay.
    """

    runs: tuple[KeptRun, ...]
    unread: tuple[UnreadRun, ...]
    baselines: Mapping[str, tuple[str, ...]]
    claimed: frozenset[str] = frozenset()


def kept_runs(results: Path, baselines: Path | None = None, *, most: int | None = None) -> KeptRuns:
    """Read the runs of a results folder.

    Args:
        baselines: the folder of the baselines; one that does not exist has none.
        most: so many folders are read at most, the latest first.

    Raises:
        ResultsError: the results folder cannot be listed.
    """
    runs: list[KeptRun] = []
    unread: list[UnreadRun] = []
    for folder in _folders(results)[:most]:
        found = _read(folder / RECORD_NAME, folder.name)
        if isinstance(found, KeptRun):
            runs.append(found)
        else:
            unread.append(found)
    known = {one.sha256 for one in runs}
    names: dict[str, list[str]] = {}
    claimed: set[str] = set()
    for file in sorted(baselines.glob("*.json")) if baselines is not None else ():
        found = _read(file, f"{file.parent.name}/{file.name}", baseline=file.stem)
        if isinstance(found, UnreadRun):
            unread.append(found)
            claimed.update(_claimed(file))
        else:
            names.setdefault(found.sha256, []).append(file.stem)
            if found.sha256 not in known:
                known.add(found.sha256)
                runs.append(found)
    # moments of a record are in seconds
    ordered = sorted(runs, key=lambda one: (one.record.start, one.record.finished, one.file.stat().st_mtime_ns))
    by_digest = {digest: tuple(each) for digest, each in names.items()}
    return KeptRuns(tuple(ordered), tuple(unread), by_digest, frozenset(claimed))


def _folders(results: Path) -> list[Path]:
    """The folders of runs, the latest first; links are not followed."""
    try:
        inside = sorted(results.iterdir(), key=lambda one: one.name, reverse=True)
    except OSError as error:
        raise ResultsError(
            f"{results}: cannot be read ({error.strerror}); give the folder that --audit-results named"
        ) from error
    return [one for one in inside if one.is_dir() and not one.is_symlink() and (one / RECORD_NAME).exists()]


def latest_run(results: Path) -> Path | None:
    """The folder that ``latest`` points at; None where it points at none."""
    latest = results / LATEST
    found = (latest if latest.is_symlink() else resolve_run(latest)).resolve()
    return found if found.is_dir() and found != results.resolve() else None


def _read(file: Path, name: str, baseline: str | None = None) -> KeptRun | UnreadRun:
    """A run, or why it is not shown."""
    try:
        content = read_file(file)
        document = ReadRecord.model_validate_json(content)
        document.start  # noqa: B018 - a moment that cannot be read
    except OSError:
        return UnreadRun(name=name, why="unreadable")
    except (ValidationError, ValueError):
        return UnreadRun(name=name, why=_why(content))
    if document.schema_version != SCHEMA_VERSION:
        return UnreadRun(name=name, why="other_version")
    digest = hashlib.sha256(content).hexdigest()
    if document.redacted or document.digest is not None:
        return UnreadRun(name=name, why="redacted")
    named = None if baseline is not None else _named(file.parent / EVIDENCE_NAME)
    if named not in (None, digest):
        return UnreadRun(name=name, why="altered")
    if named is None and (fault := fault_of(file)) is not None:
        return UnreadRun(name=name, why=fault)
    return KeptRun(file, document.baseline_of or digest, document, baseline)


def _claimed(file: Path) -> Iterator[str]:
    """The sha256 that a baseline gives, whatever else is in it."""
    try:
        document = json.loads(read_file(file))
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(document, dict) and isinstance(document.get("baseline_of"), str):
        yield document["baseline_of"]


def fault_of(file: Path) -> Unread | None:
    """Why nothing is made of a whole record; None where every statement in it follows from the rest of it."""
    try:
        return "contradicts" if contradictions(read_record(file)) else None
    except AuditError:
        return "unreadable"


def _why(content: bytes) -> Unread:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return "unreadable"
    if not isinstance(document, dict) or "schema_version" not in document:
        return "not_a_run"
    return "unreadable" if document["schema_version"] == SCHEMA_VERSION else "other_version"


def _named(evidence: Path) -> str | None:
    """The sha256 of ``run.json`` that the evidence names; None where there is none that does."""
    try:
        subjects = json.loads(read_file(evidence))["subject"]
        return next((str(one["digest"]["sha256"]) for one in subjects if one["name"] == RECORD_NAME), None)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def without_superseded(runs: Iterable[KeptRun]) -> Iterator[KeptRun]:
    """Without the shards of a merged run, without what a review superseded, and without quick looks, which decide
    nothing."""
    found = list(runs)
    merged = {part.id for one in found for part in one.record.merged}
    parents = {one.record.parent for one in found}
    for one in found:
        if one.record.id not in merged and one.sha256 not in parents and one.record.quick_look is None:
            yield one
