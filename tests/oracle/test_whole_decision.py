"""The whole decision on drawn tables: what the interval excludes is decided, unless a check shows why not.

``benchmarks/whole_decision.py`` is the long form.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from modelaudit.statistics import Reason, Verdict

AUDITS = 18


def benchmark() -> ModuleType:
    """The benchmark as a module."""
    name = "whole_decision"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "benchmarks" / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


SCENARIOS = list(benchmark().scenarios())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one.name for one in SCENARIOS])
def test_what_the_interval_excludes_is_decided_and_rarely_wrongly(scenario) -> None:
    module, n = benchmark(), 60
    at = module.audited(scenario, n, scenario.truth, AUDITS)
    far = [one for by in module.SHIFTS for one in module.audited(scenario, n, scenario.truth + by, AUDITS // 3)]
    for wrong in (Verdict.PASS, Verdict.FAIL):
        assert sum(one.verdict is wrong for one in at) / AUDITS <= 0.07 + 3 * (0.05 * 0.95 / AUDITS) ** 0.5
    excluded = [one for one in (*at, *far) if one.excludes]
    assert len(excluded) >= 6
    open_ = [one.reason for one in excluded if one.verdict is Verdict.INCONCLUSIVE]
    assert set(open_) <= ({Reason.MASK_UNCERTAIN} if scenario.masked else set())
    assert len(open_) <= len(excluded) / 4
