"""The runs that ``modelaudit diff`` compares: results folders, records, packs, and stored baselines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zipfile import is_zipfile

if TYPE_CHECKING:
    from ..evidence.record import RunRecord


@dataclass(frozen=True)
class OpenedRun:
    """A run to compare: ``name`` as it was given; ``folder`` of its pictures, None for a baseline, which has none.

    ``unpacked``: it is a pack, whose folder is removed again.
    """

    name: str
    record: RunRecord
    folder: Path | None
    unpacked: bool = False

    @property
    def short_name(self) -> str:
        """The name of a baseline, else the id of the run: for names of files."""
        return self.record.id if self.record.baseline_of is None else Path(self.name).stem


@contextmanager
def opened_run(given: str) -> Iterator[OpenedRun]:
    """A run by its name or path: see :func:`~modelaudit.releases.baselines.run_file`.

    Raises:
        ResultsError: it is not there, cannot be read, or contradicts itself.
        AcceptanceError: it is not a pack.
    """
    from ..releases.baselines import read_run, run_file

    file = run_file(given, Path())  # paths in messages and exports stay relative where they were given so
    if is_zipfile(file):
        from ..acceptance.pack import RUN, read_pack

        with TemporaryDirectory(prefix="modelaudit-diff-") as name:
            read_pack(file).unpack(Path(name))
            yield OpenedRun(given, read_run(file), Path(name) / RUN, unpacked=True)
        return
    record = read_run(file)
    yield OpenedRun(given, record, None if record.baseline_of is not None else file.parent)
