"""How often a verdict is wrong when the truth lies exactly at the threshold.

    nice python benchmarks/verdict_error_rates.py [--audits 10000] [--only mean]

One row a scenario and rule: the rates of false PASS and of false FAIL of ``left side > truth`` at confidence 0.95
(nominal: .05 each) for n = 10 to 500 images. Proportions and their differences are summed over all outcomes; the rest
is simulated (standard error of a rate of .05 at 10,000 audits: .002). Whether a bound lies beyond the truth is asked of
many audits at once by :mod:`modelaudit.statistics.power`; tests/statistics/test_power.py holds those functions to the
bounds that decide. Clusters and donors: cluster_error_rates.py. The whole decision, with its checks: whole_decision.py.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from modelaudit.statistics.bounds import DISCORDANT_FOR_TANGO
from modelaudit.statistics.intervals import clopper_pearson
from modelaudit.statistics.power import betting_passes, difference_passes, gaffke_passes, proven_difference_passes
from modelaudit.statistics.sequences import capitals

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: false PASS and false FAIL
Rates = tuple[float, float]
CONFIDENCE, ALPHA = 0.95, 0.05
SIZES = (10, 20, 50, 100, 200, 500)
_POINTS = 128


@dataclass(frozen=True)
class Row:
    """A left side and its rule, and the rates that n images have."""

    name: str
    rule: str
    rates: Callable[[int, int], Rates | None]
    guaranteed: bool = False


# --- summed over all outcomes ----------------------------------------------------------------------------------------


def of_proportion(p: float) -> Callable[[int, int], Rates]:
    """Clopper-Pearson's rates."""

    def rates(n: int, audits: int) -> Rates:
        ones = np.arange(n + 1)
        bounds = np.array([clopper_pearson(k, n, CONFIDENCE) for k in ones])
        weights = binom.pmf(ones, n, p)
        return float(weights[bounds[:, 0] > p].sum()), float(weights[bounds[:, 1] < p].sum())

    return rates


def cells(n: int, losses: float, gains: float) -> tuple[Values, Values, Values]:
    """The discordant cells that have all but 1e-7 of the probability, and their probabilities."""
    x = np.arange(int(binom.ppf(1e-8, n, losses)), int(binom.ppf(1 - 1e-8, n, losses)) + 1)[:, None]
    y = np.arange(int(binom.ppf(1e-8, n, gains)), int(binom.ppf(1 - 1e-8, n, gains)) + 1)[None, :]
    rest = min(1.0, gains / (1 - losses)) if losses < 1 else 0.0
    weights = binom.pmf(x, n, losses) * binom.pmf(y, np.maximum(n - x, 0), rest) * (x + y <= n)
    x, y = np.broadcast_arrays(x.astype(float), y.astype(float))
    there = weights > 0
    return x[there], y[there], weights[there]


def of_difference(drop: float, discordance: float, *, proven: bool) -> Callable[[int, int], Rates]:
    """``first - second > drop`` where they differ in a share of the images, at least the drop."""
    losses, gains = (discordance + drop) / 2, (discordance - drop) / 2

    def rates(n: int, audits: int) -> Rates:
        x, y, weights = cells(n, losses, gains)
        passes = proven_difference_passes if proven else difference_passes
        low = passes(y, x, n, -drop, CONFIDENCE)  # losses - gains > drop is gains - losses < -drop
        high = passes(x, y, n, drop, CONFIDENCE)
        return float(weights[low].sum()), float(weights[high].sum())

    return rates


# --- simulated -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Law:
    """A distribution over a few values in [0, 1]."""

    values: Values
    weights: Values

    @property
    def mean(self) -> float:
        return float(self.values @ self.weights)


def quantiles(of: Callable[[Values], Values]) -> Law:
    """128 quantiles of a continuous law."""
    return Law(of((np.arange(_POINTS) + 0.5) / _POINTS), np.full(_POINTS, 1 / _POINTS))


def mixed(*parts: tuple[float, Law]) -> Law:
    """Laws in these shares."""
    return Law(
        np.concatenate([law.values for _, law in parts]), np.concatenate([share * law.weights for share, law in parts])
    )


def at(*values: float) -> Law:
    """Each value as often as the others."""
    return Law(np.array(values), np.full(len(values), 1 / len(values)))


LAWS: dict[str, Law] = {
    "uniform": quantiles(lambda u: u),
    "Beta(2, 5)": quantiles(lambda u: beta.ppf(u, 2, 5)),
    "skewed, Beta(0.1, 1)": quantiles(lambda u: beta.ppf(u, 0.1, 1)),
    "narrow, Beta(40, 360)": quantiles(lambda u: beta.ppf(u, 40, 360)),
    "two points, 0 and 1": at(0.0, 1.0),
    "two points, 0.4 and 0.6": at(0.4, 0.6),
    "two points, 0 and 0.1 in a tenth": Law(np.array([0.0, 0.1]), np.array([0.9, 0.1])),
    "3 % spikes": Law(np.array([0.0, 1.0]), np.array([0.97, 0.03])),
    "97 % spikes": Law(np.array([0.0, 1.0]), np.array([0.03, 0.97])),
    "body at 0.3, 3 % spikes": mixed((0.97, quantiles(lambda u: 0.25 + 0.1 * u)), (0.03, at(1.0))),
    "narrow, 0.5 % spikes": mixed((0.995, quantiles(lambda u: beta.ppf(u, 40, 360))), (0.005, at(1.0))),
    "three points": at(0.0, 0.5, 1.0),
    "all equal": at(0.2),
}


def of_mean(law: Law) -> Callable[[int, int], Rates]:
    """Gaffke's rates."""

    def rates(n: int, audits: int) -> Rates:
        generator = np.random.default_rng(n)
        counts = generator.multinomial(n, law.weights / law.weights.sum(), size=audits).astype(float)
        low = gaffke_passes(law.values, counts, law.mean, CONFIDENCE)
        high = gaffke_passes(1 - law.values, counts, 1 - law.mean, CONFIDENCE)
        return float(low.mean()), float(high.mean())

    return rates


def of_proven_mean(law: Law) -> Callable[[int, int], Rates]:
    """The betting bound's rates."""

    def rates(n: int, audits: int) -> Rates:
        generator = np.random.default_rng(n)
        at = generator.choice(law.values.size, size=(audits, n), p=law.weights / law.weights.sum())
        drawn = law.values[at]
        low = betting_passes(drawn, law.mean, CONFIDENCE)
        high = betting_passes(1 - drawn, 1 - law.mean, CONFIDENCE)
        return float(low.mean()), float(high.mean())

    return rates


def of_difference_of_measures(n: int, audits: int) -> Rates:
    """Two measures that share most of their variation, and are equal on average."""
    steps = np.arange(-4, 5) / 40  # x - y on a grid
    return of_mean(Law((steps + 1) / 2, np.full(9, 1 / 9)))(n, audits)


def of_ratio(t: float, base: float, differing: float) -> Callable[[int, int], Rates]:
    """``A / B > t`` of two proportions: ``A - t B > 0``, where the lower bound of B lies above 0."""
    above = t * base
    only_a, only_b = (differing + above - base) / 2, (differing + base - above) / 2
    both = above - only_a
    weights = np.array([both, only_a, only_b, 1 - both - only_a - only_b])
    values = (np.array([1 - t, 1.0, -t, 0.0]) + t) / (1 + t)

    def rates(n: int, audits: int) -> Rates:
        counts = np.random.default_rng(n).multinomial(n, weights, size=audits)
        b = counts[:, 0] + counts[:, 2]
        known = np.array([clopper_pearson(k, n, CONFIDENCE)[0] > 0 for k in range(n + 1)])[b]
        zero = t / (1 + t)
        low = gaffke_passes(values, counts.astype(float), zero, CONFIDENCE)
        high = gaffke_passes(1 - values, counts.astype(float), 1 - zero, CONFIDENCE)
        return float((low & known).mean()), float((high & known).mean())

    return rates


def of_hidden(p: float, hidden: float) -> Callable[[int, int], Rates]:
    """A proportion; a share of the wrong images has no value: they count as wrong for PASS, as right for FAIL."""

    def rates(n: int, audits: int) -> Rates:
        right, _, gone = (
            np.random.default_rng(n).multinomial(n, [p, (1 - p) * (1 - hidden), (1 - p) * hidden], audits).T
        )
        bounds = np.array([clopper_pearson(k, n, CONFIDENCE) for k in range(n + 1)])
        return float((bounds[right, 0] > p).mean()), float((bounds[right + gone, 1] < p).mean())

    return rates


def of_methods(count: int, shared: float) -> Callable[[int, int], Rates]:
    """The same measure by several methods, all with the truth at the threshold: all must pass; one fails after Holm."""

    def rates(n: int, audits: int) -> Rates:
        generator, levels = np.random.default_rng(n), 41
        passed, failed = np.ones(audits, dtype=bool), np.zeros(audits, dtype=bool)
        common = generator.normal(size=(audits, n)) * math.sqrt(shared)
        for _ in range(count):
            value = np.clip(0.5 + 0.15 * (common + generator.normal(size=(audits, n)) * math.sqrt(1 - shared)), 0, 1)
            code = np.round(value * (levels - 1)).astype(int) + levels * np.arange(audits)[:, None]
            counts = np.bincount(code.ravel(), minlength=levels * audits).reshape(audits, levels).astype(float)
            grid = np.arange(levels) / (levels - 1)
            passed &= gaffke_passes(grid, counts, 0.5, CONFIDENCE)
            failed |= gaffke_passes(1 - grid, counts, 0.5, 1 - ALPHA / count)
        return float(passed.mean()), float(failed.mean())

    return rates


def of_sequence(law: Law) -> Callable[[int, int], Rates]:
    """Looked at after every image up to n; the first time that the sequence lies beyond the truth decides."""

    def rates(n: int, audits: int) -> Rates:
        generator = np.random.default_rng(n)
        found = np.zeros(2)
        for block in np.array_split(np.arange(audits), max(1, audits * n // 500_000)):
            at = generator.choice(law.values.size, size=(block.size, n), p=law.weights / law.weights.sum())
            drawn = law.values[at]
            for side, (x, m) in enumerate(((drawn, law.mean), (1 - drawn, 1 - law.mean))):
                found[side] += np.sum(np.max(capitals(x, m), axis=1) >= 1 / ALPHA)
        return float(found[0] / audits), float(found[1] / audits)

    return rates


def of_second_look(law: Law, share: float) -> Callable[[int, int], Rates]:
    """What nobody should do: a rule for one look, asked again with more images where the first look was open."""

    def rates(n: int, audits: int) -> Rates:
        generator = np.random.default_rng(n)
        weights = law.weights / law.weights.sum()
        first = generator.multinomial(n, weights, size=audits).astype(float)
        second = first + generator.multinomial(max(1, round(n * share)), weights, size=audits)
        looks = [
            (
                gaffke_passes(law.values, each, law.mean, CONFIDENCE),
                gaffke_passes(1 - law.values, each, 1 - law.mean, CONFIDENCE),
            )
            for each in (first, second)
        ]
        open_ = ~(looks[0][0] | looks[0][1])
        return tuple(float((looks[0][side] | (open_ & looks[1][side])).mean()) for side in (0, 1))  # type: ignore[return-value]

    return rates


def rows() -> Iterator[Row]:
    """Every scenario."""
    for p in (0.5, 0.8, 0.9, 0.95, 0.99):
        yield Row(f"proportion {p}", "clopper_pearson", of_proportion(p), True)
    for drop, discordance in (
        (0.05, 0.05),
        (0.1, 0.1),
        (0.0, 0.02),
        (0.0, 0.2),
        (0.02, 0.06),
        (0.05, 0.15),
        (0.3, 0.5),
    ):
        kind = "losses only" if drop == discordance else f"discordance {discordance:g}"
        name = f"paired difference {drop:g}, {kind}"
        few = f"tango from {DISCORDANT_FOR_TANGO} discordant images on, else gaffke"
        yield Row(name, few, of_difference(drop, discordance, proven=False))
        yield Row(name, "discordant_clopper_pearson", of_difference(drop, discordance, proven=True), True)
    for name, law in LAWS.items():
        yield Row(f"mean, {name}", "gaffke", of_mean(law))
    for name in (
        "uniform",
        "Beta(2, 5)",
        "skewed, Beta(0.1, 1)",
        "3 % spikes",
        "97 % spikes",
        "two points, 0.4 and 0.6",
    ):
        yield Row(f"mean, {name}", "betting", of_proven_mean(LAWS[name]), True)
    yield Row("paired difference of two measures", "gaffke", of_difference_of_measures)
    for t, base, differing in ((0.9, 0.9, 0.12), (0.5, 0.6, 0.4), (0.8, 0.3, 0.1)):
        yield Row(f"ratio {t} of proportions, B = {base}", "gaffke", of_ratio(t, base, differing))
    for hidden in (1 / 3, 0.8):
        yield Row(
            f"proportion 0.9, {hidden:.0%} of the wrong ones missing", "clopper_pearson", of_hidden(0.9, hidden), True
        )
    for count, shared in ((2, 0.0), (4, 0.0), (4, 0.7)):
        yield Row(f"{count} methods, correlation {shared}", "gaffke, Holm", of_methods(count, shared))
    for name in ("two points, 0 and 1", "Beta(2, 5)", "3 % spikes"):
        yield Row(
            f"stopping early, a look after every image: {name}", "betting_sequence", of_sequence(LAWS[name]), True
        )
    yield Row(
        "not allowed: half as many more images after an open look",
        "gaffke",
        of_second_look(LAWS["two points, 0 and 1"], 0.5),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=10_000, help="simulated audits a scenario and size")
    parser.add_argument("--only", default="", help="scenarios whose name contains this text")
    options = parser.parse_args()
    print("| left side, truth at the threshold | rule | " + " | ".join(f"n = {n}" for n in SIZES) + " | worst |")
    print("|---|---|" + "---|" * (len(SIZES) + 1))
    for row in rows():
        if options.only not in row.name:
            continue
        found = [row.rates(n, options.audits) for n in SIZES]
        texts = ["-" if one is None else f"{one[0]:.3f} / {one[1]:.3f}" for one in found]
        worst = max(max(one) for one in found if one is not None)
        print(f"| {row.name} | {row.rule} | {' | '.join(texts)} | {worst:.3f} |", flush=True)


if __name__ == "__main__":
    main()
