"""A model while it is measured: micro-batches, memory, and failures that stay where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from engine.small_audits import AS_IT_IS, Net, audit, measured, results, samples, values
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelaudit.attribution import gradcam, input_x_gradient, integrated_gradients, occlusion, saliency
from modelaudit.data import LabelMap
from modelaudit.engine.inference.batch_size import micro_batch
from modelaudit.engine.inference.running_model import ModelOutput, RunningModel
from modelaudit.engine.planning.plan import MapAsk
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language import AuditCase, BuiltModel
from modelaudit.language.errors import ModelError
from modelaudit.measures import accuracy, background_dependence
from modelaudit.models import black_box, open_model

ASKS = [
    MapAsk(saliency(), "prediction"),
    MapAsk(saliency(), "margin"),
    MapAsk(input_x_gradient(), 1),
    MapAsk(gradcam(), "prediction"),
    MapAsk(gradcam(layer="features.0"), "label"),
    MapAsk(integrated_gradients(steps=8), "prediction"),
]


class Hungry(Net):
    """Has memory for so many images, and runs out of it in the `fails_at`-th pass of more than one image too.

    What it was given is counted in `sizes`, also by its copies.
    """

    sizes: ClassVar[list[int]] = []

    def __init__(self, most: int, fails_at: int = -1) -> None:
        super().__init__()
        self.most, self.fails_at = most, fails_at
        self.sizes.clear()

    def forward(self, pixels: Tensor) -> Tensor:
        if len(pixels) > 2:  # probes are smaller
            self.sizes.append(len(pixels))
        if len(pixels) > self.most or len(self.sizes) == self.fails_at:
            self.fails_at = -1
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(pixels)


def running(net: Net, batch: int) -> RunningModel:
    loaded = open_model(BuiltModel(net.eval().requires_grad_(False), AS_IT_IS), root=Path())
    return RunningModel(loaded, "cpu", LabelMap({}), batch, PassCounts())


def looked(net: Net, batch: int, count: int = 10, asks: list[MapAsk] | None = None, order: Any = None) -> ModelOutput:
    pixels = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    order = list(range(count)) if order is None else order
    labels = torch.arange(count) % 3
    ids = [f"{at}.png" for at in order]
    return running(net, batch).run(pixels[order], labels[order], ASKS if asks is None else asks, ids)


def test_the_plan_runs_one_forward_pass_and_one_backward_pass_a_target() -> None:
    model = running(Net(), 4)
    pixels, labels = torch.rand(4, 3, 16, 16), torch.tensor([0, 1, 2, 0])
    model.run(pixels, labels, ASKS[:4], list("abcd"))  # margin, one class, and two methods of the prediction
    assert (model.passes.forward, model.passes.backward) == (4, 12)
    model.run(pixels, labels, [ASKS[0], ASKS[3]], list("abcd"))
    assert (model.passes.forward, model.passes.backward) == (8, 16)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(7)), batch=st.sampled_from([2, 4]))
def test_order_and_chunking_change_nothing_to_the_bit(order: list[int], batch: int) -> None:
    net = Net()
    straight, shuffled = looked(net, batch, 7), looked(net, batch, 7, order=order)
    assert torch.equal(shuffled.logits, straight.logits[order])
    for ask in ASKS:
        assert torch.equal(shuffled.maps[ask].values, straight.maps[ask].values[order]), ask


@pytest.mark.parametrize("batch", [1, 3, 10, 16])
def test_the_micro_batch_changes_nothing_beyond_float_tolerance(batch: int) -> None:
    net = Net()
    reference, other = looked(net, 4), looked(net, batch)
    assert torch.allclose(other.logits, reference.logits, rtol=1e-5, atol=1e-6)
    for ask in ASKS:
        scale = reference.maps[ask].values.abs().max()
        assert torch.allclose(other.maps[ask].values, reference.maps[ask].values, rtol=0, atol=1e-5 * float(scale))


def test_out_of_memory_halves_the_micro_batch_and_goes_on() -> None:
    hungry, net = Hungry(most=3), Net()
    model = running(hungry, 8)
    hungry.sizes.clear()
    pixels = torch.rand(10, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    look = model.run(pixels, torch.arange(10) % 3, ASKS, [f"{at}.png" for at in range(10)])
    assert model.batch == 2
    assert hungry.sizes == [8, 4]
    assert model.notes == [
        "micro-batch: 8 images did not fit into memory, 4 from then on",
        "micro-batch: 4 images did not fit into memory, 2 from then on",
    ]
    plain = looked(net, 8)
    assert torch.allclose(look.logits, plain.logits, rtol=1e-5, atol=1e-6)
    for ask in ASKS:
        assert torch.allclose(look.maps[ask].values, plain.maps[ask].values, atol=1e-4)


def test_out_of_memory_in_the_middle_of_an_audit_ends_with_the_same_values_and_verdicts(tmp_path: Path) -> None:
    def cases(net: Net) -> dict[str, AuditCase]:
        asked = audit(net, samples(20))
        explained = background_dependence("saliency", "gradcam", "integrated_gradients")
        return {
            "right": asked.expect(accuracy > 0.1),
            "looks": asked.expect(explained < 0.9),
            "looks_away": asked.expect(explained < 0.1),
        }

    plain = measured(tmp_path / "plain", {"micro_batch": 8}, **cases(Net()))
    interrupted = measured(tmp_path / "interrupted", {"micro_batch": 8}, **cases(Hungry(most=8, fails_at=3)))
    assert min(Hungry.sizes) == 4
    assert not interrupted.failures
    for column in plain.columns:
        assert np.allclose(values(interrupted, column.key), values(plain, column.key), atol=1e-5, equal_nan=True)
    decided = results(tmp_path / "a", {"micro_batch": 8}, **cases(Net()))
    again = results(tmp_path / "b", {"micro_batch": 8}, **cases(Hungry(most=8, fails_at=3)))
    assert {name: one.verdict for name, one in again.items()} == {name: one.verdict for name, one in decided.items()}
    assert len({one.verdict for one in decided.values()}) > 1


def test_one_image_that_does_not_fit_is_an_error_that_says_so() -> None:
    hungry = Hungry(most=1)
    model = running(hungry, 4)
    hungry.most = 0
    with pytest.raises(ModelError, match="not even one image of 16 x 16 fits into the memory of cpu"):
        model.run(torch.rand(2, 3, 16, 16), torch.tensor([0, 1]), [], ["a", "b"])


def test_a_layer_that_is_refused_takes_down_its_own_method_alone() -> None:
    wrong = MapAsk(gradcam(layer="head"), "prediction")
    look = looked(Net(), 4, asks=[*ASKS, wrong])
    assert list(look.failed) == [wrong]
    assert "head" in look.failed[wrong]
    assert set(look.maps) == set(ASKS)


def test_a_target_that_is_no_class_takes_down_its_own_method_alone() -> None:
    wrong = MapAsk(saliency(), 17)
    look = looked(Net(), 4, asks=[ASKS[0], wrong])
    assert "no class 17" in look.failed[wrong]
    assert set(look.maps) == {ASKS[0]}


@pytest.mark.parametrize(("side", "expected"), [(16, 16), (224, 16), (256, 16), (257, 8), (512, 4), (2048, 1)])
def test_large_images_go_fewer_at_a_time_on_a_cpu(side: int, expected: int) -> None:
    assert micro_batch(Net(), (side, side), "cpu") == expected
    assert micro_batch(Net(), (side, side), "cpu", asked=3) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_as_many_as_fit() -> None:
    found = micro_batch(Net().cuda().requires_grad_(False), (224, 224), "cuda")
    assert found == 1 << found.bit_length() - 1
    assert 1 <= found <= 256


def test_a_model_without_gradients_names_the_methods_that_need_none() -> None:
    def scored(images: Any) -> Any:
        return np.stack([images.mean((1, 2, 3)), images[:, 0].mean((1, 2))], axis=1)

    loaded = open_model(black_box(scored, preprocessing=AS_IT_IS), root=Path())
    model = RunningModel(loaded, "cpu", LabelMap({}), 4, PassCounts())
    asks = [MapAsk(saliency(), "prediction"), MapAsk(occlusion(), "prediction")]
    look = model.run(torch.rand(2, 3, 16, 16), torch.tensor([0, 1]), asks, ["a", "b"])
    assert set(look.maps) == {asks[1]}
    assert "take a method that sees only scores: feature_ablation, kernel_shap, occlusion, rise" in look.failed[asks[0]]


@pytest.mark.parametrize(
    ("target", "explained"),
    [
        ("prediction", [[0, 0, 0, 1, 0], [1, 0, 0, 0, 0]]),
        # label 0 is meant by outputs 0 and 1: the stronger of them
        ("label", [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]]),
        # the runner-up means something else than the first: not 4, which means none as 3 does; not 1
        ("margin", [[0, 0, -1, 1, 0], [1, 0, -1, 0, 0]]),
        (2, [[0, 0, 1, 0, 0], [0, 0, 1, 0, 0]]),
    ],
)
def test_where_several_outputs_mean_a_label_targets_keep_to_what_they_mean(
    target: str | int, explained: list[list[float]]
) -> None:
    loaded = open_model(BuiltModel(Net(), AS_IT_IS), root=Path())
    model = RunningModel(loaded, "cpu", LabelMap({"dog": 0}, (0, 0, 2, -1, -1)), 2, PassCounts())
    logits = torch.tensor([[1.0, 2.0, 3.0, 9.0, 8.0], [9.0, 8.0, 7.0, 1.0, float("-inf")]])
    assert model._selector(target, logits, torch.tensor([0, 0])).tolist() == explained
