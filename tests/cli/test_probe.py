"""``modelaudit probe`` on the demo: the table, the record, and calls that cannot mean anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelaudit.cli import main
from modelaudit.evidence.probe import read_probe
from modelaudit.language.errors import ResultsError

TRAIN, TEST = "demo:?images=40&seed=5", "demo:?images=32"
CHEAP = ("--resamples", "20")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_in_both_languages(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "demo:shortcut", TRAIN, "--data", TEST, "--good", "gear", *CHEAP]) == 0
    out, err = capsys.readouterr()
    assert "fitted to 40 images of demo:?images=40&seed=5, and to 40 copies" in out.replace("\n    ", " ")
    assert "background of another class" in out and "miss rate" in out and "last layer alone" in out
    assert max(map(len, out.splitlines())) <= 80
    file = Path("audits/probes/demo-shortcut.json")
    assert err.splitlines()[-1] == str(file)
    record = read_probe(file)
    assert {one.measure for one in record.effects} == {"accuracy", "miss_rate", "false_alarm_rate"}
    assert main(["probe", "demo:shortcut", TRAIN, "--data", TEST, "-o", "x/y.json", "--language", "ja", *CHEAP]) == 0
    assert "正解率" in capsys.readouterr().out
    assert read_probe(Path("x/y.json")).model == record.model


def test_the_data_and_the_model_of_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "audits").mkdir()
    (here / "audits" / "a.audit.yaml").write_text(
        f'model: demo:sound\ndata: "{TEST}"\nexpect:\n  right:\n    that: accuracy > 0.1\n', encoding="utf-8"
    )
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--audit-store=off", "--audit-checks=off"]
    assert pytest.main([*options, "audits/a.audit.yaml"]) == 0
    run = "audit-results/latest"
    assert main(["probe", "demo:sound", TRAIN, "--run", run, *CHEAP]) == 0
    record = read_probe(Path("audits/probes/demo-sound.json"))
    written = json.loads((here / run / "run.json").read_text(encoding="utf-8"))
    assert record.data == TEST
    assert record.data_root == written["data"][0]["root"]
    assert record.model == written["models"][0]["fingerprint"]
    assert record.run is not None
    capsys.readouterr()
    assert main(["probe", "demo:shortcut", TRAIN, "--run", run, *CHEAP]) == 2
    assert "is not the model of the run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([TRAIN], "--data TEST_DATA, or --run RUN"),
        ([TRAIN, "--data", TEST, "--run", "audit-results/latest"], "one of the two"),
        ([TRAIN, "--data", TEST, "--confidence", "2"], "--confidence 2: must be at least 0.5 and below 1"),
        ([TRAIN, "--data", TEST, "--context", "swap(other)"], "swap"),
        ([TRAIN, "--data", TEST, "--donors", "nobody"], "nobody"),
        ([TRAIN, "--data", TEST, "--good", "bolt"], "--good bolt: demo:?images=32 has no such label"),
        ([TEST, "--data", TEST], "32 are the same picture as a test image"),
        ([TRAIN, "--run", "nowhere"], "nowhere"),
        (["demo:?images=8&seed=5", "--data", TEST], "of 8 training images 8 can be used, and a probe needs 20"),
    ],
)
def test_calls_that_are_refused_write_nothing(
    given: list[str], complaint: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", "demo:sound", *given, *CHEAP]) == 2
    assert complaint in capsys.readouterr().err
    assert not (here / "audits").exists()


def test_a_model_without_a_last_layer_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "net.py").write_text(
        "import torch\nfrom modelaudit import BuiltModel, Preprocessing\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.scale = torch.nn.Parameter(torch.ones(4))\n"
        "    def forward(self, x):\n        return x.mean((1, 2, 3))[:, None] * self.scale\n"
        "def build():\n    return BuiltModel(Net(), Preprocessing(), ('bracket', 'gear', 'nut', 'washer'))\n"
    )
    assert main(["probe", "net.py:build", TRAIN, "--data", TEST, *CHEAP]) == 2
    assert "has no last layer that yields its logits" in capsys.readouterr().err


def test_a_file_that_is_no_probe_is_named(here: Path) -> None:
    for text in ("", "[]", '{"schema_version": 1}', '{"schema_version": 2, "a": 1, "a": 2}'):
        Path("odd.json").write_text(text, encoding="utf-8")
        with pytest.raises(ResultsError, match=r"odd\.json"):
            read_probe(Path("odd.json"))
