"""Perturbation by light: exposure, tone, colour of the light, shadow, glare, mains flicker. All act in linear light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.spec import dose, spec_name, within
from ..language.wording import Phrase, Wording
from .base import ContextInput, drawn
from .colour_temperature import adaptation
from .dosed import Dosed, dosed
from .regions import Region
from .srgb import relit, to_linear, to_srgb

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
    """``srgb((1 - strength m) linear(x))``, m from 1 in the shadow to 0 beside it.

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
