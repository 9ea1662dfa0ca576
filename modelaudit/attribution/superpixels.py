"""Superpixels: an image cut into regions, and the score of any subset of them."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..language.errors import AttributionError, ExpressionError
from ..language.spec import one_of, within
from .base import Question
from .perturbed import Fill, filled, perturbed_scores

Segmentation = Literal["grid", "slic"]
SEGMENTATIONS: tuple[Segmentation, ...] = ("grid", "slic")
MOST_SEGMENTS = 1024
#: (coalition's number) -> [B, K] bool, the superpixels that are kept
Kept = Callable[[int], Tensor]


@dataclass(frozen=True)
class Superpixels:
    """The superpixels of a batch as players of a game: v(S) = f(x with all superpixels outside S filled).

    Args:
        labels: [B, H, W] long, the superpixel of each pixel.
        counts: how many each image has. K is the largest of them; an image with fewer has empty ones at the end,
            which change nothing.
        fill: [B, 3, H, W], what takes the place of superpixels that are not kept.
    """

    question: Question
    labels: Tensor
    counts: tuple[int, ...]
    fill: Tensor

    @classmethod
    def of(cls, question: Question, segmentation: Segmentation, segments: int, fill: Fill) -> Superpixels:
        """Cut every image of the question.

        Raises:
            AttributionError: slic is asked for, and scikit-image is not installed.
        """
        pixels = question.pixels
        labels = _grid(pixels, segments) if segmentation == "grid" else _slic(pixels, segments)
        counts = tuple(int(count) + 1 for count in labels.flatten(1).amax(1).tolist())
        return cls(question, labels, counts, filled(pixels, fill))

    @property
    def most(self) -> int:
        """K."""
        return max(self.counts)

    def values(self, count: int, kept: Kept) -> Tensor:
        """[B, count] float64: v of the coalitions ``kept(0)`` to ``kept(count - 1)``."""
        pixels, flat = self.question.pixels, self.labels.flatten(1)

        def perturb(index: int) -> Tensor:
            inside = kept(index).to(pixels.device).gather(1, flat).view_as(self.labels)
            return torch.where(inside.unsqueeze(1), pixels, self.fill)

        return perturbed_scores(self.question, count, perturb).double()

    def spread(self, shares: Tensor) -> Tensor:
        """[B, H, W]: each superpixel's share [B, K] spread evenly over its pixels, so that a map sums to its shares."""
        flat = self.labels.flatten(1)
        sizes = torch.zeros_like(shares, dtype=torch.long).scatter_add_(1, flat, torch.ones_like(flat))
        densities = shares / sizes.clamp_min(1)
        return densities.gather(1, flat).view_as(self.labels).to(self.question.pixels.dtype)


def check_segments(method: str, segmentation: str, segments: int) -> None:
    """Whether the arguments that all methods over superpixels have can mean something.

    Raises:
        ExpressionError: they cannot.
    """
    one_of(segmentation, SEGMENTATIONS, f"{method}: segmentation")
    within(segments, 4, MOST_SEGMENTS, f"{method}: segments")
    if not isinstance(segments, int):
        raise ExpressionError(f"{method}: segments={segments!r} is no whole number")


def most_segments(segmentation: Segmentation, segments: int) -> int:
    """The largest number of superpixels that an image can get: a grid has as many rows as columns."""
    return math.isqrt(segments) ** 2 if segmentation == "grid" else segments


def _grid(pixels: Tensor, segments: int) -> Tensor:
    """isqrt(segments) rows and columns of rectangles whose sides differ by a pixel at most; none is empty."""
    side = math.isqrt(segments)
    count, _, height, width = pixels.shape
    rows, columns = min(side, height), min(side, width)
    at_rows = torch.arange(height, device=pixels.device) * rows // height
    at_columns = torch.arange(width, device=pixels.device) * columns // width
    return (at_rows[:, None] * columns + at_columns).expand(count, height, width).contiguous()


def _slic(pixels: Tensor, segments: int) -> Tensor:
    """scikit-image's SLIC (Achanta et al. 2012), at most `segments` connected regions an image."""
    if importlib.util.find_spec("skimage") is None:
        raise AttributionError(
            "segmentation='slic' needs scikit-image: pip install 'pytest-modelaudit[superpixels]', or take "
            "segmentation='grid'"
        )
    images = pixels.detach().double().cpu().permute(0, 2, 3, 1).numpy()
    return torch.from_numpy(np.stack([_regions(image, segments) for image in images])).to(pixels.device)


def _regions(image: np.ndarray, segments: int) -> np.ndarray:
    from skimage.segmentation import slic

    for asked in range(segments, 0, -1):  # SLIC may give a few more than it is asked for
        found = slic(image, n_segments=asked, start_label=0, channel_axis=-1)
        labels = np.unique(found, return_inverse=True)[1].reshape(found.shape)
        if labels.max() < segments:
            break
    return labels.astype(np.int64)
