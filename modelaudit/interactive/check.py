"""Measures and decides one expectation by the engine, the store and the statistics of every audit."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..engine.executors.run import Run, read_measured
from ..engine.planning.plan import Asked
from ..engine.results.measured import Measured
from ..engine.results.settings import Settings
from ..engine.store.upkeep import open_store
from ..evidence.build import (
    Place,
    data_records,
    declared_case,
    model_records,
    passes_record,
    searched,
    table_records,
    with_result,
)
from ..evidence.provenance import provenance
from ..evidence.record import CaseRecord, RunRecord
from ..evidence.states import PRECEDENCE, exit_status, run_state
from ..language import registry
from ..language.audit import AuditCase
from ..language.boundary import signals_watched
from ..language.checks import CheckSettings
from ..language.looked import CheckedExpectation
from ..language.progress import ProgressBar, Silent
from ..report.look import render_look

_NAME = "check"


def check(case: AuditCase, *, limit: int | None, device: str, progress: bool, language: str) -> CheckedExpectation:
    """The result of a case; see :meth:`modelaudit.Audit.check`. Relative paths start at the working directory."""
    root = Path.cwd()
    asked = [Asked(f"{_NAME}[{name}]" if name else _NAME, case, one) for name, one in case.variants()]
    with tempfile.TemporaryDirectory(prefix="modelaudit-check-") as folder:
        settings = Settings(root, Path(folder), device, limit=limit, checks=CheckSettings())
        bar = ProgressBar(lambda: sys.stderr) if progress else Silent()
        run = Run(settings, bar, open_store(None, root=root))
        run.select(asked)
        with signals_watched():
            records = [_decided(one, run) for one in asked]
        record = _record(records, read_measured(Path(folder)), settings)
        pages = render_look(record, Path(folder), language=language)
    names = [name or "" for name, _ in case.variants()]
    found = {name: _checked(one, html) for name, one, html in zip(names, records, pages, strict=True)}
    return found[""] if "" in found else _of_models(str(case.expectation), found)


def _decided(asked: Asked, run: Run) -> CaseRecord:
    declared = declared_case(asked, Place(asked.id, "", None))
    record = with_result(declared, run.result(asked.id), reproduce="")
    return record.model_copy(update={"outcome": "passed" if record.verdict == "PASS" else "failed"})


def _record(cases: Sequence[CaseRecord], measured: Sequence[Measured], settings: Settings) -> RunRecord:
    """The record that the page is a function of; it is not kept."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    return RunRecord(
        id=_NAME,
        started=moment,
        finished=moment,
        command="",
        overall=run_state(cases, (), quick_look=settings.limit is not None),
        whole=True,
        partial=False,
        exit_status=exit_status(cases, (), quick_look=settings.limit is not None),
        quick_look=settings.limit,
        provenance=provenance(
            root=settings.root,
            device=settings.device_or_asked(),
            seed=settings.seed,
            micro_batch=settings.resolved_micro_batch(),
        ),
        cases=list(cases),
        models=model_records(measured),
        data=data_records(measured),
        tables=table_records(measured),
        passes=passes_record(measured),
        **searched(measured),
    )


def _checked(record: CaseRecord, html: str) -> CheckedExpectation:
    decision = record.decision
    assert record.verdict is not None
    return CheckedExpectation(
        expectation=record.expectation,
        verdict=record.verdict,
        reason=record.reason,
        message=record.message,
        estimate=None if decision is None else decision.estimate,
        lower=None if decision is None else decision.lower,
        upper=None if decision is None else decision.upper,
        n=0 if decision is None else decision.counts.measured,
        html=html,
    )


def _of_models(expectation: str, found: Mapping[str, CheckedExpectation]) -> CheckedExpectation:
    worst = min(found.values(), key=lambda one: PRECEDENCE.index(one.verdict))
    return CheckedExpectation(
        expectation=expectation,
        verdict=worst.verdict,
        reason=worst.reason,
        message=worst.message,
        estimate=None,
        lower=None,
        upper=None,
        n=min(one.n for one in found.values()),
        by_model=found,
        html="\n".join(one.html for one in found.values()),
    )


registry.register(registry.Entry("interactive", _NAME, None, check))
