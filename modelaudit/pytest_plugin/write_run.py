"""Writing a run: the record first, then the reports, which are functions of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..acceptance.compliance import agreement_record
from ..acceptance.reviews import counted
from ..acceptance.statement import write_evidence
from ..counterexamples.keeping import keep
from ..counterexamples.stored_cases import StoredCases, settled
from ..engine.executors.run import discard_measured, read_measured
from ..engine.results.measured import Measured
from ..engine.results.settings import Settings
from ..evidence.build import (
    change_records,
    data_records,
    model_records,
    passes_record,
    searched,
    table_records,
    without_result,
)
from ..evidence.consistency import contradictions
from ..evidence.decisions import with_holm
from ..evidence.matrix import by_class
from ..evidence.provenance import Inputs, provenance
from ..evidence.record import AbsentFile, CaseRecord, RunRecord, write_record
from ..evidence.record_texts import recorded, references_of
from ..evidence.redaction import SALT_NAME, read_salt, redacted
from ..evidence.results_folder import point_latest
from ..evidence.states import exit_status, is_partial, is_whole, missing_text, run_state
from ..releases.baselines import BASELINES
from ..releases.since_last_run import with_history
from ..report import write_reports

if TYPE_CHECKING:
    from ..engine.executors.scheduler import WorkersUsed
    from ..evidence.results_folder import Receipt
    from .options import Options
    from .stated import Stated
    from .typed_arguments import TypedArguments


@dataclass(frozen=True)
class FinishedRun:
    """A run whose cases have all ended.

    Args:
        command: the arguments of pytest.
        typed: what the user typed; ``terms``: on what terms the exit status follows from the cases.
        inputs: what the run read, for the record's provenance.
        receipt: tells the process that started this one where the record is.
        stated: what the files beside the audits say.
        workers: that measured; None where the processes of pytest did.
    """

    id: str
    start: datetime
    folder: Path
    root: Path
    command: Sequence[str]
    options: Options
    typed: TypedArguments
    terms: Mapping[str, bool]
    inputs: Inputs
    receipt: Receipt | None
    stated: Stated
    workers: WorkersUsed | None = None


def write_run(
    run: FinishedRun, cases: Sequence[CaseRecord], files: Sequence[AbsentFile]
) -> tuple[RunRecord, RunRecord, list[str]]:
    """Write ``run.json``, ``report.html``, ``summary.md`` and the unsigned evidence, and let ``latest`` point at them.

    Returns:
        The record, the record that the reports show, and the cases that contradict the tables.
    """
    record, contradicted = _consistent(run, cases, files)
    record = with_history(_with_kept(record, run), run.options.results, run.root / BASELINES)
    write_record(record, run.folder)
    discard_measured(run.folder)
    shown = redacted(record, read_salt(run.folder / SALT_NAME)) if run.options.redact else record
    write_reports(run.folder, record=shown, language=run.options.language, budget_bytes=run.options.report_budget)
    write_evidence(record, run.folder)
    point_latest(run.options.results, run.id)
    if run.receipt is not None:
        run.receipt.write(run.folder)
    return record, shown, contradicted


def _with_kept(record: RunRecord, run: FinishedRun) -> RunRecord:
    """The record, once the smallest counterexamples are files beside the audits, with a note where they cannot be."""
    if record.quick_look is not None or not record.counterexamples or not run.options.counterexamples:
        return record
    notes = keep(
        record,
        run.stated.counterexamples or StoredCases(),
        root=run.root,
        folder=run.folder,
        most=run.options.counterexamples,
        pictures=not run.options.redact,
    )
    return record.model_copy(update={"notes": [*record.notes, *notes]})


def _consistent(
    run: FinishedRun, cases: Sequence[CaseRecord], files: Sequence[AbsentFile]
) -> tuple[RunRecord, list[str]]:
    """The record after a check against its own tables: a case that contradicts them becomes an ERROR that says why."""
    record = _record(run, cases, files)
    found = contradictions(record)
    if not found:
        return record, []
    said = {name: "; ".join(map(str, each)) for name, each in groupby(found, key=lambda one: one.case)}
    mended = [
        without_result(case, f"what was decided does not follow from the values: {said[case.id]}").model_copy(
            update={"outcome": "error", "waiver": None}
        )
        if case.id in said
        else case
        for case in cases
    ]
    return _record(run, mended, files), [str(name or text) for name, text in said.items()]


def _record(run: FinishedRun, cases: Sequence[CaseRecord], files: Sequence[AbsentFile]) -> RunRecord:
    measured, options = read_measured(run.folder), run.options
    settings = Settings(run.root, run.folder, options.device, options.seed, micro_batch=options.micro_batch)
    tables, models, decided = table_records(measured), model_records(measured), with_holm(cases)
    fingerprints = {model.key: model.fingerprint for model in models}
    reviews, notes = counted(run.stated.reviews, decided, fingerprints, whole=is_whole(cases, files))
    record = RunRecord(
        id=run.id,
        started=run.start.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(["pytest", *run.command]),
        overall=run_state(cases, files, quick_look=options.limit is not None),
        whole=is_whole(cases, files),
        partial=is_partial(cases, files),
        missing=missing_text(cases, files),
        absent_files=list(files),
        allow_partial=run.typed.allow_partial,
        exit_status=exit_status(cases, files, **run.terms),
        quick_look=options.limit,
        inconclusive=options.inconclusive,
        provenance=provenance(
            root=run.root,
            device=settings.device_or_asked(),
            seed=options.seed,
            micro_batch=settings.resolved_micro_batch(),
            inputs=run.inputs,
            workers=run.workers,
        ),
        cases=decided,
        models=models,
        data=data_records(measured),
        tables=tables,
        passes=passes_record(measured),
        sanity=[one for part in measured for one in part.sanity],
        checks="on" if options.checks and options.limit is None else "off",
        by_class=None if options.limit is not None else by_class(tables, decided, _stopped(measured), models),
        about=run.stated.about,
        costs=run.stated.costs,
        probes=[one for one in run.stated.probes if one.model in {model.fingerprint for model in models}],
        nonce=options.nonce,
        reviews=reviews,
        notes=[*run.stated.notes, *notes],
        **_searched(run, measured, decided),
    )
    agreement, lock = run.stated.agreement, run.stated.lock
    if agreement is not None:
        record = record.model_copy(update={"agreement": agreement_record(agreement, record)})
    if lock is not None:
        from .locking import held_to

        record = held_to(record, lock, agreement, run.root)
    return recorded(record, run.root, references_of(record))


def _searched(run: FinishedRun, measured: Sequence[Measured], cases: Sequence[CaseRecord]) -> dict[str, Any]:
    """What searches found, and what became of the stored counterexamples; a quick look tries none of these."""
    stored, found = run.stated.counterexamples, searched(measured)
    if stored is None or run.options.limit is not None:
        return found
    replays = settled(stored, found["replays"], cases)
    changes = change_records(one.context for one in replays if one.context)
    return {**found, "replays": replays, "changes": {**changes, **found["changes"]}}


def _stopped(measured: Sequence[Measured]) -> frozenset[str]:
    """The data of audits that may stop early."""
    return frozenset(part.group for part in measured if part.looks is not None)
