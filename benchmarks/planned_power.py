"""How often an audit passes with the number of images that a plan asks for, if the truth is as the plan supposes.

    python benchmarks/planned_power.py [--audits 10000] [--only ratio]

For each scenario a pilot of the population is planned from (power .8, confidence .95); then audits of that many images
are drawn from the population moved to the margin, and decided. Standard error at 10,000 audits: .004. ``drawn
pilots``: the mean power over 20 plans, each from a pilot of 60 images drawn at random (with a tenth of the audits in
all): what is lost where the pilot itself is uncertain.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from modelaudit.language.expression import Expectation, Measure
from modelaudit.language.reasons import Missing
from modelaudit.language.registry import Entry, register
from modelaudit.language.spec import MeasureSpec, Method
from modelaudit.language.strata import Label, Stratum
from modelaudit.statistics import Clustering, Column, Membership
from modelaudit.statistics.bounds import Plan
from modelaudit.statistics.columns import Columns
from modelaudit.statistics.compound import tree_bound, tree_of
from modelaudit.statistics.expansion import single_expectations, written_out
from modelaudit.statistics.sample_size import PowerTarget, SampleSize, from_pilot

Values = NDArray[np.float64]
#: uniform numbers [n] to values by name; two calls with the same numbers are of the same images
Draw = Callable[[Values, np.random.Generator], Mapping[str, Values]]
POWER, CONFIDENCE = 0.8, 0.95
_PILOTS, _PILOT = 20, 60


@dataclass(frozen=True)
class Drawn(MeasureSpec):
    """A measure whose values are drawn here."""

    name: str


@dataclass(frozen=True)
class ByMap(MeasureSpec):
    """One that is read off a map a method."""

    methods: tuple[Method, ...] = ()  # type: ignore[assignment]


@dataclass(frozen=True)
class Named(Method):
    """A method known by its name."""

    name: str


for _kind, _spec in (("drawn", Drawn), ("by_map", ByMap), ("a_method", Named)):
    register(Entry("planned_power", _kind, _spec, lambda: None))


@dataclass(frozen=True)
class Drawing:
    """A table of drawn values; those named in `proportions` are proportions. Labels divide it, where there are some."""

    values: Mapping[str, Values]
    proportions: frozenset[str]

    def column(self, measure: Measure) -> Column:
        spec = measure.spec
        name = spec.methods[0].name if isinstance(spec, ByMap) else spec.name  # type: ignore[attr-defined]
        values = self.values[name]
        missing = dict.fromkeys(np.flatnonzero(np.isnan(values)).tolist(), Missing.ZERO_ATTRIBUTION)
        return Column(values, missing, "proportion" if name in self.proportions else "mean", 0.0, 1.0)

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        assert isinstance(stratum, Label)
        inside = self.values["label"] == float(stratum.label)
        return Membership(inside, np.zeros(inside.size, dtype=bool))

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        codes = self.values.get("cluster")
        return () if codes is None else (Clustering("cluster", codes.astype(np.int64)),)

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        return ()


@dataclass(frozen=True)
class Scenario:
    """An expectation, what a pilot shows, and the population that the plan supposes."""

    name: str
    expectation: Expectation
    margin: float
    pilot: Draw
    truth: Draw
    proportions: frozenset[str] = field(default_factory=frozenset)


a, b = Measure(Drawn("a")), Measure(Drawn("b"))


def scenarios() -> Iterator[Scenario]:
    """One a rule, and what is built on several."""
    single = frozenset("a")
    for threshold, margin in ((0.9, 0.05), (0.8, 0.1), (0.5, 0.03)):
        draw = proportion(threshold + margin)
        yield Scenario(f"proportion > {threshold}", a > threshold, margin, draw, draw, single)
    both = frozenset("ab")
    for losses, gains, limit in ((0.02, 0.0, 0.05), (0.05, 0.03, 0.06), (0.12, 0.12, 0.04)):
        draw = pair(losses, gains)
        yield Scenario(f"drop {losses - gains:g} < {limit}", b - a < limit, limit - losses + gains, draw, draw, both)
    for name, margin, quantile in (
        ("narrow mean, far", 0.1, lambda u: beta.ppf(u, 12, 28)),
        ("mean, far", 0.12, lambda u: beta.ppf(u, 2, 4)),
        ("mean, near", 0.03, lambda u: beta.ppf(u, 2, 4)),
        ("spiked mean", 0.03, lambda u: np.where(u < 0.05, 1.0, 0.05)),
    ):
        threshold = mean_of(quantile) + margin
        draw = quantiles(quantile)
        yield Scenario(f"{name}, margin {margin}", a < threshold, margin, draw, draw)
    yield Scenario(
        "ratio of proportions 0.9 > 0.8", a / b > 0.8, 0.1, table(0.81, 0.9, 0.11), table(0.81, 0.9, 0.11), both
    )
    shared = quantiles(lambda u: beta.ppf(u, 4, 6), noise=0.05)
    yield Scenario("difference of measures", a - b < 0.05, 0.05, shared, shared)
    methods = Measure(ByMap((Named("a"), Named("b"))))
    yield Scenario("two methods", methods < 0.45, 0.05, shared, shared)
    labelled = groups((0.9, 0.9))
    worst = a.where(Label("0")) > 0.8
    yield Scenario("a label that holds 20 %", worst, 0.1, labelled, labelled, single)
    for name, level, size in (("clusters of 10", 0.12, 10), ("clusters of 3", 0.05, 3)):
        draw = clustered(0.8, level, size)
        yield Scenario(f"proportion > 0.7, {name}", a > 0.7, 0.1, draw, draw, single)
    hidden = with_missing(proportion(0.95), 0.03)
    yield Scenario("3 % missing", a > 0.8, 0.15, hidden, hidden, single)


def proportion(p: float) -> Draw:
    """Counts in a share p of images."""
    return lambda u, generator: {"a": (u < p).astype(float)}


def pair(losses: float, gains: float) -> Draw:
    """Two proportions on the same images; b counts and a does not in `losses` of them."""

    def draw(u: Values, generator: np.random.Generator) -> Mapping[str, Values]:
        lost, gained = u < losses, (u >= losses) & (u < losses + gains)
        return {"a": np.where(lost, 0.0, 1.0), "b": np.where(gained, 0.0, 1.0)}

    return draw


def table(first: float, second: float, differing: float) -> Draw:
    """Proportions that differ in a share of the images."""
    only = (differing + first - second) / 2
    both = first - only

    def draw(u: Values, generator: np.random.Generator) -> Mapping[str, Values]:
        return {
            "a": (u < first).astype(float),
            "b": ((u < both) | ((u >= first) & (u < first + second - both))).astype(float),
        }

    return draw


def quantiles(quantile: Callable[[Values], Values], noise: float = 0.0) -> Draw:
    """A measure by its quantile function, and another one that shares all but some noise of it."""

    def draw(u: Values, generator: np.random.Generator) -> Mapping[str, Values]:
        values = quantile(u)
        return {name: np.clip(values + noise * generator.uniform(-1, 1, u.size), 0, 1) for name in "ab"}

    return draw


def groups(right: tuple[float, float]) -> Draw:
    """Two labels, of which the first holds a fifth of the images."""

    def draw(u: Values, generator: np.random.Generator) -> Mapping[str, Values]:
        label = (np.arange(u.size) % 5 != 0).astype(float)
        return {"a": (u < np.where(label == 0, *right)).astype(float), "label": label}

    return draw


def clustered(share: float, level: float, size: int) -> Draw:
    """A proportion around a level of each cluster's own, which is beta distributed."""
    of_all = share * (1 - share) / level**2 - 1

    def draw(u: Values, generator: np.random.Generator) -> Mapping[str, Values]:
        codes = np.arange(u.size) // size
        levels = generator.beta(share * of_all, (1 - share) * of_all, codes[-1] + 1)
        return {"a": (u < levels[codes]).astype(float), "cluster": codes.astype(float)}

    return draw


def with_missing(draw: Draw, share: float) -> Draw:
    """Some of the values are missing, whatever they are."""

    def drawn(u: Values, generator: np.random.Generator) -> Mapping[str, Values]:
        return {name: np.where(generator.random(u.size) < share, np.nan, x) for name, x in draw(u, generator).items()}

    return drawn


def mean_of(quantile: Callable[[Values], Values]) -> float:
    """The mean of a quantile function."""
    return float(np.mean(quantile((np.arange(200_000) + 0.5) / 200_000)))


def planned(scenario: Scenario, values: Mapping[str, Values]) -> SampleSize:
    """The part that needs most."""
    found = from_pilot(
        scenario.expectation, Drawing(values, scenario.proportions), PowerTarget(scenario.margin, POWER, CONFIDENCE)
    )
    return max(found, key=lambda size: size.in_all or np.inf)


def passes(scenario: Scenario, values: Mapping[str, Values]) -> bool:
    """Whether an audit passes: every part by the bound that decides it."""
    drawing = Drawing(values, scenario.proportions)
    columns = Columns(drawing)
    for single in single_expectations(scenario.expectation, drawing):
        part = written_out(single)
        side = "upper" if part.wants_low else "lower"
        if not part.holds(tree_bound(tree_of(part.expression, columns), side, columns, Plan(CONFIDENCE)).value):
            return False
    return True


def reached(scenario: Scenario, n: int, audits: int) -> float:
    """The share of audits of n images that pass."""
    generator = np.random.default_rng([n, *scenario.name.encode()])
    return float(np.mean([passes(scenario, scenario.truth(generator.random(n), generator)) for _ in range(audits)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=10_000, help="simulated audits a scenario")
    parser.add_argument("--only", default="", help="scenarios whose name contains this text")
    options = parser.parse_args()
    print("| expectation | n | rule | power | drawn pilots |\n|---|---|---|---|---|")
    for scenario in scenarios():
        if options.only not in scenario.name:
            continue
        generator = np.random.default_rng(1)
        size = planned(scenario, scenario.pilot(generator.permutation((np.arange(600) + 0.5) / 600), generator))
        assert size.in_all is not None, size
        found = reached(scenario, size.in_all, options.audits)
        drawn = [planned(scenario, scenario.pilot(generator.random(_PILOT), generator)).in_all for _ in range(_PILOTS)]
        each = [reached(scenario, n, max(1, options.audits // _PILOTS // 10)) for n in drawn if n is not None]
        uncertain = f"{np.mean(each):.2f}" + (f" ({len(drawn) - len(each)} none)" if len(each) < len(drawn) else "")
        print(f"| {scenario.name} | {size.in_all} | {size.rule} | {found:.3f} | {uncertain} |", flush=True)


if __name__ == "__main__":
    main()
