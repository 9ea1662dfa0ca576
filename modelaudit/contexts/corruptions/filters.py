"""Linear filters that the corruptions share: as matrices where they are separable, by Fourier transform where not.

A separable filter on 224 pixels costs the same for every radius as a pair of [224, 224] matrices, borders included.
"""

from __future__ import annotations

import functools
import math
from typing import Literal

import torch
from torch import Tensor

from ..base import alone

#: the shorter side, in pixels, for which ImageNet-C states its lengths
REFERENCE_SIDE = 224
#: below 56 pixels lengths shrink no further: kernels would fall under one pixel
SMALLEST_SCALE = 0.25

#: what lies beyond the edge: the edge pixel (aaa|abcd|ddd), the image mirrored at the edge (cba|abcd|dcb), or mirrored
#: about the centre of the edge pixel (dcb|abcd|cba), under scipy's names
Border = Literal["nearest", "reflect", "mirror"]


def scale_of(pixels: Tensor) -> float:
    """Pixels of this image for one pixel of ImageNet-C: shorter side / 224, at least 1/4."""
    return max(min(pixels.shape[-2:]) / REFERENCE_SIDE, SMALLEST_SCALE)


def folded(at: Tensor, size: int, border: Border) -> Tensor:
    """int64: which pixel of a line of `size` stands at each place, however far beyond its ends."""
    if border == "nearest":
        return at.clamp(0, size - 1)
    if border == "reflect":
        at = at % (2 * size)
        return torch.minimum(at, 2 * size - 1 - at)
    period = max(2 * size - 2, 1)
    at = at % period
    return torch.minimum(at, period - at)


def border_index(size: int, margin: int, border: Border) -> Tensor:
    """[size + 2 margin] int64: which pixel of a line stands at -margin ... size + margin - 1."""
    return folded(torch.arange(-margin, size + margin), size, border)


@functools.lru_cache(maxsize=16)
def gaussian_matrix(size: int, sigma: float, border: Border = "nearest", truncate: float = 4.0) -> Tensor:
    """[size, size] float32: the Gaussian of `sigma` pixels, cut at `truncate` sigma, on a line of `size` pixels."""
    radius = int(truncate * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    source = border_index(size, radius, border).unfold(0, size, 1)  # [2 radius + 1, size]
    matrix.scatter_add_(1, source.T, (weights / weights.sum()).expand(size, -1))
    return matrix.float()


def separable(pixels: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``rows @ pixels @ columns^T``: [B, C, H, W] by [H', H] and [W', W] to [B, C, H', W']."""
    down, across = rows.to(pixels.device), columns.T.to(pixels.device)
    return alone(lambda images: down @ images @ across, pixels)


def gaussian(pixels: Tensor, sigma: float, border: Border = "nearest", truncate: float = 4.0) -> Tensor:
    """Gaussian blur of [B, C, H, W]; equals ``scipy.ndimage.gaussian_filter`` with these arguments on each plane."""
    rows, columns = (gaussian_matrix(size, sigma, border, truncate) for size in pixels.shape[-2:])
    return separable(pixels, rows, columns)


def convolved(pixels: Tensor, kernels: Tensor, border: Border) -> Tensor:
    """``out[p] = sum over o of kernel[r + o] pixels[p + o]``, by Fourier transform.

    Args:
        pixels: [B, C, H, W].
        kernels: [B, 2 r + 1, 2 r + 1], or [1, ...] for one that serves them all.
    """
    height, width = pixels.shape[-2:]
    margin = kernels.shape[-1] // 2
    rows, columns = (border_index(size, margin, border).to(pixels.device) for size in (height, width))
    shape = (_fast_length(height + 2 * margin), _fast_length(width + 2 * margin))

    def filtered(images: Tensor, kernel: Tensor) -> Tensor:
        wide = images.index_select(2, rows).index_select(3, columns)
        response = torch.fft.rfft2(kernel, s=shape).conj().unsqueeze(1)
        whole: Tensor = torch.fft.irfft2(torch.fft.rfft2(wide, s=shape) * response, s=shape)
        return whole[..., :height, :width]

    return alone(filtered, pixels, kernels.to(pixels.device).expand(len(pixels), -1, -1))


def _fast_length(size: int) -> int:
    """The next product of powers of 2, 3 and 5, which Fourier transforms like."""
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1


def zoomed(pixels: Tensor, factor: float) -> Tensor:
    """The middle of the frame enlarged to the frame by `factor` >= 1, bilinear: ImageNet-C's ``clipped_zoom``.

    From each side of n pixels the middle ``ceil(n / factor)`` are taken and resampled to ``round(ceil(n / factor)
    factor)`` with the outer pixels' centres kept, as by ``scipy.ndimage.zoom(order=1)``, of which the middle n stay.
    """
    if factor == 1:
        return pixels
    sides = pixels.shape[-2:]
    taken = [math.ceil(side / factor) for side in sides]
    size = [round(side * factor) for side in taken]
    top, left = ((side - part) // 2 for side, part in zip(sides, taken, strict=True))
    middle = pixels[..., top : top + taken[0], left : left + taken[1]]
    large = alone(
        lambda images: torch.nn.functional.interpolate(images, size=size, mode="bilinear", align_corners=True), middle
    )
    top, left = ((part - side) // 2 for side, part in zip(sides, size, strict=True))
    return large[..., top : top + sides[0], left : left + sides[1]]


def disc(radius: float, softness: float) -> Tensor:
    """[k, k] float32: the uniform disc of `radius` pixels with an edge softened by a Gaussian of `softness`; sums to 1.

    A pixel at (x, y) belongs to the disc of a whole radius r when ``x^2 + y^2 <= r^2``; between two whole radii both
    discs are mixed. The Gaussian has 3 taps up to radius 8 and 5 beyond.
    """
    taps = 3 if radius <= 8 else 5
    half = math.ceil(radius) + taps // 2
    line = torch.arange(-half, half + 1, dtype=torch.float64)
    squares = line[None, :] ** 2 + line[:, None] ** 2
    whole = [squares <= edge**2 for edge in (math.floor(radius), math.ceil(radius))]
    small, large = (part.double() / part.sum() for part in whole)
    part = torch.lerp(small, large, radius - math.floor(radius))
    tap = torch.arange(taps, dtype=torch.float64) - taps // 2
    soft = torch.exp(-0.5 * (tap / softness) ** 2)
    soft = (soft / soft.sum()).view(1, 1, 1, -1)
    for kernel in (soft, soft.mT):
        part = torch.nn.functional.conv2d(part.view(1, 1, *part.shape[-2:]), kernel, padding="same")
    return (part / part.sum()).view(2 * half + 1, 2 * half + 1).float()


def line(angle: float, width: int, sigma: float) -> Tensor:
    """[2 width - 1, 2 width - 1] float32: ImageMagick's motion blur.

    Pixel i = 0 ... width - 1 of a ray that leaves the centre at `angle` degrees (x to the right, y down) has the
    weight ``exp(-i^2 / (2 sigma^2))``, over their sum, and lies at ``ceil(i cos - 1/2), ceil(i sin - 1/2)``.
    """
    kernel = torch.zeros(2 * width - 1, 2 * width - 1, dtype=torch.float64)
    weights = [math.exp(-(step**2) / (2 * sigma**2)) for step in range(width)]
    across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    for step, weight in enumerate(weights):
        column, row = math.ceil(step * across - 0.5), math.ceil(step * down - 0.5)
        kernel[width - 1 + row, width - 1 + column] += weight / sum(weights)
    return kernel.float()
