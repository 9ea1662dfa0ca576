"""Sessions of pytest on audits that a test writes."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
import torchvision  # noqa: F401  (can be imported but once in a process, and a session may need it)
from PIL import Image
from pytest_plugin import line

import modelaudit
from modelaudit.evidence.record import CaseRecord, RunRecord, read_record
from modelaudit.models import source_files

HEADER = """
from line import *
from modelaudit import Audit
from modelaudit.attribution import *
from modelaudit.contexts import *
from modelaudit.measures import *
"""

torch.set_num_threads(1)
# a session inside this process gives back what it imported; what is loaded before stays, and is loaded once
for room in pkgutil.walk_packages(modelaudit.__path__, "modelaudit."):
    if not room.name.endswith("__main__"):
        importlib.import_module(room.name)
#: a session inside this process takes the files that tests write for older than itself, as it would in its own
source_files._BEGAN = time.time_ns() + 10**15


class Line:
    """A folder with audits, and the sessions that are run in it.

    Sessions keep no store unless a test says so: what a test compares was computed, and not found. Nor are audits
    themselves audited unless it says so: what these tests are about has a verdict of its own.
    """

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.store: str | None = "off"
        self.checks: str | None = "off"
        self.path = pytester.path
        shutil.copy(Path(__file__).with_name("line.py"), self.path / "line.py")
        pytester.syspathinsert(self.path)

    def write(self, name: str, text: str) -> Path:
        """A file of any kind."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def audit(self, body: str, name: str = "audit_line.py") -> Path:
        """An audit file: the imports, and `body`."""
        return self.write(name, HEADER + textwrap.dedent(body))

    def photos(self, count: int) -> None:
        """Images in photos/ and their masks in masks/, for ``folder:photos?masks=masks``."""
        for at in range(count):
            label = line.CLASSES[at % 2]
            image = self.path / "photos" / label / f"{at:02}.png"
            mask = self.path / "masks" / label / f"{at:02}.png"
            for file, pixels in ((image, line.pixels(at, label)), (mask, line.mask() * 255)):
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)

    def run(self, *args: str, **how: bool) -> pytest.RunResult:
        """A session inside this process; in the order of the files, whatever plugins are installed."""
        stored = () if self.store is None else (f"--audit-store={self.store}",)
        checked = () if self.checks is None else (f"--audit-checks={self.checks}",)
        return self.pytester.runpytest_inprocess("-p", "no:randomly", *stored, *checked, *args, **how)

    def record(self, results: str = "audit-results") -> RunRecord:
        """The record of the latest run."""
        return read_record(self.path / results / "latest")

    def cases(self) -> dict[str, CaseRecord]:
        """The cases of the latest run by name."""
        return {case.name: case for case in self.record().cases}

    def junit(self, *args: str) -> dict[str, ElementTree.Element]:
        """The test cases of a session's JUnit file by name."""
        self.run("--junitxml=junit.xml", *args)
        tree = ElementTree.parse(self.path / "junit.xml")
        return {case.attrib["name"]: case for case in tree.iter("testcase")}


def counts(result: pytest.RunResult) -> dict[str, int]:
    """The outcomes in the last line of a session, without the warnings: other packages have theirs."""
    return counts_of(result.outlines)


def counts_of(lines: Sequence[str]) -> dict[str, int]:
    """The same of the lines that a session printed."""
    outcomes = pytest.RunResult.parse_summary_nouns(lines)
    return {category: count for category, count in outcomes.items() if category != "warnings"}
