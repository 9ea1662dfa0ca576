"""What README and docs show works: audits run, commands parse, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from docs_blocks import LANGUAGES, ROOT, Block, anchors, blocks, commands, links, pages, repository_paths
from PIL import Image

from modelaudit.cli import _parser as command_line
from modelaudit.cli import _with_steps, main
from modelaudit.data import decode, open_data

#: blocks that a test cannot run, by page, each with its reason in the page
NOT_RUN = {
    "docs/ci.md": 1,
    "docs/how_to/baselines.md": 2,
    "docs/data.md": 1,
    "docs/how_to/boxes_only.md": 1,
    "docs/how_to/closed_boxes.md": 1,
    "docs/how_to/check_data_first.md": 1,
    "docs/how_to/imagenet9.md": 1,
    "docs/how_to/many_workers.md": 1,
    "docs/how_to/retrain.md": 1,
    "docs/how_to/review_the_maps.md": 1,
    "docs/how_to/waivers.md": 2,
    "docs/how_to/write_an_agreement.md": 1,
    "docs/how_to/no_masks.md": 1,
    "docs/how_to/remote_models.md": 1,
}
#: what stands in for models and classes that the pages name and nobody has
STANDINS = (
    (re.compile(r"predictions:[\w/.?=&]+"), "demo:sound"),
    (re.compile(r"torchvision:\w+@untrained"), "demo:shortcut"),
    (re.compile(r"torchvision:\w+(\?checkpoint=[\w./]+|@\w+)"), "demo:sound"),
    (re.compile(r"\bbolt\b"), "gear"),
    (re.compile(r'"free"'), '"washer"'),
    (re.compile(r'"scratch"'), '"nut"'),
    (re.compile(r'"stain"'), '"bracket"'),
)
#: names that blocks outside of audits take for given
GIVEN = """
import torch
from pathlib import Path
from modelaudit import Audit
pixels, maps, mask = torch.rand(2, 3, 32, 32), torch.rand(2, 32, 32), torch.zeros(8, 8).numpy()
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4))
def predict(images): return images.reshape(len(images), -1)[:, :4]
"""


# --- pages ----------------------------------------------------------------------------------------------------------


def test_every_block_names_its_language() -> None:
    unknown = [block.name for block in blocks() if block.language not in LANGUAGES]
    assert not unknown, f"name one of {LANGUAGES} after the fence: {unknown}"


def test_what_is_not_run_is_listed() -> None:
    counted: dict[str, int] = {}
    for block in blocks():
        if block.not_run:
            counted[block.page] = counted.get(block.page, 0) + 1
    assert counted == NOT_RUN


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_files_that_pages_name_exist() -> None:
    missing = {path for page in pages() for path in repository_paths(page) if not (ROOT / path).exists()}
    assert not missing


# --- commands -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pytest_parser() -> Any:
    """pytest's own parser of options, with those of the plugins that are installed."""
    from _pytest.config import get_config

    config = get_config()
    config.pluginmanager.load_setuptools_entrypoints("pytest11")
    return config._parser


def test_commands_are_understood(pytest_parser: Any, capsys: pytest.CaptureFixture[str]) -> None:
    seen = 0
    for block, line in commands():
        for command in re.split(r"\s*&&\s*", line):
            seen += _understood(command, pytest_parser, block)
    assert seen > 20
    assert not capsys.readouterr().err


def _understood(command: str, pytest_parser: Any, block: Block) -> bool:
    words = [word for word in shlex.split(command, comments=True) if not re.fullmatch(r"[A-Z_0-9]+=.*", word)]
    try:
        if words[0] == "pytest":
            pytest_parser.parse([word for word in words[1:] if word != "-n" and word != "auto"])
        elif words[0] == "modelaudit" and words[1] != "gate":
            command_line().parse_args(_with_steps(words[1:]))
        elif words[0] == "python":
            assert (ROOT / words[1]).exists(), f"no {words[1]}"
        else:
            return False
    except (SystemExit, pytest.UsageError, AssertionError) as error:
        pytest.fail(f"{block.name}: {command}: {error}")
    return True


@pytest.mark.parametrize("command", ["data check", "contexts", "plan", "probe"])
def test_cheap_commands_run(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those on the folder that the pages name, and those that need no data."""
    monkeypatch.chdir(project)
    lines = {line for _, line in commands() if line.startswith(f"modelaudit {command}") and _is_cheap(line)}
    assert lines
    for line in lines:
        words = shlex.split(_with_standins(line), comments=True)[1:]
        assert main(words) in (0, 1), f"{line}: {capsys.readouterr().err}"


def _is_cheap(line: str) -> bool:
    """Whether it needs neither a run nor files that nobody has, and shows few contexts."""
    if "probe" in line:
        return "demo:" in line
    if "plan" in line:
        return 'plan "' in line
    return "data/line_a" in line and ("show" not in line or "--context" in line)


# --- audits ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data that the pages name, and every audit of every page."""
    folder = tmp_path_factory.mktemp("documented")
    _write_data(folder / "data")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    for path, text in _audit_files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def _write_data(data: Path) -> None:
    """Twelve parts of the built-in line as photos with masks, in the layouts that the pages name."""
    rows = ["image,label,mask,camera,lot,exposure"]
    for number, sample in enumerate(open_data("demo:?images=12&seed=3", root=ROOT).samples):
        shown = decode(sample)
        name = f"{sample.label}/{number:04}"
        for folder, pixels in (("line_a/images", shown.image), ("line_a/masks", shown.mask), ("night", shown.image)):
            path = data / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        lot, exposure = number, 1 + number % 4
        mask = f"line_a/masks/{name}.png"
        rows.append(f"line_a/images/{name}.png,{sample.label},{mask},cam{number % 2 + 1},lot{lot},{exposure}")
    (data / "parts.csv").write_text("\n".join(rows) + "\n")


def _audit_files() -> dict[str, str]:
    """Every audit by its file: a Python block that does not import Audit goes on with the one before it."""
    files: dict[str, str] = {}
    last = ""
    for block in blocks():
        stem = re.sub(r"\W", "_", block.name)
        if block.not_run or block.page == "README.md":  # its audit has a test of its own
            continue
        if block.file:
            files[block.file] = block.text
        elif block.language == "yaml":
            files[f"audits/{stem}.audit.yaml"] = _with_standins(block.text)
        elif block.is_audit:
            if "import Audit" in block.text:
                last = f"audits/audit_{stem}.py"
            assert last, f"{block.name} continues no audit: import Audit in it"
            files[last] = files.get(last, "") + _with_standins(block.text)
    return files


def _with_standins(text: str) -> str:
    for pattern, standin in STANDINS:
        text = pattern.sub(standin, text)
    return text


def _pytest(project: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(project)])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**inherited, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:xdist", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)


def test_documented_python_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run measures all audits; then the other blocks, some of which read its results."""
    done = _pytest(project, ["audits", "--audit-checks", "off", "--audit-store", "off", "-q"])
    record = project / "audit-results" / "latest" / "run.json"
    assert record.exists(), done.stdout + done.stderr
    found = json.loads(record.read_text(encoding="utf-8"))
    cases = found["cases"]
    assert found["about"]["customer"]["en"] == "Example Ltd."
    assert found["agreement"]["number"] == "PoC-2026-014"
    assert (found["costs"]["mask"], found["costs"]["per"]["en"]) == (400, "part")
    errors = {case["id"]: case["message"] for case in cases if case["verdict"] in (None, "ERROR")}
    assert not errors
    stated = {Path(case["file"]).name for case in cases}
    there = {path.name for path in (project / "audits").iterdir() if path.is_file()}
    assert stated | {"about.yaml", "agreement.yaml", "costs.yaml"} == there
    monkeypatch.chdir(project)
    other = [block for block in blocks() if block.language == "python" and not block.is_audit]
    assert len(other) >= 4
    for block in other:
        if not (block.file or block.not_run):
            names: dict[str, Any] = {}
            exec(GIVEN, names)
            exec(compile(_with_standins(block.text), block.name, "exec"), names)


def test_audits_that_are_not_run_can_be_stated() -> None:
    """Stating an expectation checks it and loads nothing."""
    for block in blocks():
        if block.not_run and block.language == "python":
            exec(compile(block.text, block.name, "exec"), {})
