"""A third party's context, whole in this file: registered by the entry point of its distribution, words included."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from modelaudit.contexts.base import ContextInput, Region
from modelaudit.contexts.degradation import Dosed, dosed
from modelaudit.language.spec import dose
from modelaudit.language.wording import Phrase, Wording


@dataclass(frozen=True)
class Haze(Dosed):
    """A white veil.

    Args:
        density: share of white, 0 to 1; 0 is the image itself.
        region: "background", "object" or "whole".
        each: several densities, as a series.
    """

    density: float | None = dose()
    region: Region = "background"
    each: tuple[float, ...] = ()
    bounds = (0.0, 1.0)
    neutral = 0.0


@dosed(
    "haze",
    Haze,
    examples=("haze(0.3)",),
    wording=Wording(
        en=Phrase("haze over {region}", "haze covers {region}", "density {density}"),
        ja=Phrase("{region}へのもや", "{region}にもやをかけ", "濃度{density}"),
    ),
)
def haze(spec: Haze, scene: ContextInput) -> Tensor:
    """``(1 - density) x + density``."""
    return (1.0 - spec.amount) * scene.pixels + spec.amount
