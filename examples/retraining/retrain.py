"""Trains the candidate of the inspection line anew by one of the recipes, and writes its weights.

    python examples/retraining/retrain.py backgrounds        # weights/backgrounds.safetensors, about a minute
    pytest examples/retraining                               # does it still go by the bench?

``none`` trains it as it was. ``--images 900 --epochs 4`` is faster.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from recipes import RECIPES, on_other_backgrounds, weights_by_surroundings
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "inspection"))
from drawing import LABELS, draw  # noqa: E402
from make_line import HABIT, TRAINING_SEED  # noqa: E402
from net import DefectNet  # noqa: E402

BATCH = 32


def train(recipe: str, images: int, epochs: int) -> DefectNet:
    """A model from scratch, on the photos that the candidate learned from."""
    labels = [number % len(LABELS) for number in range(images)]
    photos = [draw(LABELS[label], at, seed=TRAINING_SEED, habit=HABIT) for at, label in enumerate(labels)]
    pixels = torch.from_numpy(np.stack([photo.pixels for photo in photos])).permute(0, 3, 1, 2).float() / 255
    masks = torch.from_numpy(np.stack([photo.mask for photo in photos])).clamp(max=1)
    weights = torch.ones(images)
    if recipe == "reweighting":
        weights = weights_by_surroundings(labels, [photo.ground for photo in photos])
    wanted, chance = torch.tensor(labels), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = DefectNet().train()
    steps = epochs * (images // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), 0.01, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
    for step in range(steps):
        at = step % (images // BATCH) * BATCH
        if at == 0:
            order = torch.randperm(images, generator=chance)
            print(f"\r{recipe}: {step} of {steps} steps", end="", file=sys.stderr)
        chosen = order[at : at + BATCH]
        shown = pixels[chosen]
        if recipe in ("backgrounds", "copy_paste"):
            moved = recipe == "copy_paste"
            shown = on_other_backgrounds(shown, masks[chosen], chance, number=step, move=moved)
        factor = 1 + 0.2 * (2 * torch.rand(len(chosen), 1, 1, 1, generator=chance) - 1)
        turned = torch.rot90((shown * factor).clamp(0, 1), int(torch.randint(4, (1,), generator=chance)), (2, 3))
        losses = cross_entropy(model(turned), wanted[chosen], reduction="none")
        optimiser.zero_grad()
        (losses * weights[chosen]).mean().backward()
        optimiser.step()
        schedule.step()
    print(f"\r{recipe}: {steps} of {steps} steps", file=sys.stderr)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--images", type=int, default=3000, help="of the training line (default: 3000)")
    parser.add_argument("--epochs", type=int, default=8, help="how often each is shown (default: 8)")
    given = parser.parse_args()
    model = train(given.recipe, given.images, given.epochs)
    folder = HERE / "weights"
    folder.mkdir(exist_ok=True)
    weights = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
    save_file(weights, folder / f"{given.recipe}.safetensors")
    print(folder / f"{given.recipe}.safetensors")


if __name__ == "__main__":
    main()
