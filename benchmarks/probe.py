"""What `modelaudit probe` predicts, beside what retraining really brings, on networks of the demo.

    nice python benchmarks/probe.py [--images 3000] [--couplings 0.9,0.5,0.95,0.8,1,0,0.85]

For every coupling a network is trained on a line of the demo, and probed with a third of its training images. Then it
is really trained again from the same settings, (A) on as many images of a line without coupling (new photographs on
other surroundings) and (B) on the same images and one copy of each on a random background, in as many steps. Prints the
tables of docs/validation/probe.md: predicted against measured gains, whether the probe's intervals hold what a second
probe finds with other training images and other test images, and whether the intervals of learning curves hold what
twice and four times as many images really give. A few minutes a network on one core. The tables so far go to standard
error after each network.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch.nn import functional

from modelaudit.advice.features import SeenData, see
from modelaudit.advice.fitting import ORIGINAL, Fitting, clusters
from modelaudit.advice.learning_curve import sizes_of
from modelaudit.advice.probe import ProbeData, ProbeSettings, probe
from modelaudit.advice.probe_curves import learning_curves
from modelaudit.advice.refit import Problem, cross_validated
from modelaudit.contexts import SwapBackground
from modelaudit.data import LabelMap, label_map
from modelaudit.demo import PARTS, InspectionLine, InspectionNet, Training, train
from modelaudit.demo.line import SIDE, Stream
from modelaudit.demo.training import MEAN, STD, normalised
from modelaudit.engine.images.batches import BatchBuilder
from modelaudit.engine.results.measured import PassCounts
from modelaudit.evidence.probe import ProbeRecord
from modelaudit.language.progress import Advance
from modelaudit.language.sample import BuiltModel, DataSet, Preprocessing, Sample
from modelaudit.language.spec import Context
from modelaudit.models import LoadedModel, open_model
from modelaudit.models.last_layer import last_layer

PREPROCESSING = Preprocessing(resize=(SIDE, SIDE), mean=MEAN, std=STD)
TRAINED, SWAPPED = SwapBackground("random"), SwapBackground("other_class")
CONTEXTS: tuple[Context, ...] = (ORIGINAL, SWAPPED)
TEST, OTHER_TEST, POOL = 400, 400, 200
ROOT = Path()


@dataclass
class Result:
    """Of one network: by context the probe's effect and the two measured gains, and the pairs of a check."""

    coupling: float
    predicted: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    measured: dict[str, tuple[float, float]] = field(default_factory=dict)
    repeated: list[tuple[str, float, float, float]] = field(default_factory=list)
    forecasts: list[tuple[str, int, float, float, float, float]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


def samples_of(line: InspectionLine, indices: Sequence[int]) -> DataSet:
    """Frames as samples in memory."""
    frames = line.draw(indices)
    return DataSet(
        tuple(
            Sample(f"{index:05d}", frames.pixels[at], PARTS[frames.parts[at]], frames.masks[at])
            for at, index in enumerate(indices)
        )
    )


def pixels_of(data: DataSet, context: Context) -> tuple[torch.Tensor, torch.Tensor]:
    """[n, 64, 64, 3] uint8 and [n] the part, under a context."""
    parts = []
    with BatchBuilder(data.samples, seed=0, device="cpu", passes=PassCounts(), root=ROOT) as builder:
        for first in range(0, len(data.samples), 64):
            chunk = builder.chunk(data.samples[first : first + 64], first)
            parts.append(builder.show(chunk, context, PREPROCESSING).pixels)
    pixels = (torch.cat(parts).permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
    return pixels, torch.tensor([PARTS.index(str(sample.label)) for sample in data.samples])


def trained_on(training: Training, pixels: torch.Tensor, parts: torch.Tensor, steps: int) -> InspectionNet:
    """A network trained as `modelaudit.demo.train` does it, on given images, in so many steps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = InspectionNet().train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=training.decay)
    order = torch.Generator().manual_seed(training.seed)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.rate, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(pixels), (training.batch,), generator=order)
        turns = int(torch.randint(4, (1,), generator=order))
        shown = torch.rot90(normalised(pixels[chosen]), turns, (2, 3)).contiguous(memory_format=torch.channels_last)
        optimiser.zero_grad()
        functional.cross_entropy(network(shown), parts[chosen]).backward()
        optimiser.step()
        schedule.step()
    return network.eval()


@cache
def trained_without_coupling(seed: int, images: int, epochs: int) -> InspectionNet:
    """(A), which is the same whatever coupling the network before it had."""
    return train(Training(0.0, seed=seed, images=images, epochs=epochs))


def accuracy_on(network: InspectionNet, pixels: torch.Tensor, parts: torch.Tensor) -> float:
    with torch.no_grad():
        logits = torch.cat([network(normalised(part)) for part in torch.split(pixels, 100)])
    return float((logits.argmax(dim=1) == parts).double().mean())


@contextmanager
def quiet(_: str, __: int) -> Iterator[Advance]:
    yield lambda count: None


def probed(loaded: LoadedModel, train_data: DataSet, test: DataSet) -> ProbeRecord:
    return probe(
        loaded,
        ProbeData("train", train_data),
        ProbeData("test", test),
        ProbeSettings(contexts=(SWAPPED,)),
        created=datetime.now(UTC),
        steps=quiet,
    )


def of_network(coupling: float, seed: int, images: int, epochs: int, *, checked: bool) -> Result:
    result = Result(coupling)
    training = Training(coupling, seed=seed, images=images, epochs=epochs)
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"coupling {coupling:g}: {what} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)

    network = train(training)
    tell("trained")
    stream: Stream = "training"
    pool = samples_of(InspectionLine(coupling, seed, stream), range(images))
    line = InspectionLine(coupling, seed)
    test, other = samples_of(line, range(TEST)), samples_of(line, range(TEST, TEST + OTHER_TEST))
    loaded = open_model(BuiltModel(network, PREPROCESSING, PARTS), root=ROOT)
    known = DataSet(pool.samples[: images // 3])
    record = probed(loaded, known, test)
    for effect in record.effects:
        result.predicted[effect.context] = effect.before, effect.change, effect.lower, effect.upper
    tell("probed")
    copies, parts = pixels_of(pool, TRAINED)
    own, _ = pixels_of(pool, ORIGINAL)
    steps = epochs * (images // training.batch)
    without_coupling = trained_without_coupling(seed, images, epochs)
    tell("trained again (A)")
    with_copies = trained_on(training, torch.cat([own, copies]), torch.cat([parts, parts]), steps)
    tell("trained again (B)")
    for context in CONTEXTS:
        shown = pixels_of(test, context)
        before = accuracy_on(network, *shown)
        result.measured[str(context)] = (
            accuracy_on(without_coupling, *shown) - before,
            accuracy_on(with_copies, *shown) - before,
        )
    if checked:
        check_intervals(result, loaded, known, test, other)
        check_curves(result, loaded, known, test)
        tell("checked")
    return result


def check_intervals(result: Result, loaded: LoadedModel, pool: DataSet, test: DataSet, other: DataSet) -> None:
    """A probe on one half of the training images, against a refit to the other half on other test images."""
    half = len(pool.samples) // 2
    first = probed(loaded, DataSet(pool.samples[:half]), test)
    second = probed(loaded, DataSet(pool.samples[half:]), other)
    for one, truth in zip(first.effects, second.effects, strict=True):
        result.repeated.append((one.context, one.lower, one.upper, truth.change))


def check_curves(result: Result, loaded: LoadedModel, pool: DataSet, test: DataSet) -> None:
    """Learning curves on parts of the training images, against fits to two and four times as many images."""
    layer = last_layer(loaded)

    def nothing(count: int) -> None:
        pass

    learned, _ = see(pool.samples, (ORIGINAL, TRAINED), loaded, layer, seed=0, device="cpu", root=ROOT, advance=nothing)
    measured, _ = see(test.samples, CONTEXTS, loaded, layer, seed=0, device="cpu", root=ROOT, advance=nothing)
    labels = label_map(pool, classes=loaded.classes, outputs=loaded.outputs, given=None)
    groups = clusters(learned.samples, {})

    def fitting_of(start: int, count: int) -> Fitting:
        kept = np.arange(start, start + count)
        return Fitting.of(loaded, layer, labels, learned, kept, TRAINED, groups)

    for start in range(0, len(pool.samples) - 4 * POOL + 1, POOL):
        few = fitting_of(start, POOL)
        own = clusters(measured.samples, {})
        curves = learning_curves(few, sizes_of(POOL), measured, own, labels, 0, 0.95, nothing)
        truths = {factor: errors(fitting_of(start, factor * POOL), measured, labels) for factor in (2, 4)}
        for curve in curves:
            if curve.refused is not None:
                result.refused[curve.refused] = result.refused.get(curve.refused, 0) + 1
            for forecast in curve.forecasts:
                truth = truths[forecast.times][curve.context, curve.label]
                kind = "one label" if curve.label else curve.context
                ends = forecast.lower, forecast.upper
                result.forecasts.append((kind, forecast.times, *ends, truth, forecast.error))


def curves_of_shipped() -> Result:
    """Learning curves of the two networks that the package ships, on images that they were not trained on."""
    result = Result(float("nan"))
    for name, coupling in (("sound", 0.5), ("shortcut", 0.95)):
        loaded = open_model(f"demo:{name}", root=ROOT)
        line = InspectionLine(coupling, 77)
        check_curves(result, loaded, samples_of(line, range(8 * POOL)), samples_of(line, range(8 * POOL, 10 * POOL)))
    return result


def errors(fitting: Fitting, measured: SeenData, labels: LabelMap) -> dict[tuple[str, str | None], float]:
    """By context and label the error of a layer that is fitted to all rows, from nothing."""
    nothing = np.zeros_like(fitting.start)
    weight = Problem.of(fitting.rows, nothing, cross_validated(fitting.rows, nothing, seed=0)).solved()
    found: dict[tuple[str, str | None], float] = {}
    for context, seen in measured.contexts.items():
        samples = [sample for sample, known in zip(measured.samples, seen.known, strict=True) if known]
        right = np.array([labels.indices[sample.label] for sample in samples])
        names = np.array([str(sample.label) for sample in samples])
        wrong: NDArray[np.bool_] = fitting.answers(seen.features[seen.known], weight) != right
        found[str(context), None] = float(wrong.mean())
        for label in sorted(set(names)):
            found[str(context), str(label)] = float(wrong[names == label].mean())
    return found


def points(value: float) -> str:
    return f"{100 * value:+.1f}"


def table(results: Sequence[Result]) -> Iterator[str]:
    """Predicted against measured, and what follows from it."""
    yield "| coupling | images of the test | before, % | predicted gain, points (95 % interval) | (A) | (B) |"
    yield "|---|---|---|---|---|---|"
    for context in map(str, CONTEXTS):
        shown = "as photographed" if context == str(ORIGINAL) else "other backgrounds"
        for result in results:
            before, change, lower, upper = result.predicted[context]
            own, copies = result.measured[context]
            interval = f"{points(change)} ({points(lower)} to {points(upper)})"
            gains = f"{100 * before:.1f} | {interval} | {points(own)} | {points(copies)}"
            yield f"| {result.coupling:g} | {shown} | {gains} |"
    yield ""
    yield (
        "| predicted against | images of the test | rank correlation | mean error, points | predicted - measured "
        "| interval holds it |"
    )
    yield "|---|---|---|---|---|---|"
    for at, name in enumerate(("(A) new photographs", "(B) images and copies")):
        for context in map(str, CONTEXTS):
            shown = "as photographed" if context == str(ORIGINAL) else "other backgrounds"
            predicted = np.array([result.predicted[context][1:] for result in results])
            truth = np.array([result.measured[context][at] for result in results])
            rank = float(spearmanr(predicted[:, 0], truth).statistic)
            apart = predicted[:, 0] - truth
            holds = int(((predicted[:, 1] <= truth) & (truth <= predicted[:, 2])).sum())
            cells = f"{rank:.2f} | {100 * np.abs(apart).mean():.1f} | {points(float(apart.mean()))}"
            yield f"| {name} | {shown} | {cells} | {holds} of {len(results)} |"
    yield ""
    repeated = [one for result in results for one in result.repeated]
    holds = sum(lower <= truth <= upper for _, lower, upper, truth in repeated)
    yield f"A second probe, with other training and other test images: inside {holds} of {len(repeated)} intervals."


def curves_table(results: Sequence[Result]) -> Iterator[str]:
    """How often the forecasts of learning curves hold what more images really gave."""
    yield "| learning curves | images | forecasts | inside the 95 % interval | mean error, points | mean width |"
    yield "|---|---|---|---|---|---|"
    every = [one for result in results for one in result.forecasts]
    for kind in (*map(str, CONTEXTS), "one label"):
        for factor in (2, 4):
            some = [one for one in every if one[:2] == (kind, factor)]
            if some:
                inside = sum(lower <= truth <= upper for _, _, lower, upper, truth, _ in some)
                apart = np.mean([abs(error - truth) for *_, truth, error in some])
                width = np.mean([upper - lower for _, _, lower, upper, *_ in some])
                shares = f"{inside} of {len(some)} ({100 * inside / len(some):.0f} %)"
                yield f"| {kind} | x {factor} | {len(some)} | {shares} | {100 * apart:.1f} | {100 * width:.1f} |"
    refused = {name: sum(one.refused.get(name, 0) for one in results) for one in results for name in one.refused}
    yield ""
    yield f"Refused: {', '.join(f'{count} {name}' for name, count in sorted(refused.items())) or 'none'}."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=40)
    parser.add_argument("--couplings", default="0.9,0.5,0.95,0.8,1,0,0.85")
    parser.add_argument("--checked", type=int, default=3, help="networks on which intervals and curves are checked")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="the results as JSON, after each network")
    given = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for at, coupling in enumerate(map(float, filter(None, given.couplings.split(",")))):
        results.append(of_network(coupling, given.seed, given.images, given.epochs, checked=at < given.checked))
        if given.keep is not None:
            given.keep.write_text(json.dumps([asdict(one) for one in results], indent=1), encoding="utf-8")
        print("\n".join(table(results)), file=sys.stderr, flush=True)
    if results:
        print("\n".join(table(results)), end="\n\n")
    print("\n".join(curves_table([*results, curves_of_shipped()])))


if __name__ == "__main__":
    main()
