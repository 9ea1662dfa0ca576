"""How often a verdict is wrong when the truth lies exactly at the threshold.

    python benchmarks/verdict_error_rates.py [--audits 4000] [--only ratio]

Prints one row a scenario: the rates of false PASS and false FAIL of ``left side > truth`` at confidence 0.95 (nominal:
0.05 each), and the rule that decided. Single proportions are summed exactly over the binomial; the rest is simulated
with the bounds that `decide` reads. The standard error of a simulated rate of .05 is .0034 at 4,000 audits.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binom

from modelaudit.language.composite import Extreme
from modelaudit.language.expression import Expectation, Expression, Measure
from modelaudit.language.reasons import Missing
from modelaudit.language.spec import MeasureSpec
from modelaudit.language.strata import Stratum
from modelaudit.statistics import Clustering, Column, Membership, discordant_clopper_pearson
from modelaudit.statistics.bounds import Plan
from modelaudit.statistics.compound import tree_bound, tree_of
from modelaudit.statistics.leaves import Leaves

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Mapping[str, Values]]
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


def in_clusters(count: int, skewed: bool, shared: float, cut: Callable[[Values], Mapping[str, Values]]) -> Draw:
    """`count` groups whose images share their draw with probability sqrt(shared), of equal or of Pareto sizes."""

    def draw(generator: np.random.Generator, n: int) -> Mapping[str, Values]:
        sizes = np.full(count, n // count)
        if skewed:
            sizes = np.clip(np.round(n / count * generator.pareto(1.2, count)), 1, 15 * n // count).astype(int)
        codes = np.repeat(np.arange(count), sizes)
        same = generator.random(codes.size) < np.sqrt(shared)
        u = np.where(same, generator.random(count)[codes], generator.random(codes.size))
        return {**cut(u), "group": codes.astype(float)}

    return draw


def with_donors(donors: int | None, weight: float, grouped: bool = False) -> Draw:
    """0.8 of images pass, by what they share with their donor (one of `donors`, or of n); perhaps with groups of 5."""

    def draw(generator: np.random.Generator, n: int) -> Mapping[str, Values]:
        codes = generator.integers(donors or n, size=n)
        left = 1 - weight * (2 if grouped else 1)
        hard = np.sqrt(weight) * generator.normal(size=donors or n)[codes] + np.sqrt(left) * generator.normal(size=n)
        found = {"donor": codes.astype(float)}
        if grouped:
            found["group"] = np.arange(n) // 5.0
            hard += np.sqrt(weight) * generator.normal(size=n)[(np.arange(n) // 5)]
        return {**found, "a": (hard < ndtri(0.8)).astype(float)}

    return draw


def clustered() -> Iterator[Scenario]:
    """Clusters (10 images each on average) and shared donors."""
    for count in (10, 20, 40):
        for skewed in (False, True):
            for shared in (0.0, 0.3, 1.0):
                name = f"{count} {'unequal' if skewed else 'equal'} clusters, ICC {shared:g}"
                for kind, left, truth, cut in (
                    ("proportion 0.9", a, 0.9, lambda u: {"a": (u < 0.9).astype(float)}),
                    ("mean", a, 1 / 3, lambda u: {"a": u**2}),
                    ("3 % spikes", a, 0.03, lambda u: {"a": (u < 0.03).astype(float)}),
                    ("drop 0.1", b - a, 0.1, lambda u: {"a": (u > 0.1).astype(float), "b": np.ones(u.size)}),
                ):
                    flags = frozenset("ab") if kind[0] in "pd" else frozenset[str]()
                    draw = in_clusters(count, skewed, shared, cut)
                    yield Scenario(f"{name}, {kind}", left, truth, draw, (10 * count,), flags)
    yield Scenario("20 clusters, all equal", a, 0.2, in_clusters(20, False, 1.0, lambda u: {"a": 0 * u + 0.2}), (200,))
    yield Scenario("clusters: 20 donors shared", a, 0.8, with_donors(20, 0.3), (500,), frozenset("a"))
    yield Scenario("clusters: n donors drawn", a, 0.8, with_donors(None, 0.3), (60, 300), frozenset("a"))
    yield Scenario("clusters: donors and groups", a, 0.8, with_donors(20, 0.3, grouped=True), (200,), frozenset("a"))


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
    yield from clustered()
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
    if options.only in "discordant cells, guaranteed mode":
        for n in (50, 200):
            passed, failed = discordant_cells(n, 0.01, 0.06, options.audits)
            print(f"| discordant cells, guaranteed mode | {n} | bonferroni | {passed:.3f} | {failed:.3f} |")


if __name__ == "__main__":
    main()
