"""Measures of where an attribution map lies, with respect to the object mask.

Notation: A the map, P = max(A, 0), M the object, valid pixels those that are not ignored, N their number, a = |M| / N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import MeasureSpec, Method, as_method
from .base import Declares, Reading, Seen, measure
from .behaviour import non_finite

AnyMethod = Method | type[Method] | str


@dataclass(frozen=True)
class AttributionMeasure(MeasureSpec):
    """What every measure of a map is asked with.

    Args:
        methods: the attribution methods; an expectation must hold by each of them.
        target: what the map explains: "prediction" (on the image it is given), "label", "margin" (of the prediction to
            the runner-up), or a class by name or index.
    """

    variadic: ClassVar[str | None] = "methods"

    methods: tuple[Method, ...] = ()
    target: str | int = "prediction"

    def __post_init__(self) -> None:
        given: Any = self.methods
        several = given if isinstance(given, tuple | list) else (given,)
        methods = tuple(as_method(method) for method in several)
        if not methods:
            raise ExpressionError(
                f"{type(self).__name__} reads an attribution map; name at least one method, e.g. 'integrated_gradients'"
            )
        for method in methods:
            if methods.count(method) > 1:
                raise ExpressionError(f"the method {method} is named twice in one measure; name it once")
        object.__setattr__(self, "methods", methods)
        _check_target(self.target)


@dataclass(frozen=True)
class BackgroundShare(AttributionMeasure):
    """The share of the positive attribution that lies on the background."""


@dataclass(frozen=True)
class BackgroundDependence(AttributionMeasure):
    """The background's share of the densities of positive attribution: the share, freed of the areas."""


_READS_MAPS = Declares(scale="mean", better="low", needs_mask=True, needs_attribution=True)


@measure("background_share", BackgroundShare, _READS_MAPS)
def read_background_share(spec: BackgroundShare, seen: Seen) -> Reading:
    """``sum(P (1 - M)) / sum(P)`` over valid pixels (Adhikari et al. 2024; 1 - relevance mass accuracy, Arras 2022)."""
    regions = _regions(seen)
    return _reading(regions, regions.background / (regions.background + regions.object))


@measure("background_dependence", BackgroundDependence, _READS_MAPS)
def read_background_dependence(spec: BackgroundDependence, seen: Seen) -> Reading:
    """``d_b / (d_b + d_o)``, d_b = sum(P (1 - M)) / ((1 - a) N), d_o = sum(P M) / (a N); 0.5 for a uniform map."""
    regions = _regions(seen)
    on_background = regions.background / regions.background_area
    on_object = regions.object / regions.object_area
    return _reading(regions, on_background / (on_background + on_object))


def background_share(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """The share of the positive attribution that lies on the background; read it beside the object's area."""
    return Measure(BackgroundShare(methods, target))  # type: ignore[arg-type]


def background_dependence(*methods: AnyMethod, target: str | int = "prediction") -> Measure:
    """How densely the background is used, against the object: 0 object only, 0.5 a uniform map, 1 background only.

    Args:
        methods: names, classes or instances of attribution methods; an expectation must hold by each of them.
        target: "prediction", "label", "margin", or a class by name or index.

    Raises:
        ExpressionError: no method, one named twice, an unknown one, or a target that is none.
    """
    return Measure(BackgroundDependence(methods, target))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Regions:
    """[B] float64 sums of P, scaled by its maximum, and areas in pixels; [B] bool by reason."""

    object: Tensor
    background: Tensor
    object_area: Tensor
    background_area: Tensor
    undefined: dict[Missing, Tensor]


def _regions(seen: Seen) -> _Regions:
    if seen.attribution is None or seen.mask is None:
        raise ValueError("a measure of a map needs the map and the mask, and one of them was not handed over")
    on_object, on_background = seen.mask == OBJECT, seen.mask == BACKGROUND
    values = seen.attribution.double()
    invalid = ~torch.isfinite(values).flatten(1).all(dim=1)
    positive = values.nan_to_num(0.0, 0.0, 0.0).clamp_min(0) * (on_object | on_background)
    largest = positive.flatten(1).amax(dim=1)
    # a share does not depend on the scale of the map; without this a map of 1e-320 or 1e308 would lose its sum
    positive = positive / torch.where(largest > 0, largest, 1.0)[:, None, None]
    area, rest = on_object.flatten(1).sum(dim=1), on_background.flatten(1).sum(dim=1)
    reasons = {
        Missing.NON_FINITE_LOGITS: non_finite(seen.logits),
        Missing.EMPTY_MASK: area == 0,
        Missing.FULL_MASK: rest == 0,
        Missing.ATTRIBUTION_INVALID: invalid,
        Missing.ZERO_ATTRIBUTION: largest == 0,
    }
    return _Regions(
        (positive * on_object).flatten(1).sum(dim=1),
        (positive * on_background).flatten(1).sum(dim=1),
        area.double(),
        rest.double(),
        _first(reasons),
    )


def _first(reasons: dict[Missing, Tensor]) -> dict[Missing, Tensor]:
    """The same reasons, a sample counted only under the first that holds."""
    first: dict[Missing, Tensor] = {}
    told = torch.zeros_like(next(iter(reasons.values())))
    for reason, where in reasons.items():
        first[reason] = where & ~told
        told = told | where
    return first


def _reading(regions: _Regions, values: Tensor) -> Reading:
    undefined = torch.stack(list(regions.undefined.values())).any(dim=0)
    return Reading(values.masked_fill(undefined, torch.nan), regions.undefined)


def _check_target(target: object) -> None:
    named = isinstance(target, str) and target != ""
    numbered = isinstance(target, int) and not isinstance(target, bool) and target >= 0
    if not named and not numbered:
        raise ExpressionError(
            f"target={target!r}; use 'prediction', 'label', 'margin', or a class by name or index (0 or more)"
        )
