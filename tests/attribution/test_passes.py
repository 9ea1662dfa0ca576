"""The shared pass: what it keeps, what it costs, and that methods get the same tensors whoever runs it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, gradcam, input_x_gradient, saliency
from modelaudit.attribution.passes import SharedPass, Watched, gradients, scores, shared
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError
from modelaudit.language.spatial import SpatialLayer
from modelaudit.language.spec import Method


class Net(nn.Module):
    """A convolution, a ReLU in place after the layer, and a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.head = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 4, 3, stride=2), nn.Linear(4, 3)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.second(torch.relu(self.first(x)))
        logits: Tensor = self.head(maps.relu_().mean((2, 3)))
        return logits


def pixels(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 12, 12, generator=torch.Generator().manual_seed(seed))


def one_hot(classes: list[int]) -> Tensor:
    return torch.eye(3)[classes]


def test_one_pass_gives_what_autograd_gives_for_every_tensor() -> None:
    net, images, selector = Net(), pixels(2), one_hot([2, 0])
    layer = Watched(net.second)
    run = SharedPass(net, images, input_gradient=True, layers=[layer])
    found = run.explain(selector, input_gradient=True, layers=[layer]).tensors(
        ("input_gradient", "layer_activation", "layer_gradient"), layer
    )
    leaf = images.clone().requires_grad_()
    maps = net.second(torch.relu(net.first(leaf)))
    value = (net.head(torch.relu(maps).mean((2, 3))) * selector).sum()
    at_input, at_layer = torch.autograd.grad(value, [leaf, maps])
    assert torch.equal(found["input_gradient"], at_input)
    assert torch.equal(found["layer_gradient"], at_layer)
    assert torch.equal(found["layer_activation"], maps.detach()), "the ReLU in place wrote into what was kept"
    assert torch.equal(run.logits, net(images))


def test_without_the_pixels_the_graph_begins_at_the_layer() -> None:
    net, images, selector = Net(), pixels(2), one_hot([1, 1])
    layer = Watched(net.second)
    seen: list[bool] = []
    net.second.register_forward_hook(lambda _, given, __: seen.append(given[0].requires_grad))
    with_pixels = SharedPass(net, images, input_gradient=True, layers=[layer]).explain(selector, layers=[layer])
    without = SharedPass(net, images, input_gradient=False, layers=[layer]).explain(selector, layers=[layer])
    assert seen == [True, False]
    wanted = ("layer_activation", "layer_gradient")
    for name, value in without.tensors(wanted, layer).items():
        assert torch.equal(value, with_pixels.tensors(wanted, layer)[name])


def test_several_targets_are_explained_from_one_forward_pass() -> None:
    net, images, passes = Net(), pixels(2), []
    net.register_forward_hook(lambda *_: passes.append(1))
    run = SharedPass(net, images, input_gradient=True)
    first = run.explain(one_hot([0, 0]), input_gradient=True, last=False).tensors(("input_gradient",), None)
    second = run.explain(one_hot([1, 1]), input_gradient=True).tensors(("input_gradient",), None)
    assert len(passes) == 1
    _, alone = gradients(AttributionInput(net, images, one_hot([1, 1]), torch.zeros(2)), images, one_hot([1, 1]))
    assert torch.equal(second["input_gradient"], alone)
    assert not torch.equal(first["input_gradient"], alone)


def test_two_layers_in_one_pass() -> None:
    net, images = Net(), pixels(2)
    layers = [Watched(net.first), Watched(net.second)]
    both = SharedPass(net, images, input_gradient=False, layers=layers).explain(one_hot([0, 1]), layers=layers)
    for layer in layers:
        alone = SharedPass(net, images, input_gradient=False, layers=[layer]).explain(one_hot([0, 1]), layers=[layer])
        for name, value in both.tensors(("layer_activation", "layer_gradient"), layer).items():
            assert torch.equal(value, alone.tensors((name,), layer)[name])


@pytest.mark.parametrize("method", [saliency(), input_x_gradient(), gradcam()], ids=str)
def test_a_method_reads_the_tensors_it_is_handed_and_runs_the_model_only_without_them(method: Method) -> None:
    net, images, selector = Net(), pixels(3), one_hot([0, 1, 2])
    entry = registry.entry_of(method)
    asked = AttributionInput(net, images, selector, torch.zeros(3), net.second)
    alone = entry.function(method, asked).values
    handed = shared(asked, *entry.declares.reads(method))
    passes: list[int] = []
    net.register_forward_hook(lambda *_: passes.append(1))
    asked = AttributionInput(net, images, selector, torch.zeros(3), net.second, tensors=handed)
    assert torch.equal(entry.function(method, asked).values, alone)
    assert passes == []


def test_nothing_stays_on_the_model_after_an_error() -> None:
    net = Net()
    with pytest.raises(AttributionError, match="gives tuple, no tensor"):
        SharedPass(Pair(net), pixels(1), input_gradient=True, layers=[Watched(net.second), Watched(PAIR)])
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in (*net.modules(), PAIR))


class Twice(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


PAIR = Twice()


class Pair(nn.Module):
    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net, self.pair = net, PAIR

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.pair(x)[0])


def test_tokens_are_laid_out_as_a_grid() -> None:
    values = torch.arange(2 * (1 + 6) * 4).reshape(2, 7, 4).float()
    grid = SpatialLayer("blocks.1", 4, 2, 3, layout="tokens", prefix=1).grid(values)
    assert grid.shape == (2, 4, 2, 3)
    assert torch.equal(grid[1, :, 1, 2], values[1, 6])
    assert torch.equal(grid[0, :, 0, 1], values[0, 2])
    last = SpatialLayer("stage", 4, 2, 3, layout="NHWC").grid(values[:, 1:].reshape(2, 2, 3, 4))
    assert torch.equal(last, grid)
    with pytest.raises(AttributionError, match="same grid"):
        SpatialLayer("blocks.1", 4, 2, 3, layout="tokens", prefix=2).grid(values)


@given(rows=st.integers(1, 7), count=st.integers(1, 9), seed=st.integers(0, 99))
def test_own_passes_have_one_size_and_give_each_image_its_value(rows: int, count: int, seed: int) -> None:
    net, images = Net(), pixels(count, seed)
    selector = one_hot([at % 3 for at in range(count)])
    sizes: list[int] = []
    net.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    asked = AttributionInput(net, images, selector, torch.zeros(count), rows=rows)
    found = scores(asked, images, selector)
    values, slopes = gradients(asked, images, selector)
    assert set(sizes) == {rows}
    assert torch.equal(found, values)
    for at in range(count):
        alone = AttributionInput(net, images[at : at + 1], selector[at : at + 1], torch.zeros(1), rows=rows)
        value, slope = gradients(alone, images[at : at + 1], selector[at : at + 1])
        assert torch.equal(value[0], values[at])
        assert torch.equal(slope[0], slopes[at])


def test_a_layer_that_is_meant_twice_is_watched_once() -> None:
    net, images = Net(), pixels(2)
    named = Watched(net.second, SpatialLayer("second", 4, 4, 4))
    layers = [Watched(net.second), named]
    run = SharedPass(net, images, input_gradient=False, layers=layers)
    found = run.explain(one_hot([0, 1]), layers=layers)
    for layer in layers:
        assert found.tensors(("layer_gradient",), layer)["layer_gradient"].shape == (2, 4, 4, 4)
