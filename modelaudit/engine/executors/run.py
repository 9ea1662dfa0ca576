"""A run: cases are selected once, each group is measured once, and every case is decided from stored values."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from ...language.boundary import contained, failure_text
from ...language.errors import ResultsError
from ...language.progress import Progress
from ..assembly import measure
from ..decision.case import Result, blank_result, decide_case
from ..planning.feasibility import Listings
from ..planning.plan import Asked, PlanGroup, PlannedCase, plan
from ..results.measured import Measured
from ..results.settings import Settings, make_run_folder
from ..store.store import Store
from .scheduler import MeasuringWorkers, WorkersUsed

MEASURED_FOLDER = "measured"
_WORST_NAMED = 5


class Run:
    """Measures and decides the selected cases of one process.

    Several processes of one run (pytest-xdist) share its folder: whoever needs a group first measures it, under a
    lock; the others wait and read what was measured. What outlives the run is in the store.

    Args:
        workers: gives those that measure for this process, when a group is measured; None: it measures itself.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        store: Store | None = None,
        listings: Listings | None = None,
        workers: Callable[[], MeasuringWorkers | None] = lambda: None,
    ) -> None:
        self.settings = settings
        self._progress = progress
        self._store = store or Store(None)
        self._listings = listings or Listings(settings.root)
        self._find_workers = workers
        self._workers: MeasuringWorkers | None = None
        self._groups: dict[str, tuple[PlanGroup, PlannedCase]] = {}
        self._measured: dict[str, Measured] = {}
        self._broken: dict[str, str] = {}

    def select(self, asked: Iterable[Asked], declared: Iterable[Asked] = ()) -> Sequence[PlanGroup]:
        """Plan all selected cases together; data and models have the keys that they have among all `declared`."""
        groups = plan(asked, declared)
        self._groups = {case.asked.id: (group, case) for group in groups for case in group.cases}
        return groups

    def result(self, case_id: str) -> Result:
        """The result of one selected case, measuring its group if nobody has."""
        group, case = self._groups[case_id]
        if group.key not in self._measured and group.key not in self._broken:
            try:
                self._measured[group.key] = self._shared(group)
            except BaseException as error:  # an error of each of the group's cases, without measuring it again
                self._broken[group.key] = failure_text(contained(error))
        if group.key in self._broken:
            return replace(blank_result(case, group), message=self._broken[group.key])
        return decide_case(case, group, self._measured[group.key], limited=self.settings.limit is not None)

    @property
    def groups(self) -> Mapping[str, PlanGroup]:
        """The selected groups, by the digests of their keys."""
        return {group.digest: group for group, _ in self._groups.values()}

    @property
    def workers_used(self) -> WorkersUsed | None:
        """The workers that measured; None where none did."""
        return None if self._workers is None else self._workers.used

    def close(self) -> None:
        """End the workers."""
        if self._workers is not None:
            self._workers.close()

    def _measure(self, group: PlanGroup) -> Measured:
        if self._workers is None:
            self._workers = self._find_workers()
        data = self._listings.take(group)
        if self._workers is None:
            return measure(group, self.settings, self._progress, self._store, data)
        return self._workers.measure(group, self.settings, self._progress, data)

    def _shared(self, group: PlanGroup) -> Measured:
        folder = self.settings.folder / MEASURED_FOLDER
        file, lock = folder / f"{group.digest}.json", FileLock(folder / f"{group.digest}.lock")
        with _writing(folder):
            make_run_folder(self.settings.folder)
            folder.mkdir(exist_ok=True)
            lock.acquire()
        try:
            if not file.exists():
                measured = self._measure(group)
                self._store.close()
                with _writing(folder):
                    draft = file.with_suffix(".part")
                    draft.write_text(measured.model_dump_json(), encoding="utf-8")
                    draft.replace(file)
                return measured
            return Measured.model_validate_json(file.read_text(encoding="utf-8"))
        finally:
            lock.release()


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be written ({error}); choose another --audit-results") from error


def read_measured(folder: Path) -> list[Measured]:
    """Everything that a run's processes measured, by group."""
    files = sorted((folder / MEASURED_FOLDER).glob("*.json"))
    return [Measured.model_validate_json(file.read_text(encoding="utf-8")) for file in files]


def discard_measured(folder: Path) -> None:
    """Remove the exchange files once the record holds what they hold."""
    exchange = folder / MEASURED_FOLDER
    if exchange.exists():
        for file in exchange.iterdir():
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a lock that another process still holds keeps its folder
            exchange.rmdir()
