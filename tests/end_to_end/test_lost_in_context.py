"""The four findings of the paper as an example audit: it runs on real photos, and without them says why it does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "lost_in_context"


def run(folder: Path, *options: str, assets: Path | None) -> subprocess.CompletedProcess[str]:
    """The example in a folder of its own."""
    shutil.copy(EXAMPLE / "audit_lost_in_context.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "MODELAUDIT_ASSETS"}
    if assets is not None:
        environment["MODELAUDIT_ASSETS"] = str(assets)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--audit-checks=off", *options]
    return subprocess.run(
        [*command, "audit_lost_in_context.py"],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.nightly
@pytest.mark.assets
def test_two_of_the_findings_hold_on_the_pets(assets: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "-k", "a_gradcam or c_more_than_fog", assets=assets)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "audit-results" / "latest" / "run.json").read_text(encoding="utf-8"))
    cases: dict[str, Any] = {case["name"]: case for case in record["cases"]}
    on_object, hurts = cases["a_gradcam_is_on_the_object"], cases["c_more_than_fog"]
    assert (on_object["verdict"], hurts["verdict"]) == ("PASS", "PASS")
    assert on_object["decision"]["counts"]["asked"] == 93
    assert on_object["decision"]["estimate"] == pytest.approx(0.197, abs=0.005)
    assert hurts["decision"]["estimate"] == pytest.approx(0.16, abs=0.02)
    assert cases["d_gradcam_in_mean_fill"]["standing"] == "not_run" and not record["whole"]


def test_without_photos_the_example_is_skipped_with_the_reason(tmp_path: Path) -> None:
    done = run(tmp_path, assets=None)
    assert "MODELAUDIT_ASSETS does not say where photos and weights are" in done.stdout + done.stderr
