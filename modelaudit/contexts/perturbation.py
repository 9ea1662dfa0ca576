"""Perturbation: the same surroundings in another light. The corruptions of ImageNet-C have a package of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.wording import Phrase, Wording
from .base import ContextInput, drawn
from .degradation import Severe, degradation, level
from .regions import Region

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
