"""Is what a map ranks first what the model uses? Deletion and insertion curves.

Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018. Theirs take 224 pixels a
step at 224 x 224. Their zero, and the zeros round their blur, are those of normalised pixels, hence the data set's mean
colour: give that as `fill` for their numbers. Ours is black, and our blur mirrors the image at its edges.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: pixels [R, 3, H, W] to logits [R, C]
Score = Callable[[Tensor], Tensor]
#: RISE takes 224 pixels a step at 224 x 224
STEPS = 224
#: radius (11 pixels across) and sigma of the blur that pixels are inserted into
RADIUS, SIGMA = 5, 5.0


def deletion_curve(
    maps: Tensor,
    pixels: Tensor,
    score: Score,
    classes: Tensor,
    step: int | None = None,
    *,
    fill: float | Tensor = 0.0,
    rows: int | None = None,
) -> Tensor:
    """[B, steps + 1] float64: the probability of `classes` while pixels are deleted, the largest values first.

    The first value is the image's, the last that of `fill` alone. Equal values go in the order of their places.

    >>> def score(pixels):  # two classes: how bright the image is, and 0
    ...     return torch.stack([pixels.mean((1, 2, 3)), torch.zeros(len(pixels))], 1)
    >>> pixels, maps = torch.ones(1, 3, 2, 2), torch.rand(1, 2, 2)
    >>> deletion_curve(maps, pixels, score, torch.tensor([0]), step=2).shape
    torch.Size([1, 3])

    Args:
        maps: [B, H, W]; a map that is not finite has a curve of NaN. For a control, give a map of random numbers.
        pixels: [B, 3, H, W].
        score: it runs the model, on at most `rows` images at a time.
        classes: [B] long: RISE's are the predictions on `pixels`.
        step: pixels that go at a time (the last step has what is left); None: :func:`pixels_a_step`.
        fill: what a deleted pixel becomes, a number or anything that broadcasts to `pixels`.
        rows: images in one pass; None: B. Fewer than B are not taken apart.

    Raises:
        ValueError: `step` below 1, or maps, pixels and classes that do not belong together.
    """
    _check(maps, pixels, classes, step)
    end = torch.as_tensor(fill, dtype=pixels.dtype, device=pixels.device).expand_as(pixels)
    return _curve(maps, pixels, end, score, classes, step, rows)


def insertion_curve(
    maps: Tensor,
    pixels: Tensor,
    score: Score,
    classes: Tensor,
    step: int | None = None,
    *,
    start: Tensor | None = None,
    rows: int | None = None,
) -> Tensor:
    """[B, steps + 1] float64: the probability of `classes` while pixels are put back, the largest values first.

    The first value is that of `start`, :func:`blurred` pixels where it is None, the last the image's. For the rest see
    :func:`deletion_curve`.

    >>> def score(pixels):  # two classes: how bright the image is, and 0
    ...     return torch.stack([pixels.mean((1, 2, 3)), torch.zeros(len(pixels))], 1)
    >>> pixels, maps = torch.ones(1, 3, 2, 2), torch.rand(1, 2, 2)
    >>> insertion_curve(maps, pixels, score, torch.tensor([0]), step=1).shape
    torch.Size([1, 5])
    """
    _check(maps, pixels, classes, step)
    return _curve(maps, blurred(pixels) if start is None else start, pixels, score, classes, step, rows)


def area_under(curve: Tensor) -> Tensor:
    """[B]: the trapezoid rule over [B, steps + 1], the steps 1 wide together. RISE: deletion low, insertion high.

    >>> area_under(torch.tensor([[1.0, 0.5, 0.0]])).tolist()
    [0.5]
    """
    return torch.trapezoid(curve, dx=1 / (curve.shape[1] - 1), dim=1)


def pixels_a_step(height: int, width: int) -> int:
    """224 at 224 x 224, and in proportion to the area; at least 1.

    >>> pixels_a_step(224, 224), pixels_a_step(8, 8)
    (224, 1)
    """
    return max(1, round(height * width / STEPS))


def blurred(pixels: Tensor) -> Tensor:
    """[B, 3, H, W]: a Gaussian of 11 x 11 pixels, sigma 5, mirrored at the edges; narrower where the image is.

    A sum of shifted images: what an image becomes does not depend, to the bit, on its batch.
    """
    return _blurred_along(_blurred_along(pixels, 2), 3)


def _blurred_along(pixels: Tensor, axis: int) -> Tensor:
    side = pixels.shape[axis]
    radius = min(RADIUS, side - 1)
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / SIGMA) ** 2)
    places = torch.arange(side, device=pixels.device)
    total = torch.zeros_like(pixels)
    for shift, weight in zip(range(-radius, radius + 1), (weights / weights.sum()).tolist(), strict=True):
        inside = (places + shift).abs()  # mirrored, the edge itself not repeated
        inside = torch.where(inside >= side, 2 * (side - 1) - inside, inside)
        total += weight * pixels.index_select(axis, inside)
    return total


def _curve(
    maps: Tensor, before: Tensor, after: Tensor, score: Score, classes: Tensor, step: int | None, rows: int | None
) -> Tensor:
    """The curve of going over from `before` to `after`."""
    count, size = len(maps), maps.shape[1] * maps.shape[2]
    width = pixels_a_step(maps.shape[1], maps.shape[2]) if step is None else step
    ranks = _ranks(maps).to(before.device)
    done = [min(number * width, size) for number in range(-(-size // width) + 1)]
    several = max(1, (rows or count) // max(count, 1))
    points = []
    for first in range(0, len(done), several):
        limits = torch.tensor(done[first : first + several], device=before.device)
        gone = (ranks < limits.view(-1, 1, 1, 1))[:, :, None]  # [k, B, 1, H, W]
        with torch.no_grad():
            logits = score(torch.where(gone, after, before).flatten(0, 1))
        chances = logits.double().softmax(dim=1).view(len(limits), count, logits.shape[1])
        wanted = classes.to(chances.device).view(1, count, 1).expand(len(limits), -1, -1)
        points.append(chances.gather(2, wanted)[:, :, 0])
    curve = torch.cat(points).T
    finite = torch.isfinite(maps).flatten(1).all(dim=1).to(curve.device)
    return curve.masked_fill(~finite[:, None], torch.nan)


def _ranks(maps: Tensor) -> Tensor:
    """[B, H, W] long: the place of each pixel in the order, 0 for the largest."""
    values = maps.flatten(1).nan_to_num(0.0, 0.0, 0.0)
    order = values.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).view_as(maps)


def _check(maps: Tensor, pixels: Tensor, classes: Tensor, step: int | None) -> None:
    if maps.dim() != 3 or pixels.dim() != 4 or maps.shape[1:] != pixels.shape[2:] or len(maps) != len(pixels):
        raise ValueError(
            f"maps {tuple(maps.shape)} are not those of pixels {tuple(pixels.shape)}; give [B, H, W] and [B, 3, H, W]"
        )
    if tuple(classes.shape) != (len(maps),):
        raise ValueError(f"classes {tuple(classes.shape)} of {len(maps)} images; give one class an image")
    if step is not None and step < 1:
        raise ValueError(f"step={step} pixels; at least 1 must go at a time, or leave it out for 1/{STEPS} of the area")
