"""The pointing game: whether the strongest pixel lies in the object."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import max_pool1d

from ..language.expression import Measure
from ..language.spec import within
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, measure
from .maps import AnyMethod, AttributionMeasure, positive_of, read_of, valid_of, whole_map

_SIDE = 224


@dataclass(frozen=True)
class PointingGame(AttributionMeasure):
    """Whether the pixel with the largest positive attribution lies in the object, or within a tolerance of it.

    Args:
        tolerance: radius in pixels of an image with a shorter side of 224; it scales with the side of what the model
            sees. Zhang et al. (2016) allow 15 pixels of the photograph, which has no size of its own here; default 0.
    """

    tolerance: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "tolerance", float(within(self.tolerance, 0, _SIDE, "pointing_game: tolerance")))


@measure(
    "pointing_game",
    PointingGame,
    MeasureDeclaration(
        scale="mean",
        better="high",
        needs_mask=True,
        needs_attribution=True,
        wording=Wording(
            Phrase("pointing game", "the strongest point of the heat map lies on the object in {value} of the images"),
            Phrase("ポインティングゲーム正解率", "画像の{value}で、ヒートマップの最大点が対象物の上にあります"),
        ),
        percent=True,
    ),
)
def read_pointing_game(spec: PointingGame, seen: MeasureInput) -> MeasureOutput:
    """The share of the valid pixels with the largest P that lie in the object widened by the tolerance: 0 or 1 unless
    several are equal (Zhang et al. 2016)."""
    maps, regions = whole_map(seen)
    positive = positive_of(maps, regions)
    largest = positive.amax(1)
    strongest = (positive == largest[:, None]) & valid_of(regions)
    radius = spec.tolerance * min(maps.shape[1:]) / _SIDE
    hit = (strongest & _widened(regions.object, radius).flatten(1)).sum(1)
    return read_of(seen, maps, regions, largest == 0, hit.double() / strongest.sum(1).clamp_min(1))


def pointing_game(*methods: AnyMethod, tolerance: float = 0.0, target: str | int = "prediction") -> Measure:
    """Whether the strongest pixel lies in the object.

    Raises:
        ExpressionError: a tolerance outside [0, 224].
    """
    return Measure(PointingGame(methods, target, tolerance))  # type: ignore[arg-type]


def _widened(region: Tensor, radius: float) -> Tensor:
    """[B, H, W] bool: the region and all pixels within `radius` of it, in a straight line."""
    height = region.shape[1]
    found, rows = region.clone(), region.float()
    for away in range(math.floor(radius) + 1):
        reach = math.floor(math.sqrt(radius**2 - away**2))
        if away >= height:
            break
        wide = max_pool1d(rows, 2 * reach + 1, stride=1, padding=reach) > 0.5
        found[:, : height - away] |= wide[:, away:]
        found[:, away:] |= wide[:, : height - away]
    return found
