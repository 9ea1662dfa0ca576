"""How often a verdict is wrong at the threshold where images depend on each other, and for numbers of several parts.

    nice python benchmarks/cluster_error_rates.py [--audits 2000] [--only donors]

Prints the rates of false PASS and of false FAIL of ``left side > truth`` at confidence 0.95 (nominal: .05 each). Beside
the rule for clusters stand the proven one (``bounds="guaranteed"``), the t bound on clusters, and what the rule for
independent images would do. The standard error of a simulated rate of .05 is .005 at 2,000 audits.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from modelaudit.language.composite import Extreme
from modelaudit.language.expression import Expectation, Expression, Measure
from modelaudit.language.reasons import Missing
from modelaudit.language.spec import MeasureSpec
from modelaudit.language.strata import Stratum
from modelaudit.statistics import Clustering, Column, Membership
from modelaudit.statistics.bounds import Plan
from modelaudit.statistics.clusters import (
    LARGEST_FOR_TANGO,
    LEAST_CLUSTERS,
    cluster_betting_lower,
    cluster_error_at,
    clusters_of,
    joined,
    variances,
)
from modelaudit.statistics.columns import Columns
from modelaudit.statistics.compound import tree_bound, tree_of

Values = NDArray[np.float64]
Codes = NDArray[np.int64]
Draw = Callable[[np.random.Generator, int], Mapping[str, Values]]
Sharing = Callable[[np.random.Generator, int], Mapping[str, Codes]]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Simulated(MeasureSpec):
    """A measure whose values are drawn here."""

    name: str


@dataclass(frozen=True)
class Drawn:
    """A table of drawn values; NaN is missing, values of 0 and 1 alone are a proportion if `proportions` say so."""

    values: Mapping[str, Values]
    proportions: frozenset[str]

    def column(self, measure: Measure) -> Column:
        name = measure.spec.name  # type: ignore[attr-defined]
        values = self.values[name]
        missing = dict.fromkeys(np.flatnonzero(np.isnan(values)).tolist(), Missing.ZERO_ATTRIBUTION)
        return Column(values, missing, "proportion" if name in self.proportions else "mean", 0.0, 1.0)

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        raise NotImplementedError("the scenarios have no strata")

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """Columns named "cluster" or "donor" hold codes."""
        shared = [name for name in ("cluster", "donor") if name in self.values]
        return tuple(Clustering(name, self.values[name].astype(np.int64)) for name in shared)


@dataclass(frozen=True)
class Scenario:
    """A left side, how its values are drawn, and its true value."""

    name: str
    left: Expression
    truth: float
    draw: Draw
    sizes: tuple[int, ...]
    proportions: frozenset[str] = frozenset()


a, b = Measure(Simulated("a")), Measure(Simulated("b"))


def judged(scenario: Scenario, values: Mapping[str, Values]) -> tuple[bool, bool, str]:
    """(PASS, FAIL, rule) of ``left > truth``."""
    columns, plan = Columns(Drawn(values, scenario.proportions)), Plan(CONFIDENCE)
    expectation = Expectation(scenario.left, ">", scenario.truth)
    tree = tree_of(expectation.expression, columns)
    lower, upper = (tree_bound(tree, side, columns, plan) for side in ("lower", "upper"))
    rule = upper.rule if lower.rule == "none" else lower.rule
    return expectation.holds(lower.value), not expectation.holds(upper.value), rule


def simulated(scenario: Scenario, n: int, audits: int) -> tuple[float, float, str]:
    """The two rates over `audits` samples of n images."""
    generator = np.random.default_rng([n, *scenario.name.encode()])
    found = [judged(scenario, scenario.draw(generator, n)) for _ in range(audits)]
    passed, failed, rules = zip(*found, strict=True)
    return float(np.mean(passed)), float(np.mean(failed)), "/".join(sorted(set(rules)))


def over_clusters(scenario: Scenario, values: Mapping[str, Values]) -> tuple[bool, bool]:
    """(PASS, FAIL) of :func:`judged` by the tail probability at the truth, ten times as fast; Tango's rule in full."""
    shared = clusters_of((name, values[name].astype(np.int64)) for name in ("cluster", "donor") if name in values)
    low = -1.0 if "b" in values else 0.0
    few = any(one.sizes.size < LEAST_CLUSTERS for one in shared)
    if few or not shared or (low < 0 and len(shared) == 1 and shared[0].size_per_image <= LARGEST_FOR_TANGO):
        return judged(scenario, values)[:2]
    unit, truth = (left_side(values) - low) / (1 - low), (scenario.truth - low) / (1 - low)
    lower, upper = cluster_error_at(unit, shared)(truth), cluster_error_at(1 - unit, shared)(1 - truth)
    return lower < 1 - CONFIDENCE, upper < 1 - CONFIDENCE


def left_side(values: Mapping[str, Values]) -> Values:
    """a, or b - a where there is a b."""
    return values["b"] - values["a"] if "b" in values else values["a"]


def over_totals(scenario: Scenario, values: Mapping[str, Values]) -> tuple[bool, bool]:
    """(PASS, FAIL) of the t bound on clusters: ``mean -+ t_{G - 1} sqrt(V)``, of the clustering of the largest V."""
    x = left_side(values)
    shared = clusters_of((name, values[name].astype(np.int64)) for name in ("cluster", "donor") if name in values)
    if not shared:
        return False, False
    chosen, own, *_ = variances(x, shared)
    width = float(stdtrit(chosen.sizes.size - 1, CONFIDENCE)) * float(np.sqrt(own))
    return bool(x.mean() - width > scenario.truth), bool(x.mean() + width < scenario.truth)


def ignoring_clusters(scenario: Scenario, values: Mapping[str, Values]) -> tuple[bool, bool]:
    """(PASS, FAIL) of the rule for independent images."""
    return judged(scenario, {name: each for name, each in values.items() if name in "ab"})[:2]


def proven(scenario: Scenario, values: Mapping[str, Values]) -> tuple[bool, bool]:
    """(PASS, FAIL) of the betting bound over clusters."""
    low = -1.0 if "b" in values else 0.0
    shared = clusters_of((name, values[name].astype(np.int64)) for name in ("cluster", "donor") if name in values)
    if not shared or (one := joined(shared)).sizes.size < LEAST_CLUSTERS:
        return False, False
    unit, truth = (left_side(values) - low) / (1 - low), (scenario.truth - low) / (1 - low)
    lower, upper = (cluster_betting_lower(x, one, CONFIDENCE) for x in (unit, 1 - unit))
    return lower > truth, 1 - upper < truth


def simulated_clusters(scenario: Scenario, n: int, audits: int) -> list[float]:
    """False PASS and FAIL of the rule, the proven one, the t bound, and the one that ignores clusters (500 audits)."""
    generator = np.random.default_rng([n, *scenario.name.encode()])
    drawn = [scenario.draw(generator, n) for _ in range(audits)]
    rates: list[float] = []
    few = min(audits, 500)
    for rule, times in ((over_clusters, audits), (proven, few), (over_totals, audits), (ignoring_clusters, few)):
        rates.extend(np.mean([rule(scenario, values) for values in drawn[:times]], axis=0))
    return rates


def sensitivity(foreground: Expression, background: Expression) -> Expression:
    """Relative foreground sensitivity of two accuracies."""
    gap, twice = background - foreground, background + foreground
    return Extreme("larger", (gap / twice, gap / (2.0 - twice)), low=-1.0, high=1.0)


def two_accuracies(first: float, second: float) -> Draw:
    """Two proportions that share half of what makes an image hard."""
    cuts = {"a": first, "b": second}

    def draw(generator: np.random.Generator, n: int) -> Mapping[str, Values]:
        shared = generator.normal(size=n)
        hard = {name: (shared + generator.normal(size=n)) / np.sqrt(2) for name in cuts}
        return {name: (hard[name] < ndtri(cut)).astype(float) for name, cut in cuts.items()}

    return draw


def least_of(truths: Sequence[float]) -> tuple[Expression, Draw]:
    """The worst of independent groups with these accuracies, n images each."""
    names = [f"group {at}" for at in range(len(truths))]

    def draw(generator: np.random.Generator, n: int) -> Mapping[str, Values]:
        return {name: (generator.random(n) < p).astype(float) for name, p in zip(names, truths, strict=True)}

    return Extreme("minimum", tuple(Measure(Simulated(name)) for name in names), tuple(names)), draw


def composites() -> Iterator[Scenario]:
    """The largest in size of two ratios, and the least of groups (n is that of one group)."""
    for first, second in ((0.5, 0.9), (0.4, 0.6), (0.2, 0.4), (0.8, 0.9), (0.5, 0.5), (0.7, 0.5)):
        mean = (first + second) / 2
        truth = (second - first) / (2 * min(mean, 1 - mean))
        name = f"foreground sensitivity of {first:g}, {second:g}"
        draw = two_accuracies(first, second)
        yield Scenario(name, sensitivity(a, b), truth, draw, (100, 300), frozenset("ab"))
    for truths in ((0.9,) * 8, (0.8, *(0.95,) * 7)):
        left, draw = least_of(truths)
        names = frozenset(f"group {at}" for at in range(len(truths)))
        yield Scenario(f"worst of 8 groups, {truths[0]:g} to {truths[-1]:g}", left, min(truths), draw, (50, 250), names)


def alike(generator: np.random.Generator, shared: float, *partitions: Codes) -> Values:
    """Uniform numbers; an image takes that of its cluster with probability sqrt(shared), of each partition in turn."""
    u = generator.random(partitions[0].size)
    for codes in partitions:
        same = generator.random(u.size) < np.sqrt(shared)
        u = np.where(same, generator.random(int(codes.max()) + 1)[codes], u)
    return u


def grouped(count: int, skewed: bool) -> Sharing:
    """Groups of 10 images each, or of Pareto sizes from 1 to 150."""

    def codes(generator: np.random.Generator, n: int) -> Mapping[str, Codes]:
        sizes = np.clip(np.round(n / count * generator.pareto(1.2, count)), 1, 15 * n // count).astype(int)
        return {"cluster": np.repeat(np.arange(count), sizes if skewed else n // count)}

    return codes


def lent(donors: int | None) -> Sharing:
    """A donor for each image, drawn from so many, or from n."""
    return lambda generator, n: {"donor": generator.integers(donors or n, size=n)}


def grouped_and_lent(generator: np.random.Generator, n: int) -> Mapping[str, Codes]:
    """Groups of 5 and 20 donors."""
    return {"cluster": np.arange(n) // 5, "donor": generator.integers(20, size=n)}


#: left side, truth, values of 0 and 1, and what a uniform number makes of it; the false PASS is of "it is higher"
KINDS: Mapping[str, tuple[Expression, float, bool, Callable[[Values], Mapping[str, Values]]]] = {
    "proportion 0.5": (a, 0.5, True, lambda u: {"a": (u < 0.5).astype(float)}),
    "proportion 0.9": (a, 0.9, True, lambda u: {"a": (u < 0.9).astype(float)}),
    "proportion 0.97": (a, 0.97, True, lambda u: {"a": (u < 0.97).astype(float)}),
    "drop 0.05": (b - a, 0.05, True, lambda u: {"a": (u > 0.05).astype(float), "b": np.ones(u.size)}),
    "drop 0.05 of 0.1": (b - a, 0.05, True, lambda u: {"a": (u > 0.075) + 0.0, "b": 1.0 - (u > 0.975)}),
    "mean, 3 % spikes": (a, 0.03, False, lambda u: {"a": (u < 0.03).astype(float)}),
}


def clustered() -> Iterator[Scenario]:
    """Clusters and shared donors, by how much of a value is the cluster's (ICC)."""
    shares: list[tuple[str, Sharing, tuple[int, ...]]] = [
        (f"{count} {'unequal' if skewed else 'equal'} clusters", grouped(count, skewed), (10 * count,))
        for count in (5, 10, 20, 40)
        for skewed in (False, True)
    ]
    shares.append(("clusters: n donors drawn", lent(None), (60, 125, 200, 500)))
    shares.append(("clusters: 20 donors", lent(20), (500,)))
    shares.append(("clusters: groups and 20 donors", grouped_and_lent, (200,)))
    for name, sharing, sizes in shares:
        for shared in (0.0, 0.3, 1.0):
            for kind, (left, truth, flags, cut) in KINDS.items():

                def draw(
                    generator: np.random.Generator,
                    n: int,
                    sharing: Sharing = sharing,
                    shared: float = shared,
                    cut: Callable[[Values], Mapping[str, Values]] = cut,
                ) -> Mapping[str, Values]:
                    codes = sharing(generator, n)
                    return {**cut(alike(generator, shared, *codes.values())), **codes}

                names = frozenset("ab") if flags else frozenset[str]()
                yield Scenario(f"{name}, ICC {shared:g}, {kind}", left, truth, draw, sizes, names)


def differing(share: float) -> Callable[[np.random.Generator, int], Mapping[str, Values]]:
    """A drop of proportions with this share of differing images, three quarters of them losses."""
    lost, gained = 0.75 * share, 0.25 * share
    return lambda g, n: {"a": 1.0 - ((u := g.random(n)) < lost), "b": 1.0 - (u > 1 - gained)}


#: what is bounded where nothing is shared in truth
COSTS: Mapping[str, tuple[Expression, bool, Callable[[np.random.Generator, int], Mapping[str, Values]]]] = {
    "drop, no image differs": (b - a, True, differing(0.0)),
    "drop, 2 % of images differ": (b - a, True, differing(0.02)),
    "drop, 5 % differ": (b - a, True, differing(0.05)),
    "drop, 20 % differ": (b - a, True, differing(0.2)),
    "drop, 50 % differ": (b - a, True, differing(0.5)),
    "flips 0.05": (a, True, lambda g, n: {"a": (g.random(n) < 0.05) + 0.0}),
    "flips 0.2": (a, True, lambda g, n: {"a": (g.random(n) < 0.2) + 0.0}),
    "mean, Beta(2, 5)": (a, False, lambda g, n: {"a": g.beta(2, 5, n)}),
    "mean, 3 % spikes": (a, False, lambda g, n: {"a": (g.random(n) < 0.03) + 0.0}),
}


def width(left: Expression, flags: bool, values: Mapping[str, Values]) -> float:
    """Of the interval."""
    columns = Columns(Drawn(values, frozenset("ab") if flags else frozenset()))
    lower, upper = (tree_bound(tree_of(left, columns), side, columns, Plan(CONFIDENCE)) for side in ("lower", "upper"))
    return upper.value - lower.value


def cost(name: str, n: int, audits: int) -> float:
    """The mean width over n donors drawn at random, relative to that for independent images."""
    left, flags, draw = COSTS[name]
    generator = np.random.default_rng([n, *name.encode()])
    drawn = [draw(generator, n) for _ in range(audits)]
    alone = np.mean([width(left, flags, values) for values in drawn])
    shared = [width(left, flags, {**values, "donor": generator.integers(n, size=n)}) for values in drawn]
    return float(np.mean(shared) / alone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=2000, help="simulated audits a scenario")
    parser.add_argument("--only", default="", help="scenarios whose name contains this text")
    options = parser.parse_args()
    print("| clusters, truth at the threshold | n | rule | proven rule | t bound | clusters ignored |")
    print("|---|---|---|---|---|---|")
    for scenario in clustered():
        for n in scenario.sizes if options.only in scenario.name else ():
            found = [f"{rate:.3f}" for rate in simulated_clusters(scenario, n, options.audits)]
            rates = " | ".join(f"{passed} / {failed}" for passed, failed in zip(found[::2], found[1::2], strict=True))
            print(f"| {scenario.name} | {n} | {rates} |", flush=True)
    print("\n| numbers of several parts | n | rule | false PASS | false FAIL |\n|---|---|---|---|---|")
    for scenario in composites():
        for n in scenario.sizes if options.only in scenario.name else ():
            passed, failed, rule = simulated(scenario, n, options.audits)
            print(f"| {scenario.name} | {n} | {rule} | {passed:.3f} | {failed:.3f} |", flush=True)
    sizes = (60, 125, 200, 500)
    print("\n| width with n donors, nothing shared in truth |" + "".join(f" n = {n} |" for n in sizes))
    print("|---|" + "---|" * len(sizes))
    for name in COSTS if options.only in "cost" else ():
        found = [f"{cost(name, n, min(options.audits, 50)):.2f}" for n in sizes]
        print(f"| {name} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
