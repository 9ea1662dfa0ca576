"""A run on files somewhere on the machine: neither its reports nor the messages in its record say where."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from pytest_plugin.line import CLASSES, mask, pixels
from pytest_plugin.runs import Line

AUDITS = """
import os
import torch.nn.functional as F

elsewhere = {elsewhere!r}

def raising(images):
    raise FileNotFoundError(2, "No such file", elsewhere + "/no weights.pt")

def in_torch():
    raise OSError(f"{{F.__file__}}: broken; see {{__file__}}:3 and {{os.path.expanduser('~/.cache/x/y')}}")

line = Audit(model={{"good": Colour, "net": {elsewhere!r} + "/net.py:build"}}, classes=CLASSES,
             preprocessing=Preprocessing(), data="folder:" + elsewhere + "?masks=" + elsewhere + "/../masks of it")
fine = line.expect(accuracy.of("good") > 0.5)
of_a_file = line.expect(accuracy.of("net") > 0.5)
broken = Audit(**told(in_torch)).expect(accuracy > 0.9)
unreadable = Audit(**told(data="folder:" + elsewhere + "/nothing here")).expect(accuracy > 0.9)
skipped = line.expect(accuracy.of("good") > 0.4, marks=[pytest.mark.skip(reason=f"see {{elsewhere}}/notes.txt")])
"""


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images and a model outside of the rootdir, in folders with spaces."""
    folder = tmp_path_factory.mktemp("canary clients") / "line a"
    masks = folder.parent / "masks of it"
    for at in range(12):
        label = CLASSES[at % 2]
        for place, image in ((folder, pixels(at, label)), (masks, mask() * 255)):
            (place / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / label / f"{at:03}.png")
    (folder / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "net.py").write_text("from line import Colour as build\n", encoding="utf-8")
    return folder


def test_neither_reports_nor_messages_say_where_files_are(line: Line, elsewhere: Path) -> None:
    line.audit(f"import pytest\n{AUDITS.format(elsewhere=str(elsewhere))}", "audits/audit_line.py")
    line.write("audits/audit_broken.py", f"raise RuntimeError('in ' + __file__ + ' and {elsewhere}/x.py')")
    line.write("conftest.py", "")
    result = line.run(
        str(line.path / "audits"), f"--rootdir={line.path}", "--junitxml=junit.xml", "--continue-on-collection-errors"
    )
    run = line.record()
    ended = {case.name: case.verdict for case in run.cases}
    assert ended["fine"] == ended["of_a_file"] == "PASS" and ended["broken"] == ended["unreadable"] == "ERROR", ended
    folder = line.path / "audit-results" / "latest"
    shown = {name: (folder / name).read_text(encoding="utf-8") for name in ("report.html", "summary.md")}
    junit = ElementTree.parse(line.path / "junit.xml").iter("testcase")
    # what pytest writes of skips and of files that it cannot collect is its own
    shown |= {
        f"junit {one.get('name')}": ElementTree.tostring(one, "unicode") for one in junit if one.find("properties")
    }
    assert "junit broken" in shown and "junit of_a_file" in shown
    for case in run.cases:
        shown[case.name] = f"{case.message} {case.absence}"
    shown["run"] = f"{run.command} {run.notes} {run.absent_files} {run.provenance} {[one.unusable for one in run.data]}"
    secrets = ("canary", line.path.parent.name, str(Path.home()), sysconfig.get_paths()["purelib"], sys.prefix)
    for name, text in shown.items():
        assert not [secret for secret in secrets if secret in text], (name, text)
    assert run.command.startswith("pytest -p no:randomly") and " audits " in run.command
    references = [one.reference for one in run.data]
    assert any(one.startswith(f"folder:{elsewhere}?") for one in references), "the record can be run again"
    result.stdout.fnmatch_lines([f"*no folder at {elsewhere}/nothing here*"])
