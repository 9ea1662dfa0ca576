"""Measuring: values that depend on nothing but what was asked, and failures that stay where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import Saliency
from engine.small_audits import (
    AS_IT_IS,
    CLASSES,
    SIDE,
    Broken,
    Net,
    audit,
    column,
    measured,
    registered,
    sample,
    samples,
    settings,
    values,
)
from torch import Tensor

from modelaudit.attribution.base import Cost, Maps, MethodDeclaration, attribution
from modelaudit.contexts import gaussian_noise, lighting, mean_fill, paste_back, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.planning.plan import plan
from modelaudit.engine.results.measured import Measured
from modelaudit.language import Audit, Missing, Preprocessing, Sample
from modelaudit.language.progress import Silent
from modelaudit.language.spec import MeasureSpec, Method
from modelaudit.measures import accuracy, background_dependence, confidence, flip_rate
from modelaudit.measures.base import MeasureDeclaration, MeasureInput, MeasureOutput
from modelaudit.measures.base import measure as measure_of

SWAP = swap_background("other_class")
FILL = mean_fill("background")


@dataclass(frozen=True)
class Exploding(Method):
    """Raises on every batch."""


@dataclass(frozen=True)
class ExplodingLate(Method):
    """Raises on the batch that holds a white image."""


@dataclass(frozen=True)
class Careless(MeasureSpec):
    """Gives NaN without saying why."""


@dataclass(frozen=True)
class ExplodingMeasure(MeasureSpec):
    """Raises on every batch."""


def exploding() -> None:
    declares = MethodDeclaration(cost=lambda spec: Cost(0, 0), tensors=())

    @attribution("exploding", Exploding, declares)
    def explode(spec: Exploding, question: Any) -> Maps:
        raise ZeroDivisionError("no map today")

    @attribution("exploding_late", ExplodingLate, declares)
    def explode_late(spec: ExplodingLate, question: Any) -> Maps:
        if bool((question.pixels.flatten(1).amin(1) == 1).any()):
            raise ZeroDivisionError("a white image")
        return Maps(question.pixels.sum(1))

    @measure_of("careless", Careless, MeasureDeclaration(scale="mean", better="high"))
    def careless(spec: Careless, seen: MeasureInput) -> MeasureOutput:
        return MeasureOutput(torch.full((len(seen.logits),), torch.nan, dtype=torch.float64))

    @measure_of("exploding_measure", ExplodingMeasure, MeasureDeclaration(scale="mean", better="high"))
    def explode_measure(spec: ExplodingMeasure, seen: MeasureInput) -> MeasureOutput:
        raise ZeroDivisionError("no number today")


@pytest.fixture
def third_party() -> Any:
    with registered(exploding):
        yield


# --- what values depend on -------------------------------------------------------------------------------------------


def everything(one: Audit) -> dict[str, Any]:
    return {
        "accuracy": one.expect(accuracy > 0.5),
        "maps": one.expect(background_dependence("gradcam", "saliency", "integrated_gradients").under(SWAP) < 0.5),
        "noise": one.expect(confidence.under(gaussian_noise(3)) > 0.1),
        "light": one.expect(flip_rate.under(lighting(5)) < 0.5),
    }


def by_sample(found: Measured) -> dict[tuple[str, str], float | Missing | None]:
    return {
        (sample.id, one.key): one.missing.get(at, one.values[at])
        for one in found.columns
        for at, sample in enumerate(found.samples)
    }


def test_values_are_equal_to_the_bit_whatever_chunk_an_image_is_in(tmp_path: Path) -> None:
    """A limit puts the images into other chunks, at other places, beside other images."""
    net, data = Net(), samples(11)
    whole = by_sample(measured(tmp_path, **everything(audit(net, data))))
    for limit in (3, 6, 9):
        part = by_sample(measured(tmp_path, {"limit": limit}, **everything(audit(net, data))))
        assert len(part) == limit * 6
        assert all(whole[key] == value for key, value in part.items())


def test_another_micro_batch_changes_values_by_rounding_only(tmp_path: Path) -> None:
    net, data = Net(), samples(11)
    one, other = (
        by_sample(measured(tmp_path, {"micro_batch": size}, **everything(audit(net, data)))) for size in (4, 7)
    )
    assert one.keys() == other.keys()
    assert all(other[key] == pytest.approx(value, abs=1e-5) for key, value in one.items())


def test_the_order_of_questions_and_of_images_changes_nothing(tmp_path: Path) -> None:
    net, data = Net(), samples(9)
    asked_for = everything(audit(net, data))
    backwards = everything(audit(net, data[::-1]))
    one = measured(tmp_path, **asked_for)
    other = measured(tmp_path, **dict(reversed(backwards.items())))
    assert by_sample(one) == by_sample(other)


def test_another_seed_gives_other_draws_and_the_same_originals(tmp_path: Path) -> None:
    net, data = Net(), samples(8)
    one, other = (measured(tmp_path, {"seed": seed}, **everything(audit(net, data))) for seed in (0, 1))
    assert np.array_equal(values(one, "accuracy"), values(other, "accuracy"))
    assert not np.array_equal(
        values(one, "confidence.under(gaussian_noise(3))"), values(other, "confidence.under(gaussian_noise(3))")
    )


def test_the_seed_of_the_audit_wins_over_the_run_s(tmp_path: Path) -> None:
    net, data = Net(), samples(8)
    noisy = "confidence.under(gaussian_noise(3))"
    said = measured(tmp_path, {"seed": 0}, **everything(audit(net, data, seed=1)))
    run = measured(tmp_path, {"seed": 1}, **everything(audit(net, data)))
    assert np.array_equal(values(said, noisy), values(run, noisy))


def test_nothing_depends_on_or_touches_the_global_generator(tmp_path: Path) -> None:
    net, data = Net(), samples(8)
    torch.manual_seed(1)
    one = measured(tmp_path, **everything(audit(net, data)))
    state = torch.get_rng_state()
    other = measured(tmp_path, **everything(audit(net, data)))
    assert torch.equal(state, torch.get_rng_state())
    assert by_sample(one) == by_sample(other)


# --- what is explained -----------------------------------------------------------------------------------------------


def stacked(data: list[Sample]) -> tuple[Tensor, Tensor]:
    images = [torch.from_numpy(np.asarray(one.image)).permute(2, 0, 1) / 255 for one in data]
    return torch.stack(images), torch.stack([torch.from_numpy(np.asarray(one.mask)) for one in data])


@pytest.mark.parametrize("target", ["prediction", "label", "margin", "nut", 2])
def test_maps_explain_the_target_that_was_asked_for(tmp_path: Path, target: str | int) -> None:
    net, data = Net(), samples(6)
    pixels, masks = stacked(data)
    logits = net(pixels)
    ranked = logits.argsort(1, descending=True)
    rows = torch.arange(6)

    def explained(batch: Tensor) -> Tensor:
        answers = net(batch)
        if target == "prediction":
            return answers[rows, ranked[:, 0]]
        if target == "label":
            return answers[rows, torch.tensor([CLASSES.index(str(one.label)) for one in data])]
        if target == "margin":
            return answers[rows, ranked[:, 0]] - answers[rows, ranked[:, 1]]
        return answers[:, CLASSES.index(target) if isinstance(target, str) else target]

    maps = Saliency(explained).attribute(pixels.clone().requires_grad_(), abs=True).sum(1).double()
    on, off = masks == 1, masks == 0
    density = [(maps * part).flatten(1).sum(1) / part.flatten(1).sum(1) for part in (off, on)]
    expected = density[0] / (density[0] + density[1])
    found = measured(tmp_path, case=audit(net, data).expect(background_dependence("saliency", target=target) < 0.5))
    assert len(set(ranked[:, 0].tolist())) > 1  # the prediction is not one class for all, or it would be no target
    assert values(found, found.columns[0].key) == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_target_that_is_no_class_fails_its_own_column_and_names_the_nearest(tmp_path: Path) -> None:
    one = audit()
    found = measured(
        tmp_path,
        typo=one.expect(background_dependence("saliency", target="nutt") < 0.5),
        right=one.expect(background_dependence("saliency") < 0.5),
    )
    (message,) = found.failures.values()
    assert "no class 'nutt'; did you mean 'nut'?" in message
    assert not np.isnan(values(found, "background_dependence(saliency)")).any()


def test_under_a_context_the_prediction_there_is_explained(tmp_path: Path) -> None:
    net, data = Net(3), samples(8)
    context = mean_fill("object")
    one = audit(net, data)
    found = measured(
        tmp_path,
        prediction=one.expect(background_dependence("saliency").under(context) < 0.5),
        flips=one.expect(flip_rate.under(context) < 0.5),
        classes=one.expect(background_dependence("saliency", target="bolt").under(context) < 0.5),
    )
    prediction = values(found, f"background_dependence(saliency).under({context})")
    bolt = values(found, f"background_dependence(saliency, target=bolt).under({context})")
    pixels, masks = stacked(data)
    mean = torch.tensor([123, 116, 103]) / 255
    filled = torch.where((masks == 1)[:, None], mean.view(1, 3, 1, 1), pixels)
    at_bolt = (net(filled).argmax(1) == 0).numpy()
    flips = (net(filled).argmax(1) != net(pixels).argmax(1)).double().numpy()
    assert np.array_equal(values(found, f"flip_rate.under({context})"), flips)
    assert np.array_equal(prediction == bolt, at_bolt) and 0 < at_bolt.sum() < 8


# --- contexts --------------------------------------------------------------------------------------------------------


def test_a_composition_is_its_parts_one_after_the_other(tmp_path: Path) -> None:
    one = audit()
    both, reverse = FILL | lighting(5), lighting(5) | FILL
    found = measured(
        tmp_path,
        both=one.expect(confidence.under(both) > 0.1),
        reverse=one.expect(confidence.under(reverse) > 0.1),
        fill=one.expect(confidence.under(FILL) > 0.1),
        light=one.expect(confidence.under(lighting(5)) > 0.1),
    )
    parts = {
        key: values(found, f"confidence.under({context})")
        for key, context in {"both": both, "reverse": reverse, "fill": FILL, "light": lighting(5)}.items()
    }
    names = list(parts)
    for at, name in enumerate(names):
        for other in names[at + 1 :]:
            assert not np.allclose(parts[name], parts[other])


def test_a_control_may_leave_every_pixel_and_gives_the_original_s_values(tmp_path: Path) -> None:
    one = audit()
    found = measured(tmp_path, a=one.expect(confidence > 0.1), b=one.expect(confidence.under(paste_back) > 0.1))
    assert found.failures == {}
    assert np.array_equal(values(found, "confidence"), values(found, "confidence.under(paste_back)"))


def test_a_context_that_changes_no_pixel_of_the_whole_run_is_a_failure(tmp_path: Path) -> None:
    """The background is already the mean, so filling it changes nothing."""
    grey = [np.full((SIDE, SIDE, 3), (123, 116, 103), np.uint8) for _ in range(5)]
    data = [sample(at, image=image) for at, image in enumerate(grey)]
    one = audit(Net(), data)
    found = measured(tmp_path, still=one.expect(accuracy.under(FILL) > 0.5), plain=one.expect(accuracy > 0.5))
    assert list(found.failures) == [f"model:Net|accuracy.under({FILL})"]
    assert "changed no pixel of any of 5 images" in found.failures[f"model:Net|accuracy.under({FILL})"]


def test_a_single_image_that_a_context_does_not_change_is_undefined(tmp_path: Path) -> None:
    data = [sample(0, image=np.full((SIDE, SIDE, 3), (123, 116, 103), np.uint8)), *samples(5)[1:]]
    found = measured(tmp_path, case=audit(Net(), data).expect(accuracy.under(FILL) > 0.5))
    assert found.failures == {}
    assert column(found, f"accuracy.under({FILL})").missing == {0: Missing.CONTEXT_UNCHANGED}


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_method_that_raises_takes_down_its_columns_and_keeps_its_traceback(tmp_path: Path, third_party: None) -> None:
    one = audit()
    found = measured(
        tmp_path,
        bad=one.expect(background_dependence(Exploding()) < 0.5),
        good=one.expect(background_dependence("saliency") < 0.5),
        plain=one.expect(accuracy > 0.5),
    )
    ((key, message),) = found.failures.items()
    assert key == "model:Net|background_dependence(exploding)"
    assert message.startswith("ZeroDivisionError: no map today\n") and "in explode\n" in message
    assert not np.isnan(values(found, "background_dependence(saliency)")).any()
    assert not np.isnan(values(found, "accuracy")).any()


def test_a_measure_that_raises_takes_down_its_own_column(tmp_path: Path, third_party: None) -> None:
    from modelaudit.language import Measure

    one = audit()
    found = measured(
        tmp_path, bad=one.expect(Measure(ExplodingMeasure()) > 0.5), good=one.expect(flip_rate.under(SWAP) < 0.5)
    )
    ((key, message),) = found.failures.items()
    assert key == "model:Net|exploding_measure" and "no number today" in message
    assert not np.isnan(values(found, f"flip_rate.under({SWAP})")).any()


def test_a_method_that_raises_late_leaves_no_half_column(tmp_path: Path, third_party: None) -> None:
    white = sample(9, image=np.full((SIDE, SIDE, 3), 255, np.uint8))
    one = audit(Net(), [*samples(9), white])
    found = measured(
        tmp_path,
        bad=one.expect(background_dependence(ExplodingLate()) < 0.5),
        good=one.expect(background_dependence("saliency") < 0.5),
    )
    assert list(found.failures) == ["model:Net|background_dependence(exploding_late)"]
    assert "NaN" not in found.model_dump_json()
    assert not np.isnan(values(found, "background_dependence(saliency)")).any()


def test_a_model_that_raises_takes_down_itself_and_not_the_other(tmp_path: Path) -> None:
    one = audit({"good": Net(), "bad": Broken()})
    found = measured(tmp_path, case=one.expect(accuracy > 0.5), swap=one.expect(accuracy.under(SWAP) > 0.5))
    assert {key.split("|")[0] for key in found.failures} == {"model:bad"}
    assert len(found.failures) == 2
    assert all("ZeroDivisionError: the belt stands still" in message for message in found.failures.values())
    assert not np.isnan(values(found, "accuracy", "model:good")).any()


@pytest.mark.parametrize(
    ("model", "message"),
    [("torchvision:resnet5", "did you mean"), ("nowhere.py:build", "no file"), (dict, "returned dict")],
)
def test_a_model_that_cannot_be_opened_takes_down_itself(tmp_path: Path, model: Any, message: str) -> None:
    found = measured(tmp_path, case=audit({"good": Net(), "bad": model}).expect(accuracy > 0.5))
    ((key, text),) = found.failures.items()
    assert key == f"model:model:{model if isinstance(model, str) else 'bad'}" and message in text
    assert not np.isnan(values(found, "accuracy", "model:good")).any()


def test_labels_that_one_model_does_not_know_take_down_that_model(tmp_path: Path) -> None:
    one = audit({"good": Net(), "bad": Net()}, classes={"good": CLASSES, "bad": ("cat", "dog", "cow")})
    found = measured(tmp_path, case=one.expect(accuracy > 0.5))
    assert (
        list(found.failures) == ["model:model:bad"]
        and "3 of 3 labels match no class" in found.failures["model:model:bad"]
    )
    assert not np.isnan(values(found, "accuracy", "model:good")).any()


def test_data_that_cannot_be_opened_are_one_failure(tmp_path: Path) -> None:
    found = measured(tmp_path, case=audit(data="folder:nowhere").expect(accuracy > 0.5))
    assert list(found.failures) == ["data"] and "nowhere" in found.failures["data"]
    assert found.samples == [] and found.columns == []


def test_a_device_that_is_not_there_is_a_failure_that_says_so(tmp_path: Path) -> None:
    found = measured(tmp_path, {"device": "cuda:99"}, case=audit().expect(accuracy > 0.5))
    assert "cuda:99" in found.failures["data"] and "use cpu, cuda or auto" in found.failures["data"]


def test_images_that_cannot_be_read_are_counted_and_cost_no_other_image(tmp_path: Path) -> None:
    data = samples(10)
    data[2] = sample(2, image=b"no picture")
    data[5] = sample(5, mask=np.zeros((3, 3), np.uint8))
    data[7] = sample(7, mask=None, mask_kind="none")
    net = Net()
    one = audit(net, data)
    found = measured(
        tmp_path,
        plain=one.expect(accuracy > 0.5),
        map=one.expect(background_dependence("saliency") < 0.5),
        noise=one.expect(accuracy.under(gaussian_noise(2)) > 0.5),
        light=one.expect(accuracy.under(lighting(2)) > 0.5),
    )
    unreadable = {2: Missing.UNREADABLE_IMAGE}
    without_mask = {**unreadable, 5: Missing.MASK_SIZE, 7: Missing.NO_MASK}
    assert column(found, "accuracy").missing == unreadable
    assert column(found, "background_dependence(saliency)").missing == without_mask
    under = {word: one.missing for one in found.columns for word in ("noise", "lighting") if word in one.key}
    assert under == {"noise": without_mask, "lighting": unreadable}
    assert found.data is not None and set(found.data.unusable) == {"002.png", "005.png"}
    whole = measured(tmp_path, plain=audit(net, samples(10)).expect(accuracy > 0.5))
    kept = [at for at in range(10) if at not in unreadable]
    assert np.array_equal(values(found, "accuracy")[kept], values(whole, "accuracy")[kept])
    assert found.passes.decoded == 10 and found.models[0].areas[7] is None


# --- several models --------------------------------------------------------------------------------------------------


def test_models_of_different_input_sizes_are_each_shown_their_own(tmp_path: Path) -> None:
    data = [sample(at, side=24) for at in range(6)]
    sizes = {"small": Preprocessing(resize=8), "large": Preprocessing(resize=24, crop=20)}
    small, large = Net(), Net(1)
    one = audit({"small": small, "large": large}, data, preprocessing=sizes)
    found = measured(tmp_path, gap=one.expect(confidence.of("small") - confidence.of("large").under(SWAP) > 0))
    assert found.failures == {}
    for name, net in (("small", small), ("large", large)):
        alone = audit({name: net}, data, preprocessing=sizes[name])
        left = confidence if name == "small" else confidence.under(SWAP)
        single = measured(tmp_path, case=alone.expect(left.of(name) > 0))
        key = single.columns[0].key
        assert np.array_equal(values(found, key, f"model:{name}"), values(single, key))
    areas = {facts.key: facts.areas for facts in found.models}
    assert areas["model:small"] != areas["model:large"]


def test_a_caller_s_module_comes_back_as_it_was(tmp_path: Path) -> None:
    net = Net().train()
    before = {name: part.clone() for name, part in net.state_dict().items()}
    measured(tmp_path, **everything(audit(net)))
    assert net.training and all(part.requires_grad and part.grad is None for part in net.parameters())
    assert all(torch.equal(part, before[name]) for name, part in net.state_dict().items())


def test_the_probe_and_the_facts_of_a_model_are_its_own(tmp_path: Path) -> None:
    found = measured(tmp_path, case=audit({"a": Net(), "b": Net(1)}).expect(accuracy > 0.5))
    a, b = found.models
    assert a.fingerprint != b.fingerprint and a.probe_digest != b.probe_digest
    assert a.parameters == sum(part.numel() for part in Net().parameters())
    assert a.preprocessing["resize"] == SIDE == AS_IT_IS.resize
    assert a.indices == [at % 3 for at in range(10)]


def test_a_folder_for_pictures_that_cannot_be_written_stops_the_group(tmp_path: Path) -> None:
    from modelaudit.engine.planning.plan import Asked
    from modelaudit.language import ResultsError

    chosen = settings(tmp_path)
    chosen.folder.write_text("in the way")
    case = audit().expect(accuracy > 0.5)
    (group,) = plan([Asked("case", case, case.expectation)])
    with pytest.raises(ResultsError, match="--audit-results"):
        measure(group, chosen, Silent())
