"""An audit of a model behind an address: killed, run again, run without the server, run by several workers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from models.box_server import Box, serving
from pytest_plugin.runs import Line, counts

from modelaudit.evidence.record import RunRecord

SECRET = "s3cr3t-of-the-box"
AUDIT = """
    a = Audit(model="remote:box.yaml", data=samples(24))
    right = a.expect(accuracy > 0.5)
    swapped = a.expect(accuracy.under(swap_background("other_class")) > 0.5)
    dependence = a.expect(background_dependence(occlusion(window=0.34, stride=0.34)) < 0.9)
"""
SETTINGS = """
    url: {url}?code=${{BOX_KEY}}
    version: "3"
    headers: {{Authorization: "Bearer ${{BOX_KEY}}"}}
    request: {{instances: "{{images}}"}}
    item: {{image: "{{image}}"}}
    batch: {batch}
    answer: {{scores: "predictions[*].scores"}}
    classes: [red, green]
    preprocessing: {{}}
    {more}
"""


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setenv("BOX_KEY", SECRET)
    with serving(Box()) as found:
        yield found


def prepared(line: Line, box: Box, batch: int = 8, more: str = "") -> None:
    line.audit(AUDIT)
    line.write("box.yaml", SETTINGS.format(url=box.url, batch=batch, more=more))


def comparable(record: RunRecord) -> dict[str, Any]:
    """A record without what differs between any two runs: times, ids, and what the run before it was."""
    found = record.model_dump(mode="json", exclude={"id", "started", "finished", "since_last_run", "passes"})
    for case in found["cases"]:
        del case["duration_s"]
    return found


def test_the_cassette_gives_the_same_record_without_the_server(
    line: Line, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(line, box)
    assert counts(line.run()) == {"passed": 3}
    first, asked = comparable(line.record()), len(box.sizes)
    assert max(box.sizes) == 8 and sum(box.images.values()) <= len(box.images) + 4  # the trial asks four twice
    with serving(Box()) as other:  # nobody listens at the address of the box any more
        assert other.url != box.url
    box.script = [lambda handler, request: pytest.fail("nothing is to be asked")] * 99
    monkeypatch.delenv("BOX_KEY")
    assert counts(line.run()) == {"passed": 3}
    assert comparable(line.record()) == first and len(box.sizes) == asked


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_the_cassette_gives_the_same_record_after_the_server_was_shut_down(
    line: Line, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("BOX_KEY", SECRET)
    with serving(Box()) as box:
        prepared(line, box)
        assert counts(line.run()) == {"passed": 3}
    first = comparable(line.record())
    cassette = (line.path / "box.cassette.jsonl").read_bytes()
    with pytest.raises(OSError):
        urllib.request.urlopen(box.url, timeout=1)
    monkeypatch.delenv("BOX_KEY")
    line.write("box.yaml", SETTINGS.format(url=box.url, batch=8, more=f"cassette: {{mode: {mode}}}"))
    assert counts(line.run()) == {"passed": 3}
    assert comparable(line.record()) == first
    assert (line.path / "box.cassette.jsonl").read_bytes() == cassette


def test_an_image_that_the_cassette_lacks_is_an_error_once_the_server_is_shut_down(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_KEY", SECRET)
    quick = "retries: {most: 1, first_wait: 0.01}"
    with serving(Box()) as box:
        prepared(line, box, more=quick)
        assert counts(line.run()) == {"passed": 3}
    line.audit(AUDIT.replace("samples(24)", "samples(25)"))
    result = line.run()
    assert counts(result) == {"errors": 3}
    assert box.url in str(result.stdout)


def test_no_file_that_a_run_writes_has_a_secret(line: Line, box: Box) -> None:
    prepared(line, box)
    line.checks = None
    result = line.run("-v", "--log-level=DEBUG", "-o", "log_file=log.txt")
    failing = [lambda handler, request: handler.send(401, f"no key {SECRET}".encode())] * 99
    box.script = failing
    (line.path / "box.cassette.jsonl").unlink()
    refused = line.run("--showlocals", "--log-level=DEBUG", "-rA")
    assert counts(refused) == {"errors": 3} or "failed" in counts(refused)
    assert "state 401: no key ***" in str(refused.stdout)
    assert SECRET not in str(result.stdout) + str(result.stderr) + str(refused.stdout) + str(refused.stderr)
    written = [file for file in line.path.rglob("*") if file.is_file()]
    assert {"run.json", "report.html", "box.cassette.jsonl", "log.txt"} <= {file.name for file in written}
    assert not [file for file in written if SECRET.encode() in file.read_bytes()]
    notes = " ".join(line.record().models[0].notes) if line.record().models else "images: sent"
    assert "images: sent" in notes


def test_a_killed_audit_goes_on_and_asks_nothing_twice(line: Line, box: Box) -> None:
    prepared(line, box, batch=1)
    assert counts(line.run()) == {"passed": 3}
    whole, record = Counter(box.images), comparable(line.record())
    (line.path / "box.cassette.jsonl").unlink()
    box.images.clear()
    box.sizes.clear()
    box.pause = 0.01
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--audit-store=off", "--audit-checks=off"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(line.path), *sys.path])}
    process = subprocess.Popen(command, cwd=line.path, env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(box.sizes) < len(whole) // 2 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.005)
    assert process.poll() is None, "it was to be killed in the middle"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    box.pause = 0
    time.sleep(0.05)  # the request on its way is answered to nobody
    kept = len(re.findall('"scores"', (line.path / "box.cassette.jsonl").read_text()))
    assert 0 < kept < sum(whole.values())
    assert counts(line.run()) == {"passed": 3}
    assert comparable(line.record()) == record
    more = box.images - whole
    # the one that was on its way, and the one that shows that it is still the same model
    assert sum(more.values()) <= 2 and set(box.images) == set(whole)


def test_workers_share_the_cassette(line: Line, box: Box) -> None:
    pytest.importorskip("xdist")
    prepared(line, box)
    line.audit(AUDIT.replace("24", "16"), "audit_other.py")
    result = line.run("-n", "2")
    assert counts(result) == {"passed": 6}
    twice = {name: count for name, count in box.images.items() if count > 1}
    assert len(twice) <= 8 and max(twice.values(), default=2) == 2


def test_a_budget_that_is_used_up_is_an_error_of_the_cases_and_a_larger_one_goes_on(line: Line, box: Box) -> None:
    prepared(line, box, more="budget: 5")
    result = line.run()
    assert counts(result) != {"passed": 3} and "budget of 5 requests is used up" in str(result.stdout)
    asked = Counter(box.images)
    prepared(line, box, more="budget: 500")
    assert counts(line.run()) == {"passed": 3}
    assert len(asked) > 4 and all(box.images[name] <= count + 2 for name, count in asked.items())


def test_a_yaml_audit_may_name_one_and_the_record_says_where_images_went(line: Line, box: Box) -> None:
    prepared(line, box)
    (line.path / "audit_line.py").unlink()
    line.photos(12)
    line.write(
        "line.audit.yaml",
        """
        model: remote:box.yaml
        data: folder:photos?masks=masks
        expect:
          right:
            that: accuracy > 0.5
        """,
    )
    assert counts(line.run()) == {"passed": 1}
    (model,) = line.record().models
    host = box.url.removeprefix("http://").removesuffix("/predict")
    assert f"images: sent to {host} as PNG of 8 bits a channel" in model.notes


def test_an_address_with_a_secret_is_no_name_of_a_model(line: Line) -> None:
    line.audit(
        f"""
        a = Audit(model="remote:https://host/p?key={SECRET}", data=samples(4))
        right = a.expect(accuracy > 0.5)
        """
    )
    result = line.run()
    assert "name that: 'remote:box.yaml'" in str(result.stdout)
    written = (file for file in line.path.rglob("*") if file.is_file() and file.name != "audit_line.py")
    assert not [file for file in written if SECRET.encode() in file.read_bytes() and file.suffix != ".pyc"]
