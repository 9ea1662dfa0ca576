"""``modelaudit init``: from a folder and a model to a first audit that pytest runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from data.pictures import save

from modelaudit.cli import main
from modelaudit.evidence.about import About, read_about

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
ARGUMENTS = ("--classes", "blue,red", "--preprocessing", "16")


class RedOrBlue(torch.nn.Module):
    """Names the channel that is brighter on average: red parts and blue ones."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return 20 * pixels.mean((2, 3))[:, [2, 0]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    torch.jit.save(torch.jit.script(RedOrBlue().eval()), str(tmp_path / "models" / "parts.ts"))
    for number in range(6):
        draw = np.random.default_rng(number)
        label = ("blue", "red")[number % 2]
        pixels = draw.integers(40, 120, (16, 16, 3), dtype=np.uint8)
        pixels[4:12, 4:12, 0 if label == "red" else 2] = 250
        mask = np.zeros((16, 16), dtype=np.uint8)
        mask[4:12, 4:12] = 1
        save(tmp_path / "photos" / "images" / label / f"{number}.png", pixels)
        save(tmp_path / "photos" / "masks" / label / f"{number}.png", mask)
    return tmp_path


def init(*arguments: str) -> int:
    return main(["init", "photos", "models/parts.ts", *ARGUMENTS, *arguments])


def test_it_writes_an_audit_and_says_what_comes_next(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init() == 0
    said = capsys.readouterr().out
    for part in (
        "data: taken as folder:photos",
        "model: taken as torchscript:models/parts.ts",
        "data: 6 images (blue 3, red 3); masks of the objects",
        "wrote audits/audit_photos.py",
        "wrote audits/about.yaml",
        "modelaudit data check folder:photos",
        "modelaudit plan audits/audit_photos.py",
        "time: at most 2 min",
        "pytest audits/ --audit-limit 20",
    ):
        assert part in said
    assert (project / ".gitignore").read_text() == "audit-results/\n.modelaudit/\n"
    assert (project / "pytest.ini").is_file()
    assert max(map(len, said.splitlines())) <= 100


def test_what_it_proposes_for_the_head_of_the_report_can_be_read(project: Path) -> None:
    assert init() == 0
    file = project / "audits" / "about.yaml"
    assert read_about([file]) == About()
    proposed = file.read_text(encoding="utf-8").splitlines()[2:]
    file.write_text("\n".join(line.removeprefix("# ") for line in proposed), encoding="utf-8")
    about = read_about([file])
    assert about is not None
    assert set(about.model_dump(exclude_defaults=True)) == set(About.model_fields)
    assert init("--name", "other") == 0
    assert read_about([file]) == about


@pytest.mark.parametrize("form", [(), ("--yaml",)])
def test_what_it_writes_runs_from_every_folder(
    project: Path, form: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester
) -> None:
    monkeypatch.chdir(project)
    assert init(*form) == 0
    monkeypatch.chdir(project / "audits")
    done = pytester.runpytest_inprocess("--audit-allow-code", "--audit-limit=4", "--audit-store=off")
    done.stdout.fnmatch_lines(["QUICK LOOK: *"])
    assert "ERROR" not in done.stdout.str()


def test_nothing_is_overwritten(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--ci", "github") == 0
    workflow = project / ".github" / "workflows" / "modelaudit.yml"
    before = {path: path.read_bytes() for path in (project / "audits" / "audit_photos.py", workflow)}
    (project / ".gitignore").write_text("*.log\n.modelaudit")
    assert init() == 2
    assert "--name" in capsys.readouterr().err
    assert init("--name", "other", "--ci", "github") == 2
    assert "leave out --ci" in capsys.readouterr().err
    assert not (project / "audits" / "audit_other.py").exists()
    assert init("--name", "other") == 0
    assert {path: path.read_bytes() for path in before} == before
    assert (project / ".gitignore").read_text() == "*.log\n.modelaudit\naudit-results/\n"


def test_paths_are_those_of_the_rootdir(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (project / "line").mkdir()
    monkeypatch.chdir(project / "line")
    assert main(["init", "../photos", "../models/parts.ts", *ARGUMENTS]) == 0
    text = (project / "line" / "audits" / "audit_photos.py").read_text()
    assert 'data="folder:photos"' in text and 'model="torchscript:models/parts.ts"' in text
    assert not (project / "line" / "pytest.ini").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("photos", "models/parts.ts"), "--preprocessing 256,224,imagenet"),
        (("photos", "models/parts.ts", "--preprocessing", "16"), "--classes blue,red"),
        (("photos", "models/parts.ts", "--preprocessing", "16", "--classes", "a,b"), "--classes blue,red"),
        (("photos", "models/parts.ts", "--preprocessing", "16", "--classes", "a,b,c"), "--classes blue,red"),
        (("nowhere", "models/parts.ts"), "no file or folder"),
        (("photos", "models/other.ts"), "no file"),
    ],
)
def test_what_is_open_is_asked_with_the_option_that_answers_it(
    project: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not (project / "audits").exists()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("photos", "photos"),
        ("data/line_a/", "line_a"),
        ("yolo/data.yaml", "yolo"),
        ("coco/annotations/instances_default.json", "coco"),
        ("folder:data/Line B", "line_b"),
        ("demo:", "demo"),
        ("data", "folder"),
    ],
)
def test_an_audit_is_named_after_its_data(data: str, name: str) -> None:
    from modelaudit.cli.init import _name_of_data
    from modelaudit.starter.audit_file import name_of

    assert name_of(_name_of_data(data)) == ("data" if name == "folder" else name)
