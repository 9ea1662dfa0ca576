"""What every test may rely on."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from modelaudit.testing import allow_expect

__all__ = ["allow_expect"]

pytest_plugins = ["pytester"]
# workers share the cores: with threads of their own each they would wait for one another; torch is not imported yet
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _WORKERS > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))

# a background job of a shell ignores Ctrl-C, and so would whatever the tests start; caught signals are not inherited
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

# at a desk every run looks at new examples; in CI the examples follow from the tests, so that a verdict repeats
settings.register_profile("modelaudit", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("modelaudit")


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of the real model and photos; skips where it is missing."""
    folder = Path(os.environ.get("MODELAUDIT_ASSETS", Path(__file__).parents[2] / "shared" / "assets"))
    if not (folder / "pets").is_dir():
        pytest.skip(f"no real model and photos at {folder}; set MODELAUDIT_ASSETS")
    return folder


@pytest.fixture(autouse=True, scope="session")
def expectations_may_be_stated(allow_expect: None) -> None:
    """Tests of the language state expectations that nothing is to measure."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What a test draws without a seed of its own, such as the first weights of a model, is the same in every run."""
    random.seed(0)
    for library, seed in (("numpy", lambda numpy: numpy.random.seed(0)), ("torch", lambda torch: torch.manual_seed(0))):
        if library in sys.modules:  # tests of the language import neither
            seed(sys.modules[library])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that take half a minute and more to repeat a stated number run at night."""
    if "nightly" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("nightly") is not None:
                item.add_marker(pytest.mark.skip(reason="runs at night: pytest tests/ -m nightly"))


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import stay to the end: they are not looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of the plugins beside which audits were run, with their versions."""
    ended = [report for reports in terminalreporter.stats.values() for report in reports]
    rows = [dict(getattr(report, "user_properties", ())).get("beside_plugin") for report in ended]
    if any(rows):
        from pytest_plugin.plugin_matrix import table

        terminalreporter.write_sep("=", "beside other plugins")
        for line in table(sorted({tuple(row.split("|")) for row in rows if row})):
            terminalreporter.write_line(line)
