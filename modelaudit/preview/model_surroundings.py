"""Features that a model has of the surroundings alone, without a pixel of the object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..data import Decoded, apply_geometry
from ..data.appearance import outside_object
from ..data.base import Pixels
from ..language.boundary import contained, described
from ..language.draws import order
from ..language.errors import ModelError
from ..language.sample import DataSet, Sample
from ..models import LoadedModel
from ..models.last_layer import features_of, last_layer
from ..models.loaded import device_of, frozen_on
from .associations import ModelView

#: so many images are seen by the model, and so many squares of each
MOST_IMAGES, SQUARES = 500, 4
#: squares down and across an image
GRID = 4
#: the shorter side of the copy that squares are cut from
_SIDE = 256
_BATCH = 32


class SurroundingsOfModel:
    """Cuts squares of the surroundings out of images as they are decoded; the model sees them afterwards.

    A cell of a model's last layer that lies outside the object has still seen the object: its receptive field is most
    of the image. So the model is given frames in which there is none. The image is divided into 4 x 4 squares; of those
    without a pixel of the object or its margin up to 4 are drawn, and each is continued by reflection to a whole frame
    at the scale of the image.
    """

    def __init__(self, data: DataSet, seed: int = 0) -> None:
        drawn = sorted(data.samples, key=lambda sample: order(seed, sample.id, "model's view"))
        self._wanted = {sample.id for sample in drawn[:MOST_IMAGES]}
        self._seed = seed
        self._lock = Lock()
        self._squares: dict[str, dict[int, Pixels]] = {}

    def __call__(self, sample: Sample, image: Pixels, mask: Pixels | None) -> None:
        """Cuts the squares of an image; may be called from several threads."""
        if sample.id not in self._wanted or (mask is None and not sample.without_object):
            return
        squares = dict(_free_squares(image, mask))
        places = sorted(squares, key=lambda place: order(self._seed, f"{sample.id} {place}", "model's view"))
        if places:
            with self._lock:
                self._squares[sample.id] = {place: squares[place] for place in places[:SQUARES]}

    def view(self, loaded: LoadedModel, progress: Callable[[], None] = lambda: None) -> ModelView:
        """The features of every square, by image and place: those before the last layer, or the logits of a model
        without such a layer.

        Raises:
            ModelError: the model fails on a frame.
        """
        work = [
            (name, place, square) for name in sorted(self._squares) for place, square in self._squares[name].items()
        ]
        found: dict[str, NDArray[np.float32]] = {}
        with _features(loaded) as run:
            for start in range(0, len(work), _BATCH):
                batch = work[start : start + _BATCH]
                features = run(torch.stack([_frame(square, loaded) for _, _, square in batch]))
                for (name, place, _), row in zip(batch, features, strict=True):
                    empty = np.full((row.size, GRID, GRID), np.nan, dtype=np.float32)
                    found.setdefault(name, empty)[:, place // GRID, place % GRID] = row
                progress()
        return ModelView(loaded.ref, found)


def _free_squares(image: Pixels, mask: Pixels | None) -> Iterator[tuple[int, Pixels]]:
    """The squares of a copy without a pixel of the object, by their place."""
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / min(height, width))
    size = (max(GRID, round(width * scale)), max(GRID, round(height * scale)))
    copy = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    outside = outside_object(mask, copy.shape[:2])
    side = min(size) // GRID
    tops, lefts = (np.linspace(0, length - side, GRID).round().astype(int) for length in copy.shape[:2])
    for place in range(GRID**2):
        top, left = tops[place // GRID], lefts[place % GRID]
        cut = (slice(top, top + side), slice(left, left + side))
        if outside[cut].all():
            yield place, copy[cut].copy()


def _frame(square: Pixels, loaded: LoadedModel) -> Tensor:
    """A square, continued by reflection, in the geometry of the model."""
    more = (GRID - 1) * len(square)
    frame = np.pad(square, ((0, more), (0, more), (0, 0)), mode="symmetric")
    pixels, _ = apply_geometry(Decoded(frame, None, "", ""), loaded.preprocessing)
    return pixels


@contextmanager
def _features(loaded: LoadedModel) -> Iterator[Callable[[Tensor], NDArray[np.float32]]]:
    """Yields a function of pixels [B, 3, H, W]: features [B, D]."""
    device = str(device_of(loaded.module))
    try:
        layer = last_layer(loaded)
    except ModelError:  # its logits show less, but show something
        with frozen_on(loaded, device) as model:
            yield lambda pixels: _run(loaded, lambda given: model(given.to(device)), pixels)
        return
    with features_of(loaded, layer, device) as run:
        yield lambda pixels: _run(loaded, lambda given: run(given)[0], pixels)


def _run(loaded: LoadedModel, run: Callable[[Tensor], Any], pixels: Tensor) -> NDArray[np.float32]:
    try:
        with torch.no_grad():
            features: Tensor = run(pixels)
    except BaseException as raised:
        error = contained(raised)
        raise ModelError(
            f"{loaded.ref}: fails on a picture of the surroundings alone ({described(error)}); leave out --model to "
            "check the data without it"
        ) from error
    return np.asarray(features.flatten(1).float().cpu())
