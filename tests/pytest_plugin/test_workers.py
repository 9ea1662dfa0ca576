"""A run that is measured by workers comes to what one process comes to, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from pytest_plugin.runs import Line

from modelaudit.evidence.record import RunRecord, read_record

IMAGES = 60
AUDIT = """
audit = Audit(**told(MODEL, "folder:photos?masks=masks"))
right = audit.expect(accuracy > 0.5)
flips = audit.expect(flip_rate.under(swap_background("other_class")) < 0.9)
maps = audit.expect(background_dependence("saliency").under(swap_background("other_class")) < 0.99)
"""
#: a model that ends its process where it sees one image, whatever its backgrounds
POISONED = """
import os
class Poisoned(Colour):
    def forward(self, images):
        if bool((images[:, 0, 4:8, 4:8].mean((1, 2)) == images[:, 0, 4, 4]).any() & (images[:, 2, 5, 5] > 0.9).any()):
            os._exit(7)
        return super().forward(images)
MODEL = Poisoned()
"""


@pytest.fixture
def project(line: Line) -> Line:
    line.photos(IMAGES)
    line.audit("MODEL = Colour()\n" + AUDIT)
    return line


def started(line: Line, name: str, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--audit-micro-batch=4", "--audit-checks=off"]
    return subprocess.Popen(
        [*command, f"--audit-results={name}", *args],
        cwd=line.path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(line: Line, name: str, *args: str) -> tuple[int, str, RunRecord | None]:
    process = started(line, name, *args)
    said, _ = process.communicate(timeout=120)
    latest = line.path / name / "latest"
    return process.returncode, said, read_record(latest) if latest.exists() else None


def values(record: RunRecord | None) -> tuple[object, ...]:
    """What was measured and decided."""
    assert record is not None
    cases = [case.model_copy(update={"duration_s": 0.0, "reproduce": ""}) for case in record.cases]
    return ([case.model_dump(exclude={"duration_s", "reproduce"}) for case in cases], record.tables)


def test_two_processes_measure_what_one_does(project: Line) -> None:
    code, said, alone = run(project, "alone", "--audit-executor=local", "--audit-store=off")
    assert code == 0, said
    code, said, shared = run(project, "shared", "--audit-executor=processes", "--audit-workers=2", "--audit-store=off")
    assert code == 0, said
    assert values(shared) == values(alone)
    assert shared is not None and (shared.provenance.executor, shared.provenance.workers) == ("processes", 2)
    assert alone is not None and alone.provenance.executor is None
    assert not list((project.path / "shared" / "latest").glob(".values-*")), "the values of the run itself are removed"


@pytest.mark.nightly  # by day: tests/engine/executors/test_scheduler.py
def test_an_image_that_ends_every_process_is_left_out_and_counted(project: Line) -> None:
    """The others have the values that they have without it."""
    from PIL import Image

    poisoned = project.path / "photos" / "red" / "20.png"
    with Image.open(poisoned) as image:
        pixels = image.convert("RGB")
    pixels.paste((180, 40, 250), (3, 3, 9, 9))
    pixels.save(poisoned)
    project.audit(POISONED + AUDIT)
    _, said, record = run(project, "left_out", "--audit-executor=processes", "--audit-workers=2", "--audit-store=off")
    assert record is not None, said
    (missing,) = [one for one in record.data[0].unusable if one.sample == "red/20.png"]
    assert missing.reason == "ended_worker"
    assert "twice: with exit status 7" in missing.message
    assert len(record.data[0].unusable) == 1


@pytest.mark.nightly  # by day: tests/engine/executors/test_scheduler.py
def test_killed_workers_and_a_killed_run_lose_nothing(project: Line) -> None:
    _, _, alone = run(project, "alone", "--audit-executor=local", "--audit-store=off")
    use = ("--audit-executor=processes", "--audit-workers=2", "--audit-store=store")
    first = started(project, "killed", *use)
    kill_workers_of(first, 1)
    first.kill()  # the run itself, with what it has in the store
    first.wait()
    second = started(project, "killed", *use)
    kill_workers_of(second, 2)
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert values(read_record(project.path / "killed" / "latest")) == values(alone)


def kill_workers_of(run: subprocess.Popen[str], kills: int) -> None:
    """Kill `kills` of its workers one after the other, each some time after it was started."""
    import psutil

    seen: set[int] = set()
    until = time.monotonic() + 60
    while len(seen) < kills and run.poll() is None and time.monotonic() < until:
        for child in psutil.Process(run.pid).children():
            if child.pid not in seen and time.time() - child.create_time() > 6:
                seen.add(child.pid)
                os.kill(child.pid, signal.SIGKILL)
                break
        time.sleep(0.05)


def test_pytest_xdist_and_workers_are_told_apart(project: Line) -> None:
    code, said, _ = run(project, "both", "-n2", "--audit-executor=processes")
    assert code == 4
    assert "pytest-xdist (-n) shares out the cases already" in said


@pytest.mark.parametrize("given", ["rays", "cluster:x"])
def test_an_unknown_executor_is_a_usage_error(project: Line, given: str) -> None:
    result = project.run(f"--audit-executor={given}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*--audit-executor={given}: use auto, local, processes, ray or ray:ADDRESS*"])


def test_no_session_that_was_made_a_worker_by_mistake_is_green(project: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELAUDIT_MEASURES_FOR", "{}")
    code, _, record = run(project, "none")
    assert code != 0
    assert record is None
