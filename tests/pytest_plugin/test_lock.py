"""Runs that are held to a lock: as agreed, and every way not to be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytest_plugin.runs import Line

from modelaudit.acceptance.lock import read_lock
from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.record import RunRecord

AUDIT = """
from line import *
from modelaudit import Audit
from modelaudit.contexts import *
from modelaudit.measures import *
audit = Audit(model=Colour(), data="folder:photos?masks=masks", classes=CLASSES, preprocessing=Preprocessing())
looks_at_it = audit.expect(accuracy.under(remove_background("mean")) > 0.4)
is_right = audit.expect(accuracy > 0.5, clause="4.2", importance="critical")
"""
LOCK = "audits/agreement.lock"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test of the module puts the locked folder for the others."""
    return tmp_path_factory.mktemp("agreed")


@pytest.fixture
def agreed(line: Line, made: Path) -> Line:
    """A folder of its own whose audits are locked; values are measured on 24 images."""
    line.checks = None
    line.store = None
    if not (made / LOCK).exists():
        line.photos(24)
        line.write("audits/audit_line.py", AUDIT)
        line.write("audits/conftest.py", "")
        result = line.run("audits", "--collect-only", f"--audit-write-lock={LOCK}")
        assert result.ret == 0, result.stderr.str()
        shutil.copytree(line.path, made, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copytree(made, line.path, dirs_exist_ok=True)
    return line


def held(line: Line, *more: str) -> tuple[int, RunRecord]:
    """The exit status and the record of a run that is held to the lock."""
    result = line.run("audits", f"--audit-lock={LOCK}", *more)
    record = line.record()
    assert contradictions(record) == []
    assert record.exit_status == result.ret
    return int(result.ret), record


def test_a_run_of_what_was_agreed_is_as_agreed(agreed: Line) -> None:
    status, record = held(agreed, "--audit-nonce=of-monday")
    assert (status, record.overall) == (0, "PASS")
    assert record.lock is not None and record.lock.departures == [] and record.nonce == "of-monday"
    assert record.lock.sha256 == read_lock(agreed.path / LOCK).sha256
    assert record.passes.stored == 0


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text
        (root / file).write_text(text.replace(old, new), encoding="utf-8")

    return change


def repainted(file: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        pixels = np.array(Image.open(root / file))
        pixels[0, 0] = 255 - pixels[0, 0]
        Image.fromarray(pixels).save(root / file)

    return change


def moved(source: str, target: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for folder in ("photos", "masks"):
            shutil.move(root / folder / source, root / folder / target)

    return change


CHANGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "threshold": (replaced("audits/audit_line.py", "> 0.5", "> 0.4"), "expectation", "audits/audit_line.py::is_right"),
    "importance": (
        replaced("audits/audit_line.py", '"critical"', '"advisory"'),
        "importance",
        "audits/audit_line.py::is_right",
    ),
    "clause": (replaced("audits/audit_line.py", '"4.2"', '"4.3"'), "clause", "audits/audit_line.py::is_right"),
    "missing expectation": (
        replaced("audits/audit_line.py", "looks_at_it =", "# looks_at_it ="),
        "expectation",
        "audits/audit_line.py::looks_at_it",
    ),
    "added expectation": (
        replaced("audits/audit_line.py", "is_right =", "easy = audit.expect(accuracy > 0.1)\nis_right ="),
        "expectation",
        "audits/audit_line.py::easy",
    ),
    "confidence": (
        replaced("audits/audit_line.py", 'clause="4.2"', 'clause="4.2", confidence=0.6'),
        "long form",
        "audits/audit_line.py::is_right",
    ),
    "reviewers": (
        replaced("audits/audit_line.py", 'mean")) > 0.4)', 'mean")) > 0.4, reviewed_by=1)'),
        "long form",
        "audits/audit_line.py::looks_at_it",
    ),
    "code of the audit": (
        replaced("audits/audit_line.py", "model=Colour()", "model=Colour(5.0)"),
        "audit file",
        "audits/audit_line.py",
    ),
    "conftest": (replaced("audits/conftest.py", "", "import os\n"), "conftest file", "audits/conftest.py"),
    "image": (repainted("photos/red/00.png"), "image", "red/00.png"),
    "mask": (repainted("masks/red/02.png"), "mask", "red/02.png"),
    "label": (moved("red/04.png", "green/04.png"), "sample", "red/04.png"),
    "dropped image": (lambda root: (root / "photos/green/01.png").unlink(), "sample", "green/01.png"),
    "option": (
        lambda root: (root / "pytest.ini").write_text("[pytest]\naudit_seed = 3\n", encoding="utf-8"),
        "option",
        "seed",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_departs_is_named_and_the_run_is_not_as_agreed(agreed: Line, change: str) -> None:
    apply, what, where = CHANGES[change]
    apply(agreed.path)
    status, record = held(agreed)
    assert (status, record.overall) == (1, "NOT_AS_AGREED")
    assert record.lock is not None
    found = {(one.what, one.where) for one in record.lock.departures}
    assert (what, where) in found, found


def test_a_conftest_that_removes_an_item_is_named(agreed: Line) -> None:
    agreed.write("audits/conftest.py", "def pytest_collection_modifyitems(items):\n    del items[0]\n")
    status, record = held(agreed)
    assert (status, record.overall) == (1, "NOT_AS_AGREED")
    assert record.lock is not None
    assert {"conftest file", "the whole"} <= {one.what for one in record.lock.departures}


def test_a_selection_is_refused_under_a_lock(agreed: Line) -> None:
    result = agreed.run("audits", f"--audit-lock={LOCK}", "-k", "is_right")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "refuses what selects" in result.stderr.str()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace("0.5", "0.4"), "NOT_AS_AGREED"),
        (lambda text: json.dumps(json.loads(text), indent=1), "is not canonical JSON"),
        (lambda text: text[:-40], "is not valid JSON"),
        (lambda text: text.replace('"version":1', '"version":7'), "version: is 7"),
    ],
    ids=["edited", "formatted", "cut short", "of another version"],
)
def test_a_lock_that_was_touched(agreed: Line, change: Callable[[str], str], complaint: str) -> None:
    file = agreed.path / LOCK
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    if complaint == "NOT_AS_AGREED":
        assert held(agreed)[1].overall == complaint
        return
    result = agreed.run("audits", f"--audit-lock={LOCK}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert complaint in result.stderr.str()


def test_another_model_than_the_locked_one_is_named(line: Line) -> None:
    line.checks = line.store = None
    weights = line.path / "weights.txt"
    weights.write_text("4.0", encoding="utf-8")
    line.audit(
        """
        from pathlib import Path

        audit = Audit(**told(lambda: Colour(float(Path("weights.txt").read_text()))))
        is_right = audit.expect(accuracy > 0.5)
        """,
        "audits/audit_line.py",
    )
    locking = line.run("audits", "--collect-only", f"--audit-write-lock={LOCK}", "--audit-lock-models")
    assert locking.ret == 0, locking.stderr.str()
    (fingerprint,) = (read_lock(line.path / LOCK).lock.models or {}).values()
    assert held(line)[1].overall == "PASS"
    weights.write_text("5.0", encoding="utf-8")
    status, record = held(line)
    assert (status, record.overall) == (1, "NOT_AS_AGREED") and record.lock is not None
    (departure,) = record.lock.departures
    assert (departure.what, departure.agreed) == ("model", f"sha256 {fingerprint}")
    assert departure.found == f"sha256 {record.models[0].fingerprint}"


def test_what_was_agreed_is_never_overwritten(agreed: Line) -> None:
    before = (agreed.path / LOCK).read_bytes()
    result = agreed.run("audits", "--collect-only", f"--audit-write-lock={LOCK}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR and "is not overwritten" in result.stderr.str()
    assert (agreed.path / LOCK).read_bytes() == before
