"""A line whose images are scored by their brightness alone, so that nothing here waits for a model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monitoring.monitors import small_monitor
from numpy.typing import NDArray
from PIL import Image

from modelaudit.data import UnusableSample
from modelaudit.data.decode import decode
from modelaudit.language.sample import Sample
from modelaudit.monitoring.bins import Bins
from modelaudit.monitoring.group_state import GroupState
from modelaudit.monitoring.monitor import Monitor, groups_in
from modelaudit.monitoring.monitor_file import (
    MonitorFile,
    PromiseRecord,
    ReferencePicture,
    UnitRule,
    read_monitor,
    write_monitor,
)
from modelaudit.monitoring.scorer import FrameScores
from modelaudit.monitoring.state import MonitorState

CLASSES = ("bolt", "nut")


def brightness_monitor(
    *,
    groups: Iterable[str] = ("",),
    unit: UnitRule | None = None,
    promise: PromiseRecord | None = None,
    seed: int = 0,
    calibrated: int = 200,
) -> MonitorFile:
    """A monitor of images whose brightness is uniform from 0.2 to 0.6, and half of which are bolts."""
    base = small_monitor()
    draws = np.random.default_rng(seed)
    bins = Bins.of(draws.uniform(0.2, 0.6, 200))
    classes = Bins.of_positions(2)

    def counts(of: Bins, scores: NDArray[np.float64]) -> dict[str, list[int]]:
        return {group: of.counts(scores).tolist() for group in groups}

    scores = draws.uniform(0.2, 0.6, calibrated)
    statistics = [
        one.model_copy(update={"edges": [*of.edges], "counts": counts(of, found)})
        for one in base.statistics
        for of, found in [(classes, scores > 0.4) if one.name == "classes" else (bins, scores)]
    ]
    changed = {
        "statistics": statistics,
        "reference": base.reference.model_copy(update={"groups": dict.fromkeys(groups, calibrated)}),
        "unit": unit or base.unit,
        "promise": promise or base.promise,
        "pictures": [ReferencePicture(sample="0001", jpeg="")],
        "seed": seed,
    }
    return base.model_copy(update=changed).sealed()


class BrightnessScorer:
    """Scores images by their brightness, the darker half of which are bolts."""

    def __init__(self) -> None:
        self.images = 0

    def __enter__(self) -> BrightnessScorer:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def score(self, samples: Sequence[Sample], *, masked: bool = False) -> list[FrameScores | UnusableSample]:
        self.images += len(samples)
        return [self._score(one) for one in samples]

    def _score(self, sample: Sample) -> FrameScores | UnusableSample:
        try:
            pixels = decode(sample).image
        except UnusableSample as error:
            return error
        light = float(pixels.mean()) / 255
        kind = int(light > 0.4)
        scores: Any = {"surroundings": light, "light": light, "confidence": light, "classes": float(kind)}
        return FrameScores(scores, CLASSES[kind], 1 - light, {"brightness": light}, pixels)


def opened(folder: Path, monitor: MonitorFile | None = None) -> Monitor:
    """A monitor of brightness with its state in `folder`."""
    file = folder / "monitor.json"
    if monitor is None and file.exists():
        monitor = read_monitor(file)
    monitor = write_monitor(monitor or brightness_monitor(), file)
    state = MonitorState(folder / "monitor.state.sqlite", monitor.digest)
    return Monitor(monitor, BrightnessScorer(), state)  # type: ignore[arg-type]


def picture(light: float) -> NDArray[np.uint8]:
    """An image of 8 x 8 pixels of this brightness, to a 256th of a 256th."""
    value = light * 255
    pixels = np.full((8, 8, 3), int(value), dtype=np.uint8)
    pixels.reshape(-1)[: round((value - int(value)) * pixels.size)] += 1
    return pixels


def camera(folder: Path, lights: Iterable[float], *, first: int = 0, name: str = "") -> list[Path]:
    """Write images below a folder, one second apart in the past, so that nobody takes them for half-written."""
    written = []
    for number, light in enumerate(lights, first):
        path = folder / name / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(light)).save(path)
        os.utime(path, (1_700_000_000 + number,) * 2)
        written.append(path)
    return written


def same(one: GroupState, other: GroupState) -> bool:
    """Whether two groups have the same charts to the bit."""
    charts = ({name: chart.to_json() for name, chart in group.charts.items()} for group in (one, other))
    return one.to_json() == other.to_json() and next(charts) == next(charts)


def groups_of(monitor: Monitor) -> dict[str, GroupState]:
    """The groups as the file of the state has them."""
    with monitor.state.reading() as tables:
        return groups_in(tables)
