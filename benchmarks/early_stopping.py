"""What stopping early saves, and how often its verdict is wrong.

    python benchmarks/early_stopping.py [--audits 10000] [--plot docs/images/early_stopping.svg]

Prints two tables and draws one plot. Error rates: the truth lies exactly at the threshold, and the audit is looked at
after every single image, which is more often than an audit ever looks; a rate is that of ever saying PASS (or FAIL).
The standard error of a rate of .05 is .002 at 10,000 audits. Savings: 640 images, looks as the engine makes them.
Needs matplotlib (``pip install -e .[dev]``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from modelaudit.engine.decision.interim_analysis import looks_of
from modelaudit.statistics.sequences import capitals, capitals_without_replacement

Values = NDArray[np.float64]
#: [audits, images] values in [0, 1]
Draw = Callable[[np.random.Generator, int, int], Values]
NEEDED = 1 / 0.05
IMAGES = 640
_AT_ONCE = 250


@dataclass(frozen=True)
class Scenario:
    """Values in [0, 1], and their true mean: the threshold."""

    name: str
    truth: float
    draw: Draw


def bernoulli(p: float) -> Draw:
    """Proportions."""
    return lambda generator, audits, n: (generator.random((audits, n)) < p).astype(float)


def beta(a: float, b: float) -> Draw:
    """Means of a bounded measure."""
    return lambda generator, audits, n: generator.beta(a, b, (audits, n))


def paired(gains: float, losses: float) -> Draw:
    """Differences of two proportions, from [-1, 1] brought to [0, 1]."""

    def draw(generator: np.random.Generator, audits: int, n: int) -> Values:
        u = generator.random((audits, n))
        return np.where(u < gains, 1.0, np.where(u < gains + losses, 0.0, 0.5))

    return draw


def rare(generator: np.random.Generator, audits: int, n: int) -> Values:
    """A narrow body around 0.1, and one image in 200 at 1."""
    shape = (audits, n)
    return np.where(generator.random(shape) < 0.005, 1.0, generator.beta(40, 360, shape))


def scenarios() -> Iterator[Scenario]:
    """Everything whose error rate is simulated."""
    for p in (0.05, 0.5, 0.8, 0.95, 0.99):
        yield Scenario(f"proportion {p:g}", p, bernoulli(p))
    yield Scenario("mean, Beta(2, 5)", 2 / 7, beta(2, 5))
    yield Scenario("mean, 3 % spikes", 0.03, bernoulli(0.03))
    yield Scenario("mean, 97 % spikes", 0.97, bernoulli(0.97))
    yield Scenario("mean, narrow + 0.5 % spikes", 0.1 * 0.995 + 0.005, rare)
    yield Scenario("drop, losses only, 0.05", 0.475, paired(0.0, 0.05))
    yield Scenario("drop, few gains, 0.05", 0.475, paired(0.01, 0.06))
    yield Scenario("drop, mixed, 0.02", 0.49, paired(0.08, 0.10))


def ever(capital: Values) -> Values:
    """[audits] bool: whether the capital was enough at any time."""
    return np.asarray((capital >= NEEDED).any(axis=1))


def rates(scenario: Scenario, n: int, audits: int) -> tuple[float, float]:
    """How often an audit of the process ever says PASS, and FAIL, of ``left > truth``."""
    generator, wrong = np.random.default_rng([n, *scenario.name.encode()]), np.zeros(2)
    for _ in range(audits // _AT_ONCE):
        x, m = scenario.draw(generator, _AT_ONCE, n), scenario.truth
        wrong += ever(capitals(x, m)).sum(), ever(capitals(1 - x, 1 - m)).sum()
    return float(wrong[0] / audits), float(wrong[1] / audits)


def rates_of_sets(scenario: Scenario, population: int, audits: int) -> tuple[float, float]:
    """The same of a set of images that is looked at to its end; the truth is the mean of each set."""
    generator, wrong = np.random.default_rng([population, *scenario.name.encode()]), np.zeros(2)
    for _ in range(audits):
        x = scenario.draw(generator, 1, population)
        m = float(x.mean())
        if 0 < m < 1:  # a set without any variation is never decided wrongly
            low = capitals_without_replacement(x[:, :-1], m, population)
            high = capitals_without_replacement(1 - x[:, :-1], 1 - m, population)
            wrong += ever(low)[0], ever(high)[0]
    return float(wrong[0] / audits), float(wrong[1] / audits)


def misread(population: int, audits: int, p: float = 0.9) -> float:
    """False PASS where a set's own sequence, exhausted, is read as one of the process."""
    generator = np.random.default_rng(population)
    x = bernoulli(p)(generator, audits, population)
    return float(np.mean(x.mean(axis=1) > p))


def fixed_looks(n: int, looks: int, audits: int, p: float = 0.9) -> float:
    """False PASS of Clopper-Pearson's bound for one look, read at so many."""
    generator = np.random.default_rng([n, looks])
    at = np.linspace(n / looks, n, looks).round().astype(int)
    ones = np.cumsum(bernoulli(p)(generator, audits, n), axis=1)[:, at - 1]
    lower = np.where(ones == 0, 0.0, betaincinv(np.maximum(ones, 1), at - ones + 1, 0.05))
    return float(np.mean((lower > p).any(axis=1)))


@dataclass(frozen=True)
class Saving:
    """Of audits whose truth is `margin` better than the threshold: quantiles of the share looked at, and verdicts."""

    margin: float
    shares: tuple[float, float, float]
    passed: float
    failed: float


def saving(draw: Draw, margin: float, m: float, audits: int) -> Saving:
    """The looks of the engine at 640 images; `margin` is for the record."""
    generator = np.random.default_rng([int(1e6 * (1 + margin)), int(1e6 * m)])
    schedule = np.array(list(looks_of(IMAGES)))
    passed, failed, shares = 0, 0, []
    for _ in range(audits // _AT_ONCE):
        x = draw(generator, _AT_ONCE, IMAGES)
        for_it = np.maximum.accumulate(capitals(x, m), axis=1)[:, schedule - 1] >= NEEDED
        against = np.maximum.accumulate(capitals(1 - x, 1 - m), axis=1)[:, schedule - 1] >= NEEDED
        ended = for_it | against
        ended[:, -1] = True
        last = ended.argmax(axis=1)
        rows = np.arange(_AT_ONCE)
        passed += int(for_it[rows, last].sum())
        failed += int((against & ~for_it)[rows, last].sum())
        shares.append(schedule[last] / IMAGES)
    low, middle, high = np.quantile(np.concatenate(shares), [0.1, 0.5, 0.9])
    return Saving(margin, (float(low), float(middle), float(high)), passed / audits, failed / audits)


def kinds(margin: float) -> Iterator[tuple[str, Draw, float]]:
    """Left sides whose truth is `margin` better than their thresholds."""
    if 0 < 0.7 + margin <= 1:
        yield "proportion > 0.70", bernoulli(0.7 + margin), 0.7
    if 0.05 < 0.6 + margin < 0.95:
        yield "mean > 0.60 (deviation about 0.15)", beta(10 * (0.6 + margin), 10 * (0.4 - margin)), 0.6
    losses = 0.15 - margin
    if 0 <= losses < 1:
        yield "drop < 0.15 (2 % gains)", paired(0.02, losses + 0.02) if losses < 0.96 else paired(0, losses), 0.425


MARGINS = (
    -0.3,
    -0.2,
    -0.15,
    -0.1,
    -0.07,
    -0.05,
    -0.03,
    -0.02,
    -0.01,
    0.0,
    0.01,
    0.02,
    0.03,
    0.05,
    0.07,
    0.1,
    0.15,
    0.2,
    0.3,
)


def savings(audits: int) -> dict[str, list[Saving]]:
    """By kind of left side."""
    found: dict[str, list[Saving]] = {}
    for margin in MARGINS:
        for name, draw, m in kinds(margin):
            found.setdefault(name, []).append(saving(draw, margin, m, audits))
    return found


def draw_plot(found: dict[str, list[Saving]], audits: int, file: Path) -> None:
    """Share of images looked at, and rate of false verdicts, over margins."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "modelaudit", "font.size": 9})
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(7, 5.6), height_ratios=(3, 2))
    for number, (name, rows) in enumerate(found.items()):
        margins, colour = [row.margin for row in rows], f"C{number}"
        above.plot(margins, [row.shares[1] for row in rows], colour, marker=".", label=name)
        above.fill_between(margins, [r.shares[0] for r in rows], [r.shares[2] for r in rows], color=colour, alpha=0.15)
        wrong = [row.passed if row.margin <= 0 else row.failed for row in rows]
        below.plot(margins, wrong, colour, marker=".")
    above.axhline(0.2, color="grey", linewidth=0.8, linestyle=":")
    above.set(ylabel=f"share of {IMAGES} images looked at", ylim=(0, 1.02))
    above.legend(frameon=False, title="median; band: 10 % to 90 %", title_fontsize=8)
    below.axhline(0.05, color="grey", linewidth=0.8, linestyle=":")
    below.set(ylabel="false verdicts", xlabel="truth better than the threshold by", ylim=(0, 0.06))
    figure.suptitle(f"Stopping early, confidence 0.95, {audits:,} simulated audits a point", fontsize=10)
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=10_000, help="simulated audits a scenario")
    parser.add_argument("--plot", type=Path, default=Path("docs/images/early_stopping.svg"), help="where the plot goes")
    options = parser.parse_args()
    audits = options.audits
    print("| left side, truth at the threshold | images | rule | ever PASS | ever FAIL |\n|---|---|---|---|---|")
    for scenario in scenarios():
        for n in (IMAGES, 4 * IMAGES):
            passed, failed = rates(scenario, n, audits)
            print(f"| {scenario.name} | {n} | betting_sequence | {passed:.3f} | {failed:.3f} |", flush=True)
    for scenario in scenarios():
        passed, failed = rates_of_sets(scenario, IMAGES, audits)
        print(
            f"| {scenario.name}, the set itself | {IMAGES} | wor_sequence | {passed:.3f} | {failed:.3f} |", flush=True
        )
    print(f"\nClopper-Pearson for one look, at 40 looks: {fixed_looks(IMAGES, 40, audits):.3f}")
    print(f"an exhausted sequence of the set, read as the process: {misread(IMAGES, audits):.3f}\n")
    found = savings(max(_AT_ONCE, audits // 5 // _AT_ONCE * _AT_ONCE))
    print("| left side | margin | images looked at (median, 90 %) | PASS | FAIL |\n|---|---|---|---|---|")
    for name, rows in found.items():
        for row in rows:
            middle, high = (round(IMAGES * share) for share in row.shares[1:])
            print(f"| {name} | {row.margin:+g} | {middle}, {high} | {row.passed:.3f} | {row.failed:.3f} |")
    draw_plot(found, max(_AT_ONCE, audits // 5 // _AT_ONCE * _AT_ONCE), options.plot)


if __name__ == "__main__":
    main()
