"""What a check shows, and what it takes away: a second draw decides nothing where an interval holds its noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from engine.small_audits import AS_IT_IS, CLASSES, results, samples
from torch import Tensor, nn

from modelaudit.contexts import blur, gaussian_noise
from modelaudit.engine.run import Result
from modelaudit.language import Audit
from modelaudit.language.checks import Checks
from modelaudit.measures import accuracy
from modelaudit.statistics import Reason, Verdict

NOISE = Checks(**{**vars(Checks.off()), "noise": 60})


class ReadsOnePixel(nn.Module):
    """Names the class by a pixel of the background: any noise there changes the answer by chance."""

    def forward(self, pixels: Tensor) -> Tensor:
        number = (pixels[:, 0, 0, 0] * 1000).long() % len(CLASSES)
        return torch.nn.functional.one_hot(number, len(CLASSES)).float()


def decided(folder: Path, about: Literal["process", "this_set"], threshold: float, context: Any) -> Result:
    one = Audit(ReadsOnePixel(), samples(60), preprocessing=AS_IT_IS, classes=CLASSES, checks=NOISE, about=about)
    return results(folder, {"checks": NOISE}, right=one.expect(accuracy.under(context) > threshold))["right"]


def test_a_second_draw_is_shown_for_a_process_and_takes_no_verdict_away(tmp_path: Path) -> None:
    """Of 60 coin tosses of one in three, "> 0.05" is decided, however much a second draw changes the single ones."""
    result = decided(tmp_path, "process", 0.05, gaussian_noise(5, region="whole"))
    assert result.checks is not None and result.checks.noise is not None
    assert result.checks.noise.floor > 0.1 and result.checks.noise.passed is None
    assert result.verdict is Verdict.PASS and result.checks.unguarded is None


@pytest.mark.parametrize(("beyond", "verdict"), [(0.02, Verdict.INCONCLUSIVE), (0.25, Verdict.PASS)])
def test_a_second_draw_decides_where_the_set_is_the_whole(tmp_path: Path, beyond: float, verdict: Verdict) -> None:
    context = gaussian_noise(5, region="whole")
    first = decided(tmp_path / "first", "this_set", 0.0, context)
    assert first.decision is not None and first.decision.estimate is not None
    result = decided(tmp_path / "then", "this_set", first.decision.estimate - beyond, context)
    assert result.checks is not None and result.checks.noise is not None
    assert result.verdict is verdict and result.checks.noise.passed is (verdict is Verdict.PASS)
    assert result.reason is (Reason.BELOW_NOISE_FLOOR if verdict is Verdict.INCONCLUSIVE else None)


def test_where_nothing_is_drawn_there_is_no_second_draw_to_show(tmp_path: Path) -> None:
    result = decided(tmp_path, "process", 0.05, blur(3, region="whole"))
    assert result.checks is not None and result.checks.noise is None


def test_of_a_claim_on_behaviour_stands_what_its_images_would_have_failed(tmp_path: Path) -> None:
    """60 images at "> 0.9": by the binomial law 48 right fail it with 80 %, if .79 are right in truth."""
    one = Audit(ReadsOnePixel(), samples(60), preprocessing=AS_IT_IS, classes=CLASSES, checks=NOISE)
    cases = {"high": one.expect(accuracy > 0.9), "low": one.expect(accuracy < 0.1)}
    found = results(tmp_path, {"checks": NOISE}, **cases)
    high, low = (found[name].checks for name in ("high", "low"))
    assert high is not None and low is not None
    assert high.smallest_effect == pytest.approx(0.79, abs=0.03)
    assert low.smallest_effect == pytest.approx(1 - (high.smallest_effect or 0), abs=1e-6)
    assert high.sensitivity is None
