"""Does the measured dependence rank models by a dependence that is known exactly, and by which attribution methods?

Each model is two networks of the demo side by side: logits (1 - r) x those of the network that decides on the part + r
x those of the one that decides on the surroundings, each scaled to logits of unit spread. r is the planted dependence;
nothing is trained. Prints, a method: Spearman of r with the mean background dependence on original images (the lowest
over the seeds, each another line of images), and means over the seeds at some r.

    python benchmarks/ranking.py --images 48 --seeds 3
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from modelaudit.attribution.base import AttributionInput
from modelaudit.demo.line import InspectionLine
from modelaudit.demo.net import InspectionNet
from modelaudit.demo.source_models import shipped
from modelaudit.language import registry
from modelaudit.language.errors import AuditError
from modelaudit.language.sample import Preprocessing
from modelaudit.measures.base import MeasureInput
from modelaudit.measures.localisation import BackgroundDependence, read_background_dependence
from modelaudit.models import PixelModel

PLANTED = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
#: with fewer passes than the defaults, where a method has many
METHODS: dict[str, dict[str, int | float]] = {
    "gradcam": {},
    "gradcam_plus_plus": {},
    "layercam": {},
    "eigencam": {},
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "smoothgrad": {"samples": 8},
    "gradient_shap": {"samples": 8},
    "guided_backprop": {},
    "guided_gradcam": {},
    "deconvolution": {},
    "fullgrad": {},
    "deeplift": {},
    "feature_ablation": {"segments": 64},
    "occlusion": {"window": 0.25, "stride": 0.125},
    "rise": {"masks": 64},
}
_BATCH = 16


class Planted(nn.Module):
    """Two networks of the demo side by side, read by one linear layer: a model with one spatial layer, as any other."""

    def __init__(self, dependence: float, scales: tuple[float, float]) -> None:
        super().__init__()
        self.part, self.around = (_network(name) for name in ("sound", "shortcut"))
        self.features = _SideBySide(self.part.features, self.around.features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        weights = [
            (1 - dependence) / scales[0] * self.part.score.weight,
            dependence / scales[1] * self.around.score.weight,
        ]
        self.score = nn.Linear(sum(one.shape[1] for one in weights), len(weights[0]), bias=False)
        with torch.no_grad():
            joined = torch.cat(weights, dim=1)
            self.score.weight.copy_(joined - joined.mean(0))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [B, C], with sum 0 over C."""
        scores: Tensor = self.score(self.pool(self.features(pixels)).flatten(1))
        return scores


class _SideBySide(nn.Module):
    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.cat([self.first(pixels), self.second(pixels)], dim=1)


def _network(name: str) -> InspectionNet:
    network = shipped(name).module
    assert isinstance(network, InspectionNet)
    return network


def images(seed: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels [n, 3, 64, 64], masks [n, 64, 64] and labels of a line on which part and surroundings are independent."""
    frames = InspectionLine(0.0, seed).draw(range(count))
    pixels = torch.from_numpy(frames.pixels).permute(0, 3, 1, 2).float() / 255
    return pixels, torch.from_numpy(frames.masks), torch.from_numpy(frames.parts)


def scales(pixels: Tensor) -> tuple[float, float]:
    """The spread of the logits of either network."""
    with torch.no_grad():
        first, second = (float(_seen(_network(name))(pixels).std()) for name in ("sound", "shortcut"))
    return first, second


def _seen(network: nn.Module) -> PixelModel:
    built = shipped("sound").preprocessing
    assert isinstance(built, Preprocessing)
    return PixelModel(network, Preprocessing(mean=built.mean, std=built.std)).eval().requires_grad_(False)


def dependence(planted: float, method: str, pixels: Tensor, masks: Tensor, labels: Tensor) -> float:
    """The mean background dependence of a model's predictions by one method, of images where it is defined."""
    network = Planted(planted, scales(pixels))
    model = _seen(network)
    entry = registry.find("attribution", method)
    assert entry.spec is not None
    spec = entry.spec(**METHODS[method])
    found = []
    for at in range(0, len(pixels), _BATCH):
        part = slice(at, at + _BATCH)
        with torch.no_grad():
            logits = model(pixels[part])
        selector = nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]).float()
        ids = tuple(str(number) for number in range(at, at + len(logits)))
        question = AttributionInput(
            model, pixels[part], selector, (selector * logits).sum(dim=1), layer=network.features, ids=ids
        )
        seen = MeasureInput(logits, labels[part], attribution=entry.function(spec, question).values, mask=masks[part])
        reading = read_background_dependence(BackgroundDependence((spec,)), seen)
        values = reading.values.clone()
        for undefined in reading.undefined.values():
            values[undefined] = torch.nan
        found.append(values)
    return float(torch.cat(found).nanmean())


def ranked(method: str, seed: int, count: int) -> tuple[float, list[float]]:
    """Spearman's correlation over the planted models, and the mean of each."""
    line = images(seed, count)
    means = [dependence(planted, method, *line) for planted in PLANTED]
    if len(set(means)) == 1:  # a method that does not look at the decision ranks nothing
        return 0.0, means
    return float(spearmanr(PLANTED, means).statistic), means


def table(found: dict[str, list[tuple[float, list[float]]]]) -> str:
    """Best methods first, as Markdown: by Spearman, then by how far apart the ends are."""
    lines = ["| method | Spearman, lowest seed | at 0 | at 0.4 | at 0.8 | at 1 |", "|---|---|---|---|---|---|"]
    order = sorted(found, key=lambda one: _order(found[one]), reverse=True)
    for method in order:
        means = np.mean([means for _, means in found[method]], axis=0)
        arguments = ", ".join(f"{name}={value}" for name, value in METHODS[method].items())
        text = f"{method}({arguments})" if arguments else method
        at = [f"{means[PLANTED.index(planted)]:.3f}" for planted in (0.0, 0.4, 0.8, 1.0)]
        lines.append(f"| `{text}` | {min(one for one, _ in found[method]):.3f} | " + " | ".join(at) + " |")
    return "\n".join(lines)


def _order(runs: list[tuple[float, list[float]]]) -> tuple[float, float]:
    means = np.mean([means for _, means in runs], axis=0)
    return min(one for one, _ in runs), float(means[-1] - means[0])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=48, help="a seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    start = time.perf_counter()
    found = {}
    for method in given.methods:
        try:
            found[method] = [ranked(method, seed, given.images) for seed in range(given.seeds)]
        except AuditError as error:
            print(f"{method}: refused ({error})")
            continue
        print(f"{time.perf_counter() - start:.0f} s: {method} {min(one for one, _ in found[method]):.3f}", flush=True)
    print(table(found))


if __name__ == "__main__":
    main()
