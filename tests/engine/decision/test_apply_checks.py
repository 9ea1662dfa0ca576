"""What a check shows, and what it takes away: a second draw decides nothing where an interval holds its noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from engine.small_audits import AS_IT_IS, CLASSES, Net, results, samples
from torch import Tensor, nn

from modelaudit.contexts import blur, gaussian_noise, lighting, swap_background
from modelaudit.engine.decision.case import Result
from modelaudit.language import Audit
from modelaudit.language.checks import CheckSettings
from modelaudit.measures import accuracy, background_dependence, flip_rate
from modelaudit.statistics import Reason, Verdict

FEATHERED = swap_background("other_class", feather=2)
ALL = CheckSettings(sanity=0)
NOISE = CheckSettings(**{**vars(CheckSettings.off()), "noise": 60})


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


# --- the model that cannot see the background ------------------------------------------------------------------------

BLIND = CheckSettings(**{**vars(CheckSettings.off()), "blind": 30})
SWAP = swap_background("other_class")


@pytest.mark.parametrize(
    "left",
    [
        accuracy - accuracy.under(SWAP),
        flip_rate.under(SWAP),
        accuracy.under(SWAP) - accuracy,
        accuracy - accuracy.under(FEATHERED),
    ],
    ids=str,
)
def test_a_model_that_cannot_see_the_background_has_no_fall_on_a_pasted_one(tmp_path: Path, left: Any) -> None:
    """The model itself reads nothing but the background: what is taken from it is all that it sees."""
    one = Audit(ReadsOnePixel(), samples(30), preprocessing=AS_IT_IS, classes=CLASSES, checks=BLIND)
    result = results(tmp_path, {"checks": BLIND}, fall=one.expect(left < 0.99))["fall"]
    assert result.checks is not None and result.checks.blind is not None
    assert (result.checks.blind.value, result.checks.blind.works) == (0, True)
    assert result.checks.unguarded is None


@pytest.mark.parametrize(
    "left",
    [accuracy, accuracy.under(SWAP), accuracy - accuracy.under(lighting(2))],
    ids=str,
)
def test_where_nobody_knows_what_it_must_get_it_is_not_told(tmp_path: Path, left: Any) -> None:
    """How often it is right, and what light does to the object."""
    one = Audit(ReadsOnePixel(), samples(30), preprocessing=AS_IT_IS, classes=CLASSES, checks=BLIND)
    result = results(tmp_path, {"checks": BLIND}, fall=one.expect(left < 0.99))["fall"]
    assert result.checks is not None and result.checks.blind is None


def test_checks_are_made_only_where_what_they_vary_enters_the_claim(tmp_path: Path) -> None:
    """No mask is moved for accuracy, nothing is drawn for a blur, and no copy is made for answers."""
    one = Audit(Net(), samples(30), preprocessing=AS_IT_IS, classes=CLASSES, checks=ALL)
    found = results(
        tmp_path,
        {"checks": ALL},
        answers=one.expect(accuracy.under(blur(1, region="whole")) > 0.01),
        maps=one.expect(background_dependence("gradcam") < 0.99),
    )
    answers, maps = found["answers"].checks, found["maps"].checks
    assert answers is not None and maps is not None
    assert (answers.masks, answers.noise, answers.blind, answers.sensitivity) == (None, None, None, None)
    assert answers.smallest_effect is None or answers.smallest_effect < 0.01
    assert maps.masks is not None and maps.blind is not None and maps.sensitivity is not None
    assert (maps.noise, maps.smallest_effect) == (None, None)
