"""Does a watch that runs for months stay as it was on its first day? Memory, throughput and the size of the state.

    nice python benchmarks/watch_soak.py [--images 100000] [--groups 4] [--lots 1]

Scores of so many images, drawn as those of the reference, go through everything but the model: the lots, the charts and
the state on disk, in batches of 64. Prints after each tenth the resident memory of the process, the images a second of
that tenth, and the size of the state's file; at the end what an image costs beside the model's own pass. On 2 cores
100,000 images take about three minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from modelaudit.language.sample import Sample
from modelaudit.monitoring.bins import Bins
from modelaudit.monitoring.monitor import BATCH, Monitor, NewImage
from modelaudit.monitoring.monitor_file import (
    STATISTICS,
    ArrayRecord,
    ClassShare,
    DistanceRecord,
    MonitoredModel,
    MonitoredRun,
    MonitorFile,
    PromiseRecord,
    ReferenceImages,
    ReferencePicture,
    StatisticName,
    StatisticRecord,
    UnitRule,
)
from modelaudit.monitoring.scorer import FrameScores
from modelaudit.monitoring.state import MonitorState

CALIBRATED, CLASSES, COLUMNS = 500, 10, 60
PIXELS = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Tenth:
    """A tenth of the images: how many so far, resident bytes, images a second, bytes of the state's file."""

    images: int
    resident: int
    rate: float
    state: int


class DrawnScorer:
    """Gives each image scores as those of the reference: without a model, and without looking at it."""

    def __init__(self, seed: int) -> None:
        self._draws = np.random.default_rng(seed)

    def __enter__(self) -> DrawnScorer:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def score(self, samples: Sequence[Sample], *, masked: bool = False) -> list[FrameScores]:
        """Scores drawn at random."""
        return [self._one() for _ in samples]

    def _one(self) -> FrameScores:
        drawn = self._draws.chisquare(8, 3)
        kind = int(self._draws.integers(CLASSES))
        scores: dict[StatisticName, float] = dict(zip(STATISTICS, (*drawn.tolist(), float(kind)), strict=True))
        columns = {f"column {k}": float(value) for k, value in enumerate(self._draws.normal(size=COLUMNS))}
        return FrameScores(scores, f"class {kind}", float(self._draws.uniform()), columns, PIXELS)


def monitor(groups: int, lots: int, seed: int = 0) -> MonitorFile:
    """A monitor whose reference scores are drawn as those of the stream."""
    draws = np.random.default_rng(seed)
    names = [f"camera {k + 1}" for k in range(groups)]
    bins = {
        name: Bins.of_positions(CLASSES) if name == "classes" else Bins.of(draws.chisquare(8, CALIBRATED))
        for name in STATISTICS
    }

    def scores(name: StatisticName) -> NDArray[np.float64]:
        return draws.integers(CLASSES, size=CALIBRATED) if name == "classes" else draws.chisquare(8, CALIBRATED)

    zeros, ones = ArrayRecord.of(np.zeros(2)), ArrayRecord.of(np.ones(2))
    distance = DistanceRecord(
        mean=zeros, scale=ones, components=ArrayRecord.of(np.eye(2)), variances=ones, residual=1.0
    )
    statistics = [
        StatisticRecord(
            name=name,
            distance=distance if name in ("surroundings", "light") else None,
            edges=list(bins[name].edges),
            counts={group: bins[name].counts(scores(name)).tolist() for group in names},
        )
        for name in STATISTICS
    ]
    return MonitorFile(
        modelaudit="0",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        model=MonitoredModel(reference="none", fingerprint="0", classes=None, outputs=CLASSES, preprocessing={}),
        run=MonitoredRun(id="soak", digest="0", overall="PASS"),
        reference=ReferenceImages(
            what="audited",
            data="drawn",
            root="0",
            images=2 * CALIBRATED * groups,
            units=2 * CALIBRATED * groups,
            fitted=CALIBRATED * groups,
            calibrated=CALIBRATED * groups,
            groups=dict.fromkeys(names, CALIBRATED),
            masked=False,
        ),
        promise=PromiseRecord(kind="false_alarms", value=0.05),
        unit=UnitRule(kind="each") if lots == 1 else UnitRule(kind="frames", size=lots),
        seed=seed,
        statistics=statistics,
        columns=[],
        class_shares=[ClassShare(name=f"class {k}", share=1 / CLASSES) for k in range(CLASSES)],
        confidence=0.5,
        claims=[],
        pictures=[ReferencePicture(sample="one", jpeg="")],
    ).sealed()


def soak(folder: Path, images: int, groups: int = 4, lots: int = 1) -> Iterator[Tenth]:
    """Watch so many images; what it took, after each tenth of them."""
    fitted, process = monitor(groups, lots), psutil.Process()
    file = folder / "monitor.state.sqlite"
    empty = np.zeros((1, 1, 3), dtype=np.uint8)
    scorer = DrawnScorer(seed=1)
    with Monitor(fitted, scorer, MonitorState(file, fitted.digest)) as watch:  # type: ignore[arg-type]
        done, began, since = 0, time.perf_counter(), 0
        for tenth in range(1, 11):
            while done < images * tenth // 10:
                numbers = range(done, min(done + BATCH, images * tenth // 10))
                watch.update_many(NewImage(empty, f"camera {k % groups + 1}", id=f"{k:08d}.png") for k in numbers)
                done = numbers.stop
            seconds = time.perf_counter() - began
            yield Tenth(done, process.memory_info().rss, (done - since) / seconds, file.stat().st_size)
            began, since = time.perf_counter(), done


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=4)
    parser.add_argument("--lots", type=int, default=1, help="images of a lot")
    given = parser.parse_args()
    print(f"{'images':>9} {'MiB resident':>13} {'images/s':>9} {'MiB of state':>13}")
    began, processor = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for one in soak(Path(folder), given.images, given.groups, given.lots):
            sizes = f"{one.resident / 2**20:13.1f} {one.rate:9.0f} {one.state / 2**20:13.1f}"
            print(f"{one.images:9,} {sizes}", flush=True)
    spent = (time.process_time() - processor) / given.images
    print(f"{1000 * spent:.2f} ms of processor time an image, {time.perf_counter() - began:.0f} s altogether")


if __name__ == "__main__":
    main()
