"""How often a comparison of two runs is right when the truth is known.

    nice python benchmarks/release_comparison.py [--pairs 500] [--only clusters]

One row a setting: simulated pairs of runs, each compared by :func:`modelaudit.releases.change.settle` on the values
image by image, as ``modelaudit diff`` compares them. Three truths each: equal (how often better or worse, how often
equivalent), a drop of exactly the margin (how often equivalent: at most the error rate), and a drop of two margins (how
often worse). The number of images is the one planned for equivalence with 80 %
(:mod:`modelaudit.statistics.equivalence`). The table is in docs/validation/release_comparison.md.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from modelaudit.evidence.recorded import RecordedSpec
from modelaudit.language.expression import Arithmetic, Measure
from modelaudit.language.strata import Stratum
from modelaudit.releases.change import OrientedChange, PairedChange, Settled, Terms, UnpairedChange, settle
from modelaudit.statistics import Clustering, Column, Membership
from modelaudit.statistics.assumed_distribution import Distribution
from modelaudit.statistics.equivalence import (
    EquivalenceTarget,
    change_of_proportion,
    images_for_equivalence,
    images_unpaired,
    with_clusters,
)
from modelaudit.statistics.power import difference_passes, likely_counts

Values = NDArray[np.float64]
MARGIN, CONFIDENCE = 0.02, 0.95
#: the old and the new value of every image
Drawn = tuple[Values, Values]
#: (generator, images, change): the values of a pair of runs whose true change that is
Draw = Callable[[np.random.Generator, int, float], Drawn]


@dataclass(frozen=True, eq=False)
class SimulatedTable:
    """The values of one measure of two models, "old" and "new", and the clusters of the images."""

    values: dict[str | None, Values]
    scale: str
    clusters: NDArray[np.int64] | None = None

    def column(self, measure: Measure) -> Column:
        return Column(self.values[measure.model], {}, self.scale, 0.0, 1.0)  # type: ignore[arg-type]

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        raise NotImplementedError

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        return () if self.clusters is None else (Clustering("cluster", self.clusters),)

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        return ()


OLD, NEW = (Measure(RecordedSpec("value", ("value",)), None, side) for side in ("old", "new"))


#: by images, losses and gains, on which alone the bounds of a change of independent right answers depend
_SAME: dict[tuple[int, int, int], PairedChange] = {}


def paired(old: Values, new: Values, scale: str, clusters: NDArray[np.int64] | None = None) -> PairedChange:
    """The change on common images."""
    found = PairedChange(Arithmetic("-", NEW, OLD), SimulatedTable({"old": old, "new": new}, scale, clusters), Terms())
    if scale == "mean" or clusters is not None:
        return found
    return _SAME.setdefault((old.size, int((new < old).sum()), int((new > old).sum())), found)


def unpaired(old: Values, new: Values, scale: str) -> UnpairedChange:
    """The change without common images."""
    return UnpairedChange(
        (OLD, SimulatedTable({"old": old}, scale), Terms()), (NEW, SimulatedTable({"new": new}, scale), Terms())
    )


@dataclass(frozen=True)
class Setting:
    """A kind of pair of runs, and how many images were planned for it. ``requirements``: compared together."""

    name: str
    group: str
    images: int
    draw: Draw
    scale: str = "proportion"
    cluster: int = 1
    common: bool = True
    requirements: int = 1
    discordance: float | None = None

    def family(self, generator: np.random.Generator, change: float) -> list[OrientedChange]:
        """The requirements of one pair of runs; the change is that of the first of several, the others are equal."""
        changes = []
        for at in range(self.requirements):
            old, new = self.draw(generator, self.images, change if at == 0 else 0.0)
            clusters = np.arange(self.images) // self.cluster if self.cluster > 1 else None
            one = paired(old, new, self.scale, clusters) if self.common else unpaired(old, new, self.scale)
            changes.append(OrientedChange(one))
        return changes


@dataclass(frozen=True)
class Rates:
    """Of the pairs of a setting: in how many, by truth."""

    differs: float
    equivalent: float
    wrongly_equivalent: float
    worse: float


def rates(setting: Setting, pairs: int, seed: int, *, margin: float = MARGIN) -> Rates:
    """Compare so many pairs of runs for each of the three truths."""
    generator = np.random.default_rng(seed)

    def settled(change: float) -> Iterator[list[Settled]]:
        for _ in range(pairs):
            yield settle(setting.family(generator, change), margin, CONFIDENCE)

    equal = list(settled(0.0))
    at_margin, beyond = list(settled(-margin)), list(settled(-2 * margin))
    return Rates(
        _share(any(one.outcome in ("better", "worse") for one in each) for each in equal),
        _share(each[0].outcome == "equivalent" for each in equal),
        _share(each[0].outcome == "equivalent" for each in at_margin),
        _share(each[0].outcome == "worse" for each in beyond),
    )


def exact_rates(discordance: float, n: int, *, margin: float = MARGIN) -> Rates:
    """The same for right answers on independent common images, summed over all outcomes by the rules' fast forms."""

    def summed(change: float, claim: Callable[[Values, Values], NDArray[np.bool_]]) -> float:
        differing = max(discordance, abs(change))
        lost, won = (differing - change) / 2, (differing + change) / 2
        x, y = likely_counts(lost, n), likely_counts(won, n)
        weights = binom.pmf(x, n, lost)[:, None] * binom.pmf(y[None, :], n - x[:, None], won / (1 - lost))
        losses, gains = np.broadcast_arrays(x[:, None].astype(float), y[None, :].astype(float))
        return float(np.sum(weights[claim(losses, gains)]))

    def equivalent(losses: Values, gains: Values) -> NDArray[np.bool_]:
        no_worse = difference_passes(losses, gains, n, margin, CONFIDENCE)
        return no_worse & difference_passes(gains, losses, n, margin, CONFIDENCE)

    def worse(losses: Values, gains: Values) -> NDArray[np.bool_]:
        return difference_passes(gains, losses, n, 0.0, 1 - (1 - CONFIDENCE) / 2) & ~equivalent(losses, gains)

    def differs(losses: Values, gains: Values) -> NDArray[np.bool_]:
        return worse(losses, gains) | worse(gains, losses)

    return Rates(summed(0.0, differs), summed(0.0, equivalent), summed(-margin, equivalent), summed(-2 * margin, worse))


def _share(found: Iterator[bool]) -> float:
    return float(np.mean(list(found)))


# --- pairs of runs ---------------------------------------------------------------------------------------------------


def shares(discordance: float, accuracy: float = 0.9, correlation: float = 0.0, cluster: int = 1) -> Draw:
    """Right answers. In a share `correlation` of clusters all images change alike."""

    def draw(generator: np.random.Generator, n: int, change: float) -> Drawn:
        differing = max(discordance, abs(change))
        lost, won = (differing - change) / 2, (differing + change) / 2
        each = generator.choice([-1, 0, 1], size=n, p=[lost, 1 - differing, won])
        if correlation > 0:
            groups = n // cluster + 1
            alike = np.repeat(generator.random(groups) < correlation, cluster)[:n]
            of_cluster = np.repeat(generator.choice([-1, 0, 1], size=groups, p=[lost, 1 - differing, won]), cluster)[:n]
            each = np.where(alike, of_cluster, each)
        unchanged = generator.random(n) < (accuracy - lost) / (1 - differing)
        old = np.where(each == -1, 1.0, np.where(each == 1, 0.0, unchanged))
        return old, np.where(each == 0, old, 1.0 - old)

    return draw


def means(deviation: float) -> Draw:
    """Background dependence, say: beta values between .3 and .7, and changes of that standard deviation."""

    def draw(generator: np.random.Generator, n: int, change: float) -> Drawn:
        old = 0.3 + 0.4 * generator.beta(2.0, 4.0, n)
        moved = deviation * math.sqrt(12) * (generator.random(n) - 0.5)
        return old, np.clip(old + moved + change, 0.0, 1.0)

    return draw


def separate(share: float) -> Draw:
    """Right answers on other images."""

    def draw(generator: np.random.Generator, n: int, change: float) -> Drawn:
        return (generator.random(n) < share) * 1.0, (generator.random(n) < share + change) * 1.0

    return draw


def uniform_change(deviation: float) -> Distribution:
    """The distribution of changes of :func:`means`, for the plan."""
    values = deviation * math.sqrt(12) * ((np.arange(256) + 0.5) / 256 - 0.5)
    return Distribution("mean", values, np.full(256, 1 / 256), -1.0, 1.0)


def settings(*, margin: float = MARGIN, requirements: Sequence[int] = (5, 20)) -> Iterator[Setting]:
    """Every setting, planned with 80 %."""
    one = EquivalenceTarget(margin)
    for discordance in (0.02, 0.05, 0.1, 0.2, 0.3):
        n = images_for_equivalence(change_of_proportion(discordance), one)
        assert n is not None
        yield Setting(f"shares, discordance {discordance:g}", "shares", n, shares(discordance), discordance=discordance)
    for deviation in (0.05, 0.15):
        n = images_for_equivalence(uniform_change(deviation), one)
        assert n is not None
        yield Setting(f"means, deviation {deviation:g}", "means", n, means(deviation), "mean")
    for size, correlation in ((2, 0.3), (5, 0.3), (10, 0.1)):
        n = images_for_equivalence(change_of_proportion(0.1), one)
        assert n is not None
        n = with_clusters(n, size, correlation)
        yield Setting(
            f"clusters of {size}, correlation {correlation:g}, discordance 0.1",
            "clusters",
            n,
            shares(0.1, correlation=correlation, cluster=size),
            cluster=size,
        )
    for share in (0.9, 0.7):
        n = images_unpaired(share, one)
        assert n is not None
        yield Setting(f"no common image, share {share:g}", "unpaired", n, separate(share), common=False)
    for many in requirements:
        n = images_for_equivalence(change_of_proportion(0.02), EquivalenceTarget(margin, requirements=many))
        assert n is not None
        yield Setting(f"{many} requirements, discordance 0.02", "several", n, shares(0.02), requirements=many)


def _print_row(heading: str, found: Rates, digits: int) -> None:
    numbers = (found.differs, found.equivalent, found.wrongly_equivalent, found.worse)
    print(f"| {heading} |", " | ".join(f"{one:.{digits}f}" for one in numbers), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--only", help="a group: shares, means, clusters, unpaired, several")
    parser.add_argument("--seed", type=int, default=19)
    given = parser.parse_args()
    print("| setting | images | better or worse | equivalent | equivalent at the margin | worse at two margins |")
    print("|---|---|---|---|---|---|")
    started = time.process_time()
    for setting in settings():
        if given.only in (None, setting.group):
            found = rates(setting, given.pairs, given.seed)
            _print_row(f"{setting.name} | {setting.images:,}", found, 3)
            if setting.discordance is not None:
                _print_row("… summed over all outcomes | ", exact_rates(setting.discordance, setting.images), 4)
    print(f"\n{time.process_time() - started:.0f} s of processor time")


if __name__ == "__main__":
    main()
