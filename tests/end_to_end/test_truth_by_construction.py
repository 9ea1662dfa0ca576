"""The demo's models are known: one decides on the part, one on the surroundings. One threshold tells them apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit import Audit, Expectation
from modelaudit.contexts import swap_background
from modelaudit.engine.decision.case import Result
from modelaudit.engine.executors.run import Run
from modelaudit.engine.planning.plan import Asked
from modelaudit.engine.results.settings import Settings
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_dependence
from modelaudit.statistics import Verdict

THRESHOLD = 0.40
LARGEST_DROP = 0.10
another_line = swap_background("other_class")
EXPECTATIONS: dict[str, Expectation] = {
    "gradcam": background_dependence("gradcam").under(another_line) < THRESHOLD,
    "integrated_gradients": background_dependence("integrated_gradients").under(another_line) < THRESHOLD,
    "accuracy drop": accuracy - accuracy.under(another_line) < LARGEST_DROP,
}


#: every expectation on both models on one line stays; other lines repeat it on other draws
LINES = (1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 6)))


@pytest.fixture(scope="module", params=LINES, ids=lambda seed: f"line {seed}")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Result]:
    """Every expectation on both models, on 200 frames of one line."""
    data = f"demo:?coupling=0.95&images=200&seed={request.param}"
    folder = tmp_path_factory.mktemp("line")
    run = Run(Settings(root=Path(), folder=folder, device="cpu"), Silent())
    asked = {
        (model, name): Asked(f"{model} {name}", Audit(f"demo:{model}", data).expect(expectation), expectation)
        for model in ("sound", "shortcut")
        for name, expectation in EXPECTATIONS.items()
    }
    run.select(asked.values())
    return {key: run.result(one.id) for key, one in asked.items()}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_the_model_that_takes_the_shortcut_fails(results: dict[tuple[str, str], Result], name: str) -> None:
    result = results["shortcut", name]
    assert result.verdict is Verdict.FAIL, result.decision


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_the_sound_model_passes_at_the_same_threshold(results: dict[tuple[str, str], Result], name: str) -> None:
    result = results["sound", name]
    assert result.verdict is Verdict.PASS, result.decision


def test_every_image_is_accounted_for(results: dict[tuple[str, str], Result]) -> None:
    for result in results.values():
        assert result.decision is not None
        counts = result.decision.counts
        assert counts.asked == 200 == counts.measured + counts.undefined + counts.errored
