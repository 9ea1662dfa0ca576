"""Would the audit have noticed? On real photos, and on the demo's models: a plant is caught, a blind copy is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WEIGHTS = "models/squeezenet1_0-imagenet1k.safetensors"
PETS = """
from pathlib import Path

from modelaudit import Audit, Checks, Preprocessing
from modelaudit.contexts import gaussian_noise
from modelaudit.data import open_data
from modelaudit.measures import accuracy, background_dependence

only = Checks(masks=0, noise=0, blind=16, seams=0, plant=512, resamples=200, sanity=0, agreement=0)
pets = Audit(model={model!r}, data={data!r}, object_kept=0, checks=only)
survives = pets.expect(accuracy - accuracy.under(gaussian_noise(1)) < 0.05)
by_cells = pets.expect(background_dependence("gradcam") < 0.5)

# every second photo, and small: the path from black takes many steps
some = open_data({data!r}, root=Path()).samples[::2]
small = Preprocessing(resize=(96, 96), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
few = Checks(masks=0, noise=0, blind=4, seams=0, plant=512, resamples=200, sanity=0, agreement=0)
thumbnails = Audit(model={model!r}, data=some, preprocessing=small, object_kept=0, checks=few)
by_gradients = thumbnails.expect(background_dependence("integrated_gradients") < 0.5)
"""


def plants_of(folder: Path, text: str) -> dict[str, dict[str, Any]]:
    """The plants of the cases of an audit file, run in a process of its own."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "audit_planted.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "audit_planted.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    record = folder / "audit-results" / "latest" / "run.json"
    assert record.is_file(), done.stdout + done.stderr
    cases = json.loads(record.read_text(encoding="utf-8"))["cases"]
    return {case["name"]: case["checks"]["plant"] for case in cases}


@pytest.mark.assets
def test_on_real_photos_the_plant_is_caught_and_the_blind_copy_is_not(assets: Path, tmp_path: Path) -> None:
    model, data = f"torchvision:squeezenet1_0?checkpoint={assets / WEIGHTS}", f"folder:{assets / 'pets'}"
    plants = plants_of(tmp_path, PETS.format(model=model, data=data))
    assert {name: plant["kind"] for name, plant in plants.items()} == {
        "survives": "logits",
        "by_gradients": "map",
        "by_cells": "map",
    }
    for name, plant in plants.items():
        threshold = 0.05 if name == "survives" else 0.5
        assert plant["images"] == (63 if name == "by_gradients" else 125) and plant["resamples"] == 200
        assert plant["left"] == pytest.approx(threshold + 0.1, abs=1 / 125)
        assert plant["caught"] is True and plant["lower"] >= 0.8, (name, plant)
        assert plant["blind_failed"] == 0 and plant["blind_left"] < threshold, (name, plant)
    assert plants["survives"]["blind_left"] == 0


DEMO = """
from modelaudit import Audit, Checks
from modelaudit.contexts import swap_background
from modelaudit.measures import accuracy, background_dependence

only = Checks(masks=0, noise=0, blind=64, seams=0, plant=512, resamples=200, sanity=0, agreement=0)
another_line = swap_background("other_class")
line = Audit(model="demo:sound", data="demo:?coupling=0.95&images=200&seed=1", checks=only)
survives = line.expect(accuracy - accuracy.under(another_line) < 0.05)
by_gradients = line.expect(background_dependence("integrated_gradients").under(another_line) < 0.40)
by_cells = line.expect(background_dependence("gradcam").under(another_line) < 0.40)
"""


def test_on_the_demo_the_plant_is_caught_and_the_blind_copy_is_not(tmp_path: Path) -> None:
    plants = plants_of(tmp_path, DEMO)
    for name, plant in plants.items():
        threshold = 0.05 if name == "survives" else 0.4
        assert plant["images"] == 200
        assert plant["left"] == pytest.approx(threshold + 0.1, abs=1 / 200)
        assert plant["caught"] is True, (name, plant)
        assert plant["blind_failed"] == 0 and plant["blind_left"] < threshold, (name, plant)
