"""False verdicts of audits that may stop early: the truth exactly at the threshold, a look after every image.

Nominal .05 for each side, at most .057, plus the error of the simulation. ``benchmarks/early_stopping.py`` is the long
form, with 10,000 audits.
"""

import numpy as np
import pytest
from scipy.special import betaincinv
from statistics_tables import Values, column, named

from modelaudit.engine.decision.interim_analysis import looks_of
from modelaudit.statistics import Verdict, decide
from modelaudit.statistics.sequences import capitals, capitals_without_replacement

AUDITS, IMAGES = 1000, 400
ALLOWED = 0.057 + 2 * np.sqrt(0.05 * 0.95 / AUDITS)
NEEDED = 20


def bernoulli(p):
    return lambda generator, shape: (generator.random(shape) < p).astype(float)


def paired(generator, shape):
    """Gains in 1 %, losses in 6 %, brought from [-1, 1] to [0, 1]."""
    u = generator.random(shape)
    return np.where(u < 0.01, 1.0, np.where(u < 0.07, 0.0, 0.5))


SCENARIOS = [
    pytest.param(bernoulli(0.5), 0.5, id="half"),
    pytest.param(bernoulli(0.95), 0.95, id="nearly_all"),
    pytest.param(lambda generator, shape: generator.beta(2, 5, shape), 2 / 7, id="mean"),
    pytest.param(bernoulli(0.03), 0.03, id="spikes"),
    pytest.param(paired, 0.475, id="paired"),
]


def ever(capital):
    return (capital >= NEEDED).any(axis=1).mean()


@pytest.mark.parametrize(("draw", "truth"), SCENARIOS)
def test_a_look_after_every_image_keeps_the_promise(draw, truth):
    x = draw(np.random.default_rng(1), (AUDITS, IMAGES))
    assert ever(capitals(x, truth)) <= ALLOWED
    assert ever(capitals(1 - x, 1 - truth)) <= ALLOWED


@pytest.mark.parametrize(("draw", "truth"), SCENARIOS)
def test_a_set_looked_at_to_its_end_keeps_the_promise(draw, truth):
    generator, wrong = np.random.default_rng(2), np.zeros(2)
    for _ in range(AUDITS):
        x = draw(generator, (1, 100))
        if 0 < x.mean() < 1:
            wrong += (
                ever(capitals_without_replacement(x[:, :-1], x.mean(), 100)),
                ever(capitals_without_replacement(1 - x[:, :-1], 1 - x.mean(), 100)),
            )
    assert (wrong / AUDITS <= ALLOWED).all()


def test_a_stratum_of_a_set_keeps_the_promise():
    """Of the set nobody knows how many are inside."""
    generator, wrong, count = np.random.default_rng(3), np.zeros(2), 600
    for _ in range(count):
        x, inside = generator.random((1, 80)), generator.random((1, 80)) < 0.4
        m = x[inside].mean()
        wrong += (
            ever(capitals_without_replacement(x[:, :-1], m, 80, inside[:, :-1])),
            ever(capitals_without_replacement(1 - x[:, :-1], 1 - m, 80, inside[:, :-1])),
        )
    assert (wrong / count <= 0.057 + 2 * np.sqrt(0.05 * 0.95 / count)).all()


def test_images_that_share_donors_keep_the_promise():
    """20 donors lend to 200 images, and what a donor brings is half of the value: taken one by one it would be .2."""
    generator, wrong, careless = np.random.default_rng(4), 0.0, 0.0
    for _ in range(AUDITS):
        brings, lent = (generator.random(20) < 0.5).astype(float), generator.integers(0, 20, 200)
        x = 0.5 * brings[lent] + 0.5 * (generator.random(200) < 0.5)
        first = np.sort(np.unique(lent, return_index=True)[1])
        wrong += ever(capitals(x[None, first], 0.5))
        careless += ever(capitals(x[None], 0.5))
    assert wrong / AUDITS <= ALLOWED
    assert careless / AUDITS > 2 * ALLOWED


def test_an_extension_after_a_look_keeps_the_promise():
    """Looked at as the engine does until the images end, and resumed with as many again where that decided nothing."""
    x = bernoulli(0.9)(np.random.default_rng(5), (AUDITS, 2 * IMAGES))
    at = np.array([*looks_of(IMAGES), *(IMAGES + look for look in looks_of(IMAGES))]) - 1
    assert (np.maximum.accumulate(capitals(x, 0.9), axis=1)[:, at] >= NEEDED).any(axis=1).mean() <= ALLOWED


def test_the_rule_for_one_look_does_not():
    """What the sequence is for: Clopper-Pearson's bound, read at 40 looks."""
    x = bernoulli(0.9)(np.random.default_rng(6), (AUDITS, IMAGES))
    n = np.arange(10, IMAGES + 1, 10)
    ones = np.cumsum(x, axis=1)[:, n - 1]
    lower = betaincinv(ones, n - ones + 1, 0.05)
    assert (lower > 0.9).any(axis=1).mean() > 0.15


def test_verdicts_of_decisions_keep_the_promise():
    """The same through `decide`, for a paired difference and a ratio; the last look knows all that was ever said."""
    generator, wrong, count = np.random.default_rng(7), 0, 120
    a, b = named("a"), named("b")
    for _ in range(count):
        u, v = generator.random((2, 100))
        first, second = (v < 0.88).astype(float), np.where(u < 0.1, 0.0, v < 0.88)
        columns = {"a": column(first, "proportion"), "b": column(second, "proportion")}
        for expectation in (a - b < 0.088, b / a > 0.9):
            found = decide(expectation, Values(columns), confidence=0.95, about="process", sequential=100, brief=True)
            wrong += found.verdict is Verdict.PASS
    assert wrong / (2 * count) <= 0.057 + 2 * np.sqrt(0.05 * 0.95 / (2 * count))
