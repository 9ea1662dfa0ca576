"""Perturbation by light: exposure, tone, colour of the light, shadow, glare, flicker, directional light.

All but directional light and gamma act in linear light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.spec import dose, spec_name, within
from ..language.wording import Phrase, Wording
from .base import ContextInput, Region, drawn
from .degradation import Dosed, Severe, degradation, dosed, level


def to_linear(pixels: Tensor) -> Tensor:
    """Linear light of sRGB values, both in [0, 1]: ``x / 12.92`` up to .04045, ``((x + .055) / 1.055)^2.4`` above."""
    return torch.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Tensor) -> Tensor:
    """sRGB values of linear light, which is clipped to [0, 1] first; the inverse of :func:`to_linear`."""
    light = light.clamp(0.0, 1.0)
    # 1.055 l^(1/2.4) - .055, so written that white is exactly 1
    return torch.where(light <= 0.0031308, 12.92 * light, 1.0 - 1.055 * (1.0 - light ** (1 / 2.4)))


def relit(pixels: Tensor, gain: Tensor, added: Tensor | float = 0.0) -> Tensor:
    """``gain x + added`` in linear light; where the gain is 1 and nothing is added the value stays, to the bit.

    Args:
        pixels: [B, 3, H, W] sRGB values.
        gain: broadcast to it.
        added: broadcast to it.
    """
    light = to_srgb(gain * to_linear(pixels) + added)
    return torch.where((gain == 1) & (torch.as_tensor(added, device=gain.device) == 0), pixels, light)


#: linear sRGB to CIE XYZ (IEC 61966-2-1)
_XYZ_OF_SRGB = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
#: CIE XYZ to the cone responses of Bradford (Lam 1985)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def planckian(kelvin: float) -> tuple[float, float]:
    """CIE 1931 chromaticity (x, y) of a black body, 1667 to 25000 K: the cubic splines of Kim et al. 2002.

    Source: Y. Kim, B. Cho, B. Kang, D. Hong, patent US 7024034 B2; within 0.001 of Planck's law.
    """
    t = 1000.0 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return x, y


def adaptation(origin: float, kelvin: float) -> Tensor:
    """[3, 3] float64 on linear sRGB: what is lit by a black body of `origin` K, lit by one of `kelvin` K instead.

    Von Kries gains in Bradford's cone space, at equal luminance of white:
    ``M = S^-1 B^-1 diag(B w' / B w) B S``, S from linear sRGB to XYZ, w and w' the two whites with Y = 1.
    """
    to_xyz = torch.tensor(_XYZ_OF_SRGB, dtype=torch.float64)
    bradford = torch.tensor(_BRADFORD, dtype=torch.float64)
    cones = bradford @ to_xyz
    gains = (bradford @ _white(kelvin)) / (bradford @ _white(origin))
    adapted: Tensor = torch.linalg.solve(cones, gains[:, None] * cones)
    return adapted


def _white(kelvin: float) -> Tensor:
    x, y = planckian(kelvin)
    return torch.tensor([x / y, 1.0, (1.0 - x - y) / y], dtype=torch.float64)


#: width of a shadow's soft edge, as a share of the frame's shorter side
PENUMBRA = 0.12
#: radius a of the glare spot, as a share of the frame's shorter side
SPOT = 0.06


@dataclass(frozen=True)
class Exposure(Dosed):
    """Exposure off by some stops: linear light times 2^stops, clipped.

    Args:
        stops: -8 to 8; below 0 darker, 0 is the image itself.
        region: "whole", "background" or "object".
        each: several values of stops, as a series.
    """

    stops: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (-8.0, 8.0)
    neutral = 0.0


@dataclass(frozen=True)
class Gamma(Dosed):
    """Another tone curve: ``x^value`` on the stored (sRGB) values, as torchvision's ``adjust_gamma``.

    Args:
        value: 0.2 to 5; above 1 darker, 1 is the image itself.
        region: "whole", "background" or "object".
        each: several values, as a series.
    """

    value: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.2, 5.0)
    neutral = 1.0


@dataclass(frozen=True)
class WhiteBalance(Dosed):
    """The light is a black body of another temperature, while the camera stays balanced for 6500 K.

    Args:
        kelvin: 1667 to 25000; below 6500 redder, above bluer.
        region: "whole", "background" or "object".
        each: several temperatures, as a series.
    """

    kelvin: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (1667.0, 25000.0)
    neutral = 6500.0


@dataclass(frozen=True)
class Shadow(Dosed):
    """A shadow with a soft edge over one side of the frame; place and direction are drawn for each image.

    Args:
        strength: share of the light that is lost in it, 0 to 1.
        region: "whole", "background" or "object".
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 1.0)
    neutral = 0.0


@dataclass(frozen=True)
class Glare(Dosed):
    """A reflection of a lamp: a bright spot with a soft halo; the place is drawn for each image.

    Args:
        strength: white light added in the middle of the spot, in multiples of white, 0 to 50. 1 makes the middle white,
            whatever was there; more widens the burnt-out spot and its halo.
        region: "whole", "background" or "object".
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 50.0)
    neutral = 0.0


@dataclass(frozen=True)
class Flicker(Dosed):
    """Horizontal bands: a rolling shutter under lamps that flicker with the mains; the phase is drawn for each image.

    Args:
        strength: modulation depth, 0 to 1; 1 is dark between the bands.
        bands: periods over the height of the frame, 0.5 to 100 (readout time x twice the mains frequency).
        region: "whole", "background" or "object".
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    bands: float = 3.0
    region: Region = "whole"
    each: tuple[float, ...] = ()
    bounds = (0.0, 1.0)
    neutral = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bands", float(within(self.bands, 0.5, 100.0, f"{spec_name(type(self))}: bands")))


@dosed(
    "exposure",
    Exposure,
    examples=("exposure(-2)", "exposure(1.5)"),
    wording=Wording(
        Phrase("other exposure of {region}", "the exposure of {region} is changed", "{stops} stops"),
        Phrase("{region}の露出の変化", "{region}の露出を変え", "{stops} 段"),
    ),
)
def exposure(spec: Exposure, scene: ContextInput) -> Tensor:
    """``srgb(2^stops linear(x))``."""
    return to_srgb(to_linear(scene.pixels) * 2.0**spec.amount)


@dosed(
    "gamma",
    Gamma,
    examples=("gamma(0.5)", "gamma(2)"),
    wording=Wording(
        Phrase("other tone curve (gamma) of {region}", "the tone curve (gamma) of {region} is changed", "γ = {value}"),
        Phrase("{region}の階調（ガンマ）の変化", "{region}の階調（ガンマ）を変え", "γ = {value}"),
    ),
)
def gamma(spec: Gamma, scene: ContextInput) -> Tensor:
    """``x^value``."""
    return scene.pixels**spec.amount


@dosed(
    "white_balance",
    WhiteBalance,
    examples=("white_balance(3000)", "white_balance(12000)"),
    wording=Wording(
        Phrase("other colour temperature of {region}", "the colour temperature of {region} is changed", "{kelvin} K"),
        Phrase("{region}の色温度の変化", "{region}の色温度を変え", "{kelvin} K"),
    ),
)
def white_balance(spec: WhiteBalance, scene: ContextInput) -> Tensor:
    """``srgb(M linear(x))``, M the Bradford adaptation from the black body of 6500 K to that of `kelvin`."""
    light = to_linear(scene.pixels)
    matrix = adaptation(6500.0, spec.amount)
    # written out: three sums of three products have no order that a library could change
    channels = [sum(float(row[source]) * light[:, source] for source in range(3)) for row in matrix]
    return to_srgb(torch.stack(channels, dim=1))  # type: ignore[arg-type]


@dosed(
    "shadow",
    Shadow,
    examples=("shadow(0.6)",),
    wording=Wording(
        Phrase("a shadow on {region}", "a shadow falls on {region}", "strength {strength}"),
        Phrase("{region}への影", "{region}に影を落とし", "強さ {strength}"),
    ),
)
def shadow(spec: Shadow, scene: ContextInput) -> Tensor:
    """``srgb((1 - strength m) linear(x))``, m from 1 in the shadow to 0 outside it.

    With u = (cos phi, sin phi), phi uniform in [0, 2 pi), the edge is at distance o from the centre of the frame, o
    uniform within 0.3 of the shorter side L; ``m = smoothstep(1/2 + (p . u - o) / (PENUMBRA L))``.
    """
    height, width = scene.pixels.shape[2:]
    angle, offset = drawn(scene, "shadow", lambda generator: torch.rand(2, generator=generator)).unbind(dim=1)
    rows, columns = centred(scene.pixels)
    side = min(height, width)
    along = (
        columns * torch.cos(2 * math.pi * angle)[:, None, None] + rows * torch.sin(2 * math.pi * angle)[:, None, None]
    )
    depth = along - 0.6 * side * (offset - 0.5)[:, None, None]
    covered = smoothstep(0.5 + depth / (PENUMBRA * side))
    return relit(scene.pixels, (1.0 - spec.amount * covered).unsqueeze(1))


@dosed(
    "glare",
    Glare,
    examples=("glare(3)",),
    wording=Wording(
        Phrase("glare on {region}", "glare falls on {region}", "strength {strength}"),
        Phrase("{region}への強い反射光", "{region}に強い反射光を重ね", "強さ {strength}"),
    ),
)
def glare(spec: Glare, scene: ContextInput) -> Tensor:
    """``srgb(linear(x) + strength (1 + (r/a)^2)^(-3/2))``, r the distance from the spot, a = SPOT of the shorter side.

    The profile (Moffat's, as of scattered light) has a core and a halo in one; the spot is uniform in the middle
    70 % of the frame in both directions.
    """
    height, width = scene.pixels.shape[2:]
    place = 0.7 * (drawn(scene, "glare", lambda generator: torch.rand(2, generator=generator)) - 0.5)
    rows, columns = centred(scene.pixels)
    squared = (rows - height * place[:, 0, None, None]) ** 2 + (columns - width * place[:, 1, None, None]) ** 2
    spot = (1.0 + squared / (SPOT * min(height, width)) ** 2) ** -1.5
    return relit(scene.pixels, torch.ones_like(spot[:, None]), spec.amount * spot.unsqueeze(1))


@dosed(
    "flicker",
    Flicker,
    examples=("flicker(0.5)", "flicker(0.5, bands=8)"),
    wording=Wording(
        Phrase(
            "bands of flickering light over {region}",
            "bands of flickering light run over {region}",
            "strength {strength}",
        ),
        Phrase("{region}へのフリッカーの縞", "{region}にフリッカーの縞を重ね", "強さ {strength}"),
    ),
)
def flicker(spec: Flicker, scene: ContextInput) -> Tensor:
    """``srgb((1 + strength sin(2 pi (bands (row + 1/2) / H + phase))) linear(x))``, phase uniform in [0, 1)."""
    height = scene.pixels.shape[2]
    phase = drawn(scene, "flicker", lambda generator: torch.rand((), generator=generator))
    rows = (torch.arange(height, device=phase.device) + 0.5) / height
    wave = torch.sin(2 * math.pi * (spec.bands * rows[None, :] + phase[:, None]))
    return relit(scene.pixels, (1.0 + spec.amount * wave)[:, None, :, None])


def centred(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """[1, H, 1] and [1, 1, W]: rows and columns of the pixel centres, measured from the centre of the frame."""
    height, width = pixels.shape[2:]
    rows = torch.arange(height, dtype=pixels.dtype, device=pixels.device) - (height - 1) / 2
    columns = torch.arange(width, dtype=pixels.dtype, device=pixels.device) - (width - 1) / 2
    return rows[None, :, None], columns[None, None, :]


def smoothstep(x: Tensor) -> Tensor:
    """``3 x^2 - 2 x^3`` of x clipped to [0, 1]: a soft edge, exactly 0 and 1 outside."""
    x = x.clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


LIGHTING_STRENGTH = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Lighting(Severe):
    """Directional light: one side brighter, the other darker, by s = .1 .2 .3 .4 .5 at the border.

    The direction is drawn once a sample, for all severities.
    """

    region: Region = "whole"


@degradation(
    "lighting",
    Lighting,
    examples=("lighting(3)",),
    wording=Wording(
        Phrase("other lighting of {region}", "the lighting of {region} is changed", "severity {severity} of 5"),
        Phrase("{region}の照明の変化", "{region}の照明を変え", "強度{severity}/5段階"),
    ),
)
def lighting(spec: Lighting, scene: ContextInput) -> Tensor:
    """``x (1 + s t)``, t falling linearly from 1 to -1 across the frame along the drawn direction.

    With u = (cos phi, sin phi), phi uniform in [0, 2 pi), and pixel centres p measured from the centre of the frame,
    ``t = -(p . u) / max over the frame of |p . u|``.
    """
    height, width = scene.pixels.shape[2:]

    def ramp(generator: torch.Generator) -> Tensor:
        angle = 2 * math.pi * torch.rand((), generator=generator, dtype=torch.float64)
        return _ramp(float(angle), height, width)

    return scene.pixels * (1.0 + float(level(spec, LIGHTING_STRENGTH)) * drawn(scene, "lighting", ramp).unsqueeze(1))


def _ramp(angle: float, height: int, width: int) -> Tensor:
    rows = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    columns = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    along = columns[None, :] * math.cos(angle) + rows[:, None] * math.sin(angle)
    return -(along / along.abs().amax().clamp_min(1e-12)).float()
