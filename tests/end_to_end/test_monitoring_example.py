"""examples/monitoring: two cameras, a watch that follows them, an alarm, its list, and the next audit on it."""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from modelaudit.cli import _parser as command_line
from modelaudit.cli import _with_steps, main
from modelaudit.monitoring.alarm_record import read_alarm

EXAMPLE = Path(__file__).parents[2] / "examples" / "monitoring"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(EXAMPLE.parents[1])}


def audit(folder: Path, *words: str, **variables: str) -> str:
    """What an audit said that passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "monitoring", *words]
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT | variables, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_for(condition: str, folder: Path, process: subprocess.Popen[str]) -> Path:
    """The alarm whose name ends so, once its page is written."""
    for _ in range(1200):
        if found := [one for one in folder.glob(f"alarms/*{condition}") if (one / "alarm.html").exists()]:
            return found[0]
        assert process.poll() is None, "the watch ended"
        time.sleep(0.1)
    pytest.fail(f"no alarm {condition}")


def test_from_the_audit_to_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(name: str, *words: str) -> None:
        monkeypatch.setattr(sys, "argv", [name, *words])
        runpy.run_path(str(tmp_path / "monitoring" / name), run_name="__main__")

    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLE, tmp_path / "monitoring")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert "3 PASS" in audit(tmp_path)
    assert main(["watch", "fit", "audit-results/latest", "-o", "monitor.json"]) == 0

    (tmp_path / "line").mkdir()
    run_words = "watch run monitor.json --images line --follow --every 0.2 --group-by folder --metrics modelaudit.prom"
    with subprocess.Popen(
        [sys.executable, "-c", "from modelaudit.cli import main; raise SystemExit(main())", *run_words.split()],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as watch:
        script("camera.py", "line")
        alarm = wait_for("-camera_2-surroundings", tmp_path, watch)
        counted = re.compile(r'^modelaudit_watch_images_total\{group="camera_.*"\} 110', re.MULTILINE)
        for _ in range(600):  # the rest of the frames
            if len(counted.findall((tmp_path / "modelaudit.prom").read_text())) == 2:
                break
            time.sleep(0.1)
        watch.send_signal(signal.SIGTERM)
        said = watch.communicate(timeout=60)[0]
        assert watch.returncode == 1, said

    record = read_alarm(alarm)
    assert 60 <= record.began.unit <= 75 and record.units <= 95
    assert not list(tmp_path.glob("alarms/*camera_1*"))
    assert {one.node_id.rpartition("::")[2]: one.standing for one in record.claims} == {
        "finds_the_part": "unknown_needs_labels",
        "survives_lighting": "unknown_needs_labels",
        "survives_another_tray": "unknown_both",
    }
    assert [one.touched for one in record.claims] == [False, False, True]
    assert all(one.found["ja"] and one.found["en"] for one in record.claims)

    assert main(["watch", "list", "monitor.json", str(record.number)]) == 0
    listed = f"alarms/{alarm.name}/audit_next.csv"
    script("label.py", listed, "truth.csv")
    told = audit(tmp_path, "-k", "finds_the_part or survives_lighting", LINE_DATA=f"csv:{listed}")
    assert "PASS of a selection: 2 PASS" in told

    capsys.readouterr()
    assert main(["watch", "status", "monitor.json", "--json"]) == 1
    for one in json.loads(capsys.readouterr().out)["alarms"]:
        main(["watch", "status", "monitor.json", "--acknowledge", str(one["number"]), "--by", "M. Sato"])
    assert main(["watch", "status", "monitor.json", "--metrics", "modelaudit.prom"]) == 0
    scraped = (tmp_path / "modelaudit.prom").read_text()
    watched = re.findall(r"modelaudit_watch_\w+", (EXAMPLE / "alerts.yml").read_text())
    assert watched and all(re.search(rf"^{name}\b", scraped, re.MULTILINE) for name in watched)


def test_the_commands_of_the_service_and_of_the_container_are_understood() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(EXAMPLE / "modelaudit-watch.service")
    service = shlex.split(unit["Service"]["ExecStart"])
    assert Path(service[0]).name == "modelaudit"
    text = (EXAMPLE / "Containerfile").read_text(encoding="utf-8")
    container = [
        word for name in ("ENTRYPOINT", "CMD") for word in json.loads(re.search(rf"^{name} (.*)$", text, re.M)[1])
    ]  # type: ignore[index]
    for words in (service, container):
        given = command_line().parse_args(_with_steps(words[1:]))
        assert given.follow and given.metrics.suffix == ".prom" and given.group_by == "folder"
    assert unit["Service"]["SuccessExitStatus"] == "1"
    assert yaml.safe_load((EXAMPLE / "alerts.yml").read_text(encoding="utf-8"))["groups"]
