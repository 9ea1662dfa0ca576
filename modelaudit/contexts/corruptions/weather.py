"""Weather of ImageNet-C: snow, frost, fog, brightness; its clouds, and ice in place of its photos of frost."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...language.draws import generator
from ...language.wording import Phrase, Wording
from ..base import ContextInput, drawn
from ..degradation import Severe, degradation, level
from .blur import lines
from .filters import REFERENCE_SIDE, convolved, scale_of, zoomed


def side_of(height: int, width: int) -> int:
    """The least power of two that covers both sides, at least 2."""
    return max(2, 1 << (max(height, width) - 1).bit_length())


def plasma(uniform: Tensor, decay: float) -> Tensor:
    """[B, N, N] in [0, 1]: heights on a torus of N = 2^k points, by diamond and square.

    Starting from one corner at 0, every point midway between four others becomes their mean plus ``w^2 u``, u uniform
    in [-1, 1]: first the centres of the squares of step s, then the centres of their sides. s is halved and w divided
    by `decay` until every point has a height; w starts at 100. Then the least height becomes 0 and the greatest 1.

    Args:
        uniform: [B, N, N] in [-1, 1]: u of each point.
    """
    heights = torch.zeros_like(uniform)
    step, wobble = uniform.shape[-1], 100.0
    while step >= 2:
        half, height = step // 2, wobble**2
        corner, centre = (slice(None, None, step),) * 2, (slice(half, None, step),) * 2
        right, below = (corner[0], centre[1]), (centre[0], corner[1])
        corners = heights[:, *corner]
        pairs = corners + corners.roll(-1, 1)
        centres = (pairs + pairs.roll(-1, 2)) / 4 + height * uniform[:, *centre]
        heights[:, *centre] = centres
        heights[:, *right] = (centres + centres.roll(1, 1) + corners + corners.roll(-1, 2)) / 4 + (
            height * uniform[:, *right]
        )
        heights[:, *below] = (centres + centres.roll(1, 2) + pairs) / 4 + height * uniform[:, *below]
        step, wobble = half, wobble / decay
    heights -= heights.amin(dim=(1, 2), keepdim=True)
    return heights / heights.amax(dim=(1, 2), keepdim=True)


#: direction in degrees, bend over the whole length in degrees, and length in pixels at 224 of each kind of frond
FRONDS = ((15, 40, 60), (75, -30, 44), (130, 55, 72), (170, -45, 52), (220, 35, 64), (265, -60, 40), (310, 30, 76))
#: fronds of each kind on 224 x 224 pixels
_SOWN = 6
#: colour where there is no ice, and where it is thick
_DARK, _WHITE = (0.10, 0.15, 0.22), (0.88, 0.94, 0.98)


def ice(scene: ContextInput, name: str) -> Tensor:
    """[B, 3, H, W] in [0, 1]: ice over the whole frame, one draw a sample.

    ``dark + d (white - dark)`` with the depth ``d = (1 - exp(-1.5 f)) (.3 + .7 p) + .15 p``, at most 1: p plasma, f the
    sum of two pieces of :func:`pane`, each from a drawn place and in a drawn one of the 8 symmetries of a square.
    """
    pixels = scene.pixels
    height, width = pixels.shape[-2:]
    side = side_of(height, width)
    uniform = drawn(scene, name, lambda source: torch.rand(side, side, generator=source) * 2 - 1)
    cloud = plasma(uniform, 1.8)[:, None, :height, :width]
    glass = pane(2 * max(height, width), scale_of(pixels))

    def grow(source: torch.Generator) -> Tensor:
        return _piece(glass, height, width, source) + _piece(glass, height, width, source)

    grown = drawn(scene, name, grow, slot=1).unsqueeze(1)
    depth = ((1 - torch.exp(-1.5 * grown)) * (0.3 + 0.7 * cloud) + 0.15 * cloud).clamp_max(1.0)
    dark, white = (torch.tensor(colour, device=pixels.device).view(1, 3, 1, 1) for colour in (_DARK, _WHITE))
    return dark + depth * (white - dark)


def _piece(glass: Tensor, height: int, width: int, source: torch.Generator) -> Tensor:
    place = torch.rand(2, generator=source, dtype=torch.float64)
    top, left = (int(share * (len(glass) - size + 1)) for share, size in zip(place, (height, width), strict=True))
    turned = int(torch.randint(8, (), generator=source))
    lying = glass.rot90(turned % 4)
    return (lying.T if turned > 3 else lying)[top : top + height, left : left + width]


@functools.lru_cache(maxsize=4)
def pane(side: int, scale: float) -> Tensor:
    """[side, side] float32, 0 and more: a window pane on which :func:`fronds` have grown, always the same one."""
    kinds = fronds(scale)
    size = kinds.shape[-1]
    canvas = torch.zeros(side + 2 * size, side + 2 * size)
    count = math.ceil(_SOWN * len(kinds) * (len(canvas) / (REFERENCE_SIDE * scale)) ** 2)
    draws = torch.rand(count, 4, generator=generator(0, "pane", "frost"), dtype=torch.float64)
    for kind, row, column, strength in draws.tolist():
        top, left = (int(share * (len(canvas) - size + 1)) for share in (row, column))
        canvas[top : top + size, left : left + size] += (0.2 + 0.8 * strength) * kinds[int(kind * len(kinds))]
    return canvas[size:-size, size:-size].clone()


@functools.lru_cache(maxsize=4)
def fronds(scale: float) -> Tensor:
    """[kinds, 2 m + 1, 2 m + 1] float32: each kind of frond, growing from the middle, at most 1.

    A stem of the kind's length bends evenly. Every 4 pixels a barb leaves it on both sides at 55 degrees, .4 of what
    the stem has left, and every 2.5 pixels of a barb a barbule, .4 of what the barb has left. All fade to their tips.
    """
    reach = math.ceil(max(length for _, _, length in FRONDS) * scale) + 2
    images = torch.zeros(len(FRONDS), 2 * reach + 1, 2 * reach + 1)
    for image, (direction, bend, length) in zip(images, FRONDS, strict=True):
        _stroke(image, (float(reach), float(reach)), direction, bend, length * scale, 1.0, (4 * scale, 2.5 * scale))
    return images


def _stroke(
    image: Tensor,
    start: tuple[float, float],
    direction: float,
    bend: float,
    length: float,
    weight: float,
    spacings: tuple[float, ...],
) -> None:
    """A bent line from `start` (row, column), fading to 1/4 of `weight`, and its branches by the next spacing."""
    count = max(2, math.ceil(length / 0.5))
    along = torch.linspace(0, 1, count + 1, dtype=torch.float64)
    angle = torch.deg2rad(direction + bend * along)
    row = start[0] + (torch.sin(angle) * (length / count)).cumsum(0)
    column = start[1] + (torch.cos(angle) * (length / count)).cumsum(0)
    place = row.round().long().clamp(0, len(image) - 1) * len(image) + column.round().long().clamp(0, len(image) - 1)
    image.view(-1).scatter_reduce_(0, place, (weight * (1 - 0.75 * along)).float(), "amax")
    if not spacings:
        return
    for knot in range(1, int(length / spacings[0])):
        share = knot * spacings[0] / length
        at = round(share * count)
        rest = 0.4 * (length - knot * spacings[0])
        if rest < 1:
            break
        for side in (-55, 55):
            turned = direction + bend * share + side
            root = (float(row[at]), float(column[at]))
            _stroke(image, root, turned, bend * 0.4, rest, 0.8 * weight * (1 - 0.5 * share), spacings[1:])


#: mean and deviation of the flakes' field, their size, threshold, radius and sigma of their fall, share of the picture
SNOW = (
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
#: shares of the picture and of the ice
FROST = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
#: density and decay of its detail
FOG = ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))
BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)

#: luma of RGB (ITU-R BT.601)
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Snow(Severe):
    """Falling snow over a whitened picture, made as in ImageNet-C."""


@dataclass(frozen=True)
class Frost(Severe):
    """Ice crystals over the picture. ImageNet-C lays photos of frost over it; here the ice is computed."""


@dataclass(frozen=True)
class Fog(Severe):
    """Clouds of a diamond-square fractal, (density, decay) = (1.5, 2) (2, 2) (2.5, 1.7) (2.5, 1.5) (3, 1.4)."""


@dataclass(frozen=True)
class Brightness(Severe):
    """The value of HSV raised by .1 .2 .3 .4 .5, hue and saturation kept."""


@degradation(
    "snow",
    Snow,
    examples=("snow(3)",),
    wording=Wording(
        Phrase("snow over {region}", "snow falls over {region}", "severity {severity} of 5"),
        Phrase("{region}への雪", "{region}に雪を降らせ", "強度{severity}/5段階"),
    ),
)
def snow(spec: Snow, scene: ContextInput) -> Tensor:
    """``s x + (1 - s) max(x, 1.5 luma + .5) + f + f turned by 180 degrees``, f the flakes.

    f is a normal field of mean and deviation m, d, enlarged by z, set to 0 below its threshold, clipped to [0, 1] and
    moved along a line of (radius, sigma) at an angle drawn in [-135, -45] degrees. (m, d, z, threshold, radius, sigma,
    s) are the released code's (``SNOW``); z (at least 1), radius and sigma grow with the picture.
    """
    parameters: tuple[float, ...] = level(spec, SNOW)
    mean, deviation, size, threshold, radius, sigma, share = parameters
    scale, shape = scale_of(scene.pixels), (1, 1, *scene.pixels.shape[-2:])

    def draw(generator: torch.Generator) -> Tensor:
        # enlarged where it is drawn: every device sees the same flakes above the threshold
        return zoomed(torch.randn(shape, generator=generator), max(1.0, size * scale))[0]

    flakes = mean + deviation * drawn(scene, "snow", draw)
    flakes = torch.where(flakes < threshold, 0.0, flakes.clamp(0, 1))
    angles = lines(scene, "snow", (-135.0, -45.0), radius * scale, sigma * scale)
    fallen = convolved(flakes, angles, "nearest")
    white = torch.maximum(scene.pixels, 1.5 * luma(scene.pixels) + 0.5)
    return share * scene.pixels + (1 - share) * white + fallen + fallen.flip(-2, -1)


@degradation(
    "frost",
    Frost,
    examples=("frost(3)",),
    wording=Wording(
        Phrase("frost over {region}", "frost covers {region}", "severity {severity} of 5"),
        Phrase("{region}への霜", "{region}に霜を重ね", "強度{severity}/5段階"),
    ),
)
def frost(spec: Frost, scene: ContextInput) -> Tensor:
    """``a x + b ice``, (a, b) = (1, .4) (.8, .6) (.7, .7) (.65, .7) (.6, .75), ice by :func:`ice`.

    The shares are the released code's, the ice is not: that code cuts it from photos of frost.
    """
    picture, share = level(spec, FROST)
    return float(picture) * scene.pixels + float(share) * ice(scene, "frost")


@degradation(
    "fog",
    Fog,
    examples=("fog(3)",),
    wording=Wording(
        Phrase("fog over {region}", "fog covers {region}", "severity {severity} of 5"),
        Phrase("{region}への霧", "{region}に霧を重ね", "強度{severity}/5段階"),
    ),
)
def fog(spec: Fog, scene: ContextInput) -> Tensor:
    """``(x + c plasma) m / (m + c)``, m the greatest value of the whole image, plasma by :func:`plasma`.

    Its side is the least power of two that covers the image (256 for 224, as released); the top left corner is used.
    """
    parameters: tuple[float, float] = level(spec, FOG)
    density, decay = parameters
    height, width = scene.pixels.shape[-2:]
    side = side_of(height, width)
    uniform = drawn(scene, "fog", lambda generator: torch.rand(side, side, generator=generator) * 2 - 1)
    cloud = plasma(uniform, decay)[:, None, :height, :width]
    greatest = scene.pixels.amax(dim=(1, 2, 3), keepdim=True)
    return (scene.pixels + density * cloud) * (greatest / (greatest + density))


@degradation(
    "brightness",
    Brightness,
    examples=("brightness(3)",),
    wording=Wording(
        Phrase("{region} brighter", "{region} is made brighter", "severity {severity} of 5"),
        Phrase("{region}の明るさの増加", "{region}を明るくし", "強度{severity}/5段階"),
    ),
)
def brightness(spec: Brightness, scene: ContextInput) -> Tensor:
    """``x v' / v`` with v the greatest channel and ``v' = min(v + c, 1)``; black becomes the grey v'.

    That is the way to HSV and back: with hue and saturation kept all channels grow in proportion.
    """
    value = scene.pixels.amax(dim=1, keepdim=True)
    raised = (value + float(level(spec, BRIGHTNESS))).clamp_max(1.0)
    return torch.where(value > 0, scene.pixels * (raised / value.clamp_min(1e-12)), raised)


def luma(pixels: Tensor) -> Tensor:
    """[B, 1, H, W] of RGB [B, 3, H, W]."""
    red, green, blue = pixels.unbind(dim=1)
    grey: Tensor = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return grey.unsqueeze(1)
