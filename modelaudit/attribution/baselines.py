"""Baselines: the images that a method measures shares from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import one_of
from .base import AttributionInput

#: baselines of one colour, RGB in pixel values; "mean" is the mean colour of ImageNet
BASELINES = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0), "mean": (123 / 255, 116 / 255, 103 / 255)}
#: every baseline that can be named
NAMES = (*BASELINES, "blur", "noise")
#: standard deviation of the Gaussian that makes "blur", in parts of the image's shorter side
BLUR = 0.1


def named(baseline: str | tuple[str, ...], what: str) -> tuple[str, ...]:
    """The names of one baseline or of several.

    Raises:
        ExpressionError: a name is unknown or repeated, or no name is given.
    """
    names = baseline if isinstance(baseline, tuple) else (baseline,)
    for name in names:
        one_of(name, NAMES, what)
    if not names or len(set(names)) < len(names):
        raise ExpressionError(f"{what}: {list(names)} must name at least one of {', '.join(NAMES)}, and each once")
    return names


def baseline_images(name: str, question: AttributionInput, method: str, slot: int = 0) -> Tensor:
    """The baseline [B, 3, H, W] of every image, in pixel values.

    "blur" is the image under a Gaussian of :data:`BLUR` of its shorter side; where that reaches over the border, the
    weights inside are scaled up to 1. "noise" is uniform in [0, 1], drawn for each sample under (`method`, `slot`).
    """
    pixels = question.pixels.detach()
    if name == "blur":
        return _blurred(pixels)
    if name == "noise":
        shape = pixels.shape[1:]
        draws = [torch.rand(shape, generator=question.generator(at, method, slot)) for at in range(len(pixels))]
        return torch.stack(draws).to(pixels)
    colour = torch.tensor(BASELINES[name], dtype=pixels.dtype, device=pixels.device)
    return colour.view(1, 3, 1, 1).expand_as(pixels)


def normal_noise(question: AttributionInput, among: Sequence[int], method: str, slot: int) -> Tensor:
    """Standard normal draws [len(among), 3, H, W], one for each of these images of the batch.

    In float32 whatever the model's type, so that every type sees the same noise.
    """
    shape = question.pixels.shape[1:]
    draws = [torch.randn(shape, generator=question.generator(at, method, slot)) for at in among]
    return torch.stack(draws).to(question.pixels)


def _blurred(pixels: Tensor) -> Tensor:
    height, width = pixels.shape[2:]
    rows, columns = (_gaussian(side, BLUR * min(height, width)).to(pixels) for side in (height, width))
    return rows @ pixels @ columns.T


def _gaussian(side: int, sigma: float) -> Tensor:
    """[side, side]: row i holds the weights of all pixels in the blurred pixel i."""
    at = torch.arange(side, dtype=torch.float64)
    weights = torch.exp(-0.5 * ((at[:, None] - at) / sigma) ** 2)
    return weights / weights.sum(1, keepdim=True)
