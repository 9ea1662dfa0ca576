"""The run record: the versioned JSON that holds everything a run measured. Every report is a pure function of it.

Pictures are in the same folder (``images/<sha256>.<ext>``), and it names them. A field may be added within one
``schema_version``; one that is renamed, removed or changes its meaning raises it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Literal

from ..engine.results.checks import Sanity, Sensitivity
from ..engine.results.counterexamples import ChangedPictures, Counterexample, ReplayFacts, SearchFacts
from ..engine.results.settings import make_run_folder
from ..language.errors import ResultsError
from .about import About
from .agreed import (
    AgreedCosts,
    AgreementRecord,
    CombinationStanding,
    CombinedValues,
    DomainAttribute,
    DomainCombination,
    DomainCoverage,
    DomainStanding,
    DomainValue,
    UnmetTerm,
)
from .case_record import (
    WAIVER_WARNING,
    Absence,
    AbsentFile,
    CaseRecord,
    CountsRecord,
    DecisionRecord,
    GalleryRow,
    ImageValue,
    Panel,
    PointRecord,
    SvgPath,
    VerdictName,
    WaiverRecord,
    WaiverState,
    Weakening,
)
from .class_record import (
    ByClass,
    ConfusionCell,
    ConfusionColumn,
    ConfusionRecord,
    ConfusionRow,
    MatrixCell,
    MatrixContext,
    MatrixRecord,
    WantedImages,
)
from .costs import Costs
from .json_record import read_json_record
from .measured_record import (
    ClassOrderRecord,
    ColumnRecord,
    CropRecord,
    DataRecord,
    LayerRecord,
    ModelRecord,
    SampleRecord,
    ScoresRecord,
    TableRecord,
    Unusable,
    ViewRecord,
)
from .nodes import (
    ArithmeticNode,
    ChangeRecord,
    CompositeNode,
    ContextNode,
    CurveNode,
    DoseNode,
    ExtremeNode,
    MeasureNode,
    Node,
    NumberNode,
    PhraseRecord,
    Phrases,
    WordingRecord,
)
from .part import Part
from .probe import ProbeEffect, ProbeRecord
from .results_folder import RECORD_NAME
from .review import REVIEW_NOTE, Review, ReviewAnswer, ReviewPicture, ReviewRecord
from .since_last_run import EarlierRun, RequirementHistory, RequirementPoint, SinceLastRun, Unread, UnreadRun
from .states import RunState

#: the record and all of its parts
__all__ = [
    "RECORD_NAME",
    "REVIEW_NOTE",
    "SCHEMA_VERSION",
    "WAIVER_WARNING",
    "About",
    "Absence",
    "AbsentFile",
    "AgreedCosts",
    "AgreementRecord",
    "ArithmeticNode",
    "ByClass",
    "CaseRecord",
    "ChangeRecord",
    "ChangedPictures",
    "ClassOrderRecord",
    "ColumnRecord",
    "CombinationStanding",
    "CombinedValues",
    "CompositeNode",
    "ConfusionCell",
    "ConfusionColumn",
    "ConfusionRecord",
    "ConfusionRow",
    "ContextNode",
    "Costs",
    "Counterexample",
    "CountsRecord",
    "CropRecord",
    "CurveNode",
    "DataRecord",
    "DecisionRecord",
    "Departure",
    "DomainAttribute",
    "DomainCombination",
    "DomainCoverage",
    "DomainStanding",
    "DomainValue",
    "DoseNode",
    "EarlierRun",
    "ExtremeNode",
    "GalleryRow",
    "ImageValue",
    "InputFile",
    "InputRole",
    "LayerRecord",
    "LockRecord",
    "MatrixCell",
    "MatrixContext",
    "MatrixRecord",
    "MeasureNode",
    "MergedRun",
    "ModelRecord",
    "Node",
    "NumberNode",
    "Panel",
    "PassesRecord",
    "PhraseRecord",
    "Phrases",
    "PluginRecord",
    "PointRecord",
    "ProbeEffect",
    "ProbeRecord",
    "Provenance",
    "ReplayFacts",
    "RequirementHistory",
    "RequirementPoint",
    "Review",
    "ReviewAnswer",
    "ReviewPicture",
    "ReviewRecord",
    "RunRecord",
    "SampleRecord",
    "ScoresRecord",
    "SearchFacts",
    "Sensitivity",
    "ShownVerification",
    "SinceLastRun",
    "SvgPath",
    "TableRecord",
    "UnmetTerm",
    "Unread",
    "UnreadRun",
    "Unusable",
    "VerdictName",
    "ViewRecord",
    "WaiverRecord",
    "WaiverState",
    "WantedImages",
    "Weakening",
    "WordingRecord",
    "read_record",
    "record_digest",
    "write_record",
]

SCHEMA_VERSION = 2


class PassesRecord(Part):
    """What the run cost, in images decoded and images through the models (padding of micro-batches included).

    ``seconds``: of the clock, while images were measured; none in older records. ``values``: in the tables, of which
    ``stored`` came from the store of an earlier run, and the others were computed; none in older records.
    """

    decoded: int
    forward: int
    backward: int
    seconds: float | None = None
    values: int | None = None
    stored: int | None = None


#: what an input file is for; "waivers" and "review": also the signatures under them
InputRole = Literal[
    "audit",
    "about",
    "agreement",
    "costs",
    "waivers",
    "review",
    "probe",
    "counterexample",
    "baseline",
    "answers",
    "conftest",
    "plugin",
    "ini",
]


class InputFile(Part):
    """An input file of the run: ``path`` is relative to the rootdir, or the name alone outside of it.

    ``cases``: how many cases an audit file declares.
    """

    path: str
    role: InputRole
    sha256: str | None
    cases: int | None = None


class PluginRecord(Part):
    """A pytest plugin of an installed distribution."""

    name: str
    version: str


class Provenance(Part):
    """Where the numbers come from.

    ``files``: the audit files as they were collected, every conftest.py and plugin that is a file, the configuration.
    ``options``: settings of the configuration (``addopts``, ``audit_*`` …) and of the environment that bear on audits.
    ``executor``, ``workers``: what measured, and how many, where the process of the run did not.
    """

    versions: dict[str, str]
    platform: str
    device: str
    device_name: str
    precision: str
    threads: int
    micro_batch: int
    seed: int
    git_commit: str | None
    git_dirty: bool | None
    files: list[InputFile] = []
    plugins: list[PluginRecord] = []
    options: dict[str, str] = {}
    executor: str | None = None
    workers: int | None = None


class Departure(Part):
    """One way in which a run is not what a lock says: ``where``, what was ``agreed``, and what was ``found``."""

    what: str
    where: str
    agreed: str | None
    found: str | None


class LockRecord(Part):
    """The lock that a run was held to, by the sha256 of its file, who signed it, and how the run departs from it."""

    sha256: str
    created: str
    signed_by: list[str] = []
    departures: list[Departure] = []


class ShownVerification(Part):
    """How far somebody else has verified a run, for showing: the level that ``modelaudit verify`` reached, and whose
    signatures it found."""

    level: Literal["none", "self_declared", "signed", "spot_checked", "reproduced"]
    signed_by: list[str] = []


class MergedRun(Part):
    """A run that was merged into this one: a shard. ``cases``: how many of them it ran."""

    id: str
    command: str
    started: str
    finished: str
    exit_status: int
    cases: int


class RunRecord(Part):
    """Everything a run measured.

    ``overall``, ``whole``, ``partial`` and ``exit_status`` follow from the cases and files: see states.py.
    ``whole``: every declared expectation was counted. ``partial``: something is missing that the user did not leave out
    by typed arguments. ``missing``: what is missing from the whole, in a sentence. ``absent_files``: audit files below
    the folders of the run that were not collected. ``quick_look``: only that many images were asked for; such a run
    decides nothing.
    ``allow_partial``: ``--audit-partial`` was typed. ``exit_status``: that of the audits; pytest's is another where
    ordinary tests fail, or the run was interrupted.
    ``sanity``: what the attribution methods are worth on these models. ``checks``: "off" where the audit of the audit
    was switched off for the whole run. ``by_class``: None if no model saw the original images and no measure has
    several contexts, in a quick look, and in older records. ``merged``: the runs that were merged into it, where it
    is the whole of several shards. ``about``: what ``about.yaml`` says; none without one, and in older records.
    ``agreement``: as ``about``, of ``agreement.yaml``. ``costs``: what mistakes and work cost, by ``costs.yaml`` and
    the agreement. ``probes``: what other backgrounds in training are estimated to bring to the models of the run.
    ``lock``: what was agreed, as ``--audit-lock`` gave it. ``nonce``: what the other party gave, so that a run of
    before is not taken for this one.
    ``digest``: of a copy for showing the sha256 of its ``run.json``; ``redacted``: a copy without ids, files and
    settings (redaction.py); ``verified``: of a copy how far it was verified. No run writes a copy, and one that is read
    is refused.
    ``reviews``: what people say of the pictures, as far as it counts (review.py). ``parent``: the sha256 of the
    ``run.json`` that this record succeeds, with more reviews. ``since_last_run``: what earlier runs of the results
    folder found; none in older records, and where there are none. ``baseline_of``: of a baseline, the sha256 of the
    ``run.json`` that it was made from, without pictures; such a record is compared with, and makes no report.
    ``baseline_model``: the key of the model that is meant, where it holds several.
    ``counterexamples``: the smallest changes of surroundings that searches found to flip an answer, ``searches``: what
    these did, ``replays``: what came of stored counterexamples, ``changes``: how their contexts read, by their texts;
    empty in older records.
    """

    schema_version: Literal[2] = 2
    id: str
    started: str
    finished: str
    command: str
    overall: RunState
    whole: bool
    partial: bool
    missing: str | None = None
    absent_files: list[AbsentFile] = []
    allow_partial: bool = False
    exit_status: int
    quick_look: int | None = None
    inconclusive: Literal["fail", "warn"] = "fail"
    provenance: Provenance
    cases: list[CaseRecord]
    models: list[ModelRecord] = []
    data: list[DataRecord] = []
    tables: list[TableRecord] = []
    passes: PassesRecord
    notes: list[str] = []
    sanity: list[Sanity] = []
    checks: str = ""
    by_class: ByClass | None = None
    merged: list[MergedRun] = []
    about: About | None = None
    agreement: AgreementRecord | None = None
    costs: Costs | None = None
    probes: list[ProbeRecord] = []
    lock: LockRecord | None = None
    nonce: str | None = None
    digest: str | None = None
    redacted: bool = False
    verified: ShownVerification | None = None
    reviews: list[ReviewRecord] = []
    parent: str | None = None
    since_last_run: SinceLastRun | None = None
    baseline_of: str | None = None
    baseline_model: str | None = None
    counterexamples: list[Counterexample] = []
    searches: list[SearchFacts] = []
    replays: list[ReplayFacts] = []
    changes: dict[str, ChangeRecord] = {}

    @property
    def files(self) -> list[str]:
        """Every picture of its cases and of counterexamples, each once."""
        pairs = [one.pictures for one in self.counterexamples if one.pictures is not None]
        found = [file for pair in pairs for file in (pair.original, pair.changed)]
        return list(dict.fromkeys([*(file for case in self.cases for file in case.files), *found]))

    @property
    def fingerprints(self) -> dict[str, str]:
        """Of the models, by their keys."""
        return {model.key: model.fingerprint for model in self.models}

    @property
    def as_agreed(self) -> bool:
        """Whether nothing departs from the lock, or the run was not held to one."""
        return self.lock is None or not self.lock.departures


def read_record(path: Path, invalid: str = "restore it, or run the audit again") -> RunRecord:
    """The record of a run, from its ``run.json`` or the folder that holds it.

    Args:
        invalid: what to do where the file is damaged.

    Raises:
        ResultsError: missing, no JSON, of another schema version, or not a run record.
    """
    file = path / RECORD_NAME if path.is_dir() else path

    def check(document: Any) -> None:
        if not isinstance(document, dict):
            raise ResultsError(f"{file}: not a run record: a {type(document).__name__} instead of an object; {invalid}")
        found = document.get("schema_version")
        if found != SCHEMA_VERSION:
            raise ResultsError(
                f"{file}: has schema version {found!r}, this modelaudit reads {SCHEMA_VERSION}; "
                "use the version that wrote it"
            )

    way_out = "give a results folder or its run.json"
    return read_json_record(
        file, RunRecord, ResultsError, called="a run record", way_out=way_out, invalid=invalid, check=check
    )


def record_digest(record: RunRecord) -> str:
    """The sha256 of its ``run.json`` in hexadecimal digits: what ``sha256sum run.json`` prints.

    Fields that a record which was read does not have, as an older one, are left out again.
    """
    if record.digest is not None:
        return record.digest
    read = "schema_version" in record.model_fields_set
    text = record.model_dump_json(indent=1, exclude_unset=read) + "\n"
    return hashlib.sha256(text.encode()).hexdigest()


def write_record(record: RunRecord, folder: Path) -> Path:
    """Write ``run.json`` atomically."""
    make_run_folder(folder)
    target = folder / RECORD_NAME
    draft = folder / f".{RECORD_NAME}.{os.getpid()}"
    draft.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    draft.replace(target)
    return target
