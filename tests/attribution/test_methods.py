"""What holds for every method: cost, independence of the batch, and that nothing is left behind."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import (
    Cost,
    Maps,
    Question,
    gradcam,
    input_x_gradient,
    integrated,
    integrated_gradients,
    saliency,
)
from modelaudit.attribution.integrated import IntegratedGradients
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError
from modelaudit.language.parser import parse_expression
from modelaudit.language.spec import Method, as_method, long_text

METHODS = [
    saliency(),
    input_x_gradient(),
    integrated_gradients(steps=8),
    integrated_gradients(steps=5, baseline="mean"),
    gradcam(),
]


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


def question(model: nn.Module, pixels: Tensor, classes: list[int]) -> Question:
    selector = torch.zeros(len(pixels), 4)
    selector[torch.arange(len(pixels)), classes] = 1
    with torch.no_grad():
        explained = (model(pixels) * selector).sum(1)
    return Question(model, pixels, selector, explained, getattr(model, "features", None))


def explain(method: Method, asked: Question) -> Maps:
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


def pixels(count: int, side: int = 12) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_declared_cost_is_what_runs(method: Method) -> None:
    model, passes = Net(), Counter[str]()
    asked = question(model, pixels(3), [0, 1, 2])

    def forward(_: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
        passes["forward"] += len(args[0])
        if output.requires_grad:
            output.register_hook(lambda gradient: passes.update(backward=len(gradient)))

    model.register_forward_hook(forward)
    explain(method, asked)
    cost: Cost = registry.entry_of(method).declares.cost(method)
    assert (passes["forward"], passes["backward"]) == (3 * cost.forward, 3 * cost.backward)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_no_pass_of_large_images_is_larger_than_the_batch(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrated, "_PIXELS_IN_A_PASS", 1)  # now any image is a large one
    model, sizes = Net(), set()
    asked = question(model, pixels(3), [0, 1, 2])
    model.register_forward_hook(lambda _, args, __: sizes.add(len(args[0])))
    explain(method, asked)
    assert sizes == {3}


@pytest.mark.parametrize("nodes", [2, 3, 100])
def test_nodes_of_small_images_that_share_a_pass_change_no_map(nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes, images = Net(), [], pixels(3)
    method = IntegratedGradients(steps=7)
    monkeypatch.setattr(integrated, "_PIXELS_IN_A_PASS", 1)
    one_by_one = explain(method, question(model, images, [0, 1, 2]))
    monkeypatch.setattr(integrated, "_PIXELS_IN_A_PASS", nodes * 3 * images.shape[2] * images.shape[3])
    model.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    together = explain(method, question(model, images, [0, 1, 2]))
    assert max(sizes) == 3 * min(nodes, 7)
    torch.testing.assert_close(together.values, one_by_one.values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_an_image_has_the_same_map_alone_and_in_any_company(method: Method) -> None:
    model, images, classes = Net(), pixels(5), [0, 1, 2, 3, 1]
    together = explain(method, question(model, images, classes))
    order = [3, 0, 4, 2, 1]
    shuffled = explain(method, question(model, images[order], [classes[index] for index in order]))
    torch.testing.assert_close(shuffled.values, together.values[order], rtol=1e-5, atol=1e-6)
    for index in range(5):
        alone = explain(method, question(model, images[index : index + 1], classes[index : index + 1]))
        torch.testing.assert_close(alone.values[0], together.values[index], rtol=1e-5, atol=1e-6)
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
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(method: Method, context: type[torch.no_grad]) -> None:
    model = Net()
    expected = explain(method, question(model, pixels(2), [0, 1]))
    with context():
        found = explain(method, question(model, pixels(2), [0, 1]))
    assert torch.equal(found.values, expected.values)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_margin_is_the_difference_of_two_logits(method: Method) -> None:
    """By linearity, for the signed methods; for the others, that both logits enter."""
    model, image = Net(), pixels(1)
    asked = question(model, image, [0])
    margin = torch.tensor([[1.0, 0.0, -1.0, 0.0]])
    both = Question(model, image, margin, (model(image) * margin).sum(1), asked.layer)
    first, second = (explain(method, question(model, image, [index])).values for index in (0, 2))
    if isinstance(method, input_x_gradient | integrated_gradients):
        torch.testing.assert_close(explain(method, both).values, first - second, rtol=1e-4, atol=1e-6)
    else:
        assert not torch.equal(explain(method, both).values, first)


class Blocked(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_model_that_switches_gradients_off_is_an_error_not_a_zero_map(method: Method) -> None:
    with pytest.raises(AttributionError, match="no gradient leads"):
        explain(method, question(Blocked(), pixels(1), [0]))


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_method_can_be_written_as_text(method: Method) -> None:
    name = registry.entry_of(method).name
    measure = f"background_dependence({method})"
    assert str(parse_expression(measure)) == measure
    assert long_text(method).startswith(f"{name}@1(")
    assert isinstance(as_method(name), type(method))
