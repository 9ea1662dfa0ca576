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
from ..data.labels import NO_LABEL
from ..language.sample import Sample
from ..models import LoadedModel
from .monitor_file import MonitorFile, StatisticName


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
        raise NotImplementedError

    def __enter__(self) -> Scorer:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    def score(self, samples: Sequence[Sample], *, masked: bool = False) -> list[FrameScores | UnusableSample]:
        """The scores of each image, or why it has none: it cannot be decoded, or with `masked` has no mask.

        Labels are not read; :func:`frame` makes a sample of an image that has none.

        Args:
            masked: the surroundings are those outside of the object, and every sample has a mask.

        Raises:
            MonitorError: `masked`, and the monitor was fitted to images without masks.
        """
        raise NotImplementedError
