"""Measures and tables for the tests of the statistics: values by hand, no model and no image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from modelaudit.language import registry
from modelaudit.language.expression import Measure
from modelaudit.language.reasons import Missing
from modelaudit.language.spec import MeasureSpec, Method
from modelaudit.language.strata import Stratum
from modelaudit.statistics import Clustering, Column, Membership

Scale = Literal["proportion", "mean"]


@dataclass(frozen=True)
class Named(MeasureSpec):
    """A measure known by its name alone."""

    name: str


@dataclass(frozen=True)
class OneMethod(Method):
    """An attribution method known by its name alone."""

    name: str


@dataclass(frozen=True)
class Mapped(MeasureSpec):
    """A measure read off one map a method."""

    methods: tuple[Method, ...] = ()  # type: ignore[assignment]


for kind, spec in (("named", Named), ("one_method", OneMethod), ("mapped", Mapped)):
    registry.register(registry.Entry("statistics_test", kind, spec, lambda: None))


def named(name: str) -> Measure:
    """The measure of that name."""
    return Measure(Named(name))


def mapped(*names: str) -> Measure:
    """A measure by several methods."""
    return Measure(Mapped(tuple(OneMethod(name) for name in names)))


def column(
    values: Any,
    scale: Scale = "mean",
    low: float | None = 0.0,
    high: float | None = 1.0,
    reason: Missing = Missing.ZERO_ATTRIBUTION,
) -> Column:
    """A column of values; NaN is missing, for `reason`."""
    array = np.asarray(values, dtype=np.float64)
    return Column(array, {int(i): reason for i in np.flatnonzero(np.isnan(array))}, scale, low, high)


def proportion(ones: int, n: int) -> Column:
    """The first `ones` of n images count."""
    return column(np.arange(n) < ones, "proportion")


@dataclass
class Values:
    """A table of columns by the measure's name (or its one method's), and of strata by their text."""

    columns: Mapping[str, Column]
    strata: Mapping[str, Membership] = field(default_factory=dict)
    clusters: Mapping[str, tuple[Clustering, ...]] = field(default_factory=dict)
    divided: Mapping[str, tuple[Stratum, ...]] = field(default_factory=dict)

    def column(self, measure: Measure) -> Column:
        spec = measure.spec
        if isinstance(spec, Mapped):
            assert len(spec.methods) == 1
            return self.columns[spec.methods[0].name]  # type: ignore[attr-defined]
        assert isinstance(spec, Named)
        return self.columns[spec.name]

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        return self.strata[str(stratum) if model is None else f"{stratum} of {model}"]

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """By the measure's name; "*" stands for all."""
        name = getattr(measure.spec, "name", "*")
        return self.clusters.get(name, self.clusters.get("*", ()))

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        return self.divided[by]


@dataclass
class Doses:
    """Columns by severity; 0 is the original."""

    columns: Mapping[int, Column]
    shared: tuple[Clustering, ...] = ()

    def column(self, measure: Measure) -> Column:
        return self.columns[0 if measure.context is None else int(getattr(measure.context, "severity"))]  # noqa: B009

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        raise AssertionError("no stratum was asked for")

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        return self.shared

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        raise AssertionError("no strata were asked for")
