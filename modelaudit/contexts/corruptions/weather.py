"""Weather of ImageNet-C: snow, frost, fog, brightness. Spatter, on the lens, has a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...language.wording import Phrase, Wording
from ..base import ContextInput, drawn
from ..degradation import Severe, degradation, level
from .blur import lines
from .filters import convolved, scale_of, zoomed
from .ice import ice
from .plasma import plasma, side_of

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
    """``a x + b ice``, (a, b) = (1, .4) (.8, .6) (.7, .7) (.65, .7) (.6, .75), ice by :func:`ice.ice`.

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
    """``(x + c plasma) m / (m + c)``, m the greatest value of the whole image, plasma by :func:`plasma.plasma`.

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
