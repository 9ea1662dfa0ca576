"""The bounds against scipy, and against the likelihood itself."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar

from modelaudit.statistics import bca, clopper_pearson, gaffke, tango, wilson
from modelaudit.statistics.intervals import score

COUNTS = [(0, 1), (1, 1), (17, 19), (3, 20), (50, 100), (499, 500), (0, 2000)]


@pytest.mark.parametrize(("successes", "n"), COUNTS)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.995])
@pytest.mark.parametrize(("rule", "method"), [(clopper_pearson, "exact"), (wilson, "wilson")])
def test_proportions_are_scipys(successes, n, confidence, rule, method):
    expected = stats.binomtest(successes, n).proportion_ci(2 * confidence - 1, method=method)
    assert rule(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def likelihood_score(difference, b, c, n):
    """Tango's z from a numerical maximisation of the multinomial likelihood under p10 - p01 = difference."""

    def negative(p01):
        cells = ((b, p01 + difference), (c, p01), (n - b - c, 1 - difference - 2 * p01))
        return -sum(count * np.log(max(p, 1e-300)) for count, p in cells if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    p01 = minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return (b - c - n * difference) / np.sqrt(n * (2 * p01 + difference - difference**2))


@pytest.mark.parametrize(("b", "c", "n"), [(6, 1, 100), (1, 6, 100), (12, 9, 44), (3, 2, 300), (40, 30, 80)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_tango_inverts_the_likelihood_score(b, c, n, confidence):
    z = stats.norm.ppf(confidence)
    low, high = tango(b, c, n, confidence)
    assert likelihood_score(high, b, c, n) == pytest.approx(-z, abs=1e-4)
    assert likelihood_score(low, b, c, n) == pytest.approx(z, abs=1e-4)
    for difference in np.linspace(-0.3, 0.3, 7):
        assert score(difference, b, c, n) == pytest.approx(likelihood_score(difference, b, c, n), abs=1e-3)


DRAWS = {
    "beta": lambda generator: generator.beta(2, 5, 300),
    "uniform": lambda generator: generator.random(300),
    "exponential": lambda generator: generator.exponential(0.1, 300),
    "two_humps": lambda generator: np.where(generator.random(300) < 0.2, 0.9, 0.1) + generator.normal(0, 0.02, 300),
}


@pytest.mark.parametrize("name", DRAWS)
def test_bca_is_scipys_bootstrap_without_its_noise(name):
    values = DRAWS[name](np.random.default_rng(3))
    expected = stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, method="BCa", n_resamples=10_000, random_state=1, batch=1000
    ).confidence_interval
    width = expected.high - expected.low
    assert bca(values, 0.95) == pytest.approx((expected.low, expected.high), abs=0.02 * width)


@pytest.mark.parametrize("n", [20, 200])
@pytest.mark.parametrize("shape", [(2, 5), (0.1, 1), (40, 160)])
def test_gaffke_is_the_quantile_of_drawn_simplex_weights(n, shape):
    generator = np.random.default_rng(n)
    values = generator.beta(*shape, n)
    weights = generator.dirichlet(np.ones(n + 1), 20_000)
    drawn = np.quantile(weights[:, 1:] @ values, 0.05), np.quantile(weights[:, 1:] @ values + weights[:, 0], 0.95)
    low, high = gaffke(values, 0.95)
    assert (low, high) == pytest.approx(drawn, abs=0.04 * (high - low))
