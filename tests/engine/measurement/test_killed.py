"""An audit that is killed again and again ends like one that never was, and computes nothing twice that it had kept."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from engine.small_audits import MICRO_BATCH, groups_of, settings

from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.location import FILE
from modelaudit.engine.store.store import Store
from modelaudit.language.progress import Silent

IMAGES = 400
#: how far into a run kills reach at most: most of them early, some when there is something to lose on any machine
REACH = (0.1, 0.2, 0.4, 0.1, 0.8)
#: one process works on command after command, and each is killed; forking spares the imports
SERVER = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from engine.measurement.test_killed import run_once
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        run_once(Path(sys.argv[2]), Path(line.strip()))
        os._exit(0)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


def asked() -> Any:
    """Three contexts, maps, flips and borrowed backgrounds, on small images and a small model."""
    from engine.small_audits import Net, audit, samples

    from modelaudit.contexts import gaussian_noise, swap_background
    from modelaudit.measures import accuracy, background_dependence, flip_rate

    one = audit(Net(), samples(IMAGES))
    swap = swap_background("other_class")
    return {
        "right": one.expect(accuracy > 0.5),
        "swapped": one.expect(background_dependence("saliency", "gradcam").under(swap) < 0.5),
        "flips": one.expect(flip_rate.under(gaussian_noise(3)) < 0.9),
    }


def run_once(folder: Path, out: Path) -> None:
    """One run on the store in `folder`; its result and its cost into `out`."""
    (group,) = groups_of(**asked())
    store = Store(folder / "store")
    found = measure(group, settings(folder), Silent(), store)
    store.close()
    out.write_text(json.dumps([found.model_dump_json(), store.notes]))


def kept(folder: Path) -> dict[str, int]:
    """How many images are kept, by context."""
    if not (folder / "store" / FILE).exists():
        return {}
    with closing(sqlite3.connect(folder / "store" / FILE, timeout=30)) as connection:
        try:
            query = (
                "SELECT context, COUNT(*) FROM images JOIN keys ON keys.id = images.key WHERE kind = 'shown' GROUP BY 1"
            )
            return dict(connection.execute(query).fetchall())
        except sqlite3.OperationalError:  # killed before the tables were made
            return {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.nightly)])
def test_kills_change_no_value_and_cost_no_committed_pass_twice(tmp_path: Path, kills: int) -> None:
    (group,) = groups_of(**asked())
    began = time.perf_counter()
    whole = measure(group, settings(tmp_path / "whole"), Silent(), Store(tmp_path / "whole" / "store"))
    lasts = time.perf_counter() - began
    draw, before, stopped = random.Random(7), {}, 0
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(Path(__file__).parents[2]), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        for number in range(kills + 1):
            out = tmp_path / f"{number}.json"
            print(out, file=server.stdin, flush=True)
            child = int(server.stdout.readline())
            if number < kills:
                time.sleep(draw.uniform(0, lasts * REACH[number % len(REACH)]))
                with suppress(ProcessLookupError):  # it was done before
                    os.kill(child, 9)
            status = int(server.stdout.readline())
            stopped += status == -9
            now = kept(tmp_path)
            assert all(now.get(context, 0) >= count for context, count in before.items())
            if number < kills:
                before = now
    finally:
        server.kill()
        server.wait()
    text, notes = json.loads((tmp_path / f"{kills}.json").read_text())
    last = Measured.model_validate_json(text)
    assert stopped >= kills // 4 and notes == []
    assert sum(before.values()) > 0  # kills met runs that had something to lose
    whole = Measured.model_validate_json(whole.model_dump_json())
    assert last.model_dump(exclude={"passes"}) == whole.model_dump(exclude={"passes"})
    left = {context: IMAGES - count for context, count in before.items()}
    assert last.passes.forward <= sum(left.values()) + 3 * (MICRO_BATCH - 1)
    assert last.passes.decoded <= max(left.values(), default=IMAGES)
