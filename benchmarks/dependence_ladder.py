"""Does the measured dependence rise with the dependence that was trained in?

Trains the demo's network at several couplings of part and surroundings, several seeds each, and measures every network
on the same held-out images. Prints a Markdown table and, for each method, Spearman's correlation of the coupling with
the mean background dependence on original images, over all networks.

    python benchmarks/dependence_ladder.py --images 4000 --epochs 4 --seeds 3
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from modelaudit.attribution.base import AttributionInput, Maps
from modelaudit.attribution.cam import GradCam, gradcam_maps
from modelaudit.attribution.integrated import IntegratedGradients, integrated_gradients_maps
from modelaudit.contexts import ContextInput, apply, swap_background
from modelaudit.demo.line import InspectionLine
from modelaudit.demo.net import InspectionNet
from modelaudit.demo.source_data import demo_data
from modelaudit.demo.training import MEAN, STD, Training, train
from modelaudit.engine.images.donor_ranking import DonorRanking
from modelaudit.language.reference import parse_reference
from modelaudit.language.sample import Preprocessing
from modelaudit.measures.base import MeasureInput
from modelaudit.measures.localisation import BackgroundDependence, read_background_dependence
from modelaudit.models import PixelModel

COUPLINGS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
METHODS = ("gradcam", "integrated_gradients")
_BATCH = 50
#: nodes of Integrated Gradients: a quarter of the default, which moves the means by less than 0.005
_STEPS = 16


@dataclass(frozen=True)
class Rung:
    """One network, measured.

    ``accuracy`` on original images and on swapped backgrounds. ``original`` holds, by method, the background dependence
    of each original image, NaN where it is undefined; the map explains the prediction.
    """

    coupling: float
    seed: int
    accuracy: tuple[float, float]
    original: dict[str, Tensor]


def scenes(data: str) -> tuple[ContextInput, ContextInput, Tensor]:
    """The images of a demo line, the same on the backgrounds of other classes, and their labels."""
    reference = parse_reference(data)
    samples = demo_data(reference, Path()).samples
    seed = int(reference.options.get("seed", "0"))
    line = InspectionLine(float(reference.options.get("coupling", "0.95")), seed)
    frames = line.draw(range(len(samples)))
    pixels = torch.from_numpy(frames.pixels).permute(0, 3, 1, 2).float() / 255
    scene = ContextInput(pixels, torch.from_numpy(frames.masks), tuple(sample.id for sample in samples), seed)
    pool = DonorRanking(samples, seed=seed, name="swap_background")
    position = {sample.id: at for at, sample in enumerate(samples)}
    lenders = [position[next(pool.ranked(sample, "other_class")).id] for sample in samples]
    assert scene.mask is not None
    donors = ContextInput(pixels[lenders], scene.mask[lenders], tuple(scene.ids[at] for at in lenders), seed)
    tiled = swap_background("other_class", feather=0, fill="tile")  # what the tables in docs/demo.md were measured with
    done = apply(tiled, ContextInput(pixels, scene.mask, scene.ids, seed, donors))
    assert not done.impossible.any()
    return scene, ContextInput(done.pixels, done.mask, scene.ids, seed), torch.from_numpy(frames.parts)


def dependence(
    network: nn.Module, layer: nn.Module, scene: ContextInput, labels: Tensor, methods: Sequence[str] = METHODS
) -> tuple[float, dict[str, Tensor]]:
    """Accuracy, and the background dependence of each image by each method."""
    model = PixelModel(network, Preprocessing(mean=MEAN, std=STD)).eval()
    found: dict[str, list[Tensor]] = {method: [] for method in methods}
    right = 0.0
    for at in range(0, len(labels), _BATCH):
        part = slice(at, at + _BATCH)
        pixels, truth = scene.pixels[part], labels[part]
        mask = None if scene.mask is None else scene.mask[part]
        with torch.no_grad():
            logits = model(pixels)
        predicted = logits.argmax(dim=1)
        right += float((predicted == truth).sum())
        selector = nn.functional.one_hot(predicted, logits.shape[1]).float()
        question = AttributionInput(model, pixels, selector, (selector * logits).sum(dim=1), layer)
        for method in methods:
            result = _maps(method, question)
            seen = MeasureInput(logits, truth, attribution=result.values, mask=mask)
            reading = read_background_dependence(BackgroundDependence((method,)), seen)  # type: ignore[arg-type]
            values = reading.values.clone()
            for undefined in reading.undefined.values():
                values[undefined] = float("nan")
            found[method].append(values)
    return right / len(labels), {method: torch.cat(values) for method, values in found.items()}


def _maps(method: str, question: AttributionInput) -> Maps:
    if method == "gradcam":
        return gradcam_maps(GradCam(), question)
    return integrated_gradients_maps(IntegratedGradients(steps=_STEPS), question)


def climbed(training: Training, data: str) -> Rung:
    """One network, trained and measured."""
    original, swapped, labels = scenes(data)
    network: InspectionNet = train(training)
    before, on_original = dependence(network, network.features, original, labels)
    after, _ = dependence(network, network.features, swapped, labels, methods=())
    return Rung(training.coupling, training.seed, (before, after), on_original)


def spearman(rungs: Sequence[Rung], method: str) -> float:
    """Rank correlation of coupling and mean dependence on original images, over networks."""
    means = [float(rung.original[method].nanmean()) for rung in rungs]
    return float(spearmanr([rung.coupling for rung in rungs], means).statistic)


def table(rungs: Sequence[Rung]) -> str:
    """Means over the seeds of each coupling, as Markdown; in brackets the lowest and the highest seed."""
    lines = [
        "| coupling | accuracy, original / swapped | Grad-CAM | Integrated Gradients |",
        "|---|---|---|---|",
    ]
    for coupling in sorted({rung.coupling for rung in rungs}):
        same = [rung for rung in rungs if rung.coupling == coupling]
        before, after = np.mean([rung.accuracy for rung in same], axis=0)
        cells = [_over_seeds([float(rung.original[method].nanmean()) for rung in same]) for method in METHODS]
        lines.append(f"| {coupling:g} | {before:.3f} / {after:.3f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _told(rung: Rung) -> str:
    means = ", ".join(f"{method} {float(rung.original[method].nanmean()):.3f}" for method in METHODS)
    return f"coupling {rung.coupling:g}, seed {rung.seed}, accuracy {rung.accuracy[0]:.3f}, {means}"


def _over_seeds(means: Sequence[float]) -> str:
    return f"{np.mean(means):.3f} ({min(means):.3f} to {max(means):.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--couplings", type=float, nargs="+", default=COUPLINGS)
    parser.add_argument("--seeds", type=int, default=3, help="networks for each coupling")
    parser.add_argument("--images", type=int, default=Training(0).images, help="training frames")
    parser.add_argument("--epochs", type=int, default=Training(0).epochs)
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--data", default="demo:?coupling=0.95&images=200&seed=0", help="the held-out images")
    given = parser.parse_args(arguments)
    start = time.perf_counter()
    wanted = [
        Training(coupling, seed, images=given.images, epochs=given.epochs)
        for seed in range(given.seeds)
        for coupling in given.couplings
    ]
    rungs: list[Rung] = []
    with ProcessPoolExecutor(given.workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for done in as_completed([pool.submit(climbed, training, given.data) for training in wanted]):
            rungs.append(done.result())
            passed = time.perf_counter() - start
            print(
                f"{len(rungs)}/{len(wanted)} networks, {passed:.0f} s: {_told(rungs[-1])}", file=sys.stderr, flush=True
            )
    print(table(rungs))
    for method in METHODS:
        undefined = sum(int(rung.original[method].isnan().sum()) for rung in rungs)
        print(f"\nSpearman, {method}: {spearman(rungs, method):.3f} over {len(rungs)} networks ({undefined} undefined)")


if __name__ == "__main__":
    main()
