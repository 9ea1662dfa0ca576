"""How many images go through a model at a time."""

from __future__ import annotations

import torch
from torch import nn

from ...attribution.passes import SharedPass
from ..results.settings import MICRO_BATCH_CPU, MICRO_BATCH_GPU

_PROBES = 4
_SHARE_OF_FREE_MEMORY = 0.5
#: on a CPU nothing says that memory ran out before the system kills the process, so large images go fewer at a time
_PIXELS_ON_CPU = MICRO_BATCH_CPU * 256 * 256


def micro_batch(model: nn.Module, size: tuple[int, int], device: str, asked: int | None = None) -> int:
    """Images in one pass: `asked` where somebody asked, else what fits, a power of two.

    On a CPU at most 16, and fewer above 256 x 256 pixels, by size alone. On a CUDA device at most 256: so many that
    forward and backward passes with the gradient at the pixels take no more than half of the free memory, measured
    with four images.

    Args:
        model: frozen, on the device; maps pixel values to logits.
        size: (height, width) of its input.
    """
    if asked is not None:
        return asked
    if torch.device(device).type != "cuda":
        return _power_of_two(min(MICRO_BATCH_CPU, _PIXELS_ON_CPU // (size[0] * size[1])))
    try:
        needed = _memory_of_an_image(model, size, device)
    except torch.cuda.OutOfMemoryError:
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    return _power_of_two(min(MICRO_BATCH_GPU, int(_SHARE_OF_FREE_MEMORY * free / needed)))


def _memory_of_an_image(model: nn.Module, size: tuple[int, int], device: str) -> float:
    """Bytes at the peak of a forward and backward pass, an image."""
    pixels = torch.full((_PROBES, 3, *size), 0.5, device=device)
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run = SharedPass(model, pixels, input_gradient=True)
    run.explain(torch.ones_like(run.logits), input_gradient=True)
    torch.cuda.synchronize(device)
    peak = torch.cuda.max_memory_allocated(device) - before
    del run
    torch.cuda.empty_cache()
    return max(peak / _PROBES, 1.0)


def _power_of_two(most: int) -> int:
    return 1 << max(most, 1).bit_length() - 1
