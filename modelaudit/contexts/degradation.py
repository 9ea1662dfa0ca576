"""What perturbations share: severities, regions, and the registration of a function that changes a whole image."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Context, dose, one_of, spec_name
from ..language.wording import Worded
from .base import ContextDeclaration, ContextInput, ContextOutput, context, rendered
from .regions import REGIONS, Region, inside

SEVERITIES = (1, 2, 3, 4, 5)
_Degrade = Callable[[Any, ContextInput], Tensor]


@dataclass(frozen=True)
class Severe(Context):
    """Base of the corruptions that come in the severities 1 to 5.

    Args:
        severity: 1 to 5; all severities of one sample share one draw.
        region: "background" (object and ring stay as they are), "object" (with its ring) or "whole".
        each: several severities, as a series.
    """

    severity: int | None = dose()
    region: Region = "background"
    each: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        name = spec_name(type(self))
        self._check_doses(lambda value: checked_severity(value, name))
        one_of(self.region, REGIONS, f"{name}: region")


def checked_severity(severity: object, what: str) -> int:
    """`severity`, a whole number from 1 to 5.

    Raises:
        ExpressionError: anything else.
    """
    if isinstance(severity, bool) or not isinstance(severity, int) or severity not in SEVERITIES:
        raise ExpressionError(f"{what}: severity={severity!r}; use a whole number from 1 to 5")
    return severity


def level(spec: Severe, table: tuple[Any, ...]) -> Any:
    """The entry of a table of five that belongs to the severity."""
    assert spec.severity is not None
    return table[spec.severity - 1]


def degradation(
    name: str,
    spec: type[Context],
    *,
    examples: tuple[str, ...],
    wording: Worded = None,
    exempt: Callable[[Any], bool] = lambda spec: False,
    version: int = 1,
) -> Callable[[_Degrade], _Degrade]:
    """Register a pure function ``(spec, scene) -> pixels [B, 3, H, W]`` that degrades whole images.

    The spec has a field ``region``: outside of it pixels stay as they are, to the bit. What the function returns is
    clipped to [0, 1]. Impossible where the region is empty.
    """

    def decorate(function: _Degrade) -> _Degrade:
        declares = ContextDeclaration(
            family="perturbation",
            needs_mask=lambda spec: spec.region != "whole",
            exempt=exempt,
            examples=examples,
            wording=wording,
        )

        @context(name, spec, declares, version=version)
        @functools.wraps(function)
        def limited(spec: Any, scene: ContextInput) -> ContextOutput:
            region = inside(scene, spec.region, str(spec))
            pixels = function(spec, scene).clamp(0.0, 1.0)
            return rendered(scene, torch.where(region, pixels, scene.pixels), ~region.flatten(1).any(dim=1))

        return function

    return decorate
