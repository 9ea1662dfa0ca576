"""The plugin costs a session without audits next to nothing, and collecting audits loads no model and no image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_plugin.runs import Line, counts

HEAVY = {"torch", "torchvision", "captum", "numpy", "scipy", "pydantic", "jinja2", "babel", "yaml", "PIL", "tqdm"}

SESSION = """
import json, sys
import pytest

status = pytest.main(sys.argv[1:])
print(json.dumps([int(status), sorted(sys.modules)]))
"""


def loaded(folder: Path, *args: str) -> set[str]:
    """The modules that a session in a process of its own has loaded; no other plugin takes part."""
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SESSION, "-q", *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == pytest.ExitCode.OK, done.stdout
    return set(modules)


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_a_session_without_audits_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_usual="def test_usual(): pass")
    pytester.makefile(".yaml", usual="no: audit")
    without = packages(loaded(pytester.path))
    modules = loaded(pytester.path, "-p", "modelaudit", "--audit-limit=3")
    with_plugin = packages(modules)
    assert "modelaudit" in with_plugin
    assert "modelaudit" not in without
    assert with_plugin & HEAVY == set()
    light = {"hashlib", "_hashlib", "_blake2"}  # which pytest imports itself, from 8.3 on
    assert with_plugin - without - light == {"modelaudit"}
    assert "modelaudit.language.spec" not in modules, "the language is loaded with the first audit"


def test_collecting_loads_no_model_and_no_image(line: Line) -> None:
    line.audit(
        """
        def must_not_run():
            raise AssertionError("loaded while collecting")

        class Data:
            def __iter__(self):
                must_not_run()

        images = [Sample("0.png", must_not_run, "red", must_not_run)]
        one = Audit(**told(must_not_run, Data())).expect(accuracy > 0.5)
        noisy = background_dependence("gradcam").under(gaussian_noise(1))
        two = Audit(**told(must_not_run, images)).expect(noisy < 0.5)
        three = Audit("nowhere.py:build", "folder:nowhere").expect(accuracy > 0.5)
        four = Audit("torchvision:resnet50@IMAGENET1K_V2", "folder:nowhere").expect(accuracy > 0.5)
        """
    )
    line.write(
        "line.audit.yaml", "model: torchvision:resnet50\ndata: folder:nowhere\nexpect:\n  five: accuracy > 0.5\n"
    )
    result = line.run("--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    names = [text.split("::")[1] for text in result.outlines if "::" in text]
    assert names == ["one", "two", "three", "four", "five"]
    assert not (line.path / "audit-results").exists()
    # they do run when they are asked for their verdicts
    assert counts(line.run()) == {"errors": 5}
    assert "loaded while collecting" in line.cases()["one"].message
