"""Draws the photos of the audit into `photos/`, and with ``--train`` trains both models anew (about a minute).

python make_line.py            photos/images/free/000.png and photos/masks/free/000.png, ...
python make_line.py --train    weights/current.safetensors, weights/candidate.safetensors as well
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from drawing import LABELS, draw
from net import WEIGHTS, DefectNet
from PIL import Image
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

HERE = Path(__file__).parent
AUDIT_SEED, TRAINING_SEED = 1, 2
#: of the photos that the line collects: how often a disc lies where discs of its kind usually do
HABIT = 0.98
#: photos of the audit, by label
COUNTS = {"free": 150, "scratch": 250, "stain": 250}


def write_photos(folder: Path, counts: dict[str, int] | None = None) -> None:
    """The photos of the audit with their masks, collected as the line works: defective discs mostly on the bench."""
    for label, count in (counts or COUNTS).items():
        for number in range(count):
            photo = draw(label, number, seed=AUDIT_SEED, habit=HABIT)
            for kind, array in (("images", photo.pixels), ("masks", photo.mask)):
                file = folder / kind / label / f"{number:03d}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(file)


def train(habit: float, light: float, images: int, epochs: int = 8) -> DefectNet:
    """A model from scratch.

    Args:
        habit: of the training photos, see :func:`drawing.draw`.
        light: how far the brightness of the training photos is varied, as a share.
    """
    labels = [number % len(LABELS) for number in range(images)]
    drawn = [draw(LABELS[label], at, seed=TRAINING_SEED, habit=habit).pixels for at, label in enumerate(labels)]
    pixels = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 255
    wanted, chance = torch.tensor(labels), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = DefectNet().train()
    steps = epochs * (images // 32)
    optimiser = torch.optim.AdamW(model.parameters(), 0.01, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.randperm(images, generator=chance)[: images // 32 * 32].split(32):
            factor = 1 + light * (2 * torch.rand(len(chosen), 1, 1, 1, generator=chance) - 1)
            shown = (pixels[chosen] * factor).clamp(0, 1)
            turned = torch.rot90(shown, int(torch.randint(4, (1,), generator=chance)), (2, 3))
            optimiser.zero_grad()
            cross_entropy(model(turned), wanted[chosen]).backward()
            optimiser.step()
            schedule.step()
    return model.eval()


if __name__ == "__main__":
    write_photos(HERE / "photos")
    if "--train" in sys.argv[1:]:
        WEIGHTS.mkdir(exist_ok=True)
        for name, model in (
            ("current", train(habit=0.0, light=0.5, images=3000)),
            ("candidate", train(habit=HABIT, light=0.2, images=3000)),
        ):
            weights = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
            save_file(weights, WEIGHTS / f"{name}.safetensors")
