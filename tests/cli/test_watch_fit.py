"""``modelaudit watch fit`` on the demo: the monitor of a run, of a line's own images, and calls that are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modelaudit.cli import main
from modelaudit.demo import InspectionLine
from modelaudit.monitoring.monitor_file import PromiseRecord, UnitRule, read_monitor

DATA = "demo:?images=44&coupling=0"
_OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--audit-store=off", "--audit-checks=off"]


def audited(folder: Path, text: str, name: str) -> Path:
    """The results of an audit with this file."""
    (folder / "audits").mkdir(parents=True)
    (folder / "audits" / name).write_text(text, encoding="utf-8")
    pytest.main(
        [*_OPTIONS, "--rootdir", str(folder), f"--audit-results={folder / 'results'}", f"{folder}/audits/{name}"]
    )
    return (folder / "results" / "latest").resolve()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = (
        f'model: demo:sound\ndata: "{DATA}"\nexpect:\n  right:\n    that: accuracy > 0.1\n'
        "  stays:\n    that: flip_rate.under(mean_fill(background)) < 0.9\n"
    )
    return audited(tmp_path_factory.mktemp("audited"), text, "a.audit.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def line(folder: Path, count: int) -> Path:
    for camera in ("cam1", "cam2"):
        (folder / camera).mkdir(parents=True)
    for at, pixels in enumerate(InspectionLine(0.0, 5).draw(range(count)).pixels):
        Image.fromarray(pixels).save(folder / f"cam{1 + at % 2}" / f"{at:04d}.png")
    return folder


def test_the_monitor_of_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "fit", str(run)]) == 0
    out, err = capsys.readouterr()
    assert "compares the line with the audited images (demo:?images=44&coupling=0)" in out.replace("\n  ", " ")
    assert "is at most 5%" in out and "--normal" in out and err.splitlines()[-1] == "monitor.json"
    assert max(map(len, out.splitlines())) <= 80
    monitor = read_monitor(Path("monitor.json"))
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert monitor.model.fingerprint == record["models"][0]["fingerprint"]
    assert monitor.reference.root == record["data"][0]["root"]
    assert monitor.run.id == record["id"]
    assert (monitor.reference.what, monitor.reference.masked) == ("audited", True)
    assert {one.node_id.rpartition("::")[2]: one.needs for one in monitor.claims} == {
        "right": ["labels"],
        "stays": ["masks"],
    }
    assert all(set(one.found) == {"en", "ja"} for one in monitor.claims)


def test_images_of_the_line_itself_in_groups_and_with_another_promise(
    run: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = line(here / "line", 84)
    options = ["--group-by", "folder", "--promise", "run-length=5000", "--no-pictures", "--language", "ja"]
    assert main(["watch", "fit", str(run), "--normal", str(folder), "-o", "deep/m.json", *options]) == 0
    assert "ラインの正常時の画像" in capsys.readouterr().out
    monitor = read_monitor(Path("deep/m.json"))
    assert (monitor.reference.what, monitor.reference.data) == ("normal", f"photos:{folder}")
    assert monitor.reference.groups == {"cam1": 21, "cam2": 21}
    assert monitor.promise == PromiseRecord(kind="run_length", value=5000)
    assert (monitor.unit, monitor.group_by, monitor.pictures) == (UnitRule(kind="each"), "folder", [])
    assert not monitor.reference.masked
    options = ["--group-by", "cam3", "-o", "deep/n.json"]
    assert main(["watch", "fit", str(run), "--normal", str(folder), *options]) == 2
    assert "--group-by cam3: finds nothing" in capsys.readouterr().err
    assert not Path("deep/n.json").exists()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--lot", "frames=1"], "--lot frames=1: must be each, frames=N"),
        (["--lot", "shift"], "--lot shift: must be each"),
        (["--promise", "false-alarms=5"], "--promise false-alarms=5: must be false-alarms=P"),
        (["--promise", "run-length=nan"], "--promise run-length=nan"),
        (["--normal", "nowhere"], "nowhere"),
        (["--normal", "demo:?images=39"], "demo:?images=39: has 39 images, and a monitor needs 40"),
        (["--model", "demo:shortcut"], "demo:shortcut: is not the model of the run"),
        (["--data", "demo:?images=44&coupling=0&seed=9"], "has other images than in the run"),
    ],
)
def test_calls_that_are_refused_write_nothing(
    given: list[str], complaint: str, run: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "fit", str(run), *given]) == 2
    assert complaint in capsys.readouterr().err
    assert [*here.iterdir()] == []


def changed(run: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the run with another record."""
    shutil.copytree(run, folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    change(record)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_a_model_that_changed_since_the_run_is_refused(
    run: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(record: dict[str, Any]) -> None:
        record["models"][0]["fingerprint"] = "0" * 64

    assert main(["watch", "fit", str(changed(run, here / "old", change))]) == 2
    assert "demo:sound: is not the model of the run" in capsys.readouterr().err


def test_a_run_of_several_models_asks_which(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "from modelaudit import Audit\nfrom modelaudit.measures import accuracy\n"
        f'a = Audit(model={{"good": "demo:sound", "bad": "demo:shortcut"}}, data="{DATA}")\n'
        "right = a.expect(accuracy > 0.1)\n"
    )
    run = audited(here / "several", text, "audit_several.py")
    capsys.readouterr()
    assert main(["watch", "fit", str(run)]) == 2
    assert "has 2 models (demo:sound, demo:shortcut), and a monitor watches with one" in capsys.readouterr().err
    assert main(["watch", "fit", str(run), "--model", "good"]) == 0
    assert read_monitor(Path("monitor.json")).model.reference == "demo:sound"


def test_a_run_of_python_objects_is_given_names_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "from pathlib import Path\nfrom modelaudit import Audit\nfrom modelaudit.data import open_data\n"
        "from modelaudit.demo import demo_model\nfrom modelaudit.language.reference import parse_reference\n"
        "from modelaudit.measures import accuracy\n"
        f'data = open_data("{DATA}", root=Path.cwd())\n'
        "def build():\n    return demo_model(parse_reference('demo:sound'), Path.cwd())\n"
        "right = Audit(model=build, data=data).expect(accuracy > 0.1)\n"
    )
    run = audited(here / "objects", text, "audit_objects.py")
    capsys.readouterr()
    assert main(["watch", "fit", str(run)]) == 2
    assert "--data REF, or images of the line with --normal REF" in capsys.readouterr().err
    assert main(["watch", "fit", str(run), "--data", DATA]) == 2
    assert "name what makes it with --model" in capsys.readouterr().err
