"""Filling a hole from its surroundings: their colours, grown in smoothly, and a texture like theirs."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from .multigrid import doubled, halved, harmonic

#: what is finer than 4 pixels is texture; how strong it is, is a matter of cells of 16 pixels
_FINE, _LOCAL = 2, 4
#: pixels that a cell must have for its strength to be known
_ENOUGH = 8
_WEAKEST = 1e-4


def inpainted(pixels: Tensor, hole: Tensor) -> Tensor:
    """`pixels` with the hole filled so that its outline is no edge: [B, 3, H, W]; outside pixels stay, to the bit.

    ``t + h``, where t is a texture like the background's and h solves Laplace's equation in the hole with the values of
    ``x - t`` round it: at the rim the fill goes over into the picture without a step (Perez et al. 2003), further
    inside it has the colours of the rim and the grain of the background. On a smooth background t is about 0.

    The texture is noise with the spectrum of the background's details (Galerne et al. 2011): the details, divided by
    their local strength and clipped at 3, convolved with one fixed field of white noise, times the local strength
    grown into the hole. Nothing in it is drawn: the same picture gives the same fill.

    Args:
        hole: [B, 1, H, W] bool; one that fills the frame is left as it is.
    """
    texture = _texture(pixels, (~hole).to(pixels.dtype))
    filled = texture + harmonic(pixels - texture, hole)
    hole = hole & ~hole.flatten(1).all(dim=1)[:, None, None, None]
    return torch.where(hole, filled.clamp(0.0, 1.0), pixels)


def widened(hole: Tensor, margin: int) -> Tensor:
    """The hole and every pixel within a square of `margin` round one of its pixels; never the whole frame."""
    if margin == 0:
        return hole
    side = 2 * margin + 1
    wide = functional.max_pool2d(hole.float(), side, stride=1, padding=margin) > 0
    return torch.where(wide.flatten(1).all(dim=1)[:, None, None, None], hole, wide)


def _texture(pixels: Tensor, known: Tensor) -> Tensor:
    means, shapes = halved(torch.cat([pixels * known, known], dim=1), _FINE)
    means = doubled(means, shapes)
    details = (pixels - means[:, :3] / means[:, 3:].clamp_min(1e-6)) * known
    strength = _strength(details, known)
    details = (details / strength).clamp_(-3.0, 3.0)
    size = pixels.shape[2:]
    spectrum = torch.fft.rfft2(details) * _noise(size[0], size[1]).to(pixels.device)
    count = known.flatten(1).sum(dim=1)[:, None, None, None].clamp_min(1.0)
    texture: Tensor = torch.fft.irfft2(spectrum, s=size) * (strength / count.sqrt())
    return texture


def _strength(details: Tensor, known: Tensor) -> Tensor:
    """[B, 1, H, W]: the mean of the square root of the details, squared, in each cell: single edges count little."""
    roots = details.abs().mean(dim=1, keepdim=True).sqrt()
    sums, shapes = halved(torch.cat([roots, known], dim=1), _LOCAL)
    strength = (sums[:, :1] / sums[:, 1:].clamp_min(1.0)).square()
    return doubled(harmonic(strength, sums[:, 1:] < _ENOUGH), shapes).clamp_min(_WEAKEST)


@lru_cache(maxsize=8)
def _noise(height: int, width: int) -> Tensor:
    """The transform of a field of white noise, the same for every picture of one size."""
    field = torch.randn(height, width, generator=torch.Generator().manual_seed(0))
    transform: Tensor = torch.fft.rfft2(field)
    return transform
