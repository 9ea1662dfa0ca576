"""With the number of images that a plan asks for, an audit passes at least as often as was asked.

``benchmarks/planned_power.py`` is the long form: more rules, 10,000 audits each.
"""

import numpy as np
import pytest
from statistics_tables import Values, column, mapped, named

from modelaudit.statistics import Verdict, decide
from modelaudit.statistics.sample_size import PowerTarget, from_pilot

a, b = named("a"), named("b")
AUDITS, POWER = 400, 0.8


def right(u):
    return {"a": column((u < 0.95).astype(float), "proportion")}


def drop(u):
    lost, gained = u < 0.05, (u >= 0.05) & (u < 0.08)
    return {"a": column(~lost, "proportion"), "b": column(~gained, "proportion")}


def mean(u):
    return {"a": column(0.2 + 0.4 * u**2)}


def spiked(u):
    return {"a": column(np.where(u < 0.05, 1.0, 0.05))}


def ratio(u):
    both = (u < 0.8, (u < 0.79) | ((u > 0.8) & (u < 0.91)))
    return {"a": column(both[0], "proportion"), "b": column(both[1], "proportion")}


def methods(u):
    return {"a": column(0.2 + 0.4 * u), "b": column(0.2 + 0.4 * np.abs(u - 0.5) * 2)}


def missing(u):
    return {"a": column(np.where(u < 0.03, np.nan, u < 0.97), "proportion")}


@pytest.mark.parametrize(
    ("expectation", "margin", "truth", "rule"),
    [
        (a > 0.9, 0.05, right, "clopper_pearson"),
        (b - a < 0.07, 0.05, drop, "tango"),
        (a < 1 / 3 + 0.05, 0.05, mean, "gaffke"),
        (a < 0.1275, 0.03, spiked, "gaffke"),
        (a / b > 0.8 / 0.9 - 0.1, 0.1, ratio, "gaffke"),
        (mapped("a", "b") < 0.46, 0.06, methods, "gaffke"),
        (a > 0.83, 0.94 / 0.97 - 0.83, missing, "clopper_pearson"),
    ],
    ids=["proportion", "drop", "mean", "spiked", "ratio", "methods", "missing"],
)
def test_power_at_the_planned_number_is_what_was_asked(expectation, margin, truth, rule):
    pilot = Values(truth((np.arange(500) + 0.5) / 500))
    sizes = from_pilot(expectation, pilot, PowerTarget(margin, POWER))
    n = max(size.images for size in sizes)
    assert {size.rule for size in sizes} == {rule}
    generator, audits = np.random.default_rng(n), AUDITS // 4 if truth is ratio else AUDITS
    verdicts = [
        decide(expectation, Values(truth(generator.random(n))), confidence=0.95, about="process").verdict
        for _ in range(audits)
    ]
    reached = np.mean([verdict is Verdict.PASS for verdict in verdicts])
    slack = 3 * np.sqrt(POWER * (1 - POWER) / audits)
    assert reached >= POWER - slack
    assert reached <= 0.93 + slack / 3  # and not far more images than that takes
