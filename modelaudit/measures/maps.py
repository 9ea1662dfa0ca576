"""What every measure of an attribution map shares: object and background, arguments, and where it is undefined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.reasons import Missing
from ..language.spec import MeasureSpec, Method, as_method, spec_name
from .base import MeasureInput, MeasureOutput, Regions
from .behaviour import non_finite

AnyMethod = Method | type[Method] | str


@dataclass(frozen=True)
class AttributionMeasure(MeasureSpec):
    """Base of the measures of a map: its methods and its target.

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
                f"{spec_name(type(self))} reads an attribution map; name at least one method, "
                "e.g. 'integrated_gradients'"
            )
        for method in methods:
            if methods.count(method) > 1:
                raise ExpressionError(f"the method {method} is named twice in one measure; name it once")
        object.__setattr__(self, "methods", methods)
        _check_target(self.target)


def whole_map(inputs: MeasureInput) -> tuple[Tensor, Regions]:
    """The maps [B, H, W] in full size, and the regions of the masks."""
    if inputs.attribution is None or inputs.mask is None:
        raise ValueError("a measure of a map needs attribution and mask; one of them is missing")
    return inputs.attribution, Regions(inputs.mask) if inputs.regions is None else inputs.regions


def valid_of(regions: Regions) -> Tensor:
    """[B, n] bool: pixels that count, those of the ignore ring not."""
    return (regions.object | regions.background).flatten(1)


def positive_of(maps: Tensor, regions: Regions) -> Tensor:
    """[B, n] float64: P = max(A, 0) on valid pixels, 0 elsewhere and where it is not finite."""
    positive = maps.nan_to_num(0.0, 0.0, 0.0).clamp_min(0).flatten(1)
    return positive.double() * valid_of(regions)


def output_of(inputs: MeasureInput, maps: Tensor, regions: Regions, zero: Tensor, values: Tensor) -> MeasureOutput:
    """Values [B], undefined with the first reason that holds.

    Args:
        zero: [B] bool, maps that say nothing.
    """
    reasons = {
        Missing.NON_FINITE_LOGITS: non_finite(inputs.logits),
        Missing.EMPTY_MASK: regions.object_area == 0,
        Missing.FULL_MASK: regions.background_area == 0,
        Missing.ATTRIBUTION_INVALID: ~torch.isfinite(maps).flatten(1).all(dim=1),
        Missing.ZERO_ATTRIBUTION: zero,
    }
    undefined = first_of(reasons)
    anywhere = torch.stack(list(undefined.values())).any(dim=0)
    return MeasureOutput(values.double().masked_fill(anywhere, torch.nan), undefined)


def first_of(reasons: dict[Missing, Tensor]) -> dict[Missing, Tensor]:
    """The same reasons, a sample counted only under the first that holds."""
    first: dict[Missing, Tensor] = {}
    counted = torch.zeros_like(next(iter(reasons.values())))
    for reason, where in reasons.items():
        first[reason] = where & ~counted
        counted = counted | where
    return first


def _check_target(target: object) -> None:
    named = isinstance(target, str) and target != ""
    numbered = isinstance(target, int) and not isinstance(target, bool) and target >= 0
    if not named and not numbered:
        raise ExpressionError(
            f"target={target!r}; use 'prediction', 'label', 'margin', or a class by name or index (0 or more)"
        )
