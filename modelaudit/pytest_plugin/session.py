"""The state of a session's audits: what is declared, what is selected, how each case ended, and the record of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..evidence.results_folder import new_run_id
from ..evidence.states import exit_status, standing_of
from ..language.errors import AcceptanceError, AuditError, ResultsError
from .completeness import Completeness
from .items import AuditErrored, AuditItem
from .options import read_options
from .outcome import add_absent, disclaim, entry_of, replaced, settled, stopped_text, weakened
from .progress_line import ProgressLine
from .reproducing import reproducing
from .stash import MEASURES_FOR, RECEIPT, SESSION, SIGNER, handed_over
from .stated import Stated, read_stated
from .typed_arguments import typed_arguments

if TYPE_CHECKING:
    from ..engine.executors.run import Run
    from ..engine.executors.scheduler import MeasuringWorkers
    from ..engine.planning.feasibility import Listings
    from ..engine.planning.plan import Asked
    from ..engine.results.counterexamples import KnownCase
    from ..engine.results.settings import Settings
    from ..engine.store.store import Store
    from ..evidence.record import AbsentFile, CaseRecord, RunRecord
    from .inputs import InputFiles

#: expectations that cannot pass, named when they are collected
_FORESEEN = 10


class AuditSession:
    """One process's view of a run. The main process (or the xdist controller) writes the record.

    ``decided``: cases measured in this process; ``stopped``: those where measuring was stopped from outside, which a
    rerun takes up again. ``ran``: items whose own ``runtest`` was called here. ``ended``: cases as their reports say,
    wherever they ran.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.options = read_options(config)
        worker = handed_over(config)
        self.is_worker = worker is not None
        self.receipt = config.stash.get(RECEIPT, None)
        own = new_run_id() if self.receipt is None else self.receipt.run_id
        self.run_id: str = worker["modelaudit_run"] if worker else own
        self.typed = typed_arguments(config)
        self.completeness = Completeness(config, self.typed)
        self.folder = self.options.results / self.run_id
        #: of the whole run, in the seconds that the record has: every worker decides alike what is in force then
        self.start: datetime = datetime.fromisoformat(worker["modelaudit_start"]) if worker else _now()
        self.decided: dict[str, CaseRecord] = {}
        self.stopped: dict[str, CaseRecord] = {}
        self.ended: dict[str, CaseRecord] = {}
        #: in pytest's JUnit log, to the ids of cases
        self.entries: dict[object, str] = {}
        self.ran: set[str] = set()
        self.record: RunRecord | None = None
        self.status: int | None = None
        self.complaint = ""
        self.contradicted: list[str] = []
        self.stated = Stated()
        self._files: InputFiles | None = None
        self._run: Run | None = None
        self._listings: Listings | None = None
        self._progress = ProgressLine(config)

    def declare(self, path: Path, items: Sequence[AuditItem]) -> None:
        """Cases that a collected file states, whether or not they are selected."""
        from ..engine.planning.plan import Asked
        from ..evidence.build import Place, declared_case

        places = [Place(item.name, item.nodeid.split("::")[0], item.line) for item in items]
        records = [
            declared_case(Asked(item.nodeid, item.case, item.expectation), place)
            for item, place in zip(items, places, strict=True)
        ]
        self.completeness.declare(path, items, records)

    @property
    def files(self) -> InputFiles:
        """The files that this process read."""
        from .inputs import InputFiles

        if self._files is None:
            self._files = InputFiles(self.config.rootpath)
        return self._files

    def select(self, items: Sequence[pytest.Item], order: Sequence[str], splittable: Sequence[pytest.Item]) -> None:
        """Plan all selected cases together, and find what is missing among them."""
        from .inputs import answers_of, baselines_of

        self.read_stated()
        self.files.note_plugins(self.config)
        self.completeness.compare(items, order, splittable)
        self.files.read(baselines_of(self.completeness.items, self.config.rootpath), "baseline")
        self.files.read(answers_of(self.completeness.items, self.config.rootpath), "answers")
        with _usage_errors():
            if self.options.write_lock is not None and not self.is_worker:
                self._write_lock(self.options.write_lock)
            self._apply_waivers()
        chosen = [item for item in items if isinstance(item, AuditItem)]
        if chosen and not self.config.option.collectonly:
            self._engine().select(_asked(chosen), _asked(self.completeness.items))

    def read_stated(self) -> None:
        """Read the files beside the audits before anything is measured.

        Raises:
            pytest.UsageError: one cannot be read, there are several, or they contradict each other.
        """
        from .audit_files import audit_files, run_folders

        found = audit_files(run_folders(self.config, self.typed))
        with _usage_errors():
            self.stated = read_stated(found, self.config.rootpath, self.files, self.options.lock)

    def _apply_waivers(self) -> None:
        """Note at each declared case the waiver that it has."""
        from .waiving import with_waivers

        declared, stated = self.completeness.declared, self.stated
        if stated.waivers is not None and declared:
            lock = None if stated.lock is None else stated.lock.lock
            self.completeness.declared = with_waivers(
                declared, stated.waivers, at=self.start, lock=lock, root=self.config.rootpath
            )

    def _write_lock(self, path: Path) -> None:
        """Lock everything that was collected."""
        from ..acceptance.lock import write_lock
        from ..engine.planning.plan import plan
        from ..language.boundary import signals_watched
        from .inputs import inputs_of
        from .locking import lock_of

        cases = list(self.completeness.declared.values())
        if not cases:
            raise AcceptanceError("no expectation was collected, so nothing is locked; see pytest's output")
        asked = _asked(self.completeness.items)
        with signals_watched():
            lock = lock_of(
                cases,
                plan(asked, asked),
                inputs_of(self.config, self.files, cases),
                self.options,
                self.stated,
                root=self.config.rootpath,
                progress=self._progress.bar(self.options.language),
            )
        write_lock(lock, path)

    def infeasible_lines(self, items: Sequence[pytest.Item]) -> list[str]:
        """Lines about selected cases that cannot pass with the available images; none in a quick look."""
        from ..engine.planning.feasibility import Listings, foreseen
        from ..engine.planning.plan import plan
        from ..language.boundary import signals_watched

        chosen = [item for item in items if isinstance(item, AuditItem)]
        if not chosen or self.options.limit is not None:
            return []
        self._listings = Listings(self.config.rootpath)
        groups = plan(_asked(chosen), _asked(self.completeness.items))
        with signals_watched():
            found = foreseen(groups, self._listings)
        lines = [f"audit: {name} {why}" for name, why in list(found.items())[:_FORESEEN]]
        more = len(found) - len(lines)
        return [*lines, f"audit: and {more} more that cannot pass"] if more > 0 else lines

    def decide(self, item: AuditItem) -> CaseRecord:
        """The case's record with its verdict; measured when first asked for."""
        if item.nodeid not in self.decided:
            from ..evidence.build import with_result, without_result
            from ..evidence.reviewed import Answers, with_reviews
            from ..language.boundary import signals_watched
            from ..language.stated_cases import altered
            from ..report.junit import case_properties

            began = time.perf_counter()
            with self._progress.uncaptured():
                with signals_watched():
                    result = self._engine().result(item.nodeid)
                self._progress.begin_line_anew(item)
            record = with_result(
                self.completeness.declared[item.nodeid], result, reproduce=reproducing(item, self.options)
            )
            if record.reviewed_by is not None:
                answers = Answers(self.stated.reviews, result.fingerprints)
                record = with_reviews(record, answers, quick_look=self.options.limit is not None)
            changed = altered(item.case, item.expectation)
            if changed is not None:  # whatever came of the changed one is nobody's result
                record = without_result(record, changed).model_copy(update={"waiver": None})
            record = record.model_copy(update={"weakened": weakened(record, self.options)})
            record = self._standing(record)
            # of the cases that share what is measured, the first bears its time
            record = record.model_copy(update={"duration_s": round(time.perf_counter() - began, 3)})
            self.decided[item.nodeid] = record
            item.user_properties.extend(case_properties(record, quick_look=self.options.limit is not None))
        return self.decided[item.nodeid]

    def cut_short(self, item: AuditItem, why: str) -> CaseRecord:
        """The case as an ERROR where measuring was stopped from outside, by a timeout."""
        from ..evidence.build import without_result

        record = without_result(self.completeness.declared[item.nodeid], stopped_text(why, self.options))
        changes = {"weakened": weakened(record, self.options), "reproduce": reproducing(item, self.options)}
        record = self._standing(record.model_copy(update=changes))
        kept = self.decided if record.standing == "waived" else self.stopped
        kept[item.nodeid] = record
        return record

    def _standing(self, record: CaseRecord) -> CaseRecord:
        """The case with the standing of its verdict: waived where a waiver in force covers that."""
        waived = record.waiver is not None and record.waiver.covers(record.verdict, self.start)
        return record.model_copy(update={"standing": standing_of(record, waived=waived)})

    def annotate(
        self, item: pytest.Item, report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException] | None
    ) -> None:
        """Attach the case to the report, which takes it to the process that writes the record."""
        from ..evidence.record_texts import recorded

        ends = report.when == "call" or (report.when == "setup" and not report.passed)
        if not self.completeness.is_declared(item) or not ends:
            return
        if report.when == "setup" and excinfo is not None and isinstance(excinfo.value, AuditErrored):
            report.longrepr = item.repr_failure(excinfo)  # pytest asks the item for that of its call alone
        known = self.stopped.get(item.nodeid, self.completeness.declared[item.nodeid])
        record = self.decided.get(item.nodeid, known)
        if report.when == "call" and item.nodeid not in self.ran:
            record = replaced(record)
        disclaim(report, record, self.options, item.location)
        if isinstance(item, AuditItem):
            record = recorded(record, self.config.rootpath, item.references)
        report.__dict__ |= {"modelaudit": record.model_dump_json(), "modelaudit_verdict": record.verdict}

    def record_outcome(self, report: pytest.TestReport) -> CaseRecord:
        """The case that a report carries, from this process or from a worker, with its outcome."""
        from ..evidence.record import CaseRecord

        record = CaseRecord.model_validate_json(report.__dict__["modelaudit"])
        self.ended[record.id] = settled(report, record)
        self.entries[entry_of(self.config, report)] = record.id
        return self.ended[record.id]

    def adopt(self, found: dict[str, Any]) -> None:
        """What a worker collected."""
        from ..evidence.record import InputFile

        self.completeness.adopt(found["whole"])
        self.files.adopt(InputFile.model_validate_json(text) for text in found["files"])

    def finish(self, session: pytest.Session, *, started: bool) -> None:
        """Hand over to the controller, or write the record and settle the exit status.

        Args:
            started: whether the session came to running its items; otherwise no record is written.
        """
        if self.is_worker:
            self.config.workeroutput["modelaudit"] = {  # type: ignore[attr-defined]
                "whole": self.completeness.data(),
                "files": [one.model_dump_json() for one in self.files.files],
            }
            return
        cases, files = self._cases(session), self.completeness.absent_files()
        # of a shard a failed test function is part of the whole, whatever else it holds
        no_part = ("selection",) if self.typed.splits else ("selection", "failed")
        if not any(case.absence is None or case.absence.by != "selection" for case in cases) and all(
            file.by in no_part for file in files
        ):
            self._redact_log({})
            return  # nothing of the audits was selected: pytest's own rules
        self.status = exit_status(cases, files, **self.terms)
        if started:
            absent = [case for case in cases if case.id not in self.ended]
            add_absent(self.config, absent, files, self.options.language)
        shown: dict[str, CaseRecord] = {}
        if started:
            try:
                shown = self._write(cases, files)
                assert self.record is not None
                self.status = self.record.exit_status
                if self.contradicted:
                    self._complain(f"not decided by the values that were measured: {', '.join(self.contradicted)}")
            except (OSError, ResultsError) as error:
                self._complain(f"the record could not be written ({error}); choose another --audit-results")
            except AcceptanceError as error:
                self._complain(f"the evidence could not be written or signed ({error})")
        self._redact_log(shown)
        session.exitstatus = self.final(int(session.exitstatus))

    def _write(self, cases: Sequence[CaseRecord], files: Sequence[AbsentFile]) -> dict[str, CaseRecord]:
        """Write the run; its cases by id, as the reports show them."""
        from .inputs import inputs_of
        from .write_run import FinishedRun, write_run

        self.files.note_plugins(self.config)  # of pytest-xdist's controller, which collects nothing itself
        finished = FinishedRun(
            id=self.run_id,
            start=self.start,
            folder=self.folder,
            root=self.config.rootpath,
            command=[str(arg) for arg in self.config.invocation_params.args],
            options=self.options,
            typed=self.typed,
            terms=self.terms,
            inputs=inputs_of(self.config, self.files, cases),
            receipt=self.receipt,
            stated=self.stated,
            workers=None if self._run is None else self._run.workers_used,
        )
        self.record, shown, self.contradicted = write_run(finished, cases, files)
        signer = self.config.stash.get(SIGNER, None)
        if signer is not None:
            from ..acceptance.statement import sign_evidence

            sign_evidence(self.folder, signer)
        return {one.id: new for one, new in zip(self.record.cases, shown.cases, strict=True)}

    def _redact_log(self, cases: Mapping[str, CaseRecord]) -> None:
        """Redact pytest's JUnit log, where the reports are redacted.

        Args:
            cases: redacted cases by id; an entry of any other says nothing but how it ended.
        """
        if not self.options.redact:
            return
        import secrets

        from ..evidence.redaction import SALT_NAME, read_salt
        from .redacted_junit import redact_log

        salt = read_salt(self.folder / SALT_NAME) if cases else secrets.token_bytes()
        redact_log(
            self.config, self.entries, cases, salt, language=self.options.language, quick_look=self.options.limit
        )

    def final(self, status: int) -> int:
        """The exit status of the run: pytest's own unless that is 0, whatever a plugin made of it."""
        return self.status if status == pytest.ExitCode.OK and self.status is not None else status

    @property
    def terms(self) -> dict[str, bool]:
        """On what terms the exit status follows from the cases; see :func:`states.exit_status`."""
        return {
            "quick_look": self.options.limit is not None,
            "tolerate_inconclusive": self.options.inconclusive == "warn",
            "allow_partial": self.typed.allow_partial,
        }

    def _cases(self, session: pytest.Session) -> list[CaseRecord]:
        """Every declared case, as it ended or with what kept it from being run."""
        from ..evidence.build import not_run

        stopped = str(session.shouldfail or session.shouldstop or "") or None
        cases = []
        for name, declared in self.completeness.declared.items():
            case = self.ended.get(name, declared)
            if case.verdict is None and case.absence is None:
                case = not_run(case, self.completeness.absence(name, stopped=stopped), case.outcome)
            cases.append(case)
        # a worker that died has not said what it collected
        return cases + [case for name, case in self.ended.items() if name not in self.completeness.declared]

    def _complain(self, complaint: str) -> None:
        """Note an error of the run as a whole, which then does not exit with 0."""
        self.complaint = complaint
        self.status = max(self.status or 0, int(pytest.ExitCode.TESTS_FAILED))

    @property
    def report_path(self) -> str:
        """The report of this run, relative to the current folder where that is shorter."""
        path = self.folder / "report.html"
        try:
            return str(path.relative_to(Path.cwd()))
        except ValueError:
            return str(path)

    def settings(self) -> Settings:
        """The settings of the run, as the command line and the files beside the audits say."""
        from ..acceptance.operating_domain import columns_of
        from ..engine.results.settings import REVIEWED_IMAGES, Settings
        from ..language.checks import CheckSettings

        return Settings(
            root=self.config.rootpath,
            folder=self.folder,
            device=self.options.device,
            seed=self.options.seed,
            limit=self.options.limit,
            micro_batch=self.options.micro_batch,
            checks=CheckSettings() if self.options.checks else None,
            attributes=columns_of(self.stated.agreement.domain) if self.stated.agreement else (),
            reviewed=self.stated.reviewed_images or REVIEWED_IMAGES,
            counterexamples=self._known_cases(),
        )

    def _known_cases(self) -> tuple[KnownCase, ...]:
        """Stored counterexamples, which are tried first; a quick look tries none, since it sees some images alone."""
        stored = self.stated.counterexamples
        return () if stored is None or self.options.limit is not None else stored.known

    @property
    def handed(self) -> dict[str, Any]:
        """What other processes of the run have to know, as plain data."""
        return {
            "modelaudit_run": self.run_id,
            "modelaudit_start": self.start.isoformat(),
            "modelaudit_typed": self.typed.data(),
        }

    def measure_for_run(self) -> None:
        """Where this process is a worker of a run: measure what it asks for; that does not come back."""
        commission = self.config.stash.get(MEASURES_FOR, None)
        if commission is not None:
            from ..language.boundary import signals_watched

            with self._progress.uncaptured(), signals_watched():
                commission.fulfil(self._engine().groups, self.settings())

    def end_workers(self) -> None:
        """End the processes that measured for this run."""
        if self._run is not None:
            self._run.close()

    def _engine(self) -> Run:
        if self._run is None:
            from ..engine.executors.run import Run
            from ..engine.store.upkeep import open_store
            from ..language.progress import Silent

            quiet = self.is_worker or self.config.getoption("verbose", 0) < 0
            settings = self.settings()
            asked = self.options.store
            root = self.config.rootpath
            store = open_store(None if asked == "off" else asked, root=root, off=asked == "off")
            progress = Silent() if quiet else self._progress.bar(self.options.language)
            self._run = Run(settings, progress, store, self._listings, lambda: self._workers(store))
        return self._run

    def _workers(self, store: Store) -> MeasuringWorkers | None:
        if self.options.executor == "local" or MEASURES_FOR in self.config.stash:
            return None
        from .workers import measuring_workers

        return measuring_workers(self.config, self.options, self.handed, store, self.folder)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """What is wrong with the files beside the audits ends pytest with a usage error."""
    try:
        yield
    except AuditError as error:
        raise pytest.UsageError(str(error)) from error


def _now() -> datetime:
    """The present, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _asked(items: Sequence[AuditItem]) -> list[Asked]:
    from ..engine.planning.plan import Asked

    return [Asked(item.nodeid, item.case, item.expectation) for item in items]


def audit_session(config: pytest.Config) -> AuditSession:
    """The state of this process's audits, made when first asked for."""
    if SESSION not in config.stash:
        config.stash[SESSION] = AuditSession(config)
    session: AuditSession = config.stash[SESSION]
    return session
