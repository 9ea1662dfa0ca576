"""Power is that of the rules that decide: each fast form gives the verdict of the bound it stands for."""

import numpy as np
import pytest
from scipy.stats import binom

from modelaudit.statistics import discordant_clopper_pearson, tango
from modelaudit.statistics.assumed_distribution import Distribution
from modelaudit.statistics.bounds import DISCORDANT_FOR_TANGO
from modelaudit.statistics.intervals import betting_lower, clopper_pearson, gaffke_lower
from modelaudit.statistics.power import (
    betting_passes,
    difference_passes,
    gaffke_passes,
    power,
    proven_difference_passes,
)


def truth(kind, values, weights, low=-1.0, high=1.0):
    return Distribution(kind, np.asarray(values, dtype=float), np.asarray(weights, dtype=float), low, high)


def upper(losses, gains, n):
    """Tango's bound, of few images that of a mean."""
    if losses + gains >= DISCORDANT_FOR_TANGO:
        return tango(losses, gains, n, 0.95)[1]
    return 1 - 2 * gaffke_lower(np.repeat([0.0, 0.5, 1.0], [losses, n - losses - gains, gains]), 0.95)


@pytest.mark.parametrize(("limit", "n"), [(0.05, 60), (0.2, 17), (0.0, 40), (-0.04, 120), (-0.3, 30)])
def test_a_difference_passes_where_its_bound_does(limit, n):
    cells = [(x, y) for x in range(min(n, 25)) for y in range(min(n, 25)) if x + y <= n]
    expected = [upper(x, y, n) < limit for x, y in cells]
    x, y = np.array(cells, dtype=float).T
    assert difference_passes(x, y, n, limit, 0.95).tolist() == expected
    assert any(expected) and not all(expected)


def test_a_mean_passes_where_the_betting_bound_does():
    generator = np.random.default_rng(0)
    for at, n in ((0.2, 30), (0.45, 80), (0.9, 150)):
        drawn = generator.beta(3 * at + 0.6, 3 * (1 - at), (60, n))
        # the bound reads the values in a permutation of its own
        order = np.random.Generator(np.random.PCG64(n)).permutation(n)
        expected = [betting_lower(one, 0.95) > at for one in drawn]
        assert betting_passes(drawn[:, order], at, 0.95).tolist() == expected
        assert any(expected) and not all(expected)


@pytest.mark.parametrize(("limit", "n"), [(0.05, 90), (0.3, 17), (0.0, 40), (-0.04, 120)])
def test_a_difference_passes_where_its_proven_bound_does(limit, n):
    cells = [(x, y) for x in range(min(n, 25)) for y in range(min(n, 25)) if x + y <= n]
    expected = [discordant_clopper_pearson(x, y, n, 0.95)[1] < limit for x, y in cells]
    x, y = np.array(cells, dtype=float).T
    assert proven_difference_passes(x, y, n, limit, 0.95).tolist() == expected
    assert any(expected) and not all(expected)


@pytest.mark.parametrize(("at", "spikes"), [(0.2, 0.0), (0.5, 0.02), (0.93, 0.0)])
def test_a_mean_of_many_images_passes_where_gaffkes_bound_does(at, spikes):
    generator = np.random.default_rng(1)
    values = np.append(generator.beta(20 * at, 20 * (1 - at), 40), [0.0, 1.0])
    weights = np.append(np.full(40, (1 - spikes) / 40), [0.0, spikes])
    counts = generator.multinomial(300, weights, size=80)
    expected = [gaffke_lower(np.repeat(values, one), 0.95) for one in counts]
    middle = float(np.median(expected))
    found = gaffke_passes(values, counts.astype(float), middle, 0.95)
    assert found.tolist() == [low > middle for low in expected]


@pytest.mark.parametrize(("threshold", "p", "n"), [(0.9, 0.95, 200), (0.5, 0.6, 77), (0.99, 1.0, 299), (0.95, 1.0, 58)])
def test_power_of_a_proportion_is_the_sum_over_its_counts(threshold, p, n):
    passes = [clopper_pearson(ones, n, 0.95)[0] > threshold for ones in range(n + 1)]
    expected = binom.pmf(np.arange(n + 1), n, p)[passes].sum()
    found = power(truth("proportion", [-threshold, 1 - threshold], [1 - p, p]), n, 0.95)
    assert found == pytest.approx(expected, abs=1e-12)


def test_power_of_a_difference_is_that_of_simulated_audits():
    generator, n, limit = np.random.default_rng(2), 220, 0.08
    losses, gains = 0.05, 0.03
    cells = generator.multinomial(n, [losses, gains, 1 - losses - gains], size=4000)
    simulated = np.mean([tango(x, y, n, 0.95)[1] < limit for x, y, _ in cells])
    found = power(truth("difference", [limit - 1, limit, limit + 1], [losses, 0.92, gains]), n, 0.95)
    assert found == pytest.approx(simulated, abs=0.02)


def test_of_very_many_tables_the_normal_law_says_the_same(monkeypatch):
    several = truth("difference", [0.02 - 1, 0.02, 1.02], [0.21, 0.6, 0.19])
    exact = [power(several, n, 0.95) for n in (2000, 6000)]
    assert exact[0] < 0.2
    monkeypatch.setattr("modelaudit.statistics.power._MOST_TABLES", 0)
    assert [power(several, n, 0.95) for n in (2000, 6000)] == pytest.approx(exact, abs=0.01)


def test_joined_values_keep_mean_and_ends():
    generator = np.random.default_rng(4)
    values = np.append(generator.beta(2, 5, 5000), [0.0, 1.0])
    found = truth("mean", values, np.full(values.size, 1 / values.size), 0.0, 1.0)
    joined, weights = found.joined
    assert joined.size <= 514 and (joined[0], joined[-1]) == (0.0, 1.0)
    assert joined @ weights == pytest.approx(found.mean)
    assert (joined - found.mean) ** 2 @ weights == pytest.approx(found.deviation**2, rel=0.005)
