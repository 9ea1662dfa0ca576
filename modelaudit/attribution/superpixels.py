"""Superpixels: an image cut into regions, and the score of any subset of them."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from ..language import registry
from ..language.errors import AttributionError, ExpressionError
from ..language.spec import one_of, within
from .base import AttributionInput, Maps
from .baselines import NAMES
from .integrated import completeness_error
from .perturbed import Fill, filled, perturbed_scores

Segmentation = Literal["grid", "slic"]
SEGMENTATIONS: tuple[Segmentation, ...] = ("grid", "slic")
MOST_SEGMENTS = 1024
#: numbers of n coalitions to [n, K] bool, the superpixels that are kept
Kept = Callable[[range], Tensor]


class Cut(Protocol):
    """The arguments that every method over superpixels has."""

    @property
    def segments(self) -> int:
        """How many, 4 to 1024; slic may give fewer, a grid has the largest square number in it."""

    @property
    def segmentation(self) -> Segmentation:
        """ "grid" for rectangles, or "slic" for regions of like colour."""

    @property
    def fill(self) -> Fill:
        """What takes the place of superpixels that are taken away."""


def check_cut(method: str, cut: Cut) -> None:
    """Check the arguments of a method over superpixels.

    Raises:
        ExpressionError: an argument out of range.
    """
    check_segments(method, cut.segments)
    one_of(cut.segmentation, SEGMENTATIONS, f"{method}: segmentation")
    one_of(cut.fill, NAMES, f"{method}: fill")


def check_segments(method: str, segments: int) -> None:
    """Check the number of superpixels.

    Raises:
        ExpressionError: it is not an integer from 4 to 1024.
    """
    within(segments, 4, MOST_SEGMENTS, f"{method}: segments")
    if not isinstance(segments, int):
        raise ExpressionError(f"{method}: segments must be an integer, got {segments!r}")


@dataclass(frozen=True)
class Superpixels:
    """The superpixels of one image as players of a game: v(S) = f(x with all superpixels outside S filled).

    Args:
        image: its row in the question.
        labels: [H, W] long, the superpixel of each pixel, 0 to count - 1.
        count: how many there are.
        fill: [3, H, W], what takes the place of superpixels that are not kept.
    """

    question: AttributionInput
    image: int
    labels: Tensor
    count: int
    fill: Tensor

    @classmethod
    def of(cls, question: AttributionInput, image: int, cut: Cut) -> Superpixels:
        """Cut one image of the question as a method over superpixels says.

        Raises:
            AttributionError: slic is asked for, and scikit-image is not installed.
        """
        pixels = question.pixels[image]
        labels = grid(pixels, cut.segments) if cut.segmentation == "grid" else slic(pixels, cut.segments)
        fill = filled(question, image, cut.fill, registry.entry_of(cut).name)
        return cls(question, image, labels, int(labels.max()) + 1, fill)

    def values(self, count: int, kept: Kept) -> Tensor:
        """[count] float64 on the CPU: v of the coalitions 0 to count - 1."""
        pixels = self.question.pixels[self.image]

        def perturb(numbers: range) -> Tensor:
            inside = kept(numbers).to(pixels.device)[:, self.labels]
            return torch.where(inside.unsqueeze(1), pixels, self.fill)

        return perturbed_scores(self.question, self.image, count, perturb).cpu().double()

    def spread(self, shares: Tensor) -> Tensor:
        """[H, W]: each superpixel's share [K] spread evenly over its pixels, so that a map sums to its shares."""
        densities = shares.to(self.labels.device) / self.labels.flatten().bincount()
        return densities[self.labels].to(self.question.pixels.dtype)


def explained_by_shares(parts: Superpixels, shares: Tensor, nothing: Tensor) -> Maps:
    """The map [1, H, W] of shares [K] that sum to f(x) - f(fill), `nothing` being f(fill), and by how far they miss."""
    explained = parts.question.explained[parts.image].cpu()
    error = completeness_error(shares[None], explained[None], nothing[None])
    return Maps(parts.spread(shares)[None], error.to(parts.labels.device))


def joined(maps: Sequence[Maps]) -> Maps:
    """The maps of single images with their completeness errors as those of a batch."""
    errors = [one.completeness for one in maps if one.completeness is not None]
    return Maps(torch.cat([one.values for one in maps]), torch.cat(errors))


def most_segments(cut: Cut) -> int:
    """The largest number of superpixels that an image can get: a grid has as many rows as columns."""
    return math.isqrt(cut.segments) ** 2 if cut.segmentation == "grid" else cut.segments


def grid(pixels: Tensor, segments: int) -> Tensor:
    """[H, W]: isqrt(segments) rows and columns of rectangles whose sides differ by a pixel at most; none is empty."""
    side = math.isqrt(segments)
    height, width = pixels.shape[1:]
    rows, columns = min(side, height), min(side, width)
    at_rows = torch.arange(height, device=pixels.device) * rows // height
    at_columns = torch.arange(width, device=pixels.device) * columns // width
    return at_rows[:, None] * columns + at_columns


def slic(pixels: Tensor, segments: int) -> Tensor:
    """[H, W]: scikit-image's SLIC (Achanta et al. 2012), at most `segments` connected regions.

    Raises:
        AttributionError: scikit-image is not installed.
    """
    if importlib.util.find_spec("skimage") is None:
        raise AttributionError(
            "segmentation='slic' needs scikit-image: pip install 'pytest-modelaudit[superpixels]', or take "
            "segmentation='grid'"
        )
    image = pixels.detach().double().cpu().permute(1, 2, 0).numpy()
    return torch.from_numpy(_regions(image, segments)).to(pixels.device)


def _regions(image: np.ndarray, segments: int) -> np.ndarray:
    from skimage import segmentation

    for asked in range(segments, 0, -1):  # SLIC may give a few more than it is asked for
        found = segmentation.slic(image, n_segments=asked, start_label=0, channel_axis=-1)
        labels = np.unique(found, return_inverse=True)[1].reshape(found.shape)
        if labels.max() < segments:
            break
    return labels.astype(np.int64)
