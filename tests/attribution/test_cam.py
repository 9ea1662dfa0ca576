from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from captum.attr import LayerGradCam
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import AttributionInput, Maps, check, gradcam, gradcam_plus_plus, layercam
from modelaudit.attribution.cam import gradcam_maps, gradcam_plus_plus_maps, layercam_maps
from modelaudit.attribution.layer_grid import OnLayer
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.reasons import Missing
from modelaudit.language.spatial import SpatialLayer

METHODS = [gradcam(), gradcam_plus_plus(), layercam()]


class Net(nn.Module):
    """features, an activation in place behind them where wanted, global pooling, a linear head."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.Tanh())
        self.idle = nn.Conv2d(3, 6, 3)
        self.twin = nn.Identity()
        self.head = nn.Linear(6, 3)
        self.inplace = inplace
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.twin(self.features(x))
        return self.head((functional.relu(maps, inplace=True) if self.inplace else maps).mean((2, 3)))


def asked(model: nn.Module, layer: nn.Module | None, size: tuple[int, int] = (17, 25)) -> AttributionInput:
    images = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(1))
    selector = torch.eye(3)[torch.tensor([0, 1, 2, 1])]
    return AttributionInput(model, images, selector, (model(images) * selector).sum(1), layer)


def test_with_global_pooling_and_a_linear_head_it_is_the_class_activation_map() -> None:
    """The gradient at the layer is the head's weight over the number of cells (Zhou et al. 2016)."""
    net = Net()
    question = asked(net, net.features)
    maps, cells = net.features(question.pixels), 8 * 12
    cam = torch.einsum("bk,bkhw->bhw", question.selector @ net.head.weight, maps).relu() / cells
    expected = functional.interpolate(cam[:, None], (17, 25), mode="bilinear", align_corners=False)[:, 0]
    found = gradcam_maps(gradcam(), question)
    torch.testing.assert_close(found.values, expected, rtol=1e-4, atol=1e-7)
    assert found.values.shape == (4, 17, 25) and float(found.values.max()) > 0 and found.completeness is None


def test_an_activation_in_place_does_not_reach_back_into_the_layer() -> None:
    net = Net(inplace=True)
    question = asked(net, net.features)
    maps = net.features(question.pixels).requires_grad_()
    score = (net.head(maps.relu().mean((2, 3))) * question.selector).sum()
    (gradient,) = torch.autograd.grad(score, maps)
    cam = (gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    expected = functional.interpolate(cam, (17, 25), mode="bilinear", align_corners=False)[:, 0]
    assert bool((maps < 0).any())
    torch.testing.assert_close(gradcam_maps(gradcam(), question).values, expected.detach(), rtol=1e-4, atol=1e-7)


def test_the_named_layer_must_be_the_one_that_is_handed_over() -> None:
    net = Net()
    named = gradcam_maps(gradcam(layer="features.1"), asked(net, net.features[1]))
    assert torch.equal(named.values, gradcam_maps(gradcam(), asked(net, net.features)).values)
    with pytest.raises(AttributionError, match="got the layer features instead"):
        gradcam_maps(gradcam(layer="features.0"), asked(net, net.features))


def test_no_layer_is_an_error_with_the_way_out() -> None:
    net = Net()
    with pytest.raises(AttributionError, match=r'gradcam\(layer="..."\)'):
        gradcam_maps(gradcam(), asked(net, None))


def test_a_layer_that_never_runs_is_an_error() -> None:
    net = Net()
    with pytest.raises(AttributionError, match="ran 0 times in a pass"):
        gradcam_maps(gradcam(), asked(net, net.idle))
    with pytest.raises(AttributionError, match="ran 0 times in a pass"):
        gradcam_maps(gradcam(), asked(net.requires_grad_(True), net.idle))


class Tokens(nn.Module):
    def __init__(self, channels_last: bool) -> None:
        super().__init__()
        self.patches, self.mix, self.head = nn.Conv2d(3, 6, 4, stride=4), nn.Linear(6, 6), nn.Linear(6, 3)
        self.channels_last = channels_last
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.patches(x).permute(0, 2, 3, 1)
        return self.head(self.mix(maps if self.channels_last else maps.flatten(1, 2)).flatten(1, -2).mean(1))


@pytest.mark.parametrize("channels_last", [False, True])
def test_tokens_and_channels_last_are_never_taken_for_space(channels_last: bool) -> None:
    net = Tokens(channels_last)
    with pytest.raises(AttributionError, match="tokens or channels last"):
        gradcam_maps(gradcam(), asked(net, net.mix, (16, 16)))


@pytest.mark.parametrize("method", [gradcam, gradcam_plus_plus, layercam])
@pytest.mark.parametrize("layer", ["", 4])
def test_a_layer_is_a_name(method: type[OnLayer], layer: str) -> None:
    with pytest.raises(ExpressionError, match=rf"{registry.entry_of(method()).name}: .* must name a module"):
        method(layer=layer)


def given_tensors(activation: Tensor, gradient: Tensor) -> AttributionInput:
    """What the engine hands over: the model itself is not run."""
    count = len(activation)
    tensors = {"layer_activation": activation, "layer_gradient": gradient}
    idle = nn.Identity()
    return AttributionInput(
        idle, torch.rand(count, 3, 8, 8), torch.eye(3)[:count], torch.ones(count), idle, tensors=tensors
    )


def explain(method: OnLayer, question: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, question)  # type: ignore[no-any-return]


def test_gradcam_plus_plus_is_equation_19_of_the_paper() -> None:
    """alpha = g^2 / (2 g^2 + g^3 sum A), w = sum alpha relu(g), written out cell by cell."""
    generator = torch.Generator().manual_seed(0)
    activation = torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    gradient = torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    expected = torch.zeros(2, 4, 4, dtype=torch.float64)
    for image in range(2):
        for k in range(3):
            weight, total = 0.0, float(activation[image, k].sum())
            for g in gradient[image, k].flatten().tolist():
                weight += g**2 / (2 * g**2 + g**3 * total) * max(g, 0.0)
            expected[image] += weight * activation[image, k]
    found = gradcam_plus_plus_maps(gradcam_plus_plus(), given_tensors(activation, gradient))
    assert found.coarse is not None
    torch.testing.assert_close(found.coarse, expected.relu())


def test_weights_that_are_none_make_an_image_invalid_and_only_that_one() -> None:
    """2 + g sum A <= 0 where g > 0 needs negative values; a denominator of nothing would decide over the map."""
    activation, gradient = torch.ones(3, 2, 2, 2), torch.ones(3, 2, 2, 2)
    activation[1, 0] = -0.5
    activation[2, 0], gradient[2, 0] = -5, -1
    question = given_tensors(activation, gradient)
    maps = gradcam_plus_plus_maps(gradcam_plus_plus(), question)
    found = check(maps, question.pixels, question.explained)
    assert found[Missing.ATTRIBUTION_INVALID].tolist() == [False, True, False]


def test_layercam_weighs_every_cell_by_its_own_rising_gradient() -> None:
    activation = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, -6.0], [7.0, 8.0]]]])
    gradient = torch.tensor([[[[1.0, -1.0], [0.5, 0.0]], [[-2.0, 3.0], [1.0, 0.25]]]])
    maps = layercam_maps(layercam(), given_tensors(activation, gradient))
    assert maps.coarse is not None and maps.coarse.tolist() == [[[1.0, 0.0], [8.5, 2.0]]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.integers(-8, 8), st.sampled_from([gradcam(), layercam()]))
def test_a_score_twice_as_large_has_a_map_twice_as_large(seed: int, power: int, method: OnLayer) -> None:
    """To the bit, for powers of two. Grad-CAM++ explains exp(f), which is not linear in f."""
    generator = torch.Generator().manual_seed(seed)
    activation, gradient = (torch.randn(2, 5, 3, 3, generator=generator) for _ in range(2))
    once, scaled = (explain(method, given_tensors(activation, gradient * factor)) for factor in (1.0, 2.0**power))
    assert once.coarse is not None and scaled.coarse is not None
    assert torch.equal(scaled.coarse, once.coarse * 2.0**power)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(4)), st.sampled_from(METHODS))
def test_the_order_of_images_changes_no_bit_and_company_nothing_beyond_rounding(
    order: list[int], method: OnLayer
) -> None:
    net = Net()
    question = asked(net, net.features)
    together = explain(method, question).values
    shuffled = replace(question, pixels=question.pixels[order], selector=question.selector[order])
    assert torch.equal(explain(method, shuffled).values, together[order])
    alone = replace(question, pixels=question.pixels[:1], selector=question.selector[:1])
    torch.testing.assert_close(explain(method, alone).values, together[:1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_nothing_is_left_behind_even_by_a_model_that_fails(method: OnLayer) -> None:
    net = Net()
    question = asked(net, net.features)
    explain(method, question)
    with pytest.raises(RuntimeError):
        explain(method, replace(question, pixels=torch.rand(4, 2, 17, 25)))
    assert not any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in net.modules())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in net.parameters())


class TokenHead(nn.Module):
    """4 x 4 patches with a prefix of tokens, mixed, read at the first token: what a ViT is for Grad-CAM."""

    def __init__(self, prefix: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.patches, self.block, self.head = nn.Conv2d(3, 6, 4, stride=4), Mixing(prefix), nn.Linear(6, 3)
        self.first = nn.Parameter(torch.randn(1, prefix, 6))
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.block(torch.cat([self.first.expand(len(x), -1, -1), tokens], 1))[:, 0])


class Mixing(nn.Module):
    def __init__(self, prefix: int) -> None:
        super().__init__()
        self.among = nn.Linear(16 + prefix, 16 + prefix)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.among(tokens.mT).mT.tanh()


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("prefix", [1, 2, 5])
def test_tokens_are_read_as_the_grid_that_the_resolver_found(method: OnLayer, prefix: int) -> None:
    """captum's LayerGradCam averages over the channels of each token here and returns [images, 1, 6] for a map."""
    net = TokenHead(prefix)
    layer = SpatialLayer("block", 6, 4, 4, "tokens", prefix, "input")
    question = replace(asked(net, net.block, (16, 16)), spatial=layer)
    tokens = torch.cat([net.first.expand(4, -1, -1), net.patches(question.pixels).flatten(2).mT], 1).requires_grad_()
    (slope,) = torch.autograd.grad((net.head(net.block(tokens)[:, 0]) * question.selector).sum(), tokens)
    activation, gradient = (part[:, prefix:].detach().mT.reshape(4, 6, 4, 4) for part in (tokens, slope))
    expected = explain(method, given_tensors(activation, gradient))
    found = explain(method, question)
    assert found.coarse is not None and expected.coarse is not None
    assert found.coarse.shape == (4, 4, 4) and bool((found.coarse > 0).any())
    torch.testing.assert_close(found.coarse, expected.coarse)


def test_captums_map_over_the_wrong_axes_is_what_ours_refuses() -> None:
    net = TokenHead(0)
    question = asked(net, net.block, (16, 16))
    naive = LayerGradCam(net, net.block).attribute(question.pixels.requires_grad_(), question.selector.argmax(1))
    assert naive.shape == (4, 1, 6), "captum sums over the tokens: its map lies over the channels"
    question.pixels.requires_grad_(False)
    with pytest.raises(AttributionError, match="tokens or channels last"):
        gradcam_maps(gradcam(), question)
