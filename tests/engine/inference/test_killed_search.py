"""A search that is killed goes on: what was searched is kept chunk by chunk, and is not searched again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engine.inference.test_worst_change import ALONE, AS_IT_IS, Cued, images
from engine.small_audits import audit, groups_of, settings
from torch import Tensor

from modelaudit.contexts import surroundings
from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language.progress import Silent
from modelaudit.measures import worst_change

IMAGES, CALLS = 160, 24
RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from engine.inference.test_killed_search import run
found = run(Path(sys.argv[2]))
print(found.model_dump_json())
"""
#: micro-batches until the process is killed; in the environment, since what a model's code names is part of its key
LEFT = "FORWARDS_LEFT"


class Mortal(Cued):
    """A model under which the process dies, as `kill -9` ends it: nothing can be tidied up."""

    def forward(self, pixels: Tensor) -> Tensor:
        left = os.environ.get(LEFT)
        if left == "0":
            os.kill(os.getpid(), signal.SIGKILL)
        elif left:
            os.environ[LEFT] = str(int(left) - 1)
        return super().forward(pixels)


def asked() -> Any:
    search = surroundings(colours=["grey", "black"], **ALONE)
    return audit(Mortal("grey", (5, 4)), images(IMAGES), preprocessing=AS_IT_IS).expect(
        worst_change(search, calls=CALLS) < 0.9
    )


def run(folder: Path) -> Measured:
    (group,) = groups_of(searched=asked())
    store = Store(folder / "store")
    found = measure(group, settings(folder, micro_batch=8), Silent(), store)
    store.close()
    return found


def apart(folder: Path, left: int | None = None) -> subprocess.CompletedProcess[str]:
    """The run in a process of its own."""
    environment = {**os.environ, LEFT: "" if left is None else str(left)}
    command = [sys.executable, "-c", RUN, str(Path(__file__).parents[2]), str(folder)]
    return subprocess.run(command, env=environment, timeout=120, check=False, capture_output=True, text=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_killed_search_does_not_begin_anew(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    half = whole.passes.forward // 8 // 2
    assert apart(tmp_path / "killed", half).returncode == -signal.SIGKILL
    done = apart(tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    again = Measured.model_validate_json(done.stdout.splitlines()[-1])
    assert 0 < again.passes.forward < 0.75 * whole.passes.forward
    assert (again.columns, again.searches) == (whole.columns, whole.searches)
    found = [[one.model_copy(update={"pictures": None}) for one in run.counterexamples] for run in (again, whole)]
    assert found[0] == found[1] and len(found[0]) == IMAGES
