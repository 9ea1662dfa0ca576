"""Severities and doses of perturbations, and the registration of functions that change a whole image."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Context, dose, one_of, spec_name, within
from ..language.wording import Worded
from .base import REGIONS, ContextDeclaration, ContextInput, ContextOutput, Region, context, inside, rendered

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
    """Checks that `severity` is an integer from 1 to 5 and returns it.

    Raises:
        ExpressionError: anything else.
    """
    if isinstance(severity, bool) or not isinstance(severity, int) or severity not in SEVERITIES:
        raise ExpressionError(f"{what}: severity must be an integer from 1 to 5, got {severity!r}")
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


class Dosed(Context):
    """Base of contexts with a strength in natural units.

    A subclass is a frozen dataclass whose first field is its :func:`~modelaudit.language.spec.dose`, with
    the fields ``region`` and ``each``.

    Attributes:
        bounds: the least and the greatest dose.
        neutral: the dose that leaves every image as it is, to the bit; None where there is none.
    """

    bounds: ClassVar[tuple[float, float]]
    neutral: ClassVar[float | None] = None
    region: Region

    def __post_init__(self) -> None:
        self._check_doses(self._checked)
        one_of(self.region, REGIONS, f"{spec_name(type(self))}: region")

    def _checked(self, value: Any) -> float:
        # + 0.0 makes -0.0 the dose 0
        return float(within(value, *self.bounds, f"{spec_name(type(self))}: {_dose(self)}")) + 0.0

    @property
    def amount(self) -> float:
        """The dose.

        Raises:
            ExpressionError: this is a series, which has several.
        """
        value = getattr(self, _dose(self))
        if value is None:
            raise ExpressionError(f"'{self}' is a series; apply it at one of its doses")
        return float(value)

    @property
    def is_neutral(self) -> bool:
        """Whether this dose changes nothing."""
        return getattr(self, _dose(self)) is not None and self.amount == self.neutral


def checked_direction(direction: float | None, what: str) -> float | None:
    """Degrees counterclockwise from "to the right", or None (drawn for each image).

    Raises:
        ExpressionError: no number from 0 to 360.
    """
    return None if direction is None else float(within(direction, 0.0, 360.0, f"{what}: direction (degrees)")) + 0.0


def singles(scene: ContextInput) -> Iterator[ContextInput]:
    """The scene in the pieces that a function may take at once: image by image on the CPU, whole elsewhere.

    On the CPU an image must not depend, to the bit, on the other images in the batch: powers, exponentials, transforms
    and products of a library may take another path at another place of a batch (see ``base.alone``). Donors are left
    out.
    """
    if scene.pixels.device.type != "cpu" or len(scene.ids) <= 1:
        yield scene
        return
    for row in range(len(scene.ids)):
        at = slice(row, row + 1)
        mask = None if scene.mask is None else scene.mask[at]
        yield ContextInput(scene.pixels[at], mask, scene.ids[at], scene.seed)


def dosed(
    name: str, spec: type[Dosed], *, examples: tuple[str, ...], wording: Worded = None, version: int = 1
) -> Callable[[_Degrade], _Degrade]:
    """:func:`degradation` for a dose: the neutral one gives the image back and is exempt.

    The function ``(spec, scene) -> pixels [B, 3, H, W]`` sees on the CPU one image at a time.
    """

    def decorate(function: _Degrade) -> _Degrade:
        @degradation(
            name,
            spec,
            examples=examples,
            wording=wording,
            exempt=lambda spec: bool(spec.is_neutral),
            version=version,
        )
        @functools.wraps(function)
        def at_dose(spec: Dosed, scene: ContextInput) -> Tensor:
            if spec.is_neutral or not scene.ids:
                return scene.pixels
            return torch.cat([function(spec, one) for one in singles(scene)])

        return at_dose

    return decorate


def _dose(spec: Dosed) -> str:
    return dataclasses.fields(spec)[0].name  # type: ignore[arg-type]
