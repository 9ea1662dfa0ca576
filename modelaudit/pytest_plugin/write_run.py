"""Writing a run: the record first, then the reports, which are functions of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from ..engine.executors.run import discard_measured, read_measured
from ..engine.results.measured import Measured
from ..engine.results.settings import Settings
from ..evidence.build import data_records, model_records, passes_record, table_records, without_result
from ..evidence.consistency import contradictions
from ..evidence.decisions import with_holm
from ..evidence.matrix import by_class
from ..evidence.provenance import provenance
from ..evidence.record import AbsentFile, CaseRecord, RunRecord, write_record
from ..evidence.results_folder import point_latest
from ..evidence.states import exit_status, is_partial, is_whole, missing_text, run_state
from ..report import write_reports
from .inputs import inputs_of

if TYPE_CHECKING:
    from .session import AuditSession


def write_run(state: AuditSession, cases: Sequence[CaseRecord], files: Sequence[AbsentFile]) -> RunRecord:
    """Write ``run.json``, ``report.html`` and ``summary.md``, and let ``latest`` point at them."""
    record = _consistent(state, cases, files)
    write_record(record, state.folder)
    discard_measured(state.folder)
    write_reports(state.folder, record=record)
    point_latest(state.options.results, state.run_id)
    if state.receipt is not None:
        state.receipt.write(state.folder)
    return record


def _consistent(state: AuditSession, cases: Sequence[CaseRecord], files: Sequence[AbsentFile]) -> RunRecord:
    """The record after a check against its own tables: a case that contradicts them becomes an ERROR that says why."""
    record = _record(state, cases, files)
    found = contradictions(record)
    if not found:
        return record
    said = {name: "; ".join(map(str, each)) for name, each in groupby(found, key=lambda one: one.case)}
    state.contradicted = [str(name or text) for name, text in said.items()]
    mended = [
        without_result(case, f"what was decided does not follow from the values: {said[case.id]}").model_copy(
            update={"outcome": "error"}
        )
        if case.id in said
        else case
        for case in cases
    ]
    return _record(state, mended, files)


def _record(state: AuditSession, cases: Sequence[CaseRecord], files: Sequence[AbsentFile]) -> RunRecord:
    measured = read_measured(state.folder)
    options = state.options
    settings = Settings(
        state.config.rootpath, state.folder, options.device, options.seed, micro_batch=options.micro_batch
    )
    state.files.note_plugins(state.config)  # of pytest-xdist's controller, which collects nothing itself
    tables, decided = table_records(measured), with_holm(cases)
    return RunRecord(
        id=state.run_id,
        started=state.start.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(["pytest", *map(str, state.config.invocation_params.args)]),
        overall=run_state(cases, files, quick_look=options.limit is not None),
        whole=is_whole(cases, files),
        partial=is_partial(cases, files),
        missing=missing_text(cases, files),
        absent_files=list(files),
        allow_partial=state.typed.allow_partial,
        exit_status=exit_status(cases, files, **state.terms),
        quick_look=state.options.limit,
        inconclusive=state.options.inconclusive,
        provenance=provenance(
            root=state.config.rootpath,
            device=settings.device_or_asked(),
            seed=state.options.seed,
            micro_batch=settings.resolved_micro_batch(),
            inputs=inputs_of(state.config, state.files, cases),
        ),
        cases=decided,
        models=model_records(measured),
        data=data_records(measured),
        tables=tables,
        passes=passes_record(measured),
        sanity=[one for part in measured for one in part.sanity],
        checks="on" if options.checks and options.limit is None else "off",
        by_class=None if options.limit is not None else by_class(tables, decided, _stopped(measured)),
    )


def _stopped(measured: Sequence[Measured]) -> frozenset[str]:
    """The data of audits that may stop early."""
    return frozenset(part.group for part in measured if part.looks is not None)
