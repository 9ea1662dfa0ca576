"""What holds for every method: cost, independence of the batch, and that nothing is left behind."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Cost, Maps, captum, input_x_gradient, integrated_gradients
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError
from modelaudit.language.parser import parse_expression
from modelaudit.language.spec import Method, as_method, long_text

SMALL: dict[str, Any] = {"samples": 4, "masks": 6, "segments": 9}


def small(name: str) -> Method:
    """A method by its name, with little work to do."""
    spec = registry.find("attribution", name).spec
    assert spec is not None
    if name == "kernel_shap":
        return spec(samples=36, segments=9)  # type: ignore[no-any-return]
    fields = {field.name for field in dataclasses.fields(spec)}
    method: Method = spec(**{key: value for key, value in SMALL.items() if key in fields})
    return method


#: attention rollout wants attention, and is tested where it has some; captum wants the name of a class; nobody gives
#: a map to a model that is run
NAMES = [name for name in registry.names("attribution") if name not in ("attention_rollout", "captum", "given_map")]
METHODS = [
    *(small(name) for name in NAMES),
    captum("InternalInfluence", n_steps=4),
    captum("ShapleyValueSampling", segments=4, n_samples=2),
    integrated_gradients(steps=8),
    integrated_gradients(steps=5, baseline=("mean", "blur", "noise")),
]
#: what they cost is known before the model is
EXACT = [method for method in METHODS if not isinstance(method, captum | integrated_gradients)]
GRADIENTS = [method for method in METHODS if registry.entry_of(method).declares.needs_gradients(method)]
EXACT = [method for method in EXACT if method in GRADIENTS]
#: Eigen-CAM reads the layer alone, and on this network Score-CAM has no positive part
TARGETED = [method for method in METHODS if registry.entry_of(method).name not in ("eigencam", "scorecam")]


class Net(nn.Module):
    """Convolutions, batch norm, activations in place, a linear head; frozen and in eval mode, as methods get it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Conv2d(6, 5, 3, stride=2)
        )
        self.head = nn.Linear(5, 4)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(nn.functional.relu(self.features(x), inplace=True).mean((2, 3)))


def question(model: nn.Module, pixels: Tensor, classes: list[int]) -> AttributionInput:
    selector = torch.zeros(len(pixels), 4)
    selector[torch.arange(len(pixels)), classes] = 1
    with torch.no_grad():
        explained = (model(pixels) * selector).sum(1)
    return AttributionInput(model, pixels, selector, explained, getattr(model, "features", None))


def explain(method: Method, asked: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


def pixels(count: int, side: int = 12) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_declared_cost_is_what_runs_at_most(method: Method) -> None:
    model, passes = Net(), Counter[str]()
    asked = question(model, pixels(3), [0, 1, 2])

    def forward(_: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
        passes["forward"] += len(args[0])
        if output.requires_grad:
            output.register_hook(lambda gradient: passes.update(backward=len(gradient)))

    model.register_forward_hook(forward)
    explain(method, asked)
    cost: Cost = registry.entry_of(method).declares.cost(method)
    padding = 0 if method in GRADIENTS else cost.forward  # at most one empty place in a pass of three
    assert 0 < passes["forward"] <= 3 * cost.forward + padding
    assert passes["backward"] <= 3 * cost.backward
    if method in EXACT:
        assert passes["backward"] == 3 * cost.backward
        assert passes["forward"] > 3 * (cost.forward - 1)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_no_pass_is_larger_than_was_asked_for(method: Method) -> None:
    model, sizes = Net(), set()
    asked = replace(question(model, pixels(3), [0, 1, 2]), rows=3)
    model.register_forward_hook(lambda _, args, __: sizes.add(len(args[0])))
    explain(method, asked)
    assert max(sizes) <= 3


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(6)), seed=st.integers(0, 99))
def test_order_and_chunks_change_nothing_to_the_bit(method: Method, order: list[int], seed: int) -> None:
    """Passes of one size: all six images at once, in another order, and three by three."""
    model, images, classes = Net(), pixels(6), [0, 1, 2, 3, 1, 0]
    ids = tuple(f"{at}.png" for at in range(6))

    def asked(chosen: list[int]) -> AttributionInput:
        found = question(model, images[chosen], [classes[at] for at in chosen])
        return replace(found, rows=3, ids=tuple(ids[at] for at in chosen), seed=seed)

    together = explain(method, asked(list(range(6)))).values
    # to the bit, NaN where a method has no map
    same = partial(torch.testing.assert_close, rtol=0, atol=0, equal_nan=True)
    same(explain(method, asked(order)).values, together[order])
    parts = [explain(method, asked(order[first : first + 3])).values for first in (0, 3)]
    if registry.entry_of(method).declares.own_passes:
        same(torch.cat(parts), together[order])
    else:  # the shared pass has the size of the batch, which is the micro-batch
        torch.testing.assert_close(torch.cat(parts), together[order], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_an_image_has_the_same_map_alone_and_in_any_company(method: Method) -> None:
    model, images, classes = Net(), pixels(5), [0, 1, 2, 3, 1]
    ids = tuple("abcde")
    together = explain(method, replace(question(model, images, classes), ids=ids))
    size = float(together.values.abs().max())
    for index in range(5):
        asked = question(model, images[index : index + 1], classes[index : index + 1])
        alone = explain(method, replace(asked, ids=ids[index : index + 1]))
        torch.testing.assert_close(alone.values[0], together.values[index], rtol=1e-4, atol=1e-5 * size + 1e-7)
        if together.completeness is not None and alone.completeness is not None:
            torch.testing.assert_close(alone.completeness[0], together.completeness[index], rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_nothing_is_left_behind(method: Method) -> None:
    model = Net()
    asked = question(model, pixels(2), [0, 1])
    copies = asked.pixels.clone(), asked.selector.clone(), asked.explained.clone()
    maps = explain(method, asked)
    for tensor, copy in zip((asked.pixels, asked.selector, asked.explained), copies, strict=True):
        assert torch.equal(tensor, copy) and not tensor.requires_grad and tensor.grad is None
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in model.modules())
    assert not maps.values.requires_grad and maps.values.shape == (2, 12, 12) and maps.values.dtype == torch.float32
    assert maps.completeness is None or not maps.completeness.requires_grad


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_callers_gradient_mode_does_not_matter(method: Method) -> None:
    model = Net()
    expected = explain(method, question(model, pixels(2), [0, 1]))
    for context in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with context():
            found = explain(method, question(model, pixels(2), [0, 1]))
        assert torch.equal(found.values, expected.values) and not found.values.requires_grad


@pytest.mark.parametrize("method", TARGETED, ids=str)
def test_a_margin_is_the_difference_of_two_logits(method: Method) -> None:
    """By linearity, for the signed methods; for the others, that both logits enter."""
    model, image = Net(), pixels(1)
    asked = question(model, image, [0])
    margin = torch.tensor([[1.0, 0.0, -1.0, 0.0]])
    both = AttributionInput(model, image, margin, (model(image) * margin).sum(1), asked.layer)
    first, second = (explain(method, question(model, image, [index])).values for index in (0, 2))
    if isinstance(method, input_x_gradient) or (isinstance(method, integrated_gradients) and method.steps != "auto"):
        torch.testing.assert_close(explain(method, both).values, first - second, rtol=1e-4, atol=1e-6)
    else:
        found = explain(method, both).values
        assert not (torch.equal(found, first) and torch.equal(found, second))


class Blocked(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


@pytest.mark.parametrize("method", GRADIENTS, ids=str)
def test_a_model_that_switches_gradients_off_is_an_error_not_a_zero_map(method: Method) -> None:
    with pytest.raises(AttributionError, match="no gradient leads"):
        explain(method, question(Blocked(), pixels(1), [0]))


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_method_can_be_written_as_text(method: Method) -> None:
    name = registry.entry_of(method).name
    measure = f"background_dependence({method})"
    assert str(parse_expression(measure)) == measure
    assert long_text(method).startswith(f"{name}@{registry.entry_of(method).version}(")
    assert isinstance(method, captum) or isinstance(as_method(name), type(method))
