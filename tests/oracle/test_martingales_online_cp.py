"""Conformal p-values, bets and evidence against online-cp, on the same scores and uniforms."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelaudit.monitoring.bets import BETTORS, learned, log_bets, no_histograms
from modelaudit.monitoring.bins import Bins
from modelaudit.monitoring.chart import follow, new_chart, p_value
from modelaudit.monitoring.promises import RunLength

pytest.importorskip("online_cp")
from online_cp.betting import BettingStrategy
from online_cp.classifiers import ConformalClassifier
from online_cp.martingale import (
    CompositeJumper,
    PluginMartingale,
    ShiryaevRobertsWrapper,
    SimpleJumper,
    SleeperStayer,
)

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "watch_error_rates.py"


@pytest.fixture(scope="module")
def benchmark_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("watch_error_rates", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class OneBettor(BettingStrategy):  # type: ignore[misc]
    """One of our bettors as a strategy of online-cp: first bets, then learns."""

    def __init__(self, number: int) -> None:
        self.number, self.histograms = number, no_histograms()

    def bet(self, p: float) -> float:
        return float(np.exp(log_bets(p, self.histograms)[self.number]))

    def update(self, p: float) -> None:
        self.histograms = learned(p, self.histograms)


def p_values(units: int, changed: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(4)
    return np.concatenate([draw.random(units), draw.beta(0.4, 1.0, changed)])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=40).map(lambda scores: [score / 2 for score in scores]),
    st.floats(0, 1),
)
def test_conformal_p_values(scores: list[float], uniform: float) -> None:
    bins = Bins.of(scores)
    ours = p_value(bins.counts(scores), bins.index(scores[-1]), uniform)
    assert ours == pytest.approx(ConformalClassifier._compute_p_value(np.array(scores), uniform), abs=1e-12)


def test_the_benchmarks_sum_over_starts(benchmark_script: ModuleType) -> None:
    """The mean over the bettors of the Shiryaev-Roberts statistic of each; its CUSUM is at most the largest start."""
    references = [PluginMartingale(OneBettor(number), store_p_values=False) for number in range(BETTORS)]
    sums, largest = [ShiryaevRobertsWrapper(one) for one in references], np.zeros(BETTORS)
    charts = benchmark_script.ManyCharts(1, cusum=True)
    for p in p_values(60, 30):
        bets = np.array([one.strategy.bet(p) for one in references])
        largest = np.maximum(largest, 1.0) * bets
        for one in sums:
            one.update(p)
        assert charts.step(np.array([p]))[1][0] == pytest.approx(np.mean([one.R for one in sums]), rel=1e-9)
        assert charts.cusum[0] == pytest.approx(largest.mean(), rel=1e-9)


def test_a_chart_has_that_evidence() -> None:
    draw = np.random.default_rng(8)
    bins = [*draw.integers(0, 20, 50).tolist(), *draw.integers(12, 24, 30).tolist()]
    chart, counts = new_chart(np.full(24, 3)), np.full(24, 3)
    references = [ShiryaevRobertsWrapper(PluginMartingale(OneBettor(number))) for number in range(BETTORS)]
    for score_bin, uniform in zip(bins, draw.random(len(bins)), strict=True):
        counts[score_bin] += 1
        for reference in references:
            reference.update(p_value(counts, score_bin, uniform))
        chart = follow(chart, score_bin, uniform, RunLength())
        assert np.exp(chart.log_evidence) == pytest.approx(np.mean([one.R for one in references]), rel=1e-9)


def test_the_jumpers_and_sleepers_of_the_benchmark_are_those_of_online_cp(benchmark_script: ModuleType) -> None:
    pairs = (
        (benchmark_script.ManyJumpers(1), SimpleJumper(J=0.01)),
        (benchmark_script.ManyJumpers(1, (1e-4, 1e-3, 1e-2, 1e-1, 1.0)), CompositeJumper()),
        (benchmark_script.ManySleepers(1), SleeperStayer()),
    )
    for p in p_values(100, 100):
        for ours, theirs in pairs:
            theirs.update(p)
            assert ours.step(np.array([p]))[0] == pytest.approx(theirs.M, rel=1e-9)
