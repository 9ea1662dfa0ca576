"""Which runs of a results folder may go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..evidence.since_last_run import UnreadRun
from ..language.errors import ResultsError
from .kept_runs import KeptRun, KeptRuns

#: why an old run stays
Held = Literal["latest", "signed", "reviews", "waivers", "baseline"]


@dataclass(frozen=True)
class Retention:
    """The runs that go, oldest first, and the old ones that stay, with the reasons.

    ``unread``: folders whose record is not read, which stay too.
    """

    removed: tuple[KeptRun, ...]
    held: tuple[tuple[KeptRun, tuple[Held, ...]], ...]
    unread: tuple[UnreadRun, ...]


def retention(kept: KeptRuns, keep: int, latest: Path | None) -> Retention:
    """What goes where the `keep` latest runs stay.

    What somebody relies on stays too: a signed run, one with reviews or waivers, the run that a review was added to,
    the one that a baseline was made from, and the one that ``latest`` points at. What has no readable record is not
    touched. A run that was killed before its evidence was written is none of the `keep`.
    """
    runs = [one for one in kept.runs if one.baseline is None]
    ended = [at for at, one in enumerate(runs) if one.ended]
    old = runs[: ended[-keep] if len(ended) >= keep else 0]
    found = [(one, tuple(_held(one, kept, latest))) for one in old]
    removed = tuple(one for one, why in found if not why)
    folders = tuple(one for one in kept.unread if "/" not in one.name)  # else a baseline
    return Retention(removed, tuple((one, why) for one, why in found if why), folders)


def _held(run: KeptRun, kept: KeptRuns, latest: Path | None) -> Iterator[Held]:
    record = run.record
    if latest is not None and run.folder.resolve() == latest:
        yield "latest"
    if run.signed:
        yield "signed"
    if record.reviews or record.parent is not None or run.sha256 in {one.record.parent for one in kept.runs}:
        yield "reviews"
    if any(case.waiver is not None for case in record.cases):
        yield "waivers"
    if run.sha256 in kept.baselines or run.sha256 in kept.claimed:
        yield "baseline"


def remove(run: KeptRun) -> None:
    """Remove the folder of a run with everything in it.

    Raises:
        ResultsError: it cannot be removed.
    """
    try:
        shutil.rmtree(run.folder)
    except OSError as error:
        raise ResultsError(
            f"{run.folder}: cannot be removed ({error.strerror}); remove it by hand, or keep more runs"
        ) from error
