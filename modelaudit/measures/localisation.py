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
from ..language.spec import MeasureSpec, Method, as_method
from .base import Declares, Reading, Seen, measure
from .behaviour import non_finite
from .regions import Regions

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


_READS_MAPS = Declares(scale="mean", better="low", needs_mask=True, needs_attribution=True, reads_cells=True)


@measure("background_share", BackgroundShare, _READS_MAPS)
def read_background_share(spec: BackgroundShare, seen: Seen) -> Reading:
    """``sum(P (1 - M)) / sum(P)`` over valid pixels (Adhikari et al. 2024; 1 - relevance mass accuracy, Arras 2022)."""
    sums = _sums(seen)
    return _reading(sums, sums.background / (sums.background + sums.object))


@measure("background_dependence", BackgroundDependence, _READS_MAPS)
def read_background_dependence(spec: BackgroundDependence, seen: Seen) -> Reading:
    """``d_b / (d_b + d_o)``, d_b = sum(P (1 - M)) / ((1 - a) N), d_o = sum(P M) / (a N); 0.5 for a uniform map."""
    sums = _sums(seen)
    on_background = sums.background / sums.background_area
    on_object = sums.object / sums.object_area
    return _reading(sums, on_background / (on_background + on_object))


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
class _Sums:
    """[B] float64 sums of P, scaled by its maximum, and areas in pixels; [B] bool by reason."""

    object: Tensor
    background: Tensor
    object_area: Tensor
    background_area: Tensor
    undefined: dict[Missing, Tensor]


def _sums(seen: Seen) -> _Sums:
    maps = seen.attribution if seen.cells is None else seen.cells
    if maps is None or seen.mask is None:
        raise ValueError("a measure of a map needs the map and the mask, and one of them was not handed over")
    regions = Regions(seen.mask) if seen.regions is None else seen.regions
    on_object, on_background, largest = regions.sums(maps) if seen.cells is None else regions.sums_of_cells(maps)
    reasons = {
        Missing.NON_FINITE_LOGITS: non_finite(seen.logits),
        Missing.EMPTY_MASK: regions.object_area == 0,
        Missing.FULL_MASK: regions.background_area == 0,
        Missing.ATTRIBUTION_INVALID: ~torch.isfinite(maps).flatten(1).all(dim=1),
        Missing.ZERO_ATTRIBUTION: largest == 0,
    }
    return _Sums(on_object, on_background, regions.object_area, regions.background_area, _first(reasons))


def _first(reasons: dict[Missing, Tensor]) -> dict[Missing, Tensor]:
    """The same reasons, a sample counted only under the first that holds."""
    first: dict[Missing, Tensor] = {}
    told = torch.zeros_like(next(iter(reasons.values())))
    for reason, where in reasons.items():
        first[reason] = where & ~told
        told = told | where
    return first


def _reading(sums: _Sums, values: Tensor) -> Reading:
    undefined = torch.stack(list(sums.undefined.values())).any(dim=0)
    return Reading(values.masked_fill(undefined, torch.nan), sums.undefined)


def _check_target(target: object) -> None:
    named = isinstance(target, str) and target != ""
    numbered = isinstance(target, int) and not isinstance(target, bool) and target >= 0
    if not named and not numbered:
        raise ExpressionError(
            f"target={target!r}; use 'prediction', 'label', 'margin', or a class by name or index (0 or more)"
        )
