"""Twelve claims as anybody would write them, on 125 real photos with every check on: the data decide, and decide so."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.assets, pytest.mark.nightly]

AUDIT = """
from modelaudit import Audit
from modelaudit.contexts import gaussian_noise, lighting, mean_fill, swap_background
from modelaudit.measures import accuracy, background_dependence, flip_rate

pets = Audit(model={model!r}, data={data!r}, object_kept=0)
other = swap_background("other_class")
looks_at = background_dependence("gradcam")

right_in_six_of_ten = pets.expect(accuracy > 0.60)
right_in_85 = pets.expect(accuracy > 0.85)
looks_at_the_animal = pets.expect(looks_at < 0.30)
looks_at_it_alone = pets.expect(looks_at < 0.12)
looks_at_it_before_others = pets.expect(looks_at.under(other) < 0.30)
falls_by_less_than_25 = pets.expect(accuracy - accuracy.under(other) < 0.25)
falls_by_less_than_2 = pets.expect(accuracy - accuracy.under(other) < 0.02)
keeps_half_of_its_answers = pets.expect(flip_rate.under(other) < 0.50)
keeps_85_of_its_answers = pets.expect(flip_rate.under(other) < 0.15)
survives_light = pets.expect(accuracy - accuracy.under(lighting(2)) < 0.15)
survives_noise = pets.expect(accuracy.under(gaussian_noise(3)) > 0.30)
needs_the_animal = pets.expect(accuracy.under(mean_fill("object")) < 0.30)
"""


@pytest.fixture(scope="module")
def cases(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("everyday")
    model = f"torchvision:squeezenet1_0?checkpoint={assets / 'models/squeezenet1_0-imagenet1k.safetensors'}"
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    text = AUDIT.format(model=model, data=f"folder:{assets / 'pets'}")
    (folder / "audit_pets.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "audit_pets.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False
    )
    record = folder / "audit-results" / "latest" / "run.json"
    assert record.is_file(), done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(record.read_text(encoding="utf-8"))["cases"]
    return found


def by_its_interval(case: dict[str, Any]) -> str:
    """What the bounds alone say of a case."""
    lower, upper, threshold = case["decision"]["lower"], case["decision"]["upper"], case["threshold"]
    wants_low = case["op"] in ("<", "<=")
    worse, better = (upper, lower) if wants_low else (lower, upper)
    worse, better = (math.inf if one is None else one for one in (worse, better))
    if (worse < threshold) if wants_low else (worse > threshold):
        return "PASS"
    return "INCONCLUSIVE" if ((better < threshold) if wants_low else (better > threshold)) else "FAIL"


def test_ten_of_twelve_everyday_claims_are_decided_as_their_intervals_say(cases: list[dict[str, Any]]) -> None:
    verdicts = {case["name"]: (case["verdict"], by_its_interval(case), case["reason"]) for case in cases}
    assert len(verdicts) == 12
    decided = {name: found for name, found in verdicts.items() if found[0] in ("PASS", "FAIL")}
    assert len(decided) >= 10, verdicts
    assert all(verdict == interval for verdict, interval, _ in decided.values()), verdicts


def test_a_limit_on_maps_says_what_it_would_catch_and_what_the_model_itself_does(cases: list[dict[str, Any]]) -> None:
    for name in ("looks_at_the_animal", "looks_at_it_before_others"):
        (case,) = [case for case in cases if case["name"] == name]
        told = case["checks"]["sensitivity"]
        assert not told["why_not"] and told["images"] == 125, told
        assert told["flips"] is not None and told["flips_images"] > 100 and told["alone_passes"] is False, told
    behaviour = [case for case in cases if "background_dependence" not in case["expectation"]]
    assert all(case["checks"]["sensitivity"] is None for case in behaviour)
