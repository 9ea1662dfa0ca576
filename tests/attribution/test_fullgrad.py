from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import AttributionInput, fullgrad
from modelaudit.attribution.fullgrad import FullGrad, fullgrad_maps
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.sample import Preprocessing
from modelaudit.models.loaded import PixelModel

NORMALISED = Preprocessing(None, None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def frozen(model: nn.Module) -> nn.Module:
    """In float64 and eval mode, with statistics and shifts in batch norm that are not those it begins with."""
    generator = torch.Generator().manual_seed(0)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            for values, low, high in ((part.running_mean, -1, 1), (part.running_var, 0.5, 2), (part.bias, -1, 1)):
                values.data = torch.empty_like(values).uniform_(low, high, generator=generator)
    return model.double().eval().requires_grad_(False)


def asked(model: nn.Module, side: int = 40, count: int = 3, rows: int | None = None) -> AttributionInput:
    parameter = next(model.parameters(), torch.zeros(0))
    images = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1)).to(parameter.dtype)
    with torch.no_grad():
        logits = model(images)
    selector = functional.one_hot(torch.arange(count) % logits.shape[1], logits.shape[1]).to(logits.dtype)
    return AttributionInput(model, images, selector, (logits * selector).sum(1), rows=rows)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5", "regnet_x_400mf"])
def test_image_and_biases_sum_to_the_logit(name: str) -> None:
    """Batch norm, ReLU in place, ReLU6, shuffles, skips, and the normalisation in front of all."""
    torch.manual_seed(0)
    model = PixelModel(frozen(getattr(torchvision.models, name)(num_classes=5)), NORMALISED)
    maps = fullgrad_maps(fullgrad(), asked(model))
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12
    assert maps.values.shape == (3, 40, 40) and bool((maps.values.amax((1, 2)) > 0).any())


def test_constants_that_the_forward_pass_adds_are_seen() -> None:
    """As torchvision's Inception does with the channels, and its transforms in place."""

    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.cat([1 - x[:, :1] * 0.5, x[:, 1:] - 0.25], 1)
            x = x.clone()
            x += torch.tensor([0.1, 0.2, 0.3], dtype=x.dtype)[:, None, None]
            return torch.add(self.conv(x).relu_(), 0.1, alpha=30).clamp(max=3.3).mean((2, 3)).sub(other=0.75)

    maps = fullgrad_maps(fullgrad(), asked(frozen(Shifted()), 16))
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12


def test_layers_that_are_called_as_functions_are_not_missed() -> None:
    """A hook on modules would miss both."""

    class Functions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(4))
            self.head, self.shift = nn.Parameter(torch.randn(2, 4)), nn.Parameter(torch.randn(2))

        def forward(self, x: Tensor) -> Tensor:
            values = functional.conv2d(x, self.weight, bias=self.bias).relu().mean((2, 3))
            return functional.linear(values, self.head, self.shift)

    torch.manual_seed(0)
    maps = fullgrad_maps(fullgrad(), asked(frozen(Functions()), 16))
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12


class Toy(nn.Module):
    """One convolution of one channel by 1, a bias, no other layer: everything is known."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)
        self.conv.weight.data = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
        self.conv.bias.data.fill_(bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).relu().sum((2, 3)) * torch.tensor([2.0, -1.0], dtype=x.dtype)


def test_the_map_of_a_toy_is_known() -> None:
    model = frozen(Toy(-1.5))
    question = asked(model, 6, 2)
    weight = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)[:, None, None]
    live = ((question.pixels * weight).sum(1, keepdim=True) > 1.5).double()
    factor = torch.tensor([2.0, 1.0], dtype=torch.float64)[:, None, None]
    at_pixels = question.pixels * weight * live * factor[:, None]
    at_bias = 1.5 * live[:, 0] * factor
    assert 0.1 < float(live.mean()) < 0.99
    found = fullgrad_maps(FullGrad(rescale="none"), question)
    torch.testing.assert_close(found.values, at_pixels.sum(1) + at_bias)
    by_layer = at_pixels.sum(1) / at_pixels.amax((1, 2, 3))[:, None, None] + live[:, 0]
    torch.testing.assert_close(fullgrad_maps(fullgrad(), question).values, by_layer)
    by_channel = (at_pixels / at_pixels.amax((2, 3), keepdim=True)).sum(1) + live[:, 0]
    torch.testing.assert_close(fullgrad_maps(FullGrad(rescale="channel"), question).values, by_channel)


def test_the_image_is_what_the_network_sees_behind_the_normalisation() -> None:
    torch.manual_seed(0)
    module = frozen(nn.Sequential(nn.Conv2d(3, 5, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 7 * 7, 4)))
    model = PixelModel(module, NORMALISED)
    outside = asked(model, 15)
    inside = replace(outside, model=module, pixels=(outside.pixels - model.mean) / model.std)
    torch.testing.assert_close(fullgrad_maps(fullgrad(), outside).values, fullgrad_maps(fullgrad(), inside).values)


class Curved(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.conv, self.norm = kind, nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.kind == "product":
            return (x * x.mean((2, 3), keepdim=True)).mean((2, 3))
        if self.kind == "group_norm":
            return self.norm(x).relu().mean((2, 3))
        if self.kind == "unknown":
            return torch.special.i0(x).mean((2, 3))
        if self.kind == "softmax":
            return functional.softmax(x, 1).mean((2, 3))
        return getattr(functional, self.kind)(x).mean((2, 3))


@pytest.mark.parametrize("kind", ["gelu", "silu", "hardswish", "softmax", "group_norm", "product"])
def test_what_is_not_piecewise_linear_is_refused_by_name(kind: str) -> None:
    with pytest.raises(
        AttributionError, match=f"not piecewise linear, it uses .*{kind if kind != 'product' else 'mul'}"
    ):
        fullgrad_maps(fullgrad(), asked(frozen(Curved(kind)), 12))


@pytest.mark.parametrize("name", ["vit", "swin", "convnext", "efficientnet"])
def test_architectures_with_curved_activations_are_refused(name: str) -> None:
    torch.manual_seed(0)
    built = {
        "vit": lambda: torchvision.models.VisionTransformer(16, 4, 1, 2, 8, 16, num_classes=3),
        "swin": lambda: torchvision.models.SwinTransformer([4, 4], 8, [2], [2], [4, 4], num_classes=3),
        "convnext": lambda: torchvision.models.ConvNeXt(
            [torchvision.models.convnext.CNBlockConfig(8, None, 2)], num_classes=3
        ),
        "efficientnet": lambda: torchvision.models.efficientnet_b0(num_classes=3),
    }[name]()
    with pytest.raises(AttributionError, match="not piecewise linear"):
        fullgrad_maps(fullgrad(), asked(frozen(built), 16))


def test_what_nobody_named_is_refused_because_the_sum_is_wrong() -> None:
    with pytest.raises(AttributionError, match="miss its logits by"):
        fullgrad_maps(fullgrad(), asked(frozen(Curved("unknown")), 12))


def test_scripted_code_whose_biases_cannot_be_seen_is_refused() -> None:
    torch.manual_seed(0)
    net = frozen(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)))
    question = asked(net, 12)
    fullgrad_maps(fullgrad(), question)
    with pytest.warns(FutureWarning), pytest.raises(AttributionError, match="scripted"):
        fullgrad_maps(fullgrad(), replace(question, model=torch.jit.trace(net, question.pixels)))


def test_a_bias_over_tokens_has_no_place_on_the_image() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.mix = nn.Conv2d(3, 4, 4, stride=4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.mix(self.conv(x).flatten(2).mT).relu().mean(1)

    with pytest.raises(AttributionError, match=r"linear adds a bias to values \[3, 16, 2\]"):
        fullgrad_maps(fullgrad(), asked(frozen(Tokens()), 16))


def small() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Conv2d(6, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(4)), st.sampled_from([None, 1, 3, 4]))
def test_order_changes_no_bit_and_company_nothing_beyond_rounding(order: list[int], rows: int | None) -> None:
    question = asked(frozen(small()).float(), 14, 4, rows)
    together = fullgrad_maps(fullgrad(), question)
    shuffled = replace(question, pixels=question.pixels[order], selector=question.selector[order])
    assert torch.equal(fullgrad_maps(fullgrad(), shuffled).values, together.values[order])
    alone = replace(question, pixels=question.pixels[:1], selector=question.selector[:1])
    torch.testing.assert_close(fullgrad_maps(fullgrad(), alone).values, together.values[:1], rtol=1e-4, atol=1e-5)
    assert together.values.dtype == torch.float32 and not together.values.requires_grad


def test_it_is_one_pass_and_nothing_is_left_behind_even_by_a_model_that_fails() -> None:
    model, passes, alive = frozen(small()), [], []
    question = asked(model, 14)
    handle = model.register_forward_hook(
        lambda _, args, output: passes.append(len(args[0])) or alive.append(weakref.ref(output))
    )
    gc.disable()
    try:
        fullgrad_maps(fullgrad(), question)
        assert passes == [3] and alive[0]() is None, "the graph must not wait for the garbage collector"
    finally:
        gc.enable()
    handle.remove()
    with pytest.raises(RuntimeError):
        fullgrad_maps(fullgrad(), replace(question, pixels=question.pixels[:, :2]))
    assert not any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in model.modules())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())
    assert torch._C._len_torch_function_stack() == 0


def test_a_model_that_switches_gradients_off_is_an_error() -> None:
    class Blocked(nn.Module):
        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    with pytest.raises(AttributionError, match="no gradient leads"):
        fullgrad_maps(fullgrad(), asked(Blocked(), 8))


def test_an_unknown_rescale_suggests_the_nearest() -> None:
    with pytest.raises(ExpressionError, match="did you mean 'channel'"):
        fullgrad(rescale="chanel")  # type: ignore[arg-type]
