"""DeepLift: complete on every architecture, exact on toy models, and no op without a rule gets a number."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from attribution.relevance_nets import ARCHITECTURES, Residual, architecture, explain, frozen, on_pixels, pixels
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import deeplift
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.parser import parse_expression


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_shares_of_a_whole_architecture_are_complete(name: str) -> None:
    images = pixels(1, ARCHITECTURES[name])
    maps = explain(deeplift(baseline="mean"), on_pixels(architecture(name)), images)
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-3
    assert bool(maps.values.isfinite().all()) and float(maps.values.abs().sum()) > 0


class Applied(nn.Module):
    """One operation between two affine layers, in whose output every value depends on every pixel."""

    def __init__(self, operation: object) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.operation = operation
        self.before, self.after = nn.Linear(3 * 36, 24), nn.LazyLinear(2)
        nn.init.normal_(self.before.weight, std=0.3)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.operation(self.before(x.flatten(1)).view(-1, 4, 6)).flatten(1))  # type: ignore[operator, no-any-return]


def _attention(x: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(x, x.flip(1), x * 2)


OPERATIONS = {
    "relu_in_place": lambda x: x.relu_() + x,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "hardswish": functional.hardswish,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "product": lambda x: x[:, :2] * x[:, 2:],
    "quotient": lambda x: x[:, :2] / (x[:, 2:].exp() + 1),
    "reciprocal": lambda x: 1 / (x.exp() + 1),
    "two_to_the": lambda x: 2**x,
    "matmul": lambda x: x @ x.transpose(1, 2),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x, x.flip(1)),
    "softmax": lambda x: (3 * x).softmax(-1),
    "attention": _attention,
    "layer_norm": lambda x: functional.layer_norm(x, (6,)),
    "group_norm": lambda x: functional.group_norm(x, 2),
    "normalize": lambda x: functional.normalize(x, dim=-1),
    "norm": lambda x: x.norm(dim=-1),
    "glu": lambda x: functional.glu(x, -1),
    "overlapping_max_pool": lambda x: functional.max_pool1d(x, 3, 1, 1),
    "adaptive_max_pool": lambda x: functional.adaptive_max_pool1d(x, 4),
    "manual_gelu": lambda x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.04 * x**3))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_with_a_rule_hands_its_change_on_exactly(name: str) -> None:
    model = Applied(OPERATIONS[name]).double()
    model(pixels(1, 6, torch.float64))  # the last layer learns its size
    maps = explain(deeplift(baseline="mean"), frozen(model, torch.float64), pixels(3, 6, torch.float64), [0, 1, 0])
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-9


@pytest.mark.parametrize(
    "operation", [torch.cumprod, torch.sort, lambda x, dim: x.detach(), lambda x, dim: torch.dropout(x, 0.5, True)]
)
def test_an_operation_without_a_rule_is_refused_by_name(operation: object) -> None:
    def applied(x: Tensor) -> Tensor:
        found = operation(x, dim=1)  # type: ignore[operator]
        return found if isinstance(found, Tensor) else found[0]

    model = Applied(applied)
    model(pixels(1, 6))
    with pytest.raises(AttributionError, match=r"deeplift: the model uses .*(cumprod|sort|detach|dropout)"):
        explain(deeplift(), frozen(model), pixels(1, 6), [0])


def test_a_linear_model_gives_weight_times_change() -> None:
    model = frozen(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16, 2)), torch.float64)
    images = pixels(2, 4, torch.float64)
    maps = explain(deeplift(baseline="white"), model, images, [0, 1])
    weights = model[1].weight.view(2, 3, 4, 4)  # type: ignore[index, operator, union-attr]
    torch.testing.assert_close(maps.values, (weights * (images - 1)).sum(1))


def test_max_pooling_gives_a_windows_change_to_the_place_of_the_larger_maximum() -> None:
    """The image's maximum where it rose above the baseline's, else the baseline's own place."""
    image = torch.tensor([[0.2, 0.9, 0.1, 0.3]])
    model = frozen(nn.Sequential(nn.Flatten(), nn.Linear(12, 4, bias=False), nn.MaxPool1d(4), nn.Linear(1, 2)))
    with torch.no_grad():
        model[1].weight.copy_(torch.eye(4, 12))  # type: ignore[index, operator, union-attr]
        model[3].weight.fill_(1)  # type: ignore[index, operator, union-attr]
    images = torch.zeros(1, 3, 2, 2)
    images[0, 0] = image.view(2, 2)
    assert explain(deeplift(), model, images, [0]).values.flatten().tolist() == pytest.approx([0, 0.9, 0, 0])
    found = explain(deeplift(baseline="white"), model, images, [0]).values.flatten().tolist()
    assert found == pytest.approx([-0.1, 0, 0, 0]) or sum(found) == pytest.approx(-0.1)


def test_captum_misses_what_overlapping_pools_and_a_baseline_other_than_black_change_and_we_do_not() -> None:
    """Trap: adjacent ReLU and max pooling with windows that overlap."""

    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for channels in (3, 8, 8):
        layers += [nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 1, 1)]
    model = frozen(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)), torch.float64)
    images = pixels(2, 24, torch.float64)
    reference = torch.ones_like(images)
    with torch.no_grad():
        change = (model(images) - model(reference))[:, 0]
    captums = captum.attr.DeepLift(model).attribute(images, reference, target=0).flatten(1).sum(1)
    assert bool(((captums - change).abs() / change.abs() > 0.05).all())
    ours = explain(deeplift(baseline="white"), model, images, [0, 0])
    torch.testing.assert_close(ours.values.flatten(1).sum(1), change)


def test_a_relu_module_that_is_used_twice_is_no_obstacle() -> None:
    """Trap: captum's hooks keep one input a module, so every ResNet of torchvision raises."""
    model, images = frozen(Residual(), torch.float64), pixels(2, 24, torch.float64)
    with pytest.raises(RuntimeError):
        captum.attr.DeepLift(model).attribute(images, torch.ones_like(images), target=0)
    maps = explain(deeplift(baseline="white"), model, images, [0, 0])
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12


def test_a_model_that_goes_another_way_on_the_baseline_is_refused() -> None:
    class Branching(Residual):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if float(x.mean()) > 0.1 else self.head(self.stem(x).mean((2, 3)))  # type: ignore[no-any-return]

    with pytest.raises(AttributionError, match="another way on the baseline"):
        explain(deeplift(), Branching(), pixels(1, 16), [0])


def test_a_compiled_model_is_refused_rather_than_given_its_gradient() -> None:
    with pytest.raises(AttributionError, match="compiled"):
        explain(deeplift(), torch.jit.trace(Residual(), pixels(1, 16)), pixels(1, 16), [0])


@settings(max_examples=15)
@given(order=st.permutations(range(5)), rows=st.integers(1, 6), baseline=st.sampled_from(["black", "noise", "blur"]))
def test_order_changes_no_bit_and_the_size_of_passes_next_to_nothing(
    order: list[int], rows: int, baseline: str
) -> None:
    model, images, classes = Residual(), pixels(5, 16), [0, 1, 2, 3, 1]
    ids = tuple("abcde")
    together = explain(deeplift(baseline=baseline), model, images, classes, rows=rows, ids=ids)
    shuffled = explain(
        deeplift(baseline=baseline),
        model,
        images[order],
        [classes[place] for place in order],
        rows=rows,
        ids=tuple(ids[place] for place in order),
    )
    assert torch.equal(shuffled.values, together.values[order])
    whole = explain(deeplift(baseline=baseline), model, images, classes, ids=ids)
    torch.testing.assert_close(whole.values, together.values, rtol=1e-4, atol=1e-6)


def test_nothing_is_left_behind_even_after_an_error() -> None:
    model, images = Residual(), pixels(2, 16)
    before = model(images)
    with torch.inference_mode():
        maps = explain(deeplift(), model, images)
    assert not maps.values.requires_grad and maps.values.dtype == torch.float32
    broken = frozen(nn.Sequential(Residual(), nn.Threshold(0.1, 20), nn.LogSoftmax(1)))
    with pytest.raises(AttributionError, match="log_softmax"):
        explain(deeplift(), broken, images, [0, 0])
    assert torch.equal(model(images), before) and torch.overrides._len_torch_function_stack() == 0
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())


def test_gradients_that_are_switched_off_are_an_error() -> None:
    class Blocked(Residual):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                return super().forward(x)

    with pytest.raises(AttributionError, match="no gradient leads"):
        explain(deeplift(), Blocked(), pixels(1, 16), [0])


def test_it_is_written_as_text_and_a_wrong_baseline_is_named() -> None:
    assert str(parse_expression("background_dependence(deeplift(baseline=white))")).endswith(
        "deeplift(baseline=white))"
    )
    with pytest.raises(ExpressionError, match="grey"):
        deeplift(baseline="grey")
