from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import Question, gradcam
from modelaudit.attribution.cam import gradcam_maps
from modelaudit.language.errors import AttributionError, ExpressionError


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


def asked(model: nn.Module, layer: nn.Module | None, size: tuple[int, int] = (17, 25)) -> Question:
    images = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(1))
    selector = torch.eye(3)[torch.tensor([0, 1, 2, 1])]
    return Question(model, images, selector, (model(images) * selector).sum(1), layer)


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


@pytest.mark.parametrize("layer", ["", 4])
def test_a_layer_is_a_name(layer: str) -> None:
    with pytest.raises(ExpressionError, match="no name of a module"):
        gradcam(layer=layer)
