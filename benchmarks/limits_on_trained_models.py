"""What limits on heat maps catch: copies of a sound model beside networks that were really trained with a shortcut.

Trains the demo's network at several couplings of part and surroundings, measures each on the same held-out images, and
asks for every limit: of how many answers does a swap of the background change the answer where networks begin to fail
it? The same is told of copies of the demo's sound model, to which evidence from the background was added. Prints two
Markdown tables: the networks, and the limits.

    python benchmarks/limits_on_trained_models.py --networks /tmp/networks
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from modelaudit.attribution.cam import GradCam
from modelaudit.attribution.integrated import IntegratedGradients
from modelaudit.contexts import swap_background
from modelaudit.demo.line import PARTS
from modelaudit.demo.net import InspectionNet
from modelaudit.demo.training import MEAN, STD, Training, train
from modelaudit.engine.decision.case import Result
from modelaudit.engine.executors.run import Run
from modelaudit.engine.planning.plan import Asked
from modelaudit.engine.results.settings import Settings
from modelaudit.language.audit import Audit, AuditCase
from modelaudit.language.checks import CheckSettings
from modelaudit.language.progress import Silent
from modelaudit.language.sample import Preprocessing
from modelaudit.language.spec import Method
from modelaudit.measures import accuracy, background_dependence, flip_rate

COUPLINGS = (0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
LIMITS = (0.3, 0.4, 0.5, 0.6)
#: a network that is right less often on the held-out images has not learned the parts, and is left out
LEARNED = 0.9
#: nodes of Integrated Gradients: few, which moves the means by less than 0.005
METHODS: Mapping[str, Method] = {"Grad-CAM": GradCam(), "Integrated Gradients": IntegratedGradients(steps=16)}
PLACES = ("swapped", "originals")
#: the swap that the tables in docs/validation/limits.md were measured with
SWAP = swap_background("other_class", feather=0, fill="tile")
CHECKS = dataclasses.replace(CheckSettings.off(), sensitivity=128)
PREPROCESSING = Preprocessing(resize=(64, 64), mean=MEAN, std=STD)


@dataclass(frozen=True)
class Measured:
    """One network: accuracy on the originals, and the share of answers that a swap changes.

    ``dependence``: the mean by (method, place). ``copies``: by (method, place, limit) the share of answers decided by
    the background where copies begin to fail it; 0 where the network itself does, None where no copy does.
    """

    name: str
    coupling: float
    accuracy: float
    flips: float
    dependence: dict[tuple[str, str], float]
    copies: dict[tuple[str, str, float], float | None]


def audited(
    name: str,
    coupling: float,
    model: Any,
    data: str,
    *,
    methods: Mapping[str, Method] = METHODS,
    copies: bool = False,
) -> Measured:
    """A network on the held-out images, decided by the engine as in a pytest run; its copies only where asked for."""
    options: dict[str, Any] = {} if isinstance(model, str) else {"preprocessing": PREPROCESSING, "classes": PARTS}
    checks = CHECKS if copies else CheckSettings.off()
    audit = Audit(model, data, checks=checks, **options)
    cases: dict[tuple[str, str, float], AuditCase] = {
        ("flips", "swapped", 0.5): audit.expect(flip_rate.under(SWAP) < 0.5),
        ("accuracy", "originals", 0.5): audit.expect(accuracy > 0.5),
    }
    for method, spec in methods.items():
        for limit in LIMITS:
            measure = background_dependence(spec)
            cases[method, "originals", limit] = audit.expect(measure < limit)
            cases[method, "swapped", limit] = audit.expect(measure.under(SWAP) < limit)
    results = dict(zip(cases, _results(list(cases.values()), checks), strict=True))
    values = {key: one.decision.estimate for key, one in results.items() if one.decision is not None}
    told = {key: one.checks.sensitivity for key, one in results.items() if one.checks and one.checks.sensitivity}
    assert len(values) == len(cases) and all(not one.why_not for one in told.values()), (results, told)
    return Measured(
        name,
        coupling,
        float(values.pop(("accuracy", "originals", 0.5)) or 0.0),
        float(values.pop(("flips", "swapped", 0.5)) or 0.0),
        {key[:2]: float(value or 0.0) for key, value in values.items()},
        {key: one.share for key, one in told.items()},
    )


def _results(cases: Sequence[AuditCase], checks: CheckSettings) -> Iterator[Result]:
    items = [Asked(str(at), case, expectation) for at, case in enumerate(cases) for _, expectation in case.variants()]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(root=Path(folder), folder=Path(folder), device="cpu", checks=checks)
        run = Run(settings, Silent())
        run.select(items)
        yield from [run.result(item.id) for item in items]


def edge(networks: Sequence[Measured], method: str, place: str, limit: float) -> tuple[float, float] | None:
    """Between which shares of changed answers networks begin to fail a limit; None where all or none fail it.

    From the least share of a network that fails, or the largest of one that passes, to the other of the two.
    """
    failing = [one.flips for one in networks if one.dependence[method, place] >= limit]
    passing = [one.flips for one in networks if one.dependence[method, place] < limit]
    if not failing or not passing:
        return None
    ends = sorted([min(failing), max(passing)])
    return ends[0], ends[1]


def networks_table(networks: Sequence[Measured]) -> str:
    """Every network: what swaps change, and its mean dependence by each method."""
    heads = [f"{method}, {place}" for method in METHODS for place in PLACES]
    lines = [f"| network | answers changed by swaps | {' | '.join(heads)} |", "|---|---|" + "---|" * len(heads)]
    for one in sorted(networks, key=lambda one: one.flips):
        cells = [f"{one.dependence[method, place]:.2f}" for method in METHODS for place in PLACES]
        lines.append(f"| {one.name} | {one.flips:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def limits_table(networks: Sequence[Measured], sound: Measured) -> str:
    """Every limit: where trained networks begin to fail it, and where copies of the sound model do."""
    lines = ["| method | maps of | limit | trained networks | copies |", "|---|---|---|---|---|"]
    for method in METHODS:
        for place in PLACES:
            for limit in LIMITS:
                ends, copies = edge(networks, method, place, limit), sound.copies[method, place, limit]
                trained = "-" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f}"
                lines.append(f"| {method} | {place} | {limit:g} | {trained} | {_share(copies)} |")
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "none fails" if value is None else f"{value:.2f}"


def network_of(training: Training, folder: Path | None) -> nn.Module:
    """A network: trained now, or read from the folder that keeps them."""
    file = None if folder is None else folder / f"{training.coupling:g}_{training.seed}.safetensors"
    if file is not None and file.exists():
        network = InspectionNet()
        network.load_state_dict({**network.state_dict(), **load_file(file)})
        return network.eval()
    network = train(training)
    if file is not None:
        weights = {key: value for key, value in network.state_dict().items() if value.is_floating_point()}
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, file)
    return network


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--couplings", type=float, nargs="+", default=COUPLINGS)
    parser.add_argument("--seeds", type=int, nargs="+", default=(1, 2, 3), help="networks for each coupling")
    parser.add_argument("--images", type=int, default=3000, help="training frames")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--networks", type=Path, help="a folder that keeps the trained networks")
    parser.add_argument("--data", default="demo:?coupling=0.95&images=128&seed=0", help="the held-out images")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    start = time.perf_counter()
    sound = audited("demo:sound", 0.0, "demo:sound", given.data, copies=True)
    networks = [audited("demo:shortcut", 0.95, "demo:shortcut", given.data), sound]
    for seed in given.seeds:
        for coupling in given.couplings:
            network = network_of(Training(coupling, seed, images=given.images, epochs=given.epochs), given.networks)
            one = audited(f"coupling {coupling:g}, seed {seed}", coupling, network, given.data)
            networks += [one] if one.accuracy >= LEARNED else []
            told = f"{one.name}: accuracy {one.accuracy:.2f}, {one.flips:.2f} changed"
            print(f"{told}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    print(networks_table(networks))
    print()
    print(limits_table(networks, sound))


if __name__ == "__main__":
    main()
