"""A region that fades, by a dose from nothing to all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..language.spec import dose, one_of
from ..language.wording import Phrase, Wording
from .base import ContextInput
from .dosed import Dosed, dosed
from .regions import Region, inside, mean_of

FadeTo = Literal["mean", "black", "white"]


@dataclass(frozen=True)
class Fade(Dosed):
    """The background fades towards one colour.

    Args:
        strength: 0 is the image as it is, to the bit; 1 is the colour and nothing else.
        region: "background", "object" (with its ring) or "whole".
        to: "mean" (the region's own mean colour), "black" or "white".
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    region: Region = "background"
    to: FadeTo = "mean"
    each: tuple[float, ...] = ()

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    neutral: ClassVar[float | None] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.to, get_args(FadeTo), "fade: to")


@dosed(
    "fade",
    Fade,
    examples=("fade(0.5)", "fade(1, to=white)"),
    wording=Wording(
        Phrase("{region} faded", "{region} is faded", "strength {strength}"),
        Phrase("{region}の退色", "{region}を一様な色に近づけ", "強さ {strength}"),
    ),
)
def fade(spec: Fade, scene: ContextInput) -> Tensor:
    """``(1 - s) x + s c``, c the colour: linear in the strength s."""
    if spec.to == "mean":
        colour = mean_of(scene.pixels, inside(scene, spec.region, str(spec)))
    else:
        colour = torch.full_like(scene.pixels[:, :, :1, :1], float(spec.to == "white"))
    return (1.0 - spec.amount) * scene.pixels + spec.amount * colour
