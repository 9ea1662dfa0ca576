"""Scores of new images: how far each is from the images that a monitor was fitted to, by each statistic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import UnusableSample
from ..data.appearance import LIGHT, SURROUNDINGS
from ..data.labels import NO_LABEL
from ..language.errors import ModelError
from ..language.sample import Sample
from ..language.spatial import SpatialLayer
from ..models import LoadedModel
from .distance import Distance
from .features import FrameFeatures, FrameReader
from .monitor_file import MonitorFile, StatisticName

#: images that are decoded ahead of their passes
_CHUNK = 32


@dataclass(frozen=True, eq=False)
class FrameScores:
    """One image by every statistic.

    Args:
        scores: of each statistic; a larger one is further from the fitted images (of the classes: a rarer class).
        predicted: the class that the model predicts: its name, or its index where it has none.
        confidence: the largest probability.
        columns: the named columns of its appearance, as :class:`~.monitor_file.WatchedColumn` has them.
        thumbnail: [h, w, 3] uint8, at most 96 pixels a side.
    """

    scores: Mapping[StatisticName, float]
    predicted: str
    confidence: float
    columns: Mapping[str, float]
    thumbnail: NDArray[np.uint8]


def frame(image: Any, mask: Any = None, *, id: str = "") -> Sample:
    """An image without a label.

    Args:
        image: a path, the bytes of an image file, an RGB array [H, W, 3] of uint8, or an image of Pillow.
        mask: a path or an array [H, W] (1 object, 0 background, 255 ignore); None where there is none.
    """
    found = image if isinstance(image, Path | bytes | np.ndarray) else np.asarray(image.convert("RGB"))
    return Sample(id=id, image=found, label=NO_LABEL, mask=mask, mask_kind="none" if mask is None else "mask")


@dataclass(frozen=True, eq=False)
class ScoreFunctions:
    """What makes scores of an image's features; the same when a monitor is fitted and when it watches.

    Args:
        distances: by statistic, and whether the object is left out.
        positions: of the classes by name, the one that is predicted most first.
    """

    distances: Mapping[tuple[StatisticName, bool], Distance]
    positions: Mapping[str, int]

    def __call__(self, one: FrameFeatures, predicted: str, masked: bool) -> dict[StatisticName, float]:
        """The scores of one image by statistic."""
        return {
            "surroundings": self.distances["surroundings", masked](one.surroundings[masked]),
            "light": self.distances["light", False](one.light),
            "confidence": 1 - one.confidence,
            "classes": float(self.positions[predicted]),
        }


class Scorer:
    """Scores images with the model that a monitor was fitted with.

    As a context manager it keeps the model on the device and frozen until the end of the ``with`` block; outside of one
    each call does so for itself. What an image scores does not depend on the others in the batch.

    Args:
        monitor: the score functions.
        loaded: the model.
        device: "cpu", "cuda", ...

    Raises:
        ModelError: it is not the model of the monitor.
    """

    def __init__(self, monitor: MonitorFile, loaded: LoadedModel, device: str = "cpu") -> None:
        if loaded.fingerprint != monitor.model.fingerprint:
            raise ModelError(
                f"{loaded.ref}: is not the model that the monitor was fitted with ({loaded.fingerprint[:12]} instead "
                f"of {monitor.model.fingerprint[:12]}); audit the new model, and fit a monitor to that run"
            )
        layers = [SpatialLayer(**layer.model_dump()) for layer in monitor.layers]
        self._reader = FrameReader(loaded, layers, device)
        self._monitor, self._loaded = monitor, loaded
        self._scores = ScoreFunctions(
            {
                (one.name, one.masked): Distance.of(one.distance)
                for one in monitor.statistics
                if one.distance is not None
            },
            {share.name: at for at, share in enumerate(monitor.class_shares)},
        )

    def __enter__(self) -> Scorer:
        self._reader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def score(self, samples: Sequence[Sample], *, masked: bool = False) -> list[FrameScores | UnusableSample]:
        """The scores of each image, or why it has none: it cannot be decoded, or with `masked` has no mask.

        Labels are not read; :func:`frame` makes a sample of an image that has none.

        Args:
            masked: the surroundings are those outside of the object, and every sample has a mask.

        Raises:
            ModelError: the model cannot be run.
            MonitorError: `masked`, and the monitor was fitted to images without masks.
        """
        self._monitor.statistic("surroundings", masked=masked)
        found: list[FrameScores | UnusableSample] = []
        with self._reader.opened() as reader:
            for first in range(0, len(samples), _CHUNK):
                read = reader.read(samples[first : first + _CHUNK], (masked,))
                found += [one if isinstance(one, UnusableSample) else self._scored(one, masked) for one in read]
        return found

    def _scored(self, one: FrameFeatures, masked: bool) -> FrameScores:
        predicted = class_name(self._loaded, one.index)
        return FrameScores(
            scores=self._scores(one, predicted, masked),
            predicted=predicted,
            confidence=one.confidence,
            columns=columns_of(one, masked),
            thumbnail=one.thumbnail,
        )


def class_name(loaded: LoadedModel, index: int) -> str:
    """The name of an output's class; its index where it has none, or shares its name with another."""
    names = loaded.classes
    return str(index) if names is None or names.count(names[index]) > 1 else names[index]


def columns_of(one: FrameFeatures, masked: bool) -> dict[str, float]:
    """The named columns of an image's appearance."""
    values = np.concatenate([one.light, one.appearance[masked]])
    return dict(zip((*LIGHT, *SURROUNDINGS), values.tolist(), strict=True))
