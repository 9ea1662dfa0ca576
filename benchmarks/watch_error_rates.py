"""How often a watch alarms falsely, and how soon it notices a change: the tables of docs/validation/watch.md.

    nice python benchmarks/watch_error_rates.py [--streams 2000] [--only delays]

Many streams are followed at once, in numpy: :class:`ManyBags` and :class:`ManyCharts` do what
:func:`modelaudit.monitoring.chart.follow` does (tests/monitoring/test_watch_error_rates.py holds them to it). The bets
of online-cp are computed here in the same way (tests/oracle/test_martingales_online_cp.py). About 15 minutes on one
core.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from modelaudit.data.appearance import appearance
from modelaudit.demo import InspectionLine
from modelaudit.monitoring import bets
from modelaudit.monitoring.autocorrelation import autocorrelation
from modelaudit.monitoring.bins import Bins
from modelaudit.monitoring.chart import stakes
from modelaudit.monitoring.promises import FalseAlarms, RunLength, chart_weight, log_threshold

Values = NDArray[np.float64]
Whole = NDArray[np.int64]
#: scores of [streams] units at once
Draw = Callable[[np.random.Generator, int], Values]
PROBABILITY, STATISTICS = 0.05, 4
_MOST = 1e250  # of capital


# --- many streams at once --------------------------------------------------------------------------------------------


class ManyBags:
    """The scores so far of many streams, in bins; `counts` [streams, bins] are those of the calibration scores.

    With `grows` false, units are compared with the calibration scores and their own alone.
    """

    def __init__(self, counts: Whole, *, grows: bool = True) -> None:
        streams, bins = counts.shape
        self._width = math.isqrt(bins - 1) + 1
        padded = np.zeros((streams, self._width**2), dtype=np.int32)
        padded[:, :bins] = counts
        #: bins in blocks of `width`, and the blocks' sums: a step touches two rows a stream
        self._counts = padded.reshape(streams, self._width, self._width)
        self._blocks = self._counts.sum(axis=2, dtype=np.int32)
        self._scores = counts.sum(axis=1)
        self._streams, self._places = np.arange(streams), np.arange(self._width)
        self._grows = grows

    def p_values(self, score_bins: Whole, uniform: Values) -> Values:
        """[streams]: the conformal p-values of the next scores, which are in the bags from then on."""
        block, cell = np.divmod(score_bins, self._width)
        if self._grows:
            self._counts[self._streams, block, cell] += 1
            self._blocks[self._streams, block] += 1
            self._scores += 1
        own = 0 if self._grows else 1
        inside = self._counts[self._streams, block]
        above = (self._blocks * (self._places > block[:, None])).sum(axis=1)
        above += (inside * (self._places > cell[:, None])).sum(axis=1)
        same = inside[self._streams, cell] + own
        p: Values = (above + uniform * same) / (self._scores + own)
        return p


class ManyCharts:
    """The evidence of many streams under both promises, and with `cusum` the largest start instead of their sum.

    Capital is kept as it is, not as its logarithm.
    """

    def __init__(self, streams: int, *, cusum: bool = False) -> None:
        self.units, self.log_reserve = 0, 0.0
        self.staked, self.summed = np.zeros((2, bets.BETTORS, streams))
        self.largest = np.zeros((bets.BETTORS, streams)) if cusum else None
        self._won = np.empty((bets.BETTORS, streams))
        self._shares = np.exp(bets.LOG_SHARES)[:, None]
        #: counts times `scale`, which grows instead of all counts shrinking
        self._histograms = np.zeros((len(bets.HALF_LIVES), bets.CELLS, streams))
        self._scale, self._counted = np.ones((2, len(bets.HALF_LIVES), 1))
        self._counted *= 0
        self._streams = np.arange(streams)

    def step(self, p: Values) -> tuple[Values, Values]:
        """[streams]: the evidence after one more unit, under FalseAlarms and under RunLength."""
        won = self._bets(p)
        log_stake, self.log_reserve = stakes(self.units, self.log_reserve, FalseAlarms())
        self.units += 1
        with np.errstate(over="ignore"):
            for capital, stake in ((self.staked, math.exp(log_stake)), (self.summed, 1.0)):
                capital += self._shares * stake
                capital *= won
            if self.largest is not None:
                np.maximum(self.largest, self._shares, out=self.largest)
                self.largest *= won
        return math.exp(self.log_reserve) + self.staked.sum(axis=0), self.summed.sum(axis=0)

    @property
    def cusum(self) -> Values:
        """[streams]: the sum over bettors of the largest capital that a stake at any unit has become."""
        assert self.largest is not None
        total: Values = self.largest.sum(axis=0)
        return total

    def _bets(self, p: Values) -> Values:
        won, powers, steps = self._won, bets.POWERS.size, len(bets.STEPS)
        small, large = (eighths(np.maximum(side, 1e-16)) for side in (p, 1 - p))
        for number, power in enumerate(bets.POWERS):
            won[number] = power * small[round(8 * (1 - power))]
            won[powers + number] = power * large[round(8 * (1 - power))]
        middle = 2 * (powers + steps)
        for number, (width, share) in enumerate(bets.STEPS):
            inside, outside = share / width, (1 - share) / (1 - width)
            won[2 * powers + number] = np.where(p < width, inside, outside)
            won[2 * powers + steps + number] = np.where(1 - p < width, inside, outside)
        won[middle] = 0.25 * (small[4] + large[4])
        won[middle + 1] = 6 * p * (1 - p)
        cell = np.minimum((p * bets.CELLS).astype(np.int64), bets.CELLS - 1)
        own = self._histograms[:, cell, self._streams]
        won[middle + 2 :] = bets.CELLS * (own / self._scale + bets.PRIOR) / (self._counted + bets.CELLS * bets.PRIOR)
        self._counted = self._counted * bets.KEPT + 1
        self._scale = self._scale / bets.KEPT
        self._histograms[:, cell, self._streams] = own + self._scale
        return won


def eighths(p: Values) -> dict[int, Values]:
    """``p^(-k / 8)`` by k, without logarithms."""
    four = 1 / np.sqrt(p)
    two = np.sqrt(four)
    return {2: two, 4: four, 6: four * two, 7: four * two * np.sqrt(two)}


class ManyJumpers:
    """Simple Jumper of online-cp (Algorithm 8.1 of Vovk, Gammerman & Shafer 2022), or Composite Jumper with several
    rates."""

    def __init__(self, streams: int, rates: tuple[float, ...] = (0.01,)) -> None:
        self._rates = np.array(rates)[:, None, None]
        self._bets = np.linspace(-1, 1, 5)[:, None]
        self._capital = np.full((len(rates), 5, streams), 0.2)

    def step(self, p: Values) -> Values:
        mixed = (1 - self._rates) * self._capital + self._rates / 5 * self._capital.sum(axis=1, keepdims=True)
        self._capital = np.minimum(mixed * (1 + self._bets * (p - 0.5)), _MOST)
        total: Values = self._capital.sum(axis=1).mean(axis=0)
        return total


class ManySleepers:
    """Sleeper/Stayer of online-cp (Algorithm 9.4, rate 0.001, grid of 10)."""

    def __init__(self, streams: int, rate: float = 0.001, grid: int = 10) -> None:
        cells = np.arange(1, grid) / grid
        self._at, share = (axis.ravel()[:, None] for axis in np.meshgrid(cells, cells, indexing="ij"))
        self._left, self._right = share / self._at, (1 - share) / (1 - self._at)
        self._active, self._asleep, self._rate = np.zeros((self._at.size, streams)), 1.0, rate

    def step(self, p: Values) -> Values:
        self._active = np.minimum(self._active * np.where(p <= self._at, self._left, self._right), _MOST)
        total: Values = self._asleep + self._active.sum(axis=0)
        self._active += self._rate / len(self._at) * self._asleep
        self._asleep *= 1 - self._rate
        return total


# --- false alarms ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """Unchanged streams of a whole monitor; the groups take turns.

    Args:
        calibration: scores of each known group; new groups have none.
        values: how many different scores there are; None: as many as there are units. The fourth statistic always has
            5 (classes).
        shared: of the variance, by all statistics of a unit.
    """

    name: str
    calibration: int
    units: int = 2_000
    groups: int = 1
    new_groups: int = 0
    values: int | None = None
    shared: float = 0.5
    grows: bool = True
    statistics: int = STATISTICS


LONG = 20_000
SETTINGS = (
    Setting("20 calibration scores, one statistic", 20, units=LONG, statistics=1),
    Setting("400 calibration scores", 400),
    Setting("50 calibration scores", 50),
    Setting("100 calibration scores", 100),
    Setting("ties: 3 different scores", 50, values=3),
    Setting("ties: 2 different scores", 20, values=2),
    Setting("4 statistics that are the same", 100, shared=1.0),
    Setting("3 groups, and 2 new ones", 50, units=500, groups=3, new_groups=2),
    Setting("**wrong:** compared with 20 calibration scores alone", 20, grows=False),
    Setting("**wrong:** compared with 100 calibration scores alone", 100, grows=False),
)
RUN = RunLength(1_000)


class Statistic:
    """One statistic of one group in many streams: scores, bins, bags, charts."""

    def __init__(self, setting: Setting, values: int | None, known: bool, draw: np.random.Generator, streams: int):
        self._cuts = None if values is None else norm.ppf(np.arange(1, values) / values)
        self._shared = setting.shared
        bins = Bins.of(self._scores(draw.standard_normal(2 * max(20, setting.calibration))[:, None], draw).ravel())
        self._edges = np.array(bins.edges)
        calibration = self._scores(draw.standard_normal((streams, setting.calibration if known else 0)), draw)
        at = np.searchsorted(self._edges, calibration, side="right")
        counts = np.zeros((streams, bins.count), dtype=np.int64)
        np.add.at(counts, (np.arange(streams)[:, None], at), 1)
        self._bags, self._charts = ManyBags(counts, grows=setting.grows), ManyCharts(streams)

    def _scores(self, common: Values, draw: np.random.Generator) -> Values:
        own = draw.standard_normal(common.shape)
        scores: Values = math.sqrt(self._shared) * common + math.sqrt(1 - self._shared) * own
        return scores if self._cuts is None else np.searchsorted(self._cuts, scores).astype(np.float64)

    def step(self, common: Values, draw: np.random.Generator) -> tuple[Values, Values]:
        at = np.searchsorted(self._edges, self._scores(common, draw), side="right")
        return self._charts.step(self._bags.p_values(at, draw.random(common.size)))


def unchanged(setting: Setting, streams: int) -> tuple[NDArray[np.bool_], Values]:
    """[streams]: whether the monitor ever alarmed under FalseAlarms, and after how many units under RunLength."""
    draw = np.random.default_rng(7)
    groups = setting.groups + setting.new_groups
    alarmed, first = np.zeros(streams, dtype=bool), np.full(streams, np.inf)
    promise = FalseAlarms(PROBABILITY)
    needed_run = math.exp(log_threshold(RUN, chart_weight(RUN, setting.statistics)))
    monitor: list[tuple[float, list[Statistic]]] = []
    for group in range(groups):
        new = None if group < setting.groups else group - setting.groups + 1
        needed = math.exp(log_threshold(promise, chart_weight(promise, setting.statistics, setting.groups, new)))
        values = ([setting.values] * (STATISTICS - 1) + [setting.values or 5])[: setting.statistics]
        monitor.append((needed, [Statistic(setting, value, new is None, draw, streams) for value in values]))
    for unit in range(setting.units):
        for number, (needed, statistics) in enumerate(monitor):
            common = draw.standard_normal(streams)
            for statistic in statistics:
                evidence, run = statistic.step(common, draw)
                alarmed |= evidence >= needed
                first = np.where(np.isinf(first) & (run >= needed_run), unit * groups + number + 1, first)
    return alarmed, first


def false_alarms(streams: int) -> Iterator[str]:
    """The table of false alarms."""
    yield "| unchanged streams | units | ever alarmed: at most 0.05 | mean units to an alarm: at least 1,000 |"
    yield "|---|---|---|---|"
    for setting in SETTINGS:
        alarmed, first = unchanged(setting, streams)
        most = setting.units * (setting.groups + setting.new_groups)
        quiet = int(np.isinf(first).sum())
        mean = f"{np.minimum(first, most).mean():,.0f}" + (f" (more: {quiet} never did)" if quiet else "")
        yield f"| {setting.name} | {most:,} | {rate(alarmed)} | {mean} |"


def rate(flags: NDArray[np.bool_]) -> str:
    """A share with its standard error."""
    share = float(flags.mean())
    return f"{share:.4f} ± {math.sqrt(max(share, 1 / flags.size) * (1 - share) / flags.size):.4f}"


# --- delays ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """Scores before and after a change; `classes`: they are positions of so many classes."""

    name: str
    before: Draw
    after: Draw
    classes: int = 0


def distances(dimensions: int, moved: float) -> Draw:
    """Mahalanobis distances of features that have moved so many standard deviations."""

    def draw(generator: np.random.Generator, count: int) -> Values:
        first = generator.standard_normal(count) + moved
        squared: Values = first**2 + generator.chisquare(dimensions - 1, count)
        return np.sqrt(squared)

    return draw


def classes(*shares: float) -> Draw:
    """Positions of classes with these shares."""
    return lambda generator, count: np.searchsorted(np.cumsum(shares)[:-1], generator.random(count)).astype(np.float64)


SAME, SHARES = distances(8, 0.0), (0.5, 0.3, 0.15, 0.05)
CHANGES = (
    Change("surroundings swapped (8 features, moved by 5 sd)", SAME, distances(8, 5.0)),
    Change("other light (8 features, moved by 2.5 sd)", SAME, distances(8, 2.5)),
    Change("slightly other light (moved by 1.5 sd)", SAME, distances(8, 1.5)),
    Change("classes 50/30/15/5 % to 30/30/25/15 %", classes(*SHARES), classes(0.3, 0.3, 0.25, 0.15), 4),
    Change("classes 50/30/15/5 % to 40/40/15/5 %", classes(*SHARES), classes(0.4, 0.4, 0.15, 0.05), 4),
    Change("no change", SAME, SAME),
)
CALIBRATION, BEFORE, HORIZON, WINDOW, CELLS = 200, 500, 2_000, 50, 10
SHARE = PROBABILITY * chart_weight(FalseAlarms(PROBABILITY), STATISTICS)


def delays_of(
    change: Change, streams: int, before: int = BEFORE, count: int = CALIBRATION, horizon: int = HORIZON
) -> dict[str, Values]:
    """[streams] by method: units from the change to the alarm; negative before it, infinite if there is none.

    Args:
        count: of the calibration scores.
        horizon: units after the change.
    """
    draw = np.random.default_rng(11)
    fitted = change.before(draw, count)
    bins = Bins.of_positions(change.classes) if change.classes else Bins.of(fitted)
    edges = np.array(bins.edges)
    calibration = change.before(draw, streams * count).reshape(streams, count)
    counts = np.zeros((streams, bins.count), dtype=np.int64)
    np.add.at(counts, (np.arange(streams)[:, None], np.searchsorted(edges, calibration, side="right")), 1)
    bags, charts, windows = ManyBags(counts), ManyCharts(streams, cusum=True), Windows(change, calibration)
    others = {
        "online-cp: Simple Jumper": ManyJumpers(streams),
        "online-cp: Composite Jumper": ManyJumpers(streams, (1e-4, 1e-3, 1e-2, 1e-1, 1.0)),
        "online-cp: Sleeper/Stayer": ManySleepers(streams),
    }
    run = RunLength()
    needed_run = math.exp(log_threshold(run, chart_weight(run, STATISTICS)))
    alarms: dict[str, Values] = {}

    def note(method: str, flags: NDArray[np.bool_], unit: int) -> None:
        known = alarms.setdefault(method, np.full(streams, np.inf))
        known[flags & np.isinf(known)] = unit + 1 - before

    for unit in range(before + horizon):
        scores = (change.before if unit < before else change.after)(draw, streams)
        p = bags.p_values(np.searchsorted(edges, scores, side="right"), draw.random(streams))
        evidence, summed = charts.step(p)
        note("false alarms 0.05", evidence >= 1 / SHARE, unit)
        note("run length 10,000", summed >= needed_run, unit)
        note("the same as CUSUM", charts.cusum >= needed_run, unit)
        for name, other in others.items():
            note(name, other.step(p) >= 1 / SHARE, unit)
        p_window = windows.add(scores)
        if p_window is not None:
            looks = LONG / WINDOW
            note(f"chi-square, windows of {WINDOW}, corrected", p_window <= SHARE / looks, unit)
            note(f"chi-square, windows of {WINDOW}, each at 0.05", p_window <= PROBABILITY, unit)
            if all(np.isfinite(first).all() for first in alarms.values()):
                break
    return alarms


class Windows:
    """Two-sample chi-square tests of calibration scores against windows that do not overlap."""

    def __init__(self, change: Change, calibration: Values) -> None:
        if change.classes:
            self._edges = np.tile(np.arange(change.classes - 1) + 0.5, (len(calibration), 1))
        else:
            self._edges = np.quantile(calibration, np.arange(1, CELLS) / CELLS, axis=1).T
        self._calibration = self._counts(calibration)
        self._window: list[Values] = []

    def _counts(self, scores: Values) -> Values:
        cells = (scores[:, :, None] > self._edges[:, None, :]).sum(axis=2)
        return np.stack([(cells == cell).sum(axis=1) for cell in range(self._edges.shape[1] + 1)], axis=1).astype(float)

    def add(self, scores: Values) -> Values | None:
        """[streams]: p-values at the end of a window."""
        self._window.append(scores)
        if len(self._window) < WINDOW:
            return None
        counts, self._window = self._counts(np.stack(self._window, axis=1)), []
        ratio = math.sqrt(self._calibration.sum(axis=1)[0] / WINDOW)
        both = np.maximum(self._calibration + counts, 1)
        statistic = ((self._calibration / ratio - counts * ratio) ** 2 / both).sum(axis=1)
        p: Values = chi2.sf(statistic, counts.shape[1] - 1)
        return p


def demo_changes() -> tuple[Change, ...]:
    """Scores of frames of the demo's line, drawn from a pool: its surroundings without the part, and its light.

    The reference lies on two of the four surroundings. The score functions are fitted to 200 frames.
    """
    line = InspectionLine(0.0, seed=3).draw(range(3_000))
    known = np.flatnonzero(line.surroundings < 2)
    fitted, same = known[:200], known[200:]
    seen = [
        appearance(pixels, np.where(mask == 255, 1, mask)) for pixels, mask in zip(line.pixels, line.masks, strict=True)
    ]
    around, light = np.array([one.surroundings for one in seen]), np.array([one.light for one in seen])
    by_part = same[line.parts[same] < 2]

    def darker(share: float) -> Values:
        pixels = (line.pixels[same[:400]] * share).astype(np.uint8)
        return np.array([appearance(one).light for one in pixels])

    of_surroundings, of_light = fitted_distance(around[fitted]), fitted_distance(light[fitted])
    around_same, light_same = drawn_from(of_surroundings(around[same])), drawn_from(of_light(light[same]))
    return (
        Change("other surroundings", around_same, drawn_from(of_surroundings(around[line.surroundings >= 2]))),
        Change("light 20 % darker", light_same, drawn_from(of_light(darker(0.8)))),
        Change("light 40 % darker", light_same, drawn_from(of_light(darker(0.6)))),
        Change("other parts alone", around_same, drawn_from(of_surroundings(around[by_part]))),
        Change("no change", around_same, around_same),
    )


def fitted_distance(features: Values) -> Callable[[Values], Values]:
    """The length of the first 8 standardised principal components."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    _, size, axes = np.linalg.svd((features - mean) / spread, full_matrices=False)
    components = axes[:8].T / (size[:8] / math.sqrt(len(features)))

    def distance(other: Values) -> Values:
        lengths: Values = np.linalg.norm((other - mean) / spread @ components, axis=1)
        return lengths

    return distance


def drawn_from(pool: Values) -> Draw:
    return lambda generator, count: generator.choice(pool, count)


def demo(streams: int) -> Iterator[str]:
    """The table of delays on scores of the demo's frames."""
    return delays(streams, demo_changes())


def delays(streams: int, changes: tuple[Change, ...] = CHANGES) -> Iterator[str]:
    """The table of delays: median, and what 90 % of the streams need, of those without an alarm before the change."""
    found = {change.name: delays_of(change, streams) for change in changes}
    yield "| units to the alarm: median (90 %) | " + " | ".join(found) + " |"
    yield "|---|" + "---|" * len(found)
    for method in found[changes[0].name]:
        cells = []
        for name, alarms in found.items():
            delay = alarms[method]
            if name in ("no change", "other parts alone"):
                cells.append(f"{np.isfinite(delay).mean():.3f} alarmed")
                continue
            middle, most = np.quantile(delay[delay > 0], [0.5, 0.9], method="higher") if (delay > 0).any() else (0, 0)
            cells.append(f"{units(middle)} ({units(most)})" if (delay > 0).mean() > 0.1 else "alarmed before")
        yield f"| {method} | " + " | ".join(cells) + " |"


def units(count: float, horizon: int = HORIZON) -> str:
    return f"{count:,.0f}" if math.isfinite(count) else f"> {horizon:,}"


def late_changes(streams: int) -> Iterator[str]:
    """What a change costs that comes later."""
    yield "| change after | false alarms 0.05 | run length 10,000 | Simple Jumper | Sleeper/Stayer |"
    yield "|---|---|---|---|---|"
    for before in (0, 500, 5_000):
        found = delays_of(CHANGES[1], streams, before)
        methods = ("false alarms 0.05", "run length 10,000", "online-cp: Simple Jumper", "online-cp: Sleeper/Stayer")
        medians = [np.quantile(found[name], [0.5, 0.9], method="higher") for name in methods]
        yield f"| {before:,} units | " + " | ".join(f"{units(m)} ({units(most)})" for m, most in medians) + " |"


def few_scores(streams: int) -> Iterator[str]:
    """Delays of changes at the first unit and later, by the number of calibration scores."""
    changes = (CHANGES[0], CHANGES[1], CHANGES[3])
    yield "| calibration scores, change after | " + " | ".join(change.name for change in changes) + " |"
    yield "|---|" + "---|" * len(changes)
    for before, count in product((0, 500), (20, 50, 100, 400)):
        cells = []
        for change in changes:
            delay = delays_of(change, streams, before, count, horizon=1_000)["false alarms 0.05"]
            missed = f", {np.isinf(delay).mean():.0%} missed" if np.isinf(delay).mean() > 0.005 else ""
            middle, most = np.quantile(delay, [0.5, 0.9], method="higher")
            cells.append(f"{units(middle, 1_000)} ({units(most, 1_000)}){missed}")
        yield f"| {count}, {before} units | " + " | ".join(cells) + " |"


# --- splitting, lots -------------------------------------------------------------------------------------------------


def splitting(streams: int) -> Iterator[str]:
    """The error split over four statistics, beside an average of their evidence, which has no such promise."""
    yield "| of four statistics | split: median (90 %) | average: median (90 %) |"
    yield "|---|---|---|"
    for name, changed in (("one changes", 1), ("two change", 2), ("all change", 4)):
        draw = np.random.default_rng(3)
        charts = [ManyCharts(streams) for _ in range(STATISTICS)]
        split, average = np.full((2, streams), np.inf)
        for unit in range(BEFORE + HORIZON):
            moved = unit >= BEFORE
            evidence = np.array(
                [
                    one.step(norm.sf(draw.standard_normal(streams) + (moved and number < changed)))[0]
                    for number, one in enumerate(charts)
                ]
            )
            split[np.isinf(split) & (evidence.max(axis=0) >= STATISTICS / PROBABILITY)] = unit + 1 - BEFORE
            average[np.isinf(average) & (evidence.mean(axis=0) >= 1 / PROBABILITY)] = unit + 1 - BEFORE
            if np.isfinite(split).all() and np.isfinite(average).all():
                break
        cells = [np.quantile(one[one > 0], [0.5, 0.9], method="higher") for one in (split, average)]
        yield f"| {name} | " + " | ".join(f"{units(m)} ({units(most)})" for m, most in cells) + " |"


@dataclass(frozen=True)
class Dependence:
    """Frames of an unchanged line that depend on those before them; [streams, frames] normal scores."""

    name: str
    frames: Callable[[np.random.Generator, int, int], Values]


def in_lots(size: int, shared: float) -> Callable[[np.random.Generator, int, int], Values]:
    def frames(draw: np.random.Generator, streams: int, count: int) -> Values:
        lots = np.repeat(draw.standard_normal((streams, count // size)), size, axis=1)
        made: Values = math.sqrt(shared) * lots + math.sqrt(1 - shared) * draw.standard_normal(lots.shape)
        return made

    return frames


def autoregressive(phi: float) -> Callable[[np.random.Generator, int, int], Values]:
    def frames(draw: np.random.Generator, streams: int, count: int) -> Values:
        made = draw.standard_normal((streams, count))
        for at in range(1, count):
            made[:, at] = phi * made[:, at - 1] + math.sqrt(1 - phi * phi) * made[:, at]
        return made

    return frames


INDEPENDENT = Dependence("independent frames", lambda draw, streams, count: draw.standard_normal((streams, count)))
DEPENDENCES = (
    INDEPENDENT,
    Dependence("lots of 25 that share half of the variance", in_lots(25, 0.5)),
    Dependence("lots of 25 that share a tenth", in_lots(25, 0.1)),
    Dependence("autoregressive, 0.9", autoregressive(0.9)),
    Dependence("autoregressive, 0.5", autoregressive(0.5)),
)
REFERENCE, FRAMES, AT_ONCE = 1_000, 5_000, 500


def of_units(frames: Values, size: int, *, mean: bool, draw: np.random.Generator) -> Values:
    """[streams, units]: of each lot one frame that is drawn, or the mean."""
    lots = frames[:, : frames.shape[1] // size * size].reshape(len(frames), -1, size)
    if mean:
        averaged: Values = lots.mean(axis=2)
        return averaged
    at = draw.integers(0, size, lots.shape[:2])
    drawn: Values = np.take_along_axis(lots, at[:, :, None], axis=2)[:, :, 0]
    return drawn


def ever_alarmed(scores: Values, calibration: int, draw: np.random.Generator) -> NDArray[np.bool_]:
    """[streams]: whether one chart with the whole error alarms; the first `calibration` scores are the reference."""
    bins = Bins.of(draw.standard_normal(400) * scores.std())
    at = np.searchsorted(np.array(bins.edges), scores, side="right")
    counts = np.zeros((len(scores), bins.count), dtype=np.int64)
    np.add.at(counts, (np.arange(len(scores))[:, None], at[:, :calibration]), 1)
    bags, charts = ManyBags(counts), ManyCharts(len(scores))
    alarmed = np.zeros(len(scores), dtype=bool)
    for column in at[:, calibration:].T:
        alarmed |= charts.step(bags.p_values(column, draw.random(len(scores))))[0] >= 1 / PROBABILITY
    return alarmed


def lots(streams: int) -> Iterator[str]:
    """False alarms where frames depend on each other, by what is taken as a unit."""
    sizes = (25, 110)
    yield (
        "| unchanged line | each frame | "
        + " | ".join(f"lots of {size}: one frame | lots of {size}: mean" for size in sizes)
        + " | dependence found | lot advised |"
    )
    yield "|---|" + "---|" * (2 * len(sizes) + 3)
    for dependence in DEPENDENCES:
        draw = np.random.default_rng(5)
        parts: dict[str, list[NDArray[np.bool_]]] = {}
        tests = []
        for start in range(0, streams, AT_ONCE):
            frames = dependence.frames(draw, min(AT_ONCE, streams - start), REFERENCE + FRAMES)
            tests += [autocorrelation(one[:REFERENCE], seed) for seed, one in enumerate(frames[:50])]
            parts.setdefault("each", []).append(ever_alarmed(frames, REFERENCE, draw))
            for size in sizes:
                for mean in (False, True):
                    taken = of_units(frames, size, mean=mean, draw=draw)
                    parts.setdefault(f"{size}{mean}", []).append(ever_alarmed(taken, REFERENCE // size, draw))
        cells = [f"{np.concatenate(part).mean():.3f}" for part in parts.values()]
        advised = sorted(test.lot or 0 for test in tests)[len(tests) // 2]
        found = f"{np.mean([test.found() for test in tests]):.2f} | {advised}"
        yield f"| {dependence.name} | " + " | ".join(cells) + f" | {found} |"


TABLES: dict[str, Callable[[int], Iterator[str]]] = {
    "false_alarms": false_alarms,
    "delays": delays,
    "demo": demo,
    "late_changes": late_changes,
    "few_scores": few_scores,
    "splitting": splitting,
    "lots": lots,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--only", choices=TABLES)
    given = parser.parse_args()
    for name, table in TABLES.items():
        if given.only in (None, name):
            start = time.process_time()
            print(f"\n## {name}\n", flush=True)
            for line in table(given.streams):
                print(line, flush=True)
            print(f"{name}: {time.process_time() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
