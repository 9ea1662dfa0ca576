"""The runs that ``modelaudit diff`` compares: results folders, records, packs, and stored baselines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..evidence.results_folder import LATEST, resolve_run
from ..language.errors import ResultsError

if TYPE_CHECKING:
    from ..evidence.record import RunRecord

BASELINES, _BASELINE, _PACK = Path("baselines"), ".json", ".zip"


@dataclass(frozen=True)
class OpenedRun:
    """A run to compare: ``name`` as it was given; ``folder`` of its pictures, None for a baseline, which has none."""

    name: str
    record: RunRecord
    folder: Path | None

    @property
    def short_name(self) -> str:
        """The name of a baseline, else the id of the run: for names of files."""
        return self.record.id if self.record.baseline_of is None else Path(self.name).stem


@contextmanager
def opened_run(given: str) -> Iterator[OpenedRun]:
    """A run, from a results folder, a folder of a run, its ``run.json``, a pack, or a baseline (its name or file).

    Raises:
        ResultsError: it is not there, cannot be read, or contradicts itself.
        AcceptanceError: it is not a pack.
    """
    from ..evidence.consistency import read_consistent_record

    path = _path_of(given)
    if path.suffix == _PACK:
        from ..acceptance.pack import RUN, read_pack

        with TemporaryDirectory(prefix="modelaudit-diff-") as name:
            read_pack(path).unpack(Path(name))
            folder = Path(name) / RUN
            yield OpenedRun(given, read_consistent_record(folder), folder)
        return
    record = read_consistent_record(path)
    yield OpenedRun(given, record, None if record.baseline_of is not None else resolve_run(path))


def _path_of(given: str) -> Path:
    path = Path(given)
    if path.name == LATEST or (path / LATEST).exists():
        return resolve_run(path if path.name == LATEST else path / LATEST)
    if path.exists():
        return path
    for stored in (path.with_name(path.name + _BASELINE), BASELINES / f"{given}{_BASELINE}"):
        if stored.is_file():
            return stored
    raise ResultsError(
        f"{given}: no such run; give a results folder, a run.json, a pack (.zip), or the name of a baseline in "
        f"{BASELINES}/"
    )
