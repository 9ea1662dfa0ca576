"""A planted dependence is a real model, lies where it should, and is decided alike whatever it was measured with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import CLASSES, Net, audit, groups_of, sample, settings
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from modelaudit.contexts import gaussian_noise, mean_fill, swap_background
from modelaudit.engine import execute
from modelaudit.engine.checked import PlantCheck
from modelaudit.engine.measured import Measured, Passes
from modelaudit.engine.measuring import Measuring
from modelaudit.engine.plan import Group, original_context
from modelaudit.engine.planted import PlantedCopy
from modelaudit.engine.plants import MARGIN, plants
from modelaudit.engine.progress import Silent
from modelaudit.engine.scenes import Stage
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, AuditCase, Preprocessing, Sample, correct
from modelaudit.language.checks import Checks
from modelaudit.measures import accuracy, background_dependence, background_share, confidence, flip_rate

SIDE = 32
AS_IT_IS = Preprocessing(resize=SIDE)
SWAP = swap_background("other_class")
COUNT = 60
ONLY = Checks(masks=0, noise=0, blind=0, seams=0, plant=512, resamples=50, sanity=0, agreement=0)
Cases = dict[str, AuditCase]


def placed(number: int, **changes: Any) -> Sample:
    """An image whose object lies where no other's does: else a borrowed background may be another's own to the bit."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    top, left, size = number % 11, 2 * (number % 13), 4 + number % 4
    mask[top : top + size, left : left + size] = 1
    return sample(number, side=SIDE, **{"mask": mask, **changes})


def data(count: int = COUNT) -> list[Sample]:
    return [placed(number) for number in range(count)]


def an_audit(samples: list[Sample] | None = None, **options: Any) -> Audit:
    return audit(data=data() if samples is None else samples, preprocessing=AS_IT_IS, checks=ONLY, **options)


@dataclass
class Seen:
    """What `plants` was asked with in the last measurement."""

    run: Measuring
    group: Group
    measured: Measured


class Bench:
    """Measures audits, on a store or without one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.seen: Seen

        def spied(run: Measuring, group: Group, measured: Measured) -> dict[str, PlantCheck]:
            self.seen = Seen(run, group, measured)
            return plants(run, group, measured)

        monkeypatch.setattr(execute, "plants", spied)

    def __call__(self, cases: Cases, *, stored: bool = False, **options: Any) -> Measured:
        (group,) = groups_of(**cases)
        store = Store(self.folder / "store" if stored else None)
        given = {"checks": ONLY, **options}
        found = execute.measure(group, settings(self.folder, **given), Silent(), store)
        store.close()
        return found

    def plant(self, cases: Cases, **options: Any) -> PlantCheck:
        """Of the one case."""
        (found,) = self(cases, **options).plants.values()
        return found

    def copy(self) -> PlantedCopy:
        """The copy of the first case of the last measurement."""
        run, planting = self.seen.run, self.seen.run.planting
        assert planting is not None
        names = [one.id for one in run.samples]
        return PlantedCopy(
            self.seen.group.cases[0], self.seen.group.passes, run.models, planting, self.seen.measured, names
        )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


class Memorising(nn.Module):
    """A model that also remembers backgrounds: it averages what is no object over cells, and reads classes off that."""

    def __init__(
        self, inner: nn.Module, weights: Tensor, classes: tuple[int, ...], weight: float, mask: Tensor
    ) -> None:
        super().__init__()
        self.inner, self.weights, self.classes, self.weight, self.mask = inner, weights, classes, weight, mask

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.inner(pixels)
        cells = avg_pool2d(pixels * (self.mask == 0).unsqueeze(1), SIDE // 16).flatten(1)
        spoken = torch.zeros(len(pixels), logits.shape[1], dtype=torch.float64)
        spoken[:, list(self.classes)] = cells.double() @ self.weights
        return logits + (self.weight * spoken).float()


def real_answers(bench: Bench, copy: PlantedCopy, check: PlantCheck, context: Any) -> Tensor:
    """The logits of the memorising model, run on the pixels of the plant's images under a context."""
    (model,) = bench.seen.run.models.values()
    every = data()
    chosen = [next(one for one in every if one.id == bench.seen.measured.samples[at].id) for at in copy.kept]
    with Stage(every, seed=bench.seen.run.stage.seed, device="cpu", passes=Passes()) as stage:
        shown = stage.show(stage.chunk(chosen, 0), context, AS_IT_IS)
    assert check.strength is not None
    weights = torch.from_numpy(copy.readout.weights)
    wrapper = Memorising(model.loaded.pixel_model, weights, copy.readout.classes, check.strength, shown.mask)
    with torch.no_grad():
        return wrapper(shown.pixels)  # type: ignore[no-any-return]


def test_the_planted_copy_is_a_real_model(bench: Bench) -> None:
    check = bench.plant({"drop": an_audit().expect(accuracy - accuracy.under(SWAP) < 0.05)})
    copy, (model,) = bench.copy(), bench.seen.run.models
    assert check.kind == "logits" and check.strength is not None
    strength = check.strength / copy.unit
    answers = {context: real_answers(bench, copy, check, context) for context in (original_context(), SWAP)}
    for context, real in answers.items():
        planted = copy.planted_logits((model, str(context)), strength)
        assert torch.allclose(planted, real, rtol=1e-4, atol=1e-4)
        own = copy.planted_logits((model, str(context)), 0.0)
        assert float((planted - own).abs().max()) > 1e-3  # there is a plant
    # the left side, from the real model's answers alone
    labels = torch.tensor([CLASSES.index(bench.seen.measured.samples[at].label) for at in copy.kept])
    right = [float((real.argmax(1) == labels).double().mean()) for real in answers.values()]
    assert check.left == pytest.approx(right[0] - right[1], abs=1e-9)
    assert 0.05 + MARGIN - 1e-9 <= check.left <= 0.05 + MARGIN + 3 / COUNT


def test_the_background_speaks_for_the_label_and_under_the_context_for_the_next_one(bench: Bench) -> None:
    check = bench.plant({"drop": an_audit().expect(accuracy - accuracy.under(SWAP) < 0.05)})
    copy, (model,) = bench.copy(), bench.seen.run.models
    labels = [CLASSES.index(bench.seen.measured.samples[at].label) for at in copy.kept]
    for context, shift in ((original_context(), 0), (SWAP, 1)):
        spoken = copy.background((model, str(context))) @ copy.readout.weights
        assert np.abs(spoken - np.eye(3)[[(label + shift) % 3 for label in labels]]).max() < 0.05
    assert check.images == COUNT and check.needed == 0.8 and check.margin == MARGIN


def left_of(bench: Bench, check: PlantCheck, share: float) -> float:
    """The left side of the first case's copy at a share of the strength that was found."""
    from modelaudit.engine.plant_directions import left_side

    copy = bench.copy()
    assert check.strength is not None
    strength = share * check.strength / (copy.unit if check.kind == "logits" else 1.0)
    found = left_side(copy.expectation, copy.table(strength), 0.95)
    assert found is not None
    return found


EXPECTED = {
    "proportion": (accuracy > 0.2, "logits"),
    "under": (accuracy.under(SWAP) > 0.25, "logits"),
    "flips": (flip_rate.under(gaussian_noise(3)) < 0.5, "logits"),
    "mean": (confidence - confidence.under(SWAP) < 0.05, "logits"),
    "ratio": (accuracy.under(SWAP) / accuracy > 0.8, "logits"),
    "stratum": (flip_rate.under(SWAP).where(correct) < 0.3, "logits"),
    "must fail": (accuracy.under(SWAP) < 0.5, "logits"),
    "map": (background_dependence("saliency") < 0.6, "map"),
    "cells": (background_dependence("gradcam").under(SWAP) < 0.5, "map"),
    "methods": (background_dependence("gradcam", "saliency") < 0.8, "map"),
    "map in a stratum": (background_dependence("saliency").under(SWAP).where(correct) < 0.6, "map"),
    "difference of maps": (
        background_dependence("saliency").under(SWAP) - background_dependence("saliency") < 0.1,
        "map",
    ),
    "both": (accuracy - accuracy.under(SWAP) + background_share("saliency") < 0.9, "both"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_left_side_lies_ten_points_beyond_and_a_little_less_does_not(bench: Bench, name: str) -> None:
    expectation, kind = EXPECTED[name]
    check = bench.plant({"case": an_audit().expect(expectation)})
    assert check.kind == kind and check.why_not == "" and check.left is not None
    assert check.strength is not None and check.strength > 0
    sign = 1 if expectation.wants_low else -1
    target = expectation.threshold + sign * MARGIN
    assert sign * (check.left - target) >= -1e-9
    assert check.left == pytest.approx(left_of(bench, check, 1.0), abs=1e-9)
    assert sign * (left_of(bench, check, 0.999) - target) < 0
    assert check.resamples == 50 and 0 < check.failed <= 50
    assert check.lower is not None and check.lower < check.failed / 50
    assert check.caught is (check.lower >= 0.8)


def test_the_bound_is_clopper_pearsons(bench: Bench) -> None:
    from scipy.stats import beta

    check = bench.plant({"case": an_audit().expect(background_dependence("saliency") < 0.6)})
    assert check.lower == pytest.approx(beta.ppf(0.05, check.failed, 50 - check.failed + 1), abs=1e-9)


def test_of_one_model_beside_another_only_one_is_copied(bench: Bench) -> None:
    models = {"new": Net(1), "old": Net(2)}
    one = audit(models, data(), preprocessing=AS_IT_IS, checks=ONLY)
    change = accuracy.under(SWAP).of("new") - accuracy.under(SWAP).of("old")
    check = bench.plant({"case": one.expect(change > -0.05)})
    copy = bench.copy()
    assert check.kind == "logits" and "new" in copy.model
    (old,) = [column for column in bench.seen.measured.columns if column.model != copy.model]
    strength = (check.strength or 0) / copy.unit
    measures = {one.model: one for one in copy.expectation.expression.measures()}
    planted = copy.table(strength).column(measures["old"]).values
    assert planted.tolist() == [old.values[at] for at in copy.kept]
    assert (
        copy.table(strength).column(measures["new"]).values.mean() < copy.table(0).column(measures["new"]).values.mean()
    )


@pytest.mark.parametrize(
    ("expectation", "why"),
    [
        (accuracy > 0.05, "cannot be 0.1 beyond the threshold (-0.05)"),
        (accuracy.under(mean_fill("object")) - accuracy < 0.6, "the contexts leave the background as it is"),
        (background_dependence("saliency") > 0.4, "no dependence on the background would speak against"),
    ],
)
def test_where_nothing_can_be_planted_it_says_why(bench: Bench, expectation: Any, why: str) -> None:
    check = bench.plant({"case": an_audit().expect(expectation)})
    assert check.kind == "none" and why in check.why_not
    assert (check.left, check.strength, check.lower, check.caught) == (None, None, None, None)


def test_images_without_a_mask_have_no_background_to_plant_on(bench: Bench) -> None:
    bare = [placed(number, mask=None) for number in range(20)]
    check = bench.plant({"case": an_audit(bare).expect(accuracy.under(gaussian_noise(3, region="whole")) > 0.2)})
    assert check.kind == "none" and "no image has a background that is known" in check.why_not


def test_of_an_agreed_set_the_copy_is_decided_once(bench: Bench) -> None:
    one = an_audit(about="this_set")
    check = bench.plant({"case": one.expect(accuracy - accuracy.under(SWAP) < 0.05)})
    assert (check.resamples, check.failed, check.lower, check.caught) == (1, 1, None, True)


def test_switched_off_there_is_none(bench: Bench) -> None:
    case = {"case": an_audit().expect(accuracy > 0.2)}
    assert bench(case, checks=None).plants == {}
    assert bench(case, checks=Checks(), limit=10).plants == {}
    assert bench({"case": audit(checks=Checks.off()).expect(accuracy > 0.2)}).plants == {}


def cases(samples: list[Sample] | None = None) -> Cases:
    one = an_audit(samples)
    return {
        "drop": one.expect(accuracy - accuracy.under(SWAP) < 0.05),
        "flips": one.expect(flip_rate.under(gaussian_noise(3)).where(correct) < 0.4),
        "map": one.expect(background_dependence("gradcam", "saliency").under(SWAP) < 0.6),
    }


def nearly(found: dict[str, PlantCheck], other: dict[str, PlantCheck]) -> None:
    """Counts to the letter, numbers as far as sums in another order allow."""
    assert found.keys() == other.keys()
    for name, one in found.items():
        first, second = one.model_dump(), other[name].model_dump()
        for field, value in first.items():
            exact = not isinstance(value, float)
            assert second[field] == (value if exact else pytest.approx(value, rel=1e-5)), (name, field)


def test_neither_batch_nor_order_nor_repetition_has_a_part_in_it(bench: Bench) -> None:
    first = bench(cases()).plants
    assert bench(cases()).plants == first
    nearly(bench(cases(data()[::-1])).plants, first)
    nearly(bench(cases(), micro_batch=7).plants, first)


def test_another_seed_draws_other_resamples(bench: Bench) -> None:
    expectation = accuracy - accuracy.under(SWAP) < 0.05
    failed = {bench.plant({"case": an_audit(seed=seed).expect(expectation)}).failed for seed in range(4)}
    assert len(failed) > 1


def test_a_stored_run_gives_the_same_and_decodes_nothing(bench: Bench) -> None:
    fresh = bench(cases(), stored=True)
    again = bench(cases(), stored=True)
    assert fresh.passes.decoded == COUNT and again.passes.decoded == 0
    assert (again.passes.forward, again.passes.backward) == (0, 0)
    assert again.plants == fresh.plants == bench(cases()).plants


def test_values_that_were_stored_without_a_plant_are_measured_again_where_it_needs_them(bench: Bench) -> None:
    bench(cases(), stored=True, checks=None)
    later = bench(cases(), stored=True)
    assert later.passes.decoded >= COUNT and later.passes.forward > 0
    assert later.plants == bench(cases()).plants
    assert bench(cases(), stored=True).passes.decoded == 0


def test_a_larger_plant_measures_only_the_further_images_again(bench: Bench) -> None:
    expectation = accuracy - accuracy.under(SWAP) < 0.05

    def run(plant: int, stored: bool) -> Measured:
        few = Checks(masks=0, noise=0, blind=0, seams=0, plant=plant, resamples=50, sanity=0, agreement=0)
        one = audit(data=data(), preprocessing=AS_IT_IS, checks=few)
        return bench({"case": one.expect(expectation)}, stored=stored)

    assert run(20, stored=True).plants["case"].images == 20
    more = run(30, stored=True)
    assert more.passes.decoded == 10 and more.plants["case"].images == 30
    assert more.plants == run(30, stored=False).plants


def changed(samples: list[Sample]) -> Iterator[Sample]:
    """An image that cannot be read among the others."""
    for number, one in enumerate(samples):
        yield placed(number, image=Path("nowhere.png")) if number == 7 else one


def test_an_unreadable_image_counts_as_missing_in_the_plant_too(bench: Bench) -> None:
    check = bench.plant({"case": an_audit(list(changed(data()))).expect(accuracy - accuracy.under(SWAP) < 0.05)})
    assert check.kind == "logits" and check.images == COUNT
    assert np.isnan(bench.copy().table(0).column(accuracy).values).sum() == 1  # type: ignore[arg-type]


def test_a_model_that_sees_no_background_does_not_fail(bench: Bench) -> None:
    blind = Checks(masks=0, noise=0, blind=40, seams=0, plant=512, resamples=50, sanity=0, agreement=0)
    one = audit(data=data(), preprocessing=AS_IT_IS, checks=blind)
    check = bench.plant({"case": one.expect(accuracy - accuracy.under(SWAP) < 0.05)})
    assert (check.blind_left, check.blind_failed) == (0.0, 0)
    fails = bench.plant({"case": one.expect(accuracy.under(SWAP) - accuracy > 0.05)})
    assert fails.blind_left == 0 and fails.blind_failed is not None
