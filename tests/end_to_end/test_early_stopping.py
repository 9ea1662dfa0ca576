"""On the demo, with a wide margin, a fifth of the images is enough for the verdict of all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelaudit import Audit, Expectation
from modelaudit.contexts import swap_background
from modelaudit.demo.source_data import demo_data
from modelaudit.engine.decision.case import Result
from modelaudit.engine.executors.run import Run
from modelaudit.engine.planning.plan import Asked
from modelaudit.engine.results.settings import Settings
from modelaudit.language.progress import Silent
from modelaudit.language.reference import parse_reference
from modelaudit.measures import accuracy, background_dependence
from modelaudit.statistics import Verdict

IMAGES = 640
another_line = swap_background("other_class")
EXPECTATIONS: dict[str, Expectation] = {
    "maps": background_dependence("gradcam").under(another_line) < 0.40,
    "accuracy": accuracy.under(another_line) > 0.60,
    "drop": accuracy - accuracy.under(another_line) < 0.25,
}


def results(model: str, folder: Path, stop: str | None) -> dict[str, Result]:
    """The demo names the surroundings of a frame as its group; but frames are drawn one by one, and independent."""
    frames = demo_data(parse_reference(f"demo:?images={IMAGES}&seed=3"), Path()).samples
    audit = Audit(f"demo:{model}", [replace(frame, group=None) for frame in frames], stop=stop)  # type: ignore[arg-type]
    asked = [Asked(name, audit.expect(expectation), expectation) for name, expectation in EXPECTATIONS.items()]
    run = Run(Settings(root=Path(), folder=folder, device="cpu"), Silent())
    run.select(asked)
    return {one.id: run.result(one.id) for one in asked}


@pytest.mark.parametrize(
    ("model", "verdict"), [pytest.param("sound", Verdict.PASS, marks=pytest.mark.nightly), ("shortcut", Verdict.FAIL)]
)
def test_a_fifth_of_the_images_gives_the_verdict_of_all(model: str, verdict: Verdict, tmp_path: Path) -> None:
    whole, early = results(model, tmp_path / "whole", None), results(model, tmp_path / "early", "early")
    for name, found in early.items():
        assert found.checks is not None
        assert found.checks.stopped is not None
        assert found.checks.stopped.available == IMAGES
        assert found.checks.stopped.looked <= IMAGES // 5, name
        assert found.verdict is whole[name].verdict is verdict
        assert found.decision is not None
        assert found.decision.rule == "betting_sequence"
