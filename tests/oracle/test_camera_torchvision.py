"""Camera motions against torchvision's affine and perspective transforms, where both see the same picture."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from contexts.scenes import scene
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

from modelaudit.contexts import apply, perspective, rotation, shift, zoom
from modelaudit.contexts.base import ContextInput, ContextOutput

BILINEAR, NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


def own(height: int = 64, width: int = 48) -> ContextInput:
    return replace(scene(2, height, width), donors=None)


def agree(done: ContextOutput, pixels: Tensor, mask: Tensor, covered: Tensor) -> None:
    """Within the part that torchvision fills from the frame: the same pixels, and the same mask but for ties."""
    full = (covered > 0.999).expand_as(pixels)
    assert full.float().mean() > 0.5
    assert float((done.pixels - pixels)[full].abs().max()) < 2e-4
    inside = full[:, 0]
    assert done.mask is not None
    assert float((done.mask != mask)[inside].float().mean()) < 2e-3


def by_affine(
    images: ContextInput, angle: float = 0, translate: tuple[int, int] = (0, 0), scale: float = 1
) -> tuple[Tensor, ...]:
    assert images.mask is not None
    ones = torch.ones_like(images.pixels[:, :1])
    arguments = (angle, list(translate), scale, [0.0, 0.0])
    mask = vision.affine(images.mask[:, None], *arguments, interpolation=NEAREST)[:, 0]
    pixels, covered = (vision.affine(one, *arguments, interpolation=BILINEAR) for one in (images.pixels, ones))
    return pixels, mask, covered


@pytest.mark.parametrize("degrees", [3.0, 17.0, 45.0, 90.0, 160.0])
@pytest.mark.parametrize("turn", ["clockwise", "counterclockwise"])
def test_rotation(degrees: float, turn: str) -> None:
    images = own(56, 56)
    # torchvision's positive angles turn clockwise
    expected = by_affine(images, angle=degrees if turn == "clockwise" else -degrees)
    agree(apply(rotation(degrees, turn=turn), images), *expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(("direction", "translate"), [(0, (6, 0)), (90, (0, -6)), (180, (-6, 0)), (270, (0, 6))])
def test_shift(direction: float, translate: tuple[int, int]) -> None:
    images = own()
    agree(apply(shift(6, direction=direction), images), *by_affine(images, translate=translate))


def test_oblique_shift() -> None:
    images = own()
    direction = math.degrees(math.atan2(4, 3))
    agree(apply(shift(5, direction=direction), images), *by_affine(images, translate=(3, -4)))


@pytest.mark.parametrize("factor", [0.75, 1.25, 2.0])
def test_zoom(factor: float) -> None:
    images = own()
    agree(apply(zoom(factor), images), *by_affine(images, scale=factor))


@pytest.mark.parametrize("direction", [0.0, 60.0, 200.0])
def test_perspective(direction: float) -> None:
    images = own()
    assert images.mask is not None
    strength, (height, width) = 0.2, images.pixels.shape[2:]
    middle = ((width - 1) / 2, (height - 1) / 2)
    reach = math.hypot(*middle)
    start, end = [], []
    for column, row in ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)):
        right, down = column - middle[0], row - middle[1]
        along = right * math.cos(math.radians(direction)) - down * math.sin(math.radians(direction))
        # where the picture's corner goes: p / (1 - s (p . u) / R)
        near = 1 / (1 - strength * along / reach)
        # torchvision counts from the border of the frame: the centre of its first pixel is at 1/2
        start.append([column + 0.5, row + 0.5])
        end.append([middle[0] + right * near + 0.5, middle[1] + down * near + 0.5])
    ones = torch.ones_like(images.pixels[:, :1])
    pixels, covered = (vision.perspective(one, start, end, interpolation=BILINEAR) for one in (images.pixels, ones))
    mask = vision.perspective(images.mask[:, None], start, end, interpolation=NEAREST)[:, 0]
    agree(apply(perspective(strength, direction=direction), images), pixels, mask, covered)
