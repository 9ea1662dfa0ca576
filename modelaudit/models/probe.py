"""The first pass of a model: the size that it takes, what its outputs mean, and whether gradients lead through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..language.boundary import contained, described
from ..language.errors import ModelError, after
from ..language.sample import Preprocessing
from ..language.scores import ScoreSettings
from .final_activation import FinalActivation
from .fingerprint import probe_pixels
from .input_trials import way_out
from .loaded import PixelModel, frozen_module_on
from .reading_choice import choose_reading
from .score_reading import ScoreReading

#: tried in this order where the preprocessing leaves the size open; most models take the first
_OPEN_SIZES = (224, 64, 32, 28, 96, 128, 256, 299, 384, 512)
#: brightness of the noise that is tried too where values look like probabilities
_LEVELS = (0.0, 0.3, 1.0)
Size = tuple[int, int]


@dataclass(frozen=True)
class Probed:
    """What the first pass showed.

    Args:
        size: (height, width) of its image.
        logits: [1, C].
        differentiable: whether a gradient leads from them to the pixels.
        reading: what the outputs are.
        notes: on what was not said by the user.
    """

    size: Size
    logits: Tensor
    differentiable: bool
    reading: ScoreReading
    notes: tuple[str, ...]


def probed(
    text: str, module: nn.Module, preprocessing: Preprocessing, settings: ScoreSettings, classes: int | None
) -> Probed:
    """Pass one fixed image through the module, on the CPU.

    Args:
        text: the model's name in messages.
        settings: what the user says of its outputs.
        classes: the number of classes, where it is known.

    Raises:
        ModelError: it does not run, or its outputs are not scores, or may mean different things.
    """
    sizes = [fixed] if (fixed := fixed_size(preprocessing)) else [(side, side) for side in _OPEN_SIZES]
    failures: list[Exception] = []
    with frozen_module_on(module, "cpu"), torch.inference_mode(False):
        model = PixelModel(module, preprocessing)
        for size in sizes:
            try:
                return _answered(text, model, size, settings, classes)
            except ModelError:
                raise
            except BaseException as error:  # whatever the user's forward raises
                failures.append(contained(error))
        others = [(side, side) for side in _OPEN_SIZES if (side, side) not in sizes]
        cure = way_out(module, preprocessing, sizes, others)
    tried = ", ".join(f"{height} x {width}" for height, width in sizes)
    kind = "grey" if preprocessing.channels == 1 else "RGB"
    start = f"{text}: the forward pass of one {kind} image of {tried} raised {described(failures[0])}; "
    raise ModelError(*after(start, cure)) from failures[0]


def _answered(text: str, model: PixelModel, size: Size, settings: ScoreSettings, classes: int | None) -> Probed:
    """What runs outside torch refuses tensors that want a gradient, and is asked again without."""
    pixels = probe_pixels(size).requires_grad_()
    choose = partial(_chosen, text, model, size, settings, classes)
    try:
        with torch.enable_grad():
            logits, reading, notes = choose(pixels)
            found = None
            if logits.requires_grad:
                (found,) = torch.autograd.grad(logits.sum(), pixels, allow_unused=True)
    except RuntimeError:
        with torch.no_grad():
            logits, reading, notes = choose(pixels.detach())
            found = None
    return Probed(size, _checked_logits(text, logits.detach()), found is not None, reading, notes)


def _chosen(
    text: str, model: PixelModel, size: Size, settings: ScoreSettings, classes: int | None, pixels: Tensor
) -> tuple[Tensor, ScoreReading, tuple[str, ...]]:
    with FinalActivation(everything=True) as seen:
        returned = model.module(model.normalised(pixels))
    try:
        ends_in = getattr(model.module, "ends_in", None)
        reading, notes = choose_reading(returned, seen, settings, classes, lambda: _others(model, size), ends_in)
        logits = reading.logits(returned, len(pixels), seen)
    except ModelError as error:
        raise ModelError(*after(f"{text}: ", str(error))) from error
    return logits if logits.dtype == torch.float64 else logits.float(), reading, notes


def _others(model: PixelModel, size: Size) -> Iterator[Any]:
    """What the module returns for other images."""
    for level in _LEVELS:
        with torch.no_grad():
            yield model.module(model.normalised(0.5 * probe_pixels(size, 2)[1:] + 0.5 * level))


def fixed_size(preprocessing: Preprocessing) -> Size | None:
    """(height, width) after geometry; a shorter side without a crop is probed as a square."""
    size = preprocessing.crop if preprocessing.crop is not None else preprocessing.resize
    return (size, size) if isinstance(size, int) else size


def _checked_logits(text: str, logits: Tensor) -> Tensor:
    wrong = ~logits.isfinite()
    if bool(wrong.any()):
        value = float(logits[wrong][0])
        raise ModelError(
            f"{text}: returns {value} for an image of noise ({int(wrong.sum())} of {wrong.numel()} outputs are not "
            "finite); look for NaN in its weights and give those of a training that went well, or state the "
            "preprocessing that it was trained with: Audit(preprocessing=Preprocessing(mean=..., std=...))"
        )
    return logits
