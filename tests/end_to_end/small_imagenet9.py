"""A small ImageNet-9 in the layout of the download, and a classifier whose answers to it are known.

Image i of 18 is the (i % 2)-th of class i // 2. Its object is a block whose red says i, its background is green and
says i; the red of a picture without object and the green of one without background say nothing. The classifier reads
both numbers, and answers

- by the background's class for objects 0 to 7 (classes 0 to 3), and for pictures without an object;
- by the object's class for objects 8 to 15 (classes 4 to 7);
- with an output that belongs to none of the nine classes for object 16;
- by the object's class for object 17, except before the background of image 0, where it answers with none of them.

On originals it answers with one output of a class, elsewhere with another one of the same class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

IMAGES = 18
SIDE = 32
STEP = 13
CLASSES = (
    "00_dog",
    "01_bird",
    "02_wheeled vehicle",
    "03_reptile",
    "04_carnivore",
    "05_insect",
    "06_musical instrument",
    "07_primate",
    "08_fish",
)
#: of each class the first and the last of its outputs among the thousand of ImageNet, and an output of none of them
FIRST, LAST, NONE = (151, 7, 407, 33, 269, 300, 401, 365, 0), (268, 146, 880, 68, 388, 326, 889, 384, 397), 999
BLOCK = slice(8, 24)
NOTHING = -1


def written(root: Path) -> Path:
    """``<variant>/val/<class>/<stem>.JPEG`` and ``fg_mask/val/<class>/<stem>.npy`` of all images."""
    for number in range(IMAGES):
        same, random, after = number ^ 1, (number + 4) % IMAGES, (number + 2) % IMAGES
        pictures = {
            "original": (number, number, ""),
            "only_fg": (number, NOTHING, ""),
            "no_fg": (NOTHING, number, ""),
            "only_bg_b": (NOTHING, number, ""),
            "only_bg_t": (NOTHING, number, ""),
            "mixed_same": (number, same, f"_bg_{stem(same)}"),
            "mixed_rand": (number, random, f"_bg_{stem(random)}"),
            "mixed_next": (number, after, f"_bg_{stem(after)}"),
        }
        for variant, (thing, background, rest) in pictures.items():
            name = f"fg_{stem(number)}{rest}" if rest else stem(number)
            file = root / variant / "val" / CLASSES[number // 2] / f"{name}.JPEG"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(thing, background)).save(file, "JPEG", quality=100, subsampling=0)
        mask = np.zeros((SIDE, SIDE), dtype=bool)
        mask[BLOCK, BLOCK] = True
        file = root / "fg_mask" / "val" / CLASSES[number // 2] / f"{stem(number)}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, mask)
    return root


def stem(number: int) -> str:
    """A name as ImageNet gives it: the WordNet id and a number."""
    return f"n0{1000000 + number // 2}_{number}"


def picture(thing: int, background: int) -> NDArray[np.uint8]:
    """Blocks of whole DCT cells, so that JPEG leaves their colours as they are to a few levels."""
    pixels = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    pixels[..., 1] = STEP * (background + 1)
    if thing != NOTHING:
        pixels[BLOCK, BLOCK] = (STEP * (thing + 1), 0, 0)
    return pixels


class Classifier(nn.Module):
    """1000 outputs; the answers of the module's docstring, looked up in a table [object + 1, background + 1]."""

    def __init__(self) -> None:
        super().__init__()
        table = [[answer(thing, background) for background in range(-1, IMAGES)] for thing in range(-1, IMAGES)]
        self.register_buffer("table", torch.tensor(table))

    def forward(self, pixels: Tensor) -> Tensor:
        codes = (pixels * 255 / STEP).round().long().clamp(0, IMAGES)
        answers = self.table[codes[:, 0, SIDE // 2, SIDE // 2], codes[:, 1, 0, 0]]
        return 10 * torch.nn.functional.one_hot(answers, 1000).float()


def answer(thing: int, background: int) -> int:
    """The output that is the largest."""
    names = FIRST if thing == background else LAST
    if thing == 16 or (thing == 17 and background == 0):
        return NONE
    if thing == NOTHING or thing < 8:
        return NONE if background == NOTHING else names[background // 2]
    return names[thing // 2]
