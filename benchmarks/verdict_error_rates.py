"""How often a verdict is wrong when the truth lies exactly at the threshold.

    python benchmarks/verdict_error_rates.py [--audits 4000] [--only ratio]

Prints one row a scenario: the rates of false PASS and false FAIL of ``left side > truth`` at confidence 0.95 (nominal:
0.05 each), and the rule that decided. Single proportions are summed exactly over the binomial; the rest is simulated
with the bounds that `decide` reads. The standard error of a simulated rate of .05 is .0034 at 4,000 audits.

A second table is of images that depend on each other: beside the rule the t bound on clusters, and what the rule for
independent images would do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit
from scipy.stats import binom

from modelaudit.language.composite import Extreme
from modelaudit.language.expression import Expectation, Expression, Measure
from modelaudit.language.reasons import Missing
from modelaudit.language.spec import MeasureSpec
from modelaudit.language.strata import Stratum
from modelaudit.statistics import Clustering, Column, Membership, discordant_clopper_pearson
from modelaudit.statistics.bounds import Plan
from modelaudit.statistics.clusters import LARGEST_FOR_TANGO, cluster_tail, clusters_of, variances
from modelaudit.statistics.compound import tree_bound, tree_of
from modelaudit.statistics.leaves import Leaves

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
        """Columns named "group" or "donor" hold codes."""
        shared = [name for name in ("group", "donor") if name in self.values]
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
    leaves, plan = Leaves(Drawn(values, scenario.proportions)), Plan(CONFIDENCE)
    expectation = Expectation(scenario.left, ">", scenario.truth)
    tree = tree_of(expectation.expression, leaves)
    lower, upper = (tree_bound(tree, side, leaves, plan) for side in ("lower", "upper"))
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
    shared = clusters_of((name, values[name].astype(np.int64)) for name in ("group", "donor") if name in values)
    low = -1.0 if "b" in values else 0.0
    if not shared or (low < 0 and len(shared) == 1 and shared[0].met <= LARGEST_FOR_TANGO):
        return judged(scenario, values)[:2]
    unit, truth = (left_side(values) - low) / (1 - low), (scenario.truth - low) / (1 - low)
    lower, upper = cluster_tail(unit, shared)(truth), cluster_tail(1 - unit, shared)(1 - truth)
    return lower < 1 - CONFIDENCE, upper < 1 - CONFIDENCE


def left_side(values: Mapping[str, Values]) -> Values:
    """a, or b - a where there is a b."""
    return values["b"] - values["a"] if "b" in values else values["a"]


def over_totals(scenario: Scenario, values: Mapping[str, Values]) -> tuple[bool, bool]:
    """(PASS, FAIL) of the t bound on clusters: ``mean -+ t_{G - 1} sqrt(V)``, of the clustering of the largest V."""
    x = left_side(values)
    shared = clusters_of((name, values[name].astype(np.int64)) for name in ("group", "donor") if name in values)
    if not shared:
        return False, False
    chosen, own, *_ = variances(x, shared)
    width = float(stdtrit(chosen.sizes.size - 1, CONFIDENCE)) * float(np.sqrt(own))
    return bool(x.mean() - width > scenario.truth), bool(x.mean() + width < scenario.truth)


def ignoring_clusters(scenario: Scenario, values: Mapping[str, Values]) -> tuple[bool, bool]:
    """(PASS, FAIL) of the rule for independent images."""
    return judged(scenario, {name: each for name, each in values.items() if name in "ab"})[:2]


def simulated_clusters(scenario: Scenario, n: int, audits: int) -> list[float]:
    """False PASS and FAIL of the rule, of the t bound, and (over 500 audits) of the rule that ignores clusters."""
    generator = np.random.default_rng([n, *scenario.name.encode()])
    drawn = [scenario.draw(generator, n) for _ in range(audits)]
    rates: list[float] = []
    for rule, times in ((over_clusters, audits), (over_totals, audits), (ignoring_clusters, min(audits, 500))):
        rates.extend(np.mean([rule(scenario, values) for values in drawn[:times]], axis=0))
    return rates


def exact(p: float, n: int) -> tuple[float, float, str]:
    """The two rates of a single proportion, summed over all counts."""
    scenario = Scenario("", a, p, lambda generator, n: {}, (), frozenset("a"))
    verdicts = [judged(scenario, {"a": (np.arange(n) < ones).astype(float)}) for ones in range(n + 1)]
    weights = binom.pmf(np.arange(n + 1), n, p)
    passed, failed = (float(np.dot(weights, [verdict[i] for verdict in verdicts])) for i in (0, 1))
    return passed, failed, "clopper_pearson"


def one(draw: Callable[[np.random.Generator, int], Values]) -> Draw:
    """A single measure's draw."""
    return lambda generator, n: {"a": draw(generator, n)}


def pairs(gains: float, losses: float, agree: float = 0.8) -> Draw:
    """Two proportions on the same images with these discordant cells."""

    def draw(generator: np.random.Generator, n: int) -> Mapping[str, Values]:
        u, v = generator.random(n), (generator.random(n) < agree).astype(float)
        first = np.where(u < gains, 1.0, np.where(u < gains + losses, 0.0, v))
        return {"a": first, "b": np.where(u < gains, 0.0, np.where(u < gains + losses, 1.0, v))}

    return draw


def rare(generator: np.random.Generator, n: int) -> Values:
    """A narrow body around 0.1, and one image in 200 at 1."""
    return np.where(generator.random(n) < 0.005, 1.0, generator.beta(40, 360, n))


def hidden(generator: np.random.Generator, n: int) -> Values:
    """Right in 0.9 of the images; a third of the wrong ones have no value."""
    right = (generator.random(n) < 0.9).astype(float)
    return np.where((right == 0) & (generator.random(n) < 1 / 3), np.nan, right)


def hidden_tail(generator: np.random.Generator, n: int) -> Values:
    """Beta(2, 5), without value in a tenth of the images above 0.5."""
    x = generator.beta(2, 5, n)
    return np.where((x > 0.5) & (generator.random(n) < 0.1), np.nan, x)


def correlated(generator: np.random.Generator, n: int) -> Mapping[str, Values]:
    """Two bounded measures that share most of their variation, with means 0.3 and 0.3."""
    shared = generator.beta(3, 7, n)
    return {name: np.clip(shared + generator.uniform(-0.05, 0.05, n), 0, 1) for name in "ab"}


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
        return {"group": np.repeat(np.arange(count), sizes if skewed else n // count)}

    return codes


def lent(donors: int | None) -> Sharing:
    """A donor for each image, drawn from so many, or from n."""
    return lambda generator, n: {"donor": generator.integers(donors or n, size=n)}


def grouped_and_lent(generator: np.random.Generator, n: int) -> Mapping[str, Codes]:
    """Groups of 5 and 20 donors."""
    return {"group": np.arange(n) // 5, "donor": generator.integers(20, size=n)}


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
        for count in (10, 20, 40)
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


def scenarios() -> Iterator[Scenario]:
    """Everything but single proportions."""
    means = (20, 50, 150, 200, 1000)
    yield Scenario("mean, uniform", a, 0.5, one(lambda g, n: g.random(n)), means)
    yield Scenario("mean, Beta(2, 5)", a, 2 / 7, one(lambda g, n: g.beta(2, 5, n)), means)
    yield Scenario("mean, Beta(0.1, 1)", a, 0.1 / 1.1, one(lambda g, n: g.beta(0.1, 1, n)), means)
    yield Scenario("mean, 3 % spikes", a, 0.03, one(lambda g, n: (g.random(n) < 0.03).astype(float)), means)
    yield Scenario("mean, 97 % spikes", a, 0.97, one(lambda g, n: (g.random(n) >= 0.03).astype(float)), means)
    yield Scenario("mean, narrow + 0.5 % spikes", a, 0.1 * 0.995 + 0.005, one(rare), means)
    yield Scenario("mean, all equal", a, 0.2, one(lambda g, n: np.full(n, 0.2)), (20, 200))
    both, sizes = frozenset("ab"), (20, 50, 100, 200, 500)
    yield Scenario("drop, losses only, 0.05", b - a, 0.05, pairs(0.0, 0.05), sizes, both)
    yield Scenario("drop, losses only, 0.1", b - a, 0.1, pairs(0.0, 0.1), sizes, both)
    yield Scenario("drop, gains only, -0.05", b - a, -0.05, pairs(0.05, 0.0), sizes, both)
    yield Scenario("drop, few gains, 0.05", b - a, 0.05, pairs(0.01, 0.06), sizes, both)
    yield Scenario("drop, mixed, 0.02", b - a, 0.02, pairs(0.08, 0.1), sizes, both)
    yield Scenario("drop, mixed, -0.02", b - a, -0.02, pairs(0.05, 0.03), sizes, both)
    yield Scenario("difference of measures", a - b, 0.0, correlated, (50, 150, 300))
    yield Scenario("ratio of proportions 0.9", a / b, 0.9, pairs(0.02, 0.1, agree=0.70 / 0.88), (50, 150, 300), both)
    yield Scenario("ratio of measures 1", a / b, 1.0, correlated, (50, 150, 300))
    yield Scenario("product of two proportions", a * b, 0.64, pairs(0.0, 0.0, agree=0.8), (100, 300), both)
    yield from composites()
    yield Scenario("missing where wrong, 0.9", a, 0.9, one(hidden), (50, 200, 1000), frozenset("a"))
    yield Scenario("missing in the upper tail", a, 2 / 7, one(hidden_tail), (50, 150, 300))


def discordant_cells(n: int, gains: float, losses: float, audits: int) -> tuple[float, float]:
    """The rates of the guaranteed mode for differences of proportions."""
    generator = np.random.default_rng(n)
    cells = generator.multinomial(n, [losses, gains, 1 - losses - gains], size=audits)
    bounds = np.array([discordant_clopper_pearson(x, y, n, CONFIDENCE) for x, y, _ in cells])
    return float(np.mean(bounds[:, 0] > losses - gains)), float(np.mean(bounds[:, 1] < losses - gains))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=4000, help="simulated audits a scenario")
    parser.add_argument("--only", default="", help="scenarios whose name contains this text")
    options = parser.parse_args()
    print("| left side, truth at the threshold | n | rule | false PASS | false FAIL |\n|---|---|---|---|---|")
    if options.only in "proportion":
        for p in (0.5, 0.8, 0.9, 0.95, 0.99):
            for n in (20, 100, 500):
                passed, failed, rule = exact(p, n)
                print(f"| proportion {p} (exact) | {n} | {rule} | {passed:.3f} | {failed:.3f} |", flush=True)
    for scenario in scenarios():
        for n in scenario.sizes if options.only in scenario.name else ():
            passed, failed, rule = simulated(scenario, n, options.audits)
            print(f"| {scenario.name} | {n} | {rule} | {passed:.3f} | {failed:.3f} |", flush=True)
    print("\n| clusters, truth at the threshold | n | rule | t bound | clusters ignored |\n|---|---|---|---|---|")
    for scenario in clustered():
        for n in scenario.sizes if options.only in scenario.name else ():
            found = [f"{rate:.3f}" for rate in simulated_clusters(scenario, n, options.audits)]
            rates = " | ".join(f"{passed} / {failed}" for passed, failed in zip(found[::2], found[1::2], strict=True))
            print(f"| {scenario.name} | {n} | {rates} |", flush=True)
    if options.only in "discordant cells, guaranteed mode":
        for n in (50, 200):
            passed, failed = discordant_cells(n, 0.01, 0.06, options.audits)
            print(f"| discordant cells, guaranteed mode | {n} | bonferroni | {passed:.3f} | {failed:.3f} |")


if __name__ == "__main__":
    main()
