"""Perturbation by optics and sensor: blur, focus, camera shake, lens dirt, vignetting, noise by sensitivity, JPEG."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import dose, spec_name
from ..language.wording import Phrase, Wording
from .base import ContextInput, Region, drawn
from .corruptions.digital import compressed
from .corruptions.filters import convolved, gaussian
from .degradation import Dosed, checked_direction, dosed
from .light import centred, relit, smoothstep, to_linear, to_srgb


def smeared(points: Tensor, reach: int) -> Tensor:
    """The kernel of a point of light spread evenly over `points`, each shared out to its four pixels: [B, k, k].

    The bilinear shares make the kernel a continuous function of the points, the identity where all are 0.

    Args:
        points: [B, N, 2] float64, rows and columns from the middle, within `reach` - 1 of it.
        reach: k = 2 reach + 1.
    """
    side = 2 * reach + 1
    corner = points.floor()
    share = points - corner
    kernel = torch.zeros(len(points), side * side, dtype=torch.float64, device=points.device)
    for down in (0, 1):
        for right in (0, 1):
            weight = (share[..., 0] if down else 1 - share[..., 0]) * (share[..., 1] if right else 1 - share[..., 1])
            place = (corner[..., 0] + down + reach) * side + corner[..., 1] + right + reach
            kernel.scatter_add_(1, place.long(), weight)
    return kernel.view(-1, side, side) / points.shape[1]


@functools.lru_cache(maxsize=32)
def disc(radius: float, resolution: int = 128) -> Tensor:
    """[1, k, k] float64: the image of a point out of focus, a disc of `radius` pixels on a grid of subpixel points."""
    axis = (torch.arange(resolution, dtype=torch.float64) + 0.5) * (2 / resolution) - 1
    grid = torch.cartesian_prod(axis, axis)
    return smeared(radius * grid[(grid**2).sum(dim=1) <= 1].unsqueeze(0), math.ceil(radius) + 1)


def streak(length: float, radians: Tensor, resolution: int = 512) -> Tensor:
    """[B, k, k] float64: the image of a point while the camera moves `length` pixels in a straight line.

    Args:
        radians: [B] float64, counterclockwise from "to the right".
    """
    points = torch.arange(resolution, dtype=torch.float64, device=radians.device)
    along = ((points + 0.5) / resolution - 0.5) * length
    step = torch.stack([-torch.sin(radians), torch.cos(radians)], dim=1)
    return smeared(along[None, :, None] * step[:, None, :], math.ceil(length / 2) + 1)


#: specks on the lens, and the range of their radii as shares of the frame's shorter side
SPECKS = 10
SPECK_RADIUS = (0.03, 0.10)


@dataclass(frozen=True)
class Blur(Dosed):
    """Gaussian blur of the pixel values: less and less detail of the surroundings.

    Args:
        sigma: in pixels of the model's input, 0 to 100; 0 is the image itself.
        region: "background" (object and ring stay as they are), "object" or "whole".
        each: several sigmas, as a series.
    """

    sigma: float | None = dose()
    region: Region = "background"
    each: tuple[float, ...] = ()
    bounds = (0.0, 100.0)
    neutral = 0.0


@dataclass(frozen=True)
class Defocus(Dosed):
    """Out of focus: every point becomes a disc, in linear light.

    Args:
        radius: of the disc in pixels of the model's input, 0 to 50; 0 is the image itself.
        region: "whole", "background" (a shallow depth of field) or "object".
        each: several radii, as a series.
    """

    radius: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 50.0)
    neutral = 0.0


@dataclass(frozen=True)
class Motion(Dosed):
    """Camera shake in a straight line while the shutter is open, in linear light.

    Args:
        length: of the streak in pixels of the model's input, 0 to 100; 0 is the image itself.
        direction: degrees counterclockwise from horizontal; drawn for each image unless given.
        region: "whole", "background" (a camera that follows the object) or "object" (an object that moves).
        each: several lengths, as a series.
    """

    length: float | None = dose()
    direction: float | None = None
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 100.0)
    neutral = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "direction", checked_direction(self.direction, spec_name(type(self))))


@dataclass(frozen=True)
class LensDirt(Dosed):
    """Specks on the lens, out of focus: soft dark blots; their places and sizes are drawn for each image.

    Args:
        strength: share of the light that the densest speck may take, 0 to 1.
        region: "whole", "background" or "object".
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 1.0)
    neutral = 0.0


@dataclass(frozen=True)
class Vignette(Dosed):
    """Darker corners, by the cos^4 law of lenses.

    Args:
        strength: share of the light that is lost in the corners, 0 to 0.95.
        region: "whole", "background" or "object".
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 0.95)
    neutral = 0.0


@dosed(
    "blur",
    Blur,
    examples=("blur(2)", "blur(8)"),
    wording=Wording(
        Phrase("blur of {region}", "{region} is blurred", "σ = {sigma} px"),
        Phrase("{region}のぼかし", "{region}をぼかし", "σ = {sigma} px"),
    ),
)
def blur(spec: Blur, scene: ContextInput) -> Tensor:
    """The Gaussian cut at 4 sigma, the frame mirrored at its border: ``scipy.ndimage.gaussian_filter`` as it stands."""
    return gaussian(scene.pixels, spec.amount, "reflect")


@dosed(
    "defocus",
    Defocus,
    examples=("defocus(2)", "defocus(6)"),
    wording=Wording(
        Phrase("{region} out of focus", "{region} is put out of focus", "radius {radius} px"),
        Phrase("{region}のピンぼけ", "{region}のピントを外し", "半径 {radius} px"),
    ),
)
def defocus(spec: Defocus, scene: ContextInput) -> Tensor:
    """``srgb(disc * linear(x))``, * the convolution."""
    return to_srgb(convolved(to_linear(scene.pixels), disc(spec.amount).to(scene.pixels), "reflect"))


@dosed(
    "motion",
    Motion,
    examples=("motion(12)", "motion(24, direction=0)"),
    wording=Wording(
        Phrase("motion blur of {region}", "{region} is blurred by motion", "{length} px"),
        Phrase("{region}の動きぶれ", "{region}に動きぶれを加え", "{length} px"),
    ),
)
def motion(spec: Motion, scene: ContextInput) -> Tensor:
    """``srgb(streak * linear(x))``, * the convolution; the direction is uniform unless given."""
    degrees = drawn(scene, "motion", lambda generator: 180 * torch.rand((), generator=generator, dtype=torch.float64))
    if spec.direction is not None:
        degrees = torch.full_like(degrees, spec.direction)
    kernels = streak(spec.amount, torch.deg2rad(degrees))
    return to_srgb(convolved(to_linear(scene.pixels), kernels.to(scene.pixels), "reflect"))


@dosed(
    "lens_dirt",
    LensDirt,
    examples=("lens_dirt(0.7)",),
    wording=Wording(
        Phrase("dirt on the lens over {region}", "dirt on the lens covers {region}", "strength {strength}"),
        Phrase("{region}へのレンズの汚れ", "{region}にレンズの汚れを重ね", "強さ {strength}"),
    ),
)
def lens_dirt(spec: LensDirt, scene: ContextInput) -> Tensor:
    """``srgb(linear(x) product over specks of (1 - strength o m))``: linear light through soft discs.

    A speck has its centre uniform in the frame, a radius uniform in SPECK_RADIUS, a density o uniform in [0.4, 1], and
    ``m = smoothstep(2 (1 - r / radius))``, 1 within half of the radius.
    """
    height, width = scene.pixels.shape[2:]
    draws = drawn(scene, "lens_dirt", lambda generator: torch.rand(SPECKS, 4, generator=generator))
    rows, columns = centred(scene.pixels)
    through = torch.ones_like(scene.pixels[:, 0])
    least, most = (share * min(height, width) for share in SPECK_RADIUS)
    # [B, 1, 1] each: one speck of every image at a time
    for speck in draws.unbind(dim=1):
        down, right, size, density = speck[:, :, None, None].unbind(dim=1)
        distance = torch.sqrt((rows - height * (down - 0.5)) ** 2 + (columns - width * (right - 0.5)) ** 2)
        covered = smoothstep(2.0 * (1.0 - distance / (least + (most - least) * size)))
        through = through * (1.0 - spec.amount * (0.4 + 0.6 * density) * covered)
    return relit(scene.pixels, through.unsqueeze(1))


@dosed(
    "vignette",
    Vignette,
    examples=("vignette(0.8)",),
    wording=Wording(
        Phrase("vignetting of {region}", "{region} darkens towards the corners", "strength {strength}"),
        Phrase("{region}の周辺減光", "{region}を隅に向けて暗くし", "強さ {strength}"),
    ),
)
def vignette(spec: Vignette, scene: ContextInput) -> Tensor:
    """``srgb((1 + k^2 rho^2)^-2 linear(x))``, rho the distance from the centre in units of that of the frame's corner.

    That is cos^4 of the angle to the axis, tan = k rho; ``k^2 = (1 - strength)^(-1/2) - 1``.
    """
    height, width = scene.pixels.shape[2:]
    rows, columns = centred(scene.pixels)
    squared = (rows**2 + columns**2) / ((height / 2) ** 2 + (width / 2) ** 2)
    gain = (1.0 + (1.0 / math.sqrt(1.0 - spec.amount) - 1.0) * squared) ** -2.0
    return relit(scene.pixels, gain.unsqueeze(1))


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
        quality: libjpeg's (and Pillow's) quality, an integer from 1 to 100. No quality gives the image back to
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
            raise ExpressionError(f"jpeg: quality must be an integer from 1 to 100, got {value!r}")
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
