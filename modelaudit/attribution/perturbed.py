"""Scores of perturbed images: what the methods without gradients are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal, TypeVar

import torch
from torch import Tensor

from .base import AttributionInput
from .baselines import baseline_images
from .passes import scores

Fill = Literal["black", "white", "mean", "blur", "noise"]
#: of a method's draws, behind those that it makes for its own perturbations
_FILL_SLOT = 1
#: numbers of n perturbations of an image to [n, 3, H, W]
Perturb = Callable[[range], Tensor]
_Result = TypeVar("_Result")


def for_each_image(question: AttributionInput, explain: Callable[[int], _Result]) -> list[_Result]:
    """``explain(image)`` for every row of the batch; one that repeats the row before it, as padding does, only once."""
    found: list[_Result] = []
    for image in range(len(question.pixels)):
        found.append(found[-1] if _repeats(question, image) else explain(image))
    return found


def perturbed_scores(question: AttributionInput, image: int, count: int, perturb: Perturb) -> Tensor:
    """[count], the explained quantity of the perturbations 0 to count - 1 of one image.

    An image shares no pass with another: kernels give other last bits at another place in a pass, and so neither the
    order of the images nor the other images can change a value. Its perturbations are cut into passes of one size, the
    largest up to ``question.rows`` that leaves no more than one place empty in each. One pass of images is in memory.
    """
    rows = question.rows or len(question.pixels)
    size = math.ceil(count / math.ceil(count / rows))
    equal = replace(question, rows=size)
    found = []
    for numbers in parts_of(count, size):
        selector = question.selector[image].expand(len(numbers), -1)
        found.append(scores(equal, perturb(numbers), selector))
    return torch.cat(found)


def parts_of(count: int, size: int) -> Iterator[range]:
    """0 to count - 1 in parts of `size`, the last with what is left."""
    for first in range(0, count, size):
        yield range(first, min(first + size, count))


def _repeats(question: AttributionInput, image: int) -> bool:
    """Whether all that decides an image's values, its id too, is as in the row before."""
    if image == 0 or not question.ids or question.ids[image] != question.ids[image - 1]:
        return False
    return all(torch.equal(part[image], part[image - 1]) for part in (question.pixels, question.selector))


def filled(question: AttributionInput, image: int, fill: Fill, method: str) -> Tensor:
    """[3, H, W], what takes the place of pixels that are taken away: the baseline of that name, "noise" by the id."""
    name = question.ids[image] if question.ids else str(image)
    alone = replace(question, pixels=question.pixels[image : image + 1], ids=(name,))
    return baseline_images(fill, alone, method, _FILL_SLOT)[0]
