"""The demo's inspection line as a stream of frames, and monitors that were fitted to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count, islice
from pathlib import Path

import numpy as np
from monitoring.audited import audited_run
from numpy.typing import NDArray

from modelaudit.data.labels import NO_LABEL
from modelaudit.demo import InspectionLine
from modelaudit.language.sample import DataSet, Sample
from modelaudit.models import LoadedModel, open_model
from modelaudit.monitoring.fit import FitSettings, ReferenceSet, fit_monitor
from modelaudit.monitoring.monitor import Monitor, NewImage
from modelaudit.monitoring.monitor_file import MonitorFile, PromiseRecord
from modelaudit.monitoring.scorer import Scorer
from modelaudit.monitoring.state import MonitorState
from modelaudit.monitoring.status import AlarmStatus, ChartStatus

FALSE_ALARMS = PromiseRecord(kind="false_alarms", value=0.05)
#: indices of kinds: bolt, gear, ... on belt, mat, pallet, steel
EVERY = (0, 1, 2, 3)


@dataclass(frozen=True, eq=False)
class LineFrame:
    """One frame of the line, with the mask of its part."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8]


@cache
def sound() -> LoadedModel:
    return open_model("demo:sound", root=Path.cwd())


def line(seed: int, *, parts: Sequence[int] = EVERY, surroundings: Sequence[int] = EVERY) -> Iterator[LineFrame]:
    """Frames without end of a line on which part and surroundings are independent, those of these kinds alone."""
    of_seed = InspectionLine(0.0, seed)
    kinds = ((index, *of_seed.kind_of(index)) for index in count())
    chosen = (index for index, part, below in kinds if part in parts and below in surroundings)
    while True:
        frames = of_seed.draw([*islice(chosen, 32)])
        yield from map(LineFrame, frames.pixels, frames.masks)


@cache
def fitted(seed: int, *, surroundings: Sequence[int] = EVERY, images: int = 200) -> MonitorFile:
    """A monitor of frames of a line."""
    samples = tuple(
        Sample(f"{at:04d}", one.pixels, NO_LABEL, one.mask)
        for at, one in enumerate(islice(line(10_000 + seed, surroundings=surroundings), images))
    )
    settings = FitSettings(FALSE_ALARMS, seed=seed)
    created = datetime(2026, 3, 1, tzinfo=UTC)
    reference = ReferenceSet("audited", "demo:", DataSet(samples))
    return fit_monitor(sound(), reference, audited_run(sound()), settings, created=created).sealed()


@dataclass(frozen=True)
class Watched:
    """What a stream did: its alarms and the charts at its end."""

    alarms: tuple[AlarmStatus, ...]
    charts: tuple[ChartStatus, ...]

    def first(self, statistic: str) -> int | None:
        """The frame at which a statistic alarmed."""
        return next((one.unit for one in self.alarms if one.statistic == statistic), None)


def watch(monitor: MonitorFile, frames: Sequence[LineFrame], state: Path, *, masked: bool = True) -> Watched:
    """Watch frames, from where the state in this file was left."""
    kept = MonitorState(state, monitor.digest, masked)
    with Monitor(monitor, Scorer(monitor, sound()), kept) as watching:
        watching.update_many(NewImage(one.pixels, mask=one.mask if masked else None) for one in frames)
        status = watching.status()
    return Watched(status.alarms, status.charts)
