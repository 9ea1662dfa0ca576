"""What a limit on heat maps would catch: copies that are told from stored maps are what real copies do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import audit, groups_of, measured, results, samples, settings
from torch import Tensor, nn

from modelaudit.attribution import Maps
from modelaudit.contexts import mean_fill, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.checks.sensitivity.evidence import FRACTIONS, positive_mass, with_evidence
from modelaudit.engine.decision.case import Result
from modelaudit.engine.results.checks import Sensitivity
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, Preprocessing, Sample
from modelaudit.language.checks import CheckSettings
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_dependence, background_share
from modelaudit.statistics import Reason, Verdict

ONLY = CheckSettings(**{**vars(CheckSettings.off()), "sensitivity": 60})
SIDE, CLASSES = 16, ("red", "green", "blue")
PLACE = slice(5, 11)
SWAP = swap_background("other_class", feather=0)
SHARE = background_share("input_x_gradient")


class ReadsBoth(nn.Module):
    """z_c: the mean of channel c over the object, and `strength` times its mean over the background."""

    def __init__(self, strength: float = 0.0) -> None:
        super().__init__()
        weights = torch.full((SIDE, SIDE), strength / (SIDE**2 - 36))
        weights[PLACE, PLACE] = 1 / 36
        self.weights = nn.Parameter(weights)

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels * self.weights).sum((2, 3))


def coloured(at: int) -> Sample:
    """An object that is more or less of its colour, on a background that is all of it."""
    pixels, own = np.zeros((SIDE, SIDE, 3), np.uint8), at % 3
    pixels[..., own] = 255
    pixels[PLACE, PLACE] = 60
    pixels[PLACE, PLACE, own] = 100 + 2 * at
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[PLACE, PLACE] = 1
    return Sample(f"{at:03d}", pixels, CLASSES[own], mask)


def decided(
    folder: Path, left: Any, threshold: float, model: nn.Module | None = None, *, at_most: bool = False
) -> Result:
    one = Audit(
        ReadsBoth() if model is None else model,
        [coloured(at) for at in range(60)],
        preprocessing=Preprocessing(resize=SIDE),
        classes=CLASSES,
        checks=ONLY,
    )
    expectation = left <= threshold if at_most else left < threshold
    return results(folder, {"checks": ONLY}, case=one.expect(expectation))["case"]


def told(result: Result) -> Sensitivity:
    assert result.checks is not None and result.checks.sensitivity is not None
    return result.checks.sensitivity


# --- evidence on maps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [False, True])
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_evidence_is_spread_evenly_over_the_background(fraction: float, cells: bool) -> None:
    mask = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    mask[:, 4:12, 4:12] = 1
    on_object = (mask == 1).float()
    own = Maps.on_grid(on_object[:, ::4, ::4], (SIDE, SIDE)) if cells else Maps(on_object)
    found = with_evidence(own, mask, fraction)
    share = (found.cells * (own.cells == 0)).sum((1, 2)) / found.cells.sum((1, 2))
    assert torch.allclose(share, torch.tensor(fraction))
    outside = found.cells[own.cells == 0]
    assert outside.max() == outside.min()
    if fraction == 0:
        assert torch.equal(found.cells, own.cells) and torch.equal(positive_mass(own, mask), own.cells.sum((1, 2)))


def test_a_map_without_evidence_becomes_that_of_the_background_alone() -> None:
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    mask[:, 4:12, 4:12] = 1
    nothing = Maps(-torch.ones(1, SIDE, SIDE) * (mask == 1))
    assert not with_evidence(nothing, mask, 0.0).values.clamp_min(0).any()
    for fraction in FRACTIONS[1:]:
        assert torch.equal(with_evidence(nothing, mask, fraction).values > 0, mask == 0)


# --- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [SHARE, SHARE.under(SWAP)], ids=["originals", "swapped"])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_the_weakest_copy_that_fails_is_a_real_model_that_fails(tmp_path: Path, left: Any, threshold: float) -> None:
    """A model that really reads its background with that strength has the limit for its value, and those flips."""
    found = told(decided(tmp_path / "told", left, threshold))
    assert (
        found.strength is not None and found.share is not None and found.ratios["input_x_gradient"] == pytest.approx(1)
    )
    assert (found.flips, found.flips_images) == (0.0, 60)
    for part, fails in ((0.98, False), (1.02, True)):
        real = decided(tmp_path / str(part), left, threshold, ReadsBoth(part * found.strength))
        assert real.decision is not None and real.decision.estimate is not None
        assert real.decision.estimate == pytest.approx(threshold, abs=0.03)
        assert (real.decision.estimate >= threshold) is fails
        assert told(real).flips == pytest.approx(found.share, abs=0.05)


def test_a_limit_that_the_model_itself_does_not_meet_lies_at_its_own_level(tmp_path: Path) -> None:
    found = told(decided(tmp_path, SHARE, 0.3, ReadsBoth(2.0)))
    assert (found.share, found.strength) == (0.0, pytest.approx(0, abs=1e-12))


def test_a_limit_that_a_map_of_the_background_alone_meets_passes_nothing(tmp_path: Path) -> None:
    """A share of the map times 0.4 is at most 0.4 wherever the map lies."""
    result = decided(tmp_path, 0.4 * SHARE, 0.4, at_most=True)
    found = told(result)
    assert found.alone == pytest.approx(0.4) and found.alone_passes and found.share is None
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.INSTRUMENT_INSENSITIVE)
    assert result.checks is not None and result.checks.unguarded == "PASS"


def test_a_limit_that_only_strong_copies_fail_takes_nothing_away(tmp_path: Path) -> None:
    result = decided(tmp_path, SHARE.under(SWAP), 0.99)
    assert result.verdict is Verdict.PASS and result.checks is not None and result.checks.unguarded is None
    assert (told(result).share or 0) > 0.9 and told(result).alone_passes is False


def test_maps_compared_with_each_other_lose_no_pass_for_it(tmp_path: Path) -> None:
    """The background's evidence alone changes no difference, and a claim on a change is no claim on dependence."""
    result = decided(tmp_path, SHARE.under(SWAP) - SHARE, 0.2)
    assert result.verdict is Verdict.PASS and told(result).alone is None


# --- where nothing is told -------------------------------------------------------------------------------------------


def test_claims_on_behaviour_have_no_copies(tmp_path: Path) -> None:
    result = decided(tmp_path, accuracy - accuracy.under(SWAP), 0.1)
    assert result.checks is not None and result.checks.sensitivity is None and result.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("left", "limit", "said"),
    [
        (SHARE.under(mean_fill("background")), 0.9, "no background of these images speaks"),
        (background_share("input_x_gradient", target="margin"), 0.9, "no background of these images speaks"),
        (-1 * SHARE, 0.0, "would not speak against this limit"),
    ],
)
def test_where_no_copy_can_be_told_the_reason_stands(tmp_path: Path, left: Any, limit: float, said: str) -> None:
    result = decided(tmp_path, left, limit, at_most=True)
    assert said in told(result).why_not and result.verdict is Verdict.PASS


# --- cost ------------------------------------------------------------------------------------------------------------


def test_an_unchanged_second_run_computes_nothing_and_tells_the_same(tmp_path: Path) -> None:
    one = audit(data=samples(30), checks=ONLY)
    (group,) = groups_of(share=one.expect(background_dependence("gradcam", "saliency").under(SWAP) < 0.9))
    found = []
    for _ in range(2):
        store = Store(tmp_path / "store")
        found.append(measure(group, settings(tmp_path, checks=ONLY), Silent(), store))
        store.close()
    first, again = found
    assert first.sensitivity["share"].images == 30 and not first.sensitivity["share"].why_not
    assert again.sensitivity == first.sensitivity and first.passes.forward > 0
    assert (again.passes.decoded, again.passes.forward, again.passes.backward) == (0, 0, 0)


def test_what_is_told_depends_on_no_batch(tmp_path: Path) -> None:
    one = audit(data=samples(30), checks=ONLY)
    case = one.expect(background_dependence("gradcam").under(SWAP) < 0.5)
    four, seven = (
        measured(tmp_path / str(size), {"checks": ONLY, "micro_batch": size}, share=case).sensitivity["share"]
        for size in (4, 7)
    )
    assert four.share == seven.share and four.flips == seven.flips
    assert four.strength == pytest.approx(seven.strength, rel=1e-4)
