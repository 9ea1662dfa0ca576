"""What holds for every method that only sees scores."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import (
    AttributionInput,
    Cost,
    Maps,
    check,
    feature_ablation,
    kernel_shap,
    occlusion,
    rise,
    shapley_sampling,
)
from modelaudit.language import registry
from modelaudit.language.errors import ExpressionError
from modelaudit.language.parser import parse_expression
from modelaudit.language.reasons import Missing
from modelaudit.language.spec import Method, as_method, long_text

METHODS = [
    occlusion(window=0.25, stride=0.25),
    occlusion(window=0.3, stride=0.2, fill="blur"),
    rise(masks=20, grid=3),
    rise(masks=20, grid=3, fill="noise", quantity="probability", centred=False),
    feature_ablation(segments=9, fill="noise"),
    feature_ablation(segments=8, segmentation="slic"),
    shapley_sampling(samples=3, segments=9, fill="white"),
    shapley_sampling(samples=2, segments=8, segmentation="slic"),
    kernel_shap(samples=36, segments=9),
    kernel_shap(samples=14, segments=4),
    kernel_shap(samples=32, segments=8, segmentation="slic"),
]
RANDOM = [method for method in METHODS if isinstance(method, rise | shapley_sampling | kernel_shap)]
IDS = ["a/1.png", "a/2.png", "b/1.png", "b/2.png", "b/3.png"]


class Net(nn.Module):
    """A small network that no gradient leads through."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv = nn.Conv2d(3, 6, 3, stride=2)
        self.head = nn.Linear(6, 4)
        for parameter in self.parameters():
            parameter.requires_grad_(False).copy_(torch.rand(parameter.shape, generator=generator) - 0.5)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.head(self.conv(x).relu().mean((2, 3)))


def pixels(count: int = 5, side: int = 12) -> Tensor:
    noise = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    return nn.functional.interpolate(noise, (side, side), mode="bilinear")


def question(
    order: list[int], rows: int | None = None, *, seed: int = 0, model: nn.Module | None = None
) -> AttributionInput:
    """The images of that order; each explains a class of its own."""
    model = model or Net()
    images, selector = pixels()[order], torch.eye(4)[torch.tensor(order) % 4]
    with torch.no_grad():
        explained = (model(images) * selector).sum(1)
    return AttributionInput(
        model, images, selector, explained, ids=tuple(IDS[at] for at in order), seed=seed, rows=rows
    )


def explain(method: Method, asked: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_order_and_company_change_nothing_to_the_bit_at_one_size_of_a_pass(method: Method) -> None:
    together = explain(method, question([0, 1, 2, 3, 4], rows=5))
    shuffled = explain(method, question([3, 0, 4, 2, 1], rows=5))
    assert torch.equal(shuffled.values, together.values[[3, 0, 4, 2, 1]])
    padded = explain(method, question([2, 4, 4, 4, 4], rows=5))
    assert torch.equal(padded.values[:2], together.values[[2, 4]])


@settings(max_examples=3, deadline=None)
@pytest.mark.parametrize("method", METHODS, ids=str)
@given(st.permutations([0, 1, 2, 3, 4]), st.integers(1, 5), st.integers(1, 9))
def test_the_size_of_batch_and_pass_change_nothing_beyond_rounding(
    method: Method, order: list[int], count: int, rows: int
) -> None:
    together = explain(method, question([0, 1, 2, 3, 4]))
    found = explain(method, question(order[:count], rows))
    largest = float(together.values.abs().max())
    torch.testing.assert_close(found.values, together.values[order[:count]], rtol=0, atol=1e-5 * largest + 1e-7)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_declared_cost_is_the_most_that_runs(method: Method) -> None:
    passes = Counter[str]()
    model = Net()
    asked = question([0, 1, 2], rows=3, model=model)
    model.register_forward_hook(lambda _, args, __: passes.update(forward=len(args[0])))
    explain(method, asked)
    cost: Cost = registry.entry_of(method).declares.cost(method)
    assert cost.backward == 0
    each = -(-cost.forward // 3) * 3  # every image has passes of its own, of three images at most
    if getattr(method, "segmentation", "grid") == "slic" or isinstance(method, occlusion):
        assert 0.4 * 3 * each < passes["forward"] <= 3 * each
    else:
        assert 3 * cost.forward <= passes["forward"] <= 3 * each


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_maps_count_without_any_gradient_and_nothing_is_left_behind(method: Method) -> None:
    asked = question([0, 1, 2])
    copies = asked.pixels.clone(), asked.selector.clone(), asked.explained.clone()
    maps = explain(method, asked)
    assert maps.shape == (3, 12, 12) and maps.values.dtype == torch.float32 and not maps.values.requires_grad
    flags = check(maps, asked.pixels, asked.explained)
    assert not any(bool(flag.any()) for flag in flags.values())
    for tensor, copy in zip((asked.pixels, asked.selector, asked.explained), copies, strict=True):
        assert torch.equal(tensor, copy) and not tensor.requires_grad
    declares = registry.entry_of(method).declares
    assert not declares.gradients and declares.own_passes and not declares.tensors
    assert declares.completeness == (maps.completeness is not None)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in asked.model.modules())


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_nothing_is_drawn_from_a_global_generator(method: Method) -> None:
    asked, legacy = question([0, 1]), np.random.get_state()[1].copy()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = explain(method, asked)
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == legacy).all()
    torch.manual_seed(2)
    assert torch.equal(explain(method, asked).values, first.values)


@pytest.mark.parametrize("method", RANDOM, ids=str)
def test_the_seed_and_the_id_decide_what_is_drawn(method: Method) -> None:
    asked = question([0, 1, 0])
    assert not torch.equal(asked.pixels[0], asked.pixels[1]) and torch.equal(asked.pixels[0], asked.pixels[2])
    same, other = explain(method, asked).values[[0, 2]], explain(method, question([0, 1, 0], seed=1)).values[[0, 2]]
    assert torch.equal(same[0], same[1])
    renamed = AttributionInput(asked.model, asked.pixels, asked.selector, asked.explained, ids=("a", "b", "c"))
    by_id = explain(method, renamed).values[[0, 2]]
    if method == kernel_shap(samples=14, segments=4):  # all coalitions: nothing is drawn
        assert torch.equal(other, same) and torch.equal(by_id, same)
    else:
        assert not torch.equal(other, same) and not torch.equal(by_id[0], by_id[1])


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_float64_model_is_explained_in_float64(method: Method) -> None:
    single, model = question([0, 1]), Net().double()
    asked = AttributionInput(
        model, single.pixels.double(), single.selector.double(), single.explained.double(), ids=single.ids
    )
    found = explain(method, asked).values
    assert found.dtype == torch.float64
    if getattr(method, "segmentation", "grid") == "grid":
        torch.testing.assert_close(found.float(), explain(method, single).values, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_maps_are_the_same_on_a_gpu(method: Method) -> None:
    single, model = question([0, 1], rows=5), Net().double()
    asked = AttributionInput(
        model, single.pixels.double(), single.selector.double(), single.explained.double(), ids=single.ids, rows=5
    )
    expected = explain(method, asked)
    on_gpu = AttributionInput(
        model.cuda(), asked.pixels.cuda(), asked.selector.cuda(), asked.explained.cuda(), ids=asked.ids, rows=5
    )
    found = explain(method, on_gpu)
    assert found.values.is_cuda and (found.completeness is None or found.completeness.is_cuda)
    torch.testing.assert_close(found.values.cpu(), expected.values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_an_image_whose_scores_are_not_finite_is_invalid_and_the_others_are_not(method: Method) -> None:
    class Broken(Net):
        def forward(self, x: Tensor) -> Tensor:
            scores = super().forward(x)
            return torch.where(x[:, :1, 0, 0] > 2, torch.nan, scores)

    asked = question([0, 1], model=Broken())
    broken = asked.pixels.clone()
    broken[0] += 3
    flags = check(
        explain(method, AttributionInput(asked.model, broken, asked.selector, asked.explained, ids=asked.ids)),
        broken,
        asked.explained,
    )
    assert flags[Missing.ATTRIBUTION_INVALID].tolist() == [True, False]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_method_can_be_written_as_text(method: Method) -> None:
    name = registry.entry_of(method).name
    measure = f"background_dependence({method})"
    assert str(parse_expression(measure)) == measure
    assert long_text(method).startswith(f"{name}@1(")
    assert isinstance(as_method(name), type(method))


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        (occlusion, {"window": 0}, "share of the side"),
        (occlusion, {"window": 15}, "0.015625 to 1"),
        (occlusion, {"window": 0.1, "stride": 0.2}, "no larger than the window"),
        (occlusion, {"fill": "blak"}, "did you mean 'black'"),
        (rise, {"masks": 1}, "2 to 100000"),
        (rise, {"masks": 10.5}, "must be an integer"),
        (rise, {"grid": 1}, "2 to 64"),
        (rise, {"probability": 1}, "0.01 to 0.99"),
        (rise, {"fill": "grey"}, "not possible"),
        (rise, {"quantity": "logits"}, "did you mean 'logit'"),
        (rise, {"centred": 1}, "must be true or false"),
        (feature_ablation, {"segments": 3}, "4 to 1024"),
        (feature_ablation, {"segments": 8.0}, "must be an integer"),
        (feature_ablation, {"segmentation": "slick"}, "did you mean 'slic'"),
        (feature_ablation, {"fill": "grey"}, "not possible"),
        (shapley_sampling, {"samples": 0}, "1 to 10000"),
        (shapley_sampling, {"samples": True}, "1 to 10000"),
        (shapley_sampling, {"samples": 2.0}, "must be an integer"),
        (shapley_sampling, {"segments": 2}, "4 to 1024"),
        (shapley_sampling, {"fill": 0}, "not possible"),
        (kernel_shap, {"samples": 255}, "256 to 100000"),
        (kernel_shap, {"samples": 13, "segments": 4}, "14 to 100000"),
        (kernel_shap, {"samples": 512.0}, "must be an integer"),
        (kernel_shap, {"segmentation": None}, "not possible"),
        (kernel_shap, {"fill": "grey"}, "not possible"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    method: type[Method], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ExpressionError, match=message):
        method(**arguments)
