"""False verdicts with the truth exactly at the threshold: exact where it can be summed, simulated elsewhere.

Nominal .05; guaranteed rules at most .057, approximate ones at most .07, plus the error of the simulation.
``benchmarks/verdict_error_rates.py`` is the long form.
"""

import itertools

import numpy as np
import pytest
from scipy.stats import binom, multinomial
from statistics_tables import Values, column, named, proportion

from modelaudit.statistics import Clustering, Verdict, decide, discordant_clopper_pearson, tango

a, b = named("a"), named("b")
GUARANTEED, APPROXIMATE = 0.057, 0.07
AUDITS = 600


def decided(expectation, columns):
    return decide(expectation, Values(columns), confidence=0.95, about="process").verdict


@pytest.mark.parametrize("p", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [20, 120])
def test_single_proportions_keep_their_promise_exactly(p, n):
    weights = binom.pmf(np.arange(n + 1), n, p)
    verdicts = [decided(a > p, {"a": proportion(k, n)}) for k in range(n + 1)]
    for wrong in (Verdict.PASS, Verdict.FAIL):
        assert weights[[verdict is wrong for verdict in verdicts]].sum() <= 0.05 + 1e-12


@pytest.mark.parametrize(("rule", "allowed"), [(tango, APPROXIMATE), (discordant_clopper_pearson, 0.05)])
@pytest.mark.parametrize(("n", "drop"), [(20, 0.2), (52, 0.05), (60, 0.05), (60, -0.02)])
def test_differences_of_proportions_keep_their_promise_exactly(rule, allowed, n, drop):
    cells = [(x, y) for x, y in itertools.product(range(n + 1), repeat=2) if x + y <= min(n, 34)]
    bounds = np.array([rule(x, y, n, 0.95) for x, y in cells])
    table = np.array([(x, y, n - x - y) for x, y in cells])
    for gains in (0.0, 0.003, 0.01, 0.03, 0.06, 0.1):
        losses = gains + drop
        if losses >= 0:
            weights = multinomial.pmf(table, n, [losses, gains, 1 - losses - gains])
            assert weights.sum() > 0.98
            assert weights[bounds[:, 1] < drop].sum() <= allowed
            assert weights[bounds[:, 0] > drop].sum() <= allowed


def spikes(generator, n):
    return (generator.random(n) < 0.03).astype(float)


def rare(generator, n):
    return np.where(generator.random(n) < 0.005, 1.0, generator.beta(40, 360, n))


@pytest.mark.parametrize(
    ("draw", "truth", "n", "allowed"),
    [
        (lambda g, n: g.beta(2, 5, n), 2 / 7, 40, GUARANTEED),
        (spikes, 0.03, 60, GUARANTEED),
        (spikes, 0.03, 250, APPROXIMATE),
        (rare, 0.1 * 0.995 + 0.005, 250, APPROXIMATE),
    ],
    ids=["beta", "spikes", "many_spikes", "rare_spikes"],
)
def test_means_keep_their_promise(draw, truth, n, allowed):
    generator = np.random.default_rng(11)
    verdicts = [simple_verdict({"a": column(draw(generator, n))}, truth) for _ in range(AUDITS)]
    for wrong in (-1, 1):
        assert verdicts.count(wrong) / AUDITS <= allowed + 2 * np.sqrt(0.05 * 0.95 / AUDITS)


def simple_verdict(columns, truth):
    """1 where the bounds lie above the truth, -1 below, 0 else; asked far from them, so that nothing is planned."""
    result = decide(a < 2, Values(columns), confidence=0.95, about="process")
    return int(result.lower > truth) - int(result.upper < truth)


def test_values_missing_because_of_what_they_are_do_not_pass():
    generator = np.random.default_rng(5)
    wrong = 0
    for _ in range(600):
        right = (generator.random(100) < 0.9).astype(float)
        hidden = (right == 0) & (generator.random(100) < 0.5)
        result = decide(
            a > 0,
            Values({"a": column(np.where(hidden, np.nan, right), "proportion")}),
            confidence=0.95,
            about="process",
        )
        wrong += result.lower > 0.9
    assert wrong / 600 <= GUARANTEED + 2 * np.sqrt(0.05 * 0.95 / 600)


def test_ratios_keep_their_promise():
    generator, wrong = np.random.default_rng(2), np.zeros(2)
    for _ in range(120):
        u = generator.random(80)
        columns = {
            "a": column((u < 0.72).astype(float), "proportion"),
            "b": column((u > 0.2).astype(float), "proportion"),
        }
        result = decide(a / b < 100, Values(columns), confidence=0.95, about="process")
        wrong += (result.lower > 0.9, result.upper < 0.9)
    assert (wrong / 120 <= GUARANTEED + 2 * np.sqrt(0.05 * 0.95 / 120)).all()


@pytest.mark.parametrize("shared", [0.0, 0.3, 1.0])
def test_clusters_keep_their_promise(shared):
    generator, wrong = np.random.default_rng(8), np.zeros(2)
    codes = np.repeat(np.arange(12), 10)
    for _ in range(200):
        same = generator.random(120) < np.sqrt(shared)
        right = np.where(same, generator.random(12)[codes], generator.random(120)) < 0.9
        table = Values({"a": column(right, "proportion")}, clusters={"a": (Clustering("cluster", codes),)})
        result = decide(a < 2, table, confidence=0.95, about="process")
        wrong += (result.lower > 0.9, result.upper < 0.9)
    assert (wrong / 200 <= APPROXIMATE + 2 * np.sqrt(0.05 * 0.95 / 200)).all()
