"""What the watch adds to a model's own pass, in images a second: the features, the scores and the charts.

    python benchmarks/watch.py                                            # the demo's model and frames
    python benchmarks/watch.py --model torchvision:resnet18 --images DIR  # photos, decoded from files

Both are measured in this process, in turns: the model's own work (decoding, geometry and a pass, in micro-batches as an
audit has them) and that of the watch (the same, and everything that it adds). What is printed is the difference, by
the clock and by the processor time of all threads over the number of cores; on a machine that does other things too,
only the second one means something.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import torch

from modelaudit.data import open_data
from modelaudit.engine.images.prepared import PreparedSample, prepare_sample
from modelaudit.engine.inference.batch_size import micro_batch
from modelaudit.evidence.record import ModelRecord, PassesRecord, Provenance, RunRecord
from modelaudit.language.sample import Sample
from modelaudit.models import LoadedModel, frozen_on, open_model
from modelaudit.monitoring.fit import FitSettings, ReferenceSet, fit_monitor
from modelaudit.monitoring.group_state import ChartRules
from modelaudit.monitoring.lots import ClosedLot
from modelaudit.monitoring.monitor_file import UNGROUPED, MonitorFile, PromiseRecord
from modelaudit.monitoring.scorer import FrameScores, Scorer

ROUNDS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="demo:sound")
    parser.add_argument("--images", help="a folder of photos (default: frames of the demo)")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.cores)
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        reference = f"photos:{given.images or _frames(Path(folder), given.count)}"
        data = open_data(reference, root=root)
        loaded = open_model(given.model, root=root, allow_code=True)
        settings = FitSettings(PromiseRecord(kind="false_alarms", value=0.05))
        monitor = fit_monitor(
            loaded, ReferenceSet("normal", reference, data), _run(loaded), settings, created=datetime.now(UTC)
        )
        samples = data.samples[: given.count]
        own, watched = _measured(lambda: _own(loaded, samples), lambda: _watched(monitor, loaded, samples))
    print(f"{given.model}, {len(samples)} images, {given.cores} cores ({os.cpu_count()} here), best of {ROUNDS}")
    for name, at, cores in (("clock", 0, 1), ("processor time", 1, given.cores)):
        without, with_watch = own[at] / cores / len(samples), watched[at] / cores / len(samples)
        added = with_watch - without
        rate = f"{1 / added:,.0f} images/s" if added > 0 else "nothing measurable"
        print(f"  {name:15} own pass {1e3 * without:6.2f} ms, with the watch {1e3 * with_watch:6.2f} ms; added: {rate}")


def _measured(*works: Callable[[], object]) -> list[tuple[float, float]]:
    """The least seconds of each, by the clock and of the processor, in turns."""
    found = [(float("inf"), float("inf")) for _ in works]
    for _ in range(ROUNDS):
        for at, work in enumerate(works):
            clock, cpu = time.perf_counter(), time.process_time()
            work()
            spent = time.perf_counter() - clock, time.process_time() - cpu
            found[at] = (min(found[at][0], spent[0]), min(found[at][1], spent[1]))
    return found


def _own(loaded: LoadedModel, samples: tuple[Sample, ...]) -> None:
    """Decoding, geometry and passes, and nothing else."""
    with (
        frozen_on(loaded, "cpu") as model,
        ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        size = micro_batch(model, loaded.input_size, "cpu")
        for first in range(0, len(samples), size):
            ready = pool.map(
                lambda sample: prepare_sample(sample, (loaded.preprocessing,)), samples[first : first + size]
            )
            views = [one.view(loaded.preprocessing)[0] for one in ready if isinstance(one, PreparedSample)]
            with torch.inference_mode():
                model(torch.stack(views))


def _watched(monitor: MonitorFile, loaded: LoadedModel, samples: tuple[Sample, ...]) -> None:
    """The same with features, scores and charts."""
    rules = ChartRules(monitor, masked=False)
    group = rules.begin(UNGROUPED, {})
    with Scorer(monitor, loaded) as scorer:
        for number, one in enumerate(scorer.score(samples), 1):
            if isinstance(one, FrameScores):
                group, _ = rules.follow(
                    group, ClosedLot("", number, 1, {str(name): x for name, x in one.scores.items()})
                )


def _frames(folder: Path, count: int) -> Path:
    """Frames of the demo as files."""
    from PIL import Image

    from modelaudit.demo import InspectionLine

    for at, pixels in enumerate(InspectionLine(0.0).draw(range(count)).pixels):
        Image.fromarray(pixels).save(folder / f"{at:05d}.png")
    return folder


def _run(loaded: LoadedModel) -> RunRecord:
    """The record of a run without a case."""
    preprocessing = dict(vars(loaded.preprocessing))
    model = ModelRecord(
        key="m0", names=["model"], reference=loaded.ref, architecture=loaded.architecture,
        parameters=loaded.parameters, outputs=loaded.outputs, classes=None, preprocessing=preprocessing,
        fingerprint=loaded.fingerprint, probe_digest=loaded.probe_digest,
    )  # fmt: skip
    provenance = Provenance(
        versions={}, platform="", device="cpu", device_name="", precision="float32", threads=2, micro_batch=16, seed=0,
        git_commit=None, git_dirty=None,
    )  # fmt: skip
    return RunRecord(
        id="benchmark", started="", finished="", command="", overall="PARTIAL", whole=False, partial=True,
        exit_status=10, provenance=provenance, cases=[], models=[model],
        passes=PassesRecord(decoded=0, forward=0, backward=0),
    )  # fmt: skip


if __name__ == "__main__":
    main()
