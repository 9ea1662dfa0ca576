"""What a plan says that an audit costs is what it then costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine.small_audits import MICRO_BATCH, audit, groups_of, samples, settings

from modelaudit.attribution import smoothgrad
from modelaudit.contexts import lighting, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.planning.cost import PassCost, cost_of
from modelaudit.engine.planning.plan import PlanGroup
from modelaudit.language import CheckSettings
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_dependence, flip_rate

SWAP = swap_background("other_class", feather=2)
IMAGES = 3 * MICRO_BATCH


def planned(*expectations: Any, **options: Any) -> PlanGroup:
    stated = audit(**options)
    (group,) = groups_of(**{f"case{at}": stated.expect(one) for at, one in enumerate(expectations)})
    return group


def counted(tmp_path: Path, *expectations: Any, checks: CheckSettings) -> tuple[PassCost, PassCost]:
    """The passes that the plan tells, and those that were made; nothing is padded."""
    group = planned(*expectations, data=samples(IMAGES), checks=checks)
    found = measure(group, settings(tmp_path, checks=CheckSettings()), Silent())
    assert not found.failures and found.passes.seconds > 0
    return cost_of(group, checks).of(IMAGES), PassCost(found.passes.forward, found.passes.backward)


@pytest.mark.parametrize(
    "expectations",
    [
        (accuracy > 0.1,),
        (accuracy - accuracy.under(SWAP) < 0.9, accuracy.under(SWAP) > 0.1, flip_rate.under(lighting(2)) < 0.9),
        (background_dependence("gradcam") < 0.9,),
        (background_dependence("gradcam", "saliency").under(SWAP) < 0.9,),
        (background_dependence(smoothgrad(samples=3)) < 0.9, accuracy > 0.1),
        (background_dependence("occlusion") < 0.9,),
    ],
    ids=str,
)
def test_an_audit_costs_what_its_plan_tells(tmp_path: Path, expectations: tuple[Any, ...]) -> None:
    told, made = counted(tmp_path, *expectations, checks=CheckSettings.off())
    # the last pass of a method that runs its own is padded
    assert (made.forward, made.backward) == pytest.approx((told.forward, told.backward), rel=0.01)


@pytest.mark.parametrize("name", ["masks", "noise", "blind", "seams"])
def test_so_does_each_check(tmp_path: Path, name: str) -> None:
    checks = replace(CheckSettings.off(), **{name: IMAGES})
    told, made = counted(tmp_path, accuracy.under(SWAP) > 0.1, background_dependence("gradcam") < 0.9, checks=checks)
    alone, _ = counted(
        tmp_path / "off", accuracy.under(SWAP) > 0.1, background_dependence("gradcam") < 0.9, checks=CheckSettings.off()
    )
    assert told == made
    assert told.units > alone.units


def test_a_check_on_few_images_stays_as_it_is(tmp_path: Path) -> None:
    checks = CheckSettings(**{**vars(CheckSettings.off()), "noise": 8})
    group = planned(accuracy.under(SWAP) > 0.1, checks=checks)
    cost = cost_of(group, checks)
    (noise,) = (one for one in cost.checks if one.an_image.units)
    assert (noise.name, noise.images) == ("noise", 8)
    assert cost.of(8).units == 8 * cost.an_image.units + 8 * noise.an_image.units
    assert cost.of(1000).units == 1000 * cost.an_image.units + 8 * noise.an_image.units


def test_what_a_limit_on_maps_catches_costs_at_most_what_the_plan_tells(tmp_path: Path) -> None:
    checks = CheckSettings(**{**vars(CheckSettings.off()), "sensitivity": IMAGES})
    told, made = counted(tmp_path, background_dependence("gradcam").under(SWAP) < 0.9, checks=checks)
    alone, _ = counted(tmp_path / "off", background_dependence("gradcam").under(SWAP) < 0.9, checks=CheckSettings.off())
    assert alone.units < made.units and made.forward <= told.forward + IMAGES
    behaviour = planned(accuracy.under(SWAP) > 0.1, checks=checks)
    assert [one.name for one in cost_of(behaviour, checks).checks] == []


def test_moved_masks_cost_no_pass_where_only_the_mask_changes() -> None:
    group = planned(background_dependence("gradcam").under(lighting(2)) < 0.9)
    masks = next(one for one in cost_of(group, CheckSettings()).checks if one.name == "masks")
    assert masks.an_image == PassCost()


def test_a_backward_pass_counts_as_two() -> None:
    assert PassCost(3, 2).units == 7
    assert PassCost(1, 1).times(3) + PassCost(1, 0) == PassCost(4, 3)
