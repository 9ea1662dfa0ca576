"""Gradients at many points of each image: what smoothing and path methods are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from .base import AttributionInput
from .passes import gradients

#: (number of the point, images of the batch) to the points [n, 3, H, W]
Point = Callable[[int, Sequence[int]], Tensor]
#: number of the point, images of the batch, values of the explained quantity [n], gradients [n, 3, H, W]
PathGradients = tuple[int, list[int], Tensor, Tensor]


def gradients_at(
    question: AttributionInput, count: int, point: Point, among: Sequence[int] | None = None
) -> Iterator[PathGradients]:
    """Values and gradients at ``point(0)`` to ``point(count - 1)`` of the images `among` (None: all of the batch).

    One point of all these images follows the other, in passes of ``question.rows``. So every image meets its points in
    their order whatever the batch is, passes are full, and no more than one of them is kept. The yielded tensors are
    the caller's to write into.

    Args:
        among: rising numbers.

    Raises:
        AttributionError: no gradient leads back to the image.
    """
    images = list(range(len(question.pixels)) if among is None else among)
    rows = question.rows or len(question.pixels)
    for first in range(0, count * len(images), rows):
        pieces = _pieces(first, min(first + rows, count * len(images)), images)
        stack = torch.cat([point(index, part) for index, part in pieces])
        owners = [image for _, part in pieces for image in part]
        values, slopes = gradients(question, stack, question.selector[owners])
        done = 0
        for index, part in pieces:
            here = slice(done, done + len(part))
            done = here.stop
            yield index, part, values[here], slopes[here]


def rows_of(images: Sequence[int]) -> slice | list[int]:
    """The index of these images in the batch; a slice where they follow each other, so that nothing is copied."""
    first, count = images[0], len(images)
    return slice(first, first + count) if images[-1] - first == count - 1 else list(images)


def _pieces(first: int, last: int, images: list[int]) -> list[tuple[int, list[int]]]:
    """The rows `first` to `last` as (point, consecutive images)."""
    found = []
    while first < last:
        index, start = divmod(first, len(images))
        stop = min(len(images), start + last - first)
        found.append((index, images[start:stop]))
        first += stop - start
    return found
