"""One real run with a requirement of each ending, which the tests of the command export."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_plugin import line

AUDIT = """
from line import *
from modelaudit import Audit
from modelaudit.contexts import gaussian_noise, swap_background
from modelaudit.measures import accuracy, background_dependence, flip_rate

class Raises(Colour):
    def forward(self, images):
        if images.shape[-1] == SIDE:
            raise ValueError("no such layer")
        return super().forward(images)

photos = [*samples(40), Sample("=1+2.png", pixels(40, "red"), "red")]  # without a mask
audit = Audit(**told(data=photos))
passes = audit.expect(accuracy > 0.5, clause="4.1")
fails = audit.expect(accuracy < 0.5, clause="=4.2")
undecided = audit.expect(accuracy > 0.99)
maps = audit.expect(background_dependence("saliency", "input_x_gradient").under(swap_background("other_class")) < 0.9)
advice = audit.expect(flip_rate.under(gaussian_noise(1)) > 0.5, importance="advisory")
caught = Audit(**told(Corner(), photos)).expect(accuracy.under(swap_background("other_class")) > 0.9, must_fail=True)
errs = Audit(**told(Raises())).expect(accuracy > 0.5)
"""


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project that was audited; nothing may be written into it."""
    folder = tmp_path_factory.mktemp("audited")
    shutil.copy(Path(line.__file__), folder / "line.py")
    (folder / "audits").mkdir()
    (folder / "audits" / "audit_line.py").write_text(AUDIT, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    options = ("--audit-checks=off", "--audit-store=off", "-q", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "audits", *options], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return folder
