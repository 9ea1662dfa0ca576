"""The benchmark's twin of the charts, many streams at once, is what a monitor follows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.monitoring.chart import follow, new_chart
from modelaudit.monitoring.promises import FalseAlarms, RunLength

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "watch_error_rates.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("watch_error_rates", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TWIN = script()


@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
@settings(max_examples=8, deadline=None)
def test_the_twin_follows_as_a_chart_does(seed: int, calibration: int) -> None:
    draw = np.random.default_rng(seed)
    streams, units, bins = 2, 60, 12
    counts = draw.multinomial(calibration, np.full(bins, 1 / bins), size=streams)
    bags, many = TWIN.ManyBags(counts), TWIN.ManyCharts(streams)
    promises = (FalseAlarms(), RunLength())
    charts = [[new_chart(one) for one in counts] for _ in promises]
    for unit in range(units):
        scores = draw.integers(0 if unit < 40 else 8, bins, streams)
        uniform = draw.random(streams)
        evidence = many.step(bags.p_values(scores, uniform))
        for which, promise in enumerate(promises):
            for stream in range(streams):
                charts[which][stream] = follow(charts[which][stream], scores[stream], uniform[stream], promise)
                expected = np.exp(charts[which][stream].log_evidence)
                assert evidence[which][stream] == pytest.approx(expected, rel=1e-9)


def test_few_streams_keep_the_promise_and_a_fixed_calibration_does_not() -> None:
    """In small; docs/validation/watch.md has 2,000 streams of 5,000 and 20,000 units."""
    kept, _ = TWIN.unchanged(TWIN.Setting("", 20, units=400, values=3), streams=100)
    broken, _ = TWIN.unchanged(TWIN.Setting("", 20, units=400, grows=False), streams=100)
    assert kept.sum() <= 13  # at most 5 are expected, 14 or more have a probability below 0.001
    assert broken.sum() > 50


def test_frames_in_lots_break_the_promise_and_lots_keep_it() -> None:
    draw = np.random.default_rng(0)
    frames = TWIN.in_lots(25, 0.5)(draw, 60, 2_000)
    assert TWIN.ever_alarmed(frames, 500, draw).mean() > 0.9
    lots = TWIN.of_units(frames, 25, mean=False, draw=draw)
    assert TWIN.ever_alarmed(lots, 20, draw).sum() <= 9  # 3 are expected, 10 or more have a probability below 0.001


def test_a_swapped_line_is_noticed_within_some_units() -> None:
    found = TWIN.delays_of(TWIN.CHANGES[0], streams=20, before=100)
    delay = np.median(found["false alarms 0.05"])
    assert 0 < delay < np.median(found["online-cp: Simple Jumper"])
