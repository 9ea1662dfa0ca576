"""A watch that runs for months does not grow (``benchmarks/watch_soak.py`` says how fast it is)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from modelaudit.monitoring.state import RECENT

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "watch_soak.py"
#: the state keeps what images are recognised by: 16 bytes each, in pages that are half full at the worst
_BYTES_AN_IMAGE = 64


def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("watch_soak", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["watch_soak"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("images", [4_000, pytest.param(100_000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("lots", [1, 20])
def test_memory_stays_flat_and_the_state_grows_by_what_images_are_recognised_by(
    tmp_path: Path, images: int, lots: int
) -> None:
    found = list(benchmark().soak(tmp_path, images, groups=1, lots=lots))
    assert [one.images for one in found] == [images * tenth // 10 for tenth in range(1, 11)]
    settled = next(one for one in found if one.images > 2 * RECENT)  # every place of the latest images is taken
    assert found[-1].resident - settled.resident < 8 * 2**20
    assert found[-1].state - settled.state < 2**20 + _BYTES_AN_IMAGE * images
