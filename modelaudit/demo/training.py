"""Training the demo's networks, and writing the weights that the package ships."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from .line import PARTS, SIDE, SURROUNDINGS, Frames, InspectionLine
from .net import InspectionNet

MEAN = (0.45, 0.45, 0.42)
STD = (0.22, 0.20, 0.22)
MANIFEST = "manifest.json"
#: what is being done, how much of it is done, and how much there is
Progress = Callable[[str, int, int], None]
_DRAWN_AT_ONCE = 128
_CHECKED_ON = 1000
_CHECK_SEED = 10**6


@dataclass(frozen=True)
class Training:
    """How a network of the demo is trained.

    Args:
        coupling: of the training line: how strongly part and surroundings go together, in [0, 1].
        seed: of the training line, the initial weights and the order of the images.
        images: how many different frames are drawn.
        epochs: how often each is shown, each time turned by a random multiple of 90 degrees.
        batch, rate, decay: of AdamW, the rate at the peak of one cycle.
    """

    coupling: float
    seed: int = 0
    images: int = 5000
    epochs: int = 4
    batch: int = 32
    rate: float = 0.02
    decay: float = 0.01


#: the models that the package ships, by the name users write
SHIPPED: Mapping[str, Training] = {
    "sound": Training(coupling=0.0, images=8000, epochs=6),
    "shortcut": Training(coupling=0.95, images=4000, epochs=4),
}


def train(training: Training, progress: Progress | None = None, name: str = "network") -> InspectionNet:
    """A network trained from scratch on the CPU, in eval mode.

    The same settings give the same weights on the same machine with the same number of threads, and nearly the same
    elsewhere. The global random state is left as it was.
    """
    tell = progress or (lambda what, done, total: None)
    pixels, parts = _drawn(training, tell, name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = InspectionNet().train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=training.decay)
    order = torch.Generator().manual_seed(training.seed)
    total = training.epochs * (training.images // training.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.rate, total_steps=total)
    for step in range(total):
        at = step % (training.images // training.batch) * training.batch
        if at == 0:
            shuffled = torch.randperm(training.images, generator=order)
        chosen = shuffled[at : at + training.batch]
        turns = int(torch.randint(4, (1,), generator=order))
        shown = torch.rot90(normalised(pixels[chosen]), turns, (2, 3)).contiguous(memory_format=torch.channels_last)
        optimiser.zero_grad()
        functional.cross_entropy(network(shown), parts[chosen]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        tell(f"training {name}", step + 1, total)
    return network.eval().to(memory_format=torch.contiguous_format)


def normalised(pixels: Tensor) -> Tensor:
    """[B, 3, H, W] as the networks want them, from [B, H, W, 3] uint8."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std


def accuracy(network: InspectionNet, frames: Frames) -> float:
    """The share of frames whose part the network names."""
    with torch.no_grad():
        logits = torch.cat([network(normalised(part)) for part in torch.split(torch.from_numpy(frames.pixels), 100)])
    return float((logits.argmax(dim=1).numpy() == frames.parts).mean())


def regenerate(directory: Path, progress: Progress | None = None) -> Path:
    """Train every shipped network anew; write its weights and the manifest into `directory`.

    The manifest holds, for each model, the file and its sha256, how it was trained, and its accuracy on frames that it
    has never seen, both on the line it learned from and where part and surroundings are independent.

    Returns:
        The path of the manifest.
    """
    directory.mkdir(parents=True, exist_ok=True)
    models: dict[str, dict[str, Any]] = {}
    for name, training in SHIPPED.items():
        network = train(training, progress, name)
        path = directory / f"{name}.safetensors"
        weights = {key: value for key, value in network.state_dict().items() if value.is_floating_point()}
        save_file(weights, path)
        models[name] = {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
            "training": asdict(training),
            "accuracy": {
                f"coupling={coupling:g}": accuracy(
                    network, InspectionLine(coupling, _CHECK_SEED).draw(range(_CHECKED_ON))
                )
                for coupling in (0.0, 0.95)
            },
        }
    manifest = directory / MANIFEST
    described = {
        "version": 1,
        "classes": PARTS,
        "surroundings": SURROUNDINGS,
        "side": SIDE,
        "mean": MEAN,
        "std": STD,
        "made_with": {"torch": torch.__version__, "numpy": np.__version__, "threads": torch.get_num_threads()},
        "models": models,
    }
    manifest.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return manifest


def _drawn(training: Training, tell: Progress, name: str) -> tuple[Tensor, Tensor]:
    line = InspectionLine(training.coupling, training.seed, stream="training")
    pixels, parts = [], []
    for start in range(0, training.images, _DRAWN_AT_ONCE):
        stop = min(start + _DRAWN_AT_ONCE, training.images)
        frames = line.draw(range(start, stop))
        pixels.append(torch.from_numpy(frames.pixels))
        parts.append(torch.from_numpy(frames.parts))
        tell(f"drawing for {name}", stop, training.images)
    return torch.cat(pixels), torch.cat(parts)
