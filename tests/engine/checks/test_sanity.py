"""Every method is tried on the model that it explains; one that ignores the model decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import (
    AS_IT_IS,
    CLASSES,
    SIDE,
    Net,
    audit,
    groups_of,
    registered,
    results,
    sample,
    samples,
    settings,
)
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Cost, Maps, attribution, occlusion
from modelaudit.attribution.base import MethodDeclaration
from modelaudit.engine.assembly import measure
from modelaudit.engine.checks.sanity import LIMIT
from modelaudit.engine.decision.case import Result
from modelaudit.engine.results.checks import Sanity
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, AuditCase, Sample
from modelaudit.language.checks import CheckSettings
from modelaudit.language.progress import Silent
from modelaudit.language.spec import Method
from modelaudit.measures import accuracy, background_dependence, background_share
from modelaudit.models import black_box
from modelaudit.statistics import Reason, Verdict

ONLY = replace(CheckSettings.off(), sanity=8)
THREE = ("saliency", "integrated_gradients", "gradcam")


@dataclass(frozen=True)
class Edges(Method):
    """Differences of neighbouring pixels: a good-looking map that no weight has a part in."""


@pytest.fixture
def edges() -> Iterator[None]:
    """The method ``edges``, for one test."""

    def register() -> None:
        @attribution("edges", Edges, MethodDeclaration(lambda spec: Cost(0, 0)))
        def edge_maps(spec: Edges, question: AttributionInput) -> Maps:
            image = question.pixels.sum(1)
            return Maps((image - image.roll(1, 2)).abs() + (image - image.roll(1, 1)).abs())

    with registered(register):
        yield


def case(*methods: Any, below: float = 1.0, model: nn.Module | None = None, **options: Any) -> AuditCase:
    return audit(model, samples(12)).expect(background_share(*methods, **options) <= below)


def found(
    folder: Path, case: AuditCase, checks: CheckSettings = ONLY, store: Path | None = None, seed: int = 0
) -> Measured:
    (group,) = groups_of(case=case)
    kept = Store(store)
    measured = measure(group, settings(folder, checks=checks, seed=seed), Silent(), kept)
    kept.close()
    return measured


def decided(folder: Path, case: AuditCase) -> Result:
    return results(folder, {"checks": ONLY}, case=case)["case"]


def mprt(measured: Measured) -> dict[str, Sanity]:
    return {one.method: one for one in measured.sanity if one.check == "mprt"}


def test_sane_methods_pass_and_a_map_of_the_image_alone_fails(tmp_path: Path, edges: None) -> None:
    checked = mprt(found(tmp_path, case(*THREE, Edges())))
    assert {name: one.passed for name, one in checked.items()} == {**dict.fromkeys(THREE, True), "edges": False}
    assert checked["edges"].value == pytest.approx(1) and checked["edges"].limit == LIMIT
    assert all(one.images == 8 and one.better == "low" for one in checked.values())


class ReadsCorner(Net):
    """A network that sees a corner of 4 x 4 pixels and nothing else: the brighter, the surer of the first class."""

    def forward(self, pixels: Tensor) -> Tensor:
        light = (pixels[..., :4, :4] + 3).mean((1, 2, 3))
        return light[:, None] * self.head.weight[:, 0].abs() * torch.tensor([1.0, 0.0, -1.0])


def reading_corners(*methods: Any, below: float) -> AuditCase:
    data = [striped(number) for number in range(12)]
    audited = Audit(ReadsCorner(), data, preprocessing=AS_IT_IS, classes=CLASSES, about="this_set")
    return audited.expect(background_share(*methods) < below)


def test_deletion_is_told_beside_it(tmp_path: Path) -> None:
    measured = found(tmp_path, reading_corners(occlusion(window=0.25, stride=0.25), below=1.0))
    (deletion,) = [one for one in measured.sanity if one.check == "deletion"]
    assert deletion.value is not None and deletion.value > 0
    assert deletion.passed is True and deletion.better == "high" and deletion.limit == 0


def test_images_without_a_map_are_left_out(tmp_path: Path) -> None:
    """In some images the corner is darker than what it is replaced by: nothing speaks for the class."""
    (deciding, _) = found(tmp_path, case(occlusion(window=0.25, stride=0.25), model=ReadsCorner())).sanity
    assert 0 < deciding.images < 8 and deciding.value is not None


@pytest.mark.parametrize("below", [1.0, 0.01])
def test_an_insane_method_alone_decides_nothing(tmp_path: Path, edges: None, below: float) -> None:
    result = decided(tmp_path, case(Edges(), below=below))
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.ATTRIBUTION_INVALID)
    assert result.checks is not None and result.checks.insane == ["edges"]
    assert result.checks.unguarded == ("PASS" if below == 1 else "FAIL")


def test_beside_a_sane_method_the_sane_one_decides(tmp_path: Path, edges: None) -> None:
    result = decided(tmp_path, case(Edges(), "saliency"))
    assert result.verdict is Verdict.PASS and result.checks is not None and result.decision is not None
    assert result.checks.insane == ["edges"] and result.decision.method == "saliency"
    assert any("edges" in note for note in result.checks.notes)


def test_a_fail_of_the_insane_method_alone_is_inconclusive(tmp_path: Path, edges: None) -> None:
    """On a striped background every edge lies there, and the network reads the corner of the object."""
    result = decided(tmp_path, reading_corners(Edges(), "saliency", below=0.5))
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Reason.ATTRIBUTION_INVALID)
    assert result.checks is not None and result.checks.unguarded == "FAIL"


def striped(number: int) -> Sample:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[:, ::2] = 40 + number
    pixels[:4, :4] = 200
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:4, :4] = 1
    return sample(number, image=pixels, mask=mask)


def test_without_the_check_nobody_objects(tmp_path: Path, edges: None) -> None:
    result = results(tmp_path, {"checks": CheckSettings.off()}, case=case(Edges()))["case"]
    assert result.verdict is Verdict.PASS
    plain, checked = (found(tmp_path, case("saliency"), checks) for checks in (CheckSettings.off(), ONLY))
    assert plain.sanity == [] and (plain.passes.decoded, plain.passes.forward) == (12, 12)
    assert checked.passes.decoded == 12 + 8 and checked.passes.forward > plain.passes.forward


def test_nothing_is_computed_a_second_time(tmp_path: Path) -> None:
    first, again = (found(tmp_path, case("saliency"), store=tmp_path / "store") for _ in range(2))
    assert (again.passes.decoded, again.passes.forward, again.passes.backward) == (0, 0, 0)
    assert again.sanity == first.sanity and len(first.sanity) == 2


def test_another_seed_another_method_or_other_weights_are_tried_anew(tmp_path: Path) -> None:
    store = tmp_path / "store"
    kept = found(tmp_path, case("saliency"), store=store).sanity
    for changed, seed in (
        (case("saliency"), 1),
        (case("saliency", target="label"), 0),
        (case("saliency", model=Net(1)), 0),
    ):
        again = found(tmp_path, changed, store=store, seed=seed)
        assert again.passes.forward > 0 and again.sanity != kept


def test_the_same_images_are_tried_whatever_else_is_measured(tmp_path: Path) -> None:
    alone = mprt(found(tmp_path, case("saliency")))["saliency"]
    among = mprt(found(tmp_path, case("gradcam", "saliency")))["saliency"]
    assert alone.value == pytest.approx(among.value, abs=1e-6)


def test_the_users_model_is_as_it_was(tmp_path: Path) -> None:
    net = Net().train()
    before = {name: one.clone() for name, one in net.state_dict().items()}
    random = torch.get_rng_state()
    found(tmp_path, case(*THREE, model=net))
    assert net.training and torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())


def test_a_black_box_is_not_tried_and_says_so(tmp_path: Path) -> None:
    def scores(images: Any) -> Any:
        return np.stack([images[:, channel].mean((1, 2)) for channel in range(3)], axis=1)

    audited = audit(black_box(scores, outputs=3), samples(8))
    measured = found(tmp_path, audited.expect(background_share(occlusion(window=0.5, stride=0.5)) <= 1))
    (check,) = measured.sanity
    assert check.passed is None and "no parameters" in check.note


class Uncopied(Net):
    """Cannot be copied."""

    def __deepcopy__(self, memo: object) -> Any:
        raise RuntimeError("there is one of me")


def test_a_check_that_breaks_is_a_note_and_the_run_goes_on(tmp_path: Path) -> None:
    result = decided(tmp_path, case("saliency", model=Uncopied()))
    assert result.verdict is Verdict.PASS
    check = mprt(found(tmp_path, case("saliency", model=Uncopied())))["saliency"]
    assert check.passed is None and "there is one of me" in check.note


def test_a_measure_of_behaviour_has_no_method_to_try(tmp_path: Path) -> None:
    assert found(tmp_path, audit(data=samples(8)).expect(accuracy <= 1)).sanity == []


@pytest.mark.parametrize("model", ["demo:sound", "demo:shortcut"])
def test_the_usual_methods_are_sane_on_the_demo(tmp_path: Path, model: str) -> None:
    audited = Audit(model, "demo:?images=12").expect(background_dependence(*THREE) <= 1)
    checked = mprt(found(tmp_path, audited))
    assert set(checked) == set(THREE)
    assert all(one.passed is True and one.value is not None and one.value < 0.5 for one in checked.values())
