"""Perturbation by the sensor and what stores its pictures: noise by sensitivity, JPEG by quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import dose
from ..language.wording import Phrase, Wording
from .base import ContextInput, drawn
from .corruptions.jpeg import compressed
from .dosed import Dosed, dosed
from .regions import Region
from .srgb import to_linear, to_srgb

#: electrons that white stands for at ISO 100, and the deviation of the read noise in electrons: round figures of the
#: order of machine-vision sensors with pixels of 3.45 um; a sensor's own stand in its EMVA 1288 data sheet
FULL_WELL = 10_000.0
READ_NOISE = 2.5


@dataclass(frozen=True)
class SensorNoise(Dosed):
    """Shot and read noise of a sensor at a sensitivity, in linear light.

    One pixel of the model's input counts as one pixel of the sensor. A frame scaled down f times in each direction
    averages f^2 pixels: for such data use about iso / f^2.

    Args:
        iso: 0 to 409600; 0 is the image itself.
        region: "whole", "background" or "object".
        each: several sensitivities, as a series.
    """

    iso: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 409_600.0)
    neutral = 0.0


@dataclass(frozen=True)
class Jpeg(Dosed):
    """The picture stored as a JPEG file and read again.

    Args:
        quality: libjpeg's (and Pillow's) quality, a whole number from 1 to 100. No quality gives the image back to
            the bit.
        region: "whole", "background" or "object".
        each: several qualities, as a series.
    """

    quality: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (1.0, 100.0)

    def _checked(self, value: Any) -> float:
        quality = super()._checked(value)
        if not quality.is_integer():
            raise ExpressionError(f"jpeg: quality={value!r}; use a whole number from 1 to 100")
        return quality


@dosed(
    "sensor_noise",
    SensorNoise,
    examples=("sensor_noise(3200)", "sensor_noise(25600)"),
    wording=Wording(
        Phrase("sensor noise on {region}", "sensor noise is added to {region}", "ISO {iso}"),
        Phrase("{region}へのセンサーノイズ", "{region}にセンサーノイズを加え", "ISO {iso}"),
    ),
)
def sensor_noise(spec: SensorNoise, scene: ContextInput) -> Tensor:
    """``srgb(l + sqrt(g l / F + (g r / F)^2) z)``, l = linear(x), g = iso / 100, z standard normal [3, H, W] a sample.

    F = FULL_WELL electrons fill white at ISO 100, r = READ_NOISE. The shot noise is Poisson's with its variance, in the
    normal approximation, so that one draw serves every ISO. This is the linear camera model of EMVA 1288 without dark
    current and quantisation, and without the correlation between pixels that demosaicing brings.
    """
    shape = scene.pixels.shape[1:]
    normal = drawn(scene, "sensor_noise", lambda generator: torch.randn(shape, generator=generator))
    return to_srgb(noisy(to_linear(scene.pixels), spec.amount, normal))


def noisy(light: Tensor, iso: float, normal: Tensor) -> Tensor:
    """Linear light with the noise of the sensor; not clipped."""
    per_electron = iso / 100.0 / FULL_WELL
    return light + torch.sqrt(per_electron * light + (per_electron * READ_NOISE) ** 2) * normal


@dosed(
    "jpeg",
    Jpeg,
    examples=("jpeg(10)", "jpeg(40)"),
    wording=Wording(
        Phrase("JPEG compression of {region}", "{region} is compressed as JPEG", "quality {quality}"),
        Phrase("{region}のJPEG圧縮", "{region}をJPEG圧縮し", "品質 {quality}"),
    ),
)
def jpeg(spec: Jpeg, scene: ContextInput) -> Tensor:
    """Encoded (4:2:0, the standard tables) and decoded as by Pillow."""
    return compressed(scene.pixels, int(spec.amount))
