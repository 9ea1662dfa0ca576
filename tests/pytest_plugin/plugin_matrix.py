"""An audit beside other pytest plugins: each in a virtual environment of its own over the test environment.

    python tests/pytest_plugin/plugin_matrix.py           # print the table
    python tests/pytest_plugin/plugin_matrix.py --write   # write it into docs/validation/plugins.md as well

The environment under a plugin is the one that runs this: nothing is installed into it, and its own plugins are off.
"""

from __future__ import annotations

import argparse
import html
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import distributions, entry_points
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "validation" / "plugins.md"
BEGIN, END = "<!-- begin of the table -->", "<!-- end of the table -->"
VERDICTS = {"passes": "PASS", "fails": "FAIL", "undecided": "INCONCLUSIVE", "errs": "ERROR"}
AUDIT = """
from line import *
from modelaudit import Audit
from modelaudit.measures import accuracy

class Raises(Colour):
    def forward(self, images):
        if images.shape[-1] == SIDE:
            raise ValueError("no such layer")
        return super().forward(images)

audit = Audit(**told())
passes = audit.expect(accuracy > 0.5)
fails = audit.expect(accuracy < 0.5)
undecided = audit.expect(accuracy > 0.99)
errs = Audit(**told(Raises())).expect(accuracy > 0.5)
"""
#: the first line of each paragraph that is printed
PARAGRAPHS = ("FAIL: fails", "INCONCLUSIVE(too_few_images): undecided", "ERROR: errs")
_SECONDS = 300
_OUTPUT = "output.txt"
#: sessions begin as copies of one process that has imported what takes long and nothing of a plugin
_PROCESSES = multiprocessing.get_context(
    "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
)
if isinstance(_PROCESSES, multiprocessing.context.ForkServerContext):
    _PROCESSES.set_forkserver_preload(["torch", "torchvision", "modelaudit.engine.assembly", "modelaudit.report"])

Statuses = Mapping[str, str]


class PluginNotInstalledError(Exception):
    """A plugin that pip could not install."""


@dataclass(frozen=True)
class Session:
    """A session of pytest that has ended: its folder, output and exit status."""

    folder: Path
    output: str
    status: int

    @property
    def counts(self) -> str:
        """The outcomes at the end of the output, without warnings."""
        lines = self.output.splitlines()
        last = [line.split(" in ")[0] for line in lines if re.search(r"\d+ \w+.* in [\d.]+s", line)]
        sugar = self.output.split("\nResults (")[-1]  # pytest-sugar has a closing section in place of the line
        found = re.findall(r"(\d+) ([a-z]+)", last[-1] if last else "\n".join(re.findall(r"^ +\d+ \w+$", sugar, re.M)))
        return ", ".join(f"{number} {name}" for number, name in found if not name.startswith("warning"))

    def record(self) -> dict[str, str | None]:
        """The verdict of every case, as run.json has it.

        Raises:
            AssertionError: a case is there twice.
        """
        found = json.loads((self.folder / "audit-results" / "latest" / "run.json").read_text(encoding="utf-8"))
        cases = [(case["name"], case["verdict"]) for case in found["cases"]]
        assert len(dict(cases)) == len(cases), cases
        return dict(cases)


def junit(session: Session) -> Statuses:
    """What pytest's own JUnit XML says of each case."""
    found: dict[str, str] = {}
    for case in ElementTree.parse(session.folder / "junit.xml").iter("testcase"):
        tags = [part.tag for part in case if part.tag in ("failure", "error", "skipped")]
        assert case.attrib["name"] not in found and len(tags) <= 1, case.attrib["name"]
        found[case.attrib["name"]] = tags[0] if tags else "passed"
    return found


def allure(session: Session) -> Statuses:
    """The statuses in allure's files, one a case."""
    files = sorted((session.folder / "allure").glob("*-result.json"))
    results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert len(results) == len(VERDICTS)
    for result in results:
        assert result["status"] == "passed" or VERDICTS[result["name"]] in result["statusDetails"]["message"], result
    return {result["name"]: result["status"] for result in results}


def html_report(session: Session) -> Statuses:
    """The results in pytest-html's page, whose log is the paragraph."""
    page = (session.folder / "report.html").read_text(encoding="utf-8")
    match = re.search(r'data-jsonblob="([^"]*)"', page)
    assert match is not None
    found = {}
    for name, (result,) in json.loads(html.unescape(match[1]))["tests"].items():
        case = name.split("::")[1]
        found[case] = result["result"]
        assert case == "passes" or any(text in html.unescape(result["log"]) for text in PARAGRAPHS), result["log"]
    return found


def json_report(session: Session) -> Statuses:
    """The outcomes in pytest-json-report's file, with the first line of the paragraph as the message of the crash."""
    found = json.loads((session.folder / "report.json").read_text(encoding="utf-8"))
    for test in found["tests"]:
        crash = test["setup" if test["outcome"] == "error" else "call"].get("crash")
        assert test["outcome"] == "passed" or crash["message"].startswith(PARAGRAPHS), test
    return {_name(test["nodeid"]): test["outcome"] for test in found["tests"]}


def ctrf(session: Session) -> Statuses:
    """The statuses in pytest-json-ctrf's file."""
    found = json.loads((session.folder / "ctrf.json").read_text(encoding="utf-8"))["results"]
    statuses = {_name(test["name"]): test["status"] for test in found["tests"]}
    counted = {one: found["summary"][one] for one in ("passed", "failed", "pending", "skipped", "other")}
    assert counted == {one: list(statuses.values()).count(one) for one in counted}, found["summary"]
    assert found["summary"]["tests"] == len(found["tests"]) == len(VERDICTS)
    for test in found["tests"]:
        assert test["status"] == "passed" or test["message"].startswith(PARAGRAPHS), test
    return statuses


def instafail(session: Session) -> Statuses:
    """pytest-instafail prints a failure when it happens, so before the closing section."""
    before = session.output.split("= audit =")[0]
    for text in PARAGRAPHS:
        assert text in before, text
    return junit(session)


def cov(session: Session) -> Statuses:
    """pytest-cov measures the audit file."""
    assert re.search(r"audit_each\.py\s+\d+\s+\d+\s+\d+%", session.output), session.output
    return junit(session)


@dataclass(frozen=True)
class Plugin:
    """A pytest plugin beside which the audit runs.

    Args:
        name: the distribution.
        options: of the session that uses it.
        read: what it, or else pytest's JUnit XML, says of each case; what else it should show is asserted there.
        parts: sessions whose cases together are those of the audit, by the options of each.
    """

    name: str
    options: tuple[str, ...] = ()
    read: Callable[[Session], Statuses] = junit
    parts: tuple[tuple[str, ...], ...] = ((),)


PLUGINS = (
    Plugin("pytest-xdist", ("-n2", "--dist=loadgroup")),
    Plugin("pytest-randomly", ("--randomly-seed=3",)),
    Plugin("pytest-rerunfailures", ("--reruns=2",)),
    Plugin("pytest-retry", ("--retries=2",)),
    Plugin("pytest-timeout", ("--timeout=200",)),
    Plugin("pytest-cov", ("--cov=.", "--cov-report=term"), cov),
    Plugin("pytest-html", ("--html=report.html", "--self-contained-html"), html_report),
    Plugin("pytest-json-report", ("--json-report", "--json-report-file=report.json"), json_report),
    Plugin("pytest-json-ctrf", ("--ctrf=ctrf.json",), ctrf),
    Plugin("allure-pytest", ("--alluredir=allure",), allure),
    Plugin("pytest-sugar", ("--force-sugar",)),
    Plugin("pytest-instafail", ("--instafail",), instafail),
    Plugin("pytest-split", ("--splits=2",), parts=(("--group=1",), ("--group=2",))),
    Plugin("pytest-repeat", ("--count=3",)),
)


@dataclass(frozen=True)
class Row:
    """What an audit beside a plugin ended with."""

    plugin: Plugin
    version: str
    statuses: Statuses
    counts: str
    exit_status: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of its row of the table."""
        options = " ".join(f"`{option}`" for option in self.plugin.options)
        ends = (self.statuses[name] for name in VERDICTS)
        return (self.plugin.name, self.version, options, *ends, self.counts, self.exit_status)


def measure(plugin: Plugin, folder: Path) -> Row:
    """Run the audit beside a plugin, in a fresh environment below the folder.

    Raises:
        PluginNotInstalledError: pip could not install the plugin.
        AssertionError: a case has another verdict than without the plugin, is there twice, or lacks its paragraph.
    """
    python, version = _environment(plugin, folder / "venv")
    statuses: dict[str, str] = {}
    sessions = [
        _session(python, plugin, folder / f"part{number}", options) for number, options in enumerate(plugin.parts, 1)
    ]
    verdicts: dict[str, str | None] = {}
    for session in sessions:
        assert "= audit =" in session.output, session.output
        verdicts |= {name: verdict for name, verdict in session.record().items() if verdict is not None}
        statuses |= plugin.read(session)
    assert verdicts == VERDICTS, verdicts
    counts, ends = ("; ".join(one) for one in zip(*((each.counts, str(each.status)) for each in sessions), strict=True))
    return Row(plugin, version, statuses, counts, ends)


def _environment(plugin: Plugin, folder: Path) -> tuple[Path, str]:
    """The interpreter of a virtual environment over this one, with the plugin, and the plugin's version."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    (own,) = folder.glob("lib/python*/site-packages")
    # `--system-site-packages` would show the packages of the base interpreter, and not those of the test environment
    below = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    lines = ["import site", *(f"site.addsitedir({path!r})" for path in below)]
    (own / "test_environment.pth").write_text("; ".join(lines) + "\n", encoding="utf-8")
    version = _version(plugin.name, sys.path)
    if version is None:
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", plugin.name]
        ended = subprocess.run(pip, capture_output=True, text=True, timeout=_SECONDS)
        if ended.returncode:
            raise PluginNotInstalledError(f"{plugin.name}: {ended.stderr.strip()}")
        version = _version(plugin.name, [str(own)])
    assert version is not None
    return python, version


def _version(name: str, path: Iterable[str]) -> str | None:
    return next((found.version for found in distributions(name=name, path=list(path))), None)


def _session(python: Path, plugin: Plugin, folder: Path, options: tuple[str, ...]) -> Session:
    """Run the audit in a folder of its own, without the other plugins of the test environment."""
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("line.py"), folder)
    (folder / "audit_each.py").write_text(AUDIT, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    others = {
        f"-pno:{one.name}"
        for one in entry_points(group="pytest11")
        if one.dist is not None and one.dist.name not in (plugin.name, "pytest-modelaudit")
    }
    fixed = ("-p", "no:cacheprovider", "--audit-checks=off", "--audit-store=off", "--junitxml=junit.xml")
    arguments = [*sorted(others), *fixed, *plugin.options, *options]
    session = _PROCESSES.Process(target=_run, args=(python, folder, arguments))
    session.start()
    session.join(_SECONDS)
    if session.is_alive():
        session.kill()
        session.join()
    output = (folder / _OUTPUT).read_text(encoding="utf-8")
    assert session.exitcode is not None and session.exitcode >= 0, output
    return Session(folder, output, session.exitcode)


def _run(python: Path, folder: Path, arguments: list[str]) -> None:
    """A session as ``python -m pytest`` begins one, in a process that may have imported torch and modelaudit before."""
    output = os.open(folder / _OUTPUT, os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("PYTEST", "COV_", "MODELAUDIT"))]:
        del os.environ[name]
    (own,) = python.parents[1].glob("lib/python*/site-packages")
    paths = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    sys.path[:] = [*paths[:2], str(own), *(path for path in sys.path if Path(path) != ROOT / "tests")]
    sys.executable = str(python)  # of the workers of pytest-xdist
    import pytest
    import torch

    from modelaudit.models import source_files

    torch.set_num_threads(1)
    source_files._BEGAN = time.time_ns()  # what was imported before counts as imported now
    status = pytest.main(arguments)
    sys.stdout.flush()
    sys.exit(int(status))


def _name(node_id: str) -> str:
    return node_id.split("::")[1]


HEADER = ("plugin", "version", "options", *VERDICTS.values(), "counts", "exit status")


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of the table."""
    return [f"| {' | '.join(cells)} |" for cells in (HEADER, ("---",) * len(HEADER), *rows)]


def documented() -> dict[str, tuple[str, ...]]:
    """The rows of the page, by plugin."""
    lines = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip().splitlines()
    rows = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:])
    return {row[0]: row for row in rows}


def main() -> None:
    """Print the table of all plugins, and write it into the page where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    write = parser.parse_args().write

    def measured(plugin: Plugin) -> tuple[str, ...]:
        with tempfile.TemporaryDirectory() as folder:
            cells = measure(plugin, Path(folder)).cells
        print(*cells, sep=" | ", file=sys.stderr, flush=True)
        return cells

    with ThreadPoolExecutor(2) as pool:
        lines = table(pool.map(measured, PLUGINS))
    print("\n".join(lines))
    if write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        made = "\n".join([before + BEGIN, "", *lines, "", END + rest.split(END)[1]])
        PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
