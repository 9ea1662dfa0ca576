"""Perturbation: the same surroundings, degraded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Context, one_of
from .base import Declares, Rendered, Scene, context, rendered
from .regions import REGIONS, Region, inside

SEVERITIES = (1, 2, 3, 4, 5)
#: standard deviations of ImageNet-C (Hendrycks and Dietterich 2019), in pixel values [0, 1]
NOISE_SIGMA = (0.08, 0.12, 0.18, 0.26, 0.38)
LIGHTING_STRENGTH = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Noise(Context):
    """Gaussian noise with ImageNet-C's deviations: .08 .12 .18 .26 .38.

    Args:
        severity: 1 to 5; all severities of one sample share one draw.
        region: "background" (object and ring stay as they are), "object" or "whole".
    """

    severity: int
    region: Region = "background"

    def __post_init__(self) -> None:
        _check_severity(self.severity, "noise")
        one_of(self.region, REGIONS, "noise: region")


@dataclass(frozen=True)
class Lighting(Context):
    """Directional light over the whole frame: one side brighter, the other darker.

    Args:
        severity: 1 to 5, strength s = .1 .2 .3 .4 .5; the direction is drawn once a sample, for all severities.
    """

    severity: int

    def __post_init__(self) -> None:
        _check_severity(self.severity, "lighting")


@context("noise", Noise, Declares(family="perturbation", needs_mask=lambda spec: spec.region != "whole"))
def noise(spec: Noise, scene: Scene) -> Rendered:
    """``clip(x + sigma z, 0, 1)``, z standard normal [3, H, W] a sample. Impossible where the region is empty."""
    region = inside(scene, spec.region, str(spec))
    draws = [
        torch.randn(scene.pixels.shape[1:], generator=scene.generator(index, "noise"))
        for index in range(len(scene.ids))
    ]
    noisy = (scene.pixels + NOISE_SIGMA[spec.severity - 1] * _stacked(draws, scene)).clamp(0.0, 1.0)
    return rendered(scene, torch.where(region, noisy, scene.pixels), ~region.flatten(1).any(dim=1))


@context("lighting", Lighting, Declares(family="perturbation", needs_mask=lambda spec: False))
def lighting(spec: Lighting, scene: Scene) -> Rendered:
    """``clip(x (1 + s t), 0, 1)``, t falling linearly from 1 to -1 across the frame along the drawn direction.

    With u = (cos phi, sin phi), phi uniform in [0, 2 pi), and pixel centres p measured from the centre of the frame,
    ``t = -(p . u) / max over the frame of |p . u|``.
    """
    draws = [
        2 * math.pi * torch.rand((), generator=scene.generator(index, "lighting"), dtype=torch.float64)
        for index in range(len(scene.ids))
    ]
    height, width = scene.pixels.shape[2:]
    ramps = [_ramp(float(angle), height, width) for angle in draws]
    gain = 1.0 + LIGHTING_STRENGTH[spec.severity - 1] * _stacked(ramps, scene).unsqueeze(1)
    return rendered(scene, (scene.pixels * gain).clamp(0.0, 1.0))


def _ramp(angle: float, height: int, width: int) -> Tensor:
    rows = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    columns = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    along = columns[None, :] * math.cos(angle) + rows[:, None] * math.sin(angle)
    return -(along / along.abs().amax().clamp_min(1e-12)).float()


def _stacked(parts: list[Tensor], scene: Scene) -> Tensor:
    """The samples' draws as one batch; made on the CPU, so that they are the same on every device."""
    return torch.stack(parts).to(scene.pixels.device)


def _check_severity(severity: object, what: str) -> None:
    if isinstance(severity, bool) or not isinstance(severity, int) or severity not in SEVERITIES:
        raise ExpressionError(f"{what}: severity={severity!r}; use a whole number from 1 to 5")
