"""Images of 12 x 12 pixels with exact masks, and models of a few lines, for the audits that the tests write.

Audit files of the tests import it by its name; it is copied beside them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modelaudit import Preprocessing, Sample

CLASSES = ("red", "green")
SIDE = 12


def pixels(at: int, label: str, surroundings: int | None = None) -> np.ndarray[Any, Any]:
    """A square of the label's colour on grey that differs from image to image."""
    image = np.random.default_rng(at).integers(60, 100, (SIDE, SIDE, 3), dtype=np.uint8)
    if surroundings is not None:
        image[:, :, surroundings] = 220
    image[3:9, 3:9] = [200 - 3 * (at % 5), 40, 40] if label == "red" else [40, 200 - 3 * (at % 5), 40]
    return image


def mask(whole: bool = False) -> np.ndarray[Any, Any]:
    found = np.full((SIDE, SIDE), int(whole), dtype=np.uint8)
    found[3:9, 3:9] = 1
    return found


def samples(count: int = 20, *, masks: bool = True, coupled: bool = False) -> list[Sample]:
    """Red and green squares in turn; `coupled` lets the surroundings tell the label too."""
    found = []
    for at in range(count):
        label = CLASSES[at % 2]
        image = pixels(at, label, at % 2 if coupled else None)
        found.append(Sample(f"{at:03}.png", image, label, mask() if masks else None))
    return found


class Colour(nn.Module):
    """The colour of the middle of the image: right on every image, whatever the surroundings."""

    def __init__(self, scale: float = 4.0, middle: bool = True) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.middle = middle

    def forward(self, images: Tensor) -> Tensor:
        if self.middle:
            images = images[:, :, 4:8, 4:8]
        return self.scale * images.mean((2, 3))[:, :2]


class Corner(nn.Module):
    """The colour of the upper left corner: sees nothing but the surroundings."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))

    def forward(self, images: Tensor) -> Tensor:
        return self.scale * images[:, :, :3, :3].mean((2, 3))[:, :2]


class Blind(Colour):
    """Always the first class: right on half of the images."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) * 0 + torch.tensor([1.0, 0.0])


class NotANumber(Colour):
    """NaN on what is not noise: the probe of the model loader passes."""

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits * torch.nan if images.shape[-1] == SIDE else logits


class Counting(Colour):
    """Writes the number of images of every batch into a file."""

    def __init__(self, file: str | Path) -> None:
        super().__init__()
        self.file = file

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-1] == SIDE:
            with Path(self.file).open("a", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {len(images)}\n")
        return super().forward(images)


def told(model: Any = None, data: Any = None, **options: Any) -> dict[str, Any]:
    """The arguments of an audit of a model on the samples."""
    given = {"classes": CLASSES, "preprocessing": Preprocessing(), **options}
    return {"model": Colour() if model is None else model, "data": samples() if data is None else data, **given}


def wrong() -> nn.Module:
    """A model that takes every colour for the other one."""
    return Colour(scale=-4.0)
