"""Weights are drawn anew in a copy, layer by layer from the top, and maps are compared as the papers define it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy, spearmanr
from torch import Tensor, nn

from modelaudit.measures.randomisation import (
    cascade,
    correlations,
    emprt,
    entropies,
    layers,
    mprt,
    randomised,
    smprt,
)


class Gain(nn.Module):
    """Parameters of its own, and no rule to draw them."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.linspace(-3, 5, 4).view(1, 4, 1, 1))
        self.offset = nn.Parameter(torch.tensor(2.0))

    def forward(self, values: Tensor) -> Tensor:
        return values * self.gain + self.offset


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), Gain(), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 3)
        )
        net[1].running_mean.uniform_(-1, 1)  # type: ignore[operator, union-attr]
    return net.eval()


def images(count: int = 5) -> Tensor:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def gradient(model: nn.Module, pixels: Tensor | None = None) -> Tensor:
    given = (images() if pixels is None else pixels).clone().requires_grad_()
    model(given)[:, 0].sum().backward()
    assert given.grad is not None
    return given.grad.abs().sum(1)


def edges(model: nn.Module, pixels: Tensor | None = None) -> Tensor:
    given = images() if pixels is None else pixels
    return (given[..., 1:, 1:] - given[..., :-1, :-1]).abs().sum(1)


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: one.clone() for name, one in module.state_dict().items()}


def test_every_parameter_of_the_copy_is_new_and_the_model_is_untouched() -> None:
    net = network()
    net.train()
    before, random = state(net), torch.get_rng_state()
    copied = randomised(net, 3)
    assert torch.equal(random, torch.get_rng_state())
    assert net.training and all(one.requires_grad for one in net.parameters())
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())
    assert not copied.training and not any(one.requires_grad for one in copied.parameters())
    norm = {"1.weight", "1.bias"}  # 1 and 0 again: nothing is learnt in them
    for name, one in copied.named_parameters():
        assert torch.equal(one, before[name]) == (name in norm), name
    assert torch.equal(copied.get_buffer("1.running_mean"), torch.zeros(4))


def test_a_seed_fixes_the_numbers_and_another_one_changes_them() -> None:
    first, again, other = (state(randomised(network(), seed)) for seed in (1, 1, 2))
    assert all(torch.equal(one, again[name]) for name, one in first.items())
    assert not torch.equal(first["0.weight"], other["0.weight"])


def test_what_no_layer_resets_is_drawn_like_itself() -> None:
    part = nn.Module()
    part.weight = nn.Parameter(torch.randn(20_000, generator=torch.Generator().manual_seed(0)) * 3 + 7)
    drawn = randomised(part, 0).get_parameter("weight")
    assert float(drawn.mean()) == pytest.approx(7, abs=0.1) and float(drawn.std()) == pytest.approx(3, abs=0.1)
    assert float(np.corrcoef(drawn, part.weight.detach())[0, 1]) == pytest.approx(0, abs=0.03)


def test_shared_parameters_stay_shared() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    copied = randomised(net, 0)
    assert copied.get_parameter("0.weight") is copied.get_parameter("1.weight")
    assert not torch.equal(copied.get_parameter("0.weight"), net[0].weight)


def test_the_cascade_goes_from_the_top_down_to_the_whole() -> None:
    net, seed = network(), 5
    assert layers(net) == ["5", "2", "1", "0"]
    changed: list[str] = []
    for name, copied in cascade(net, seed):
        changed.append(name)
        for key, one in copied.named_parameters():
            touched = key.split(".")[0] in changed and not key.startswith("1.")
            assert torch.equal(one, net.get_parameter(key)) != touched
    assert all(torch.equal(one, state(copied)[key]) for key, one in state(randomised(net, seed)).items())


def test_correlation_is_scipys_and_ties_have_their_mean_rank() -> None:
    draw = np.random.default_rng(0)
    first, second = (torch.from_numpy(draw.integers(0, 6, (4, 7, 7)).astype(float)) for _ in range(2))
    wanted = [spearmanr(one.flatten(), other.flatten()).statistic for one, other in zip(first, second, strict=True)]
    assert correlations(first, second) == pytest.approx(wanted, abs=1e-12)


def test_a_flat_map_of_random_weights_shares_no_order_and_a_flat_map_has_none() -> None:
    ramp, flat = torch.arange(9.0).view(1, 3, 3), torch.ones(1, 3, 3)
    assert correlations(ramp, flat).tolist() == [0.0]
    assert np.isnan(correlations(flat, ramp)).all()
    assert np.isnan(correlations(ramp, ramp / 0 - ramp / 0)).all()


def test_a_gradient_loses_its_order_and_an_edge_map_keeps_it() -> None:
    stages, kept = mprt(network(), gradient, 0), mprt(network(), edges, 0)
    assert [stage.layer for stage in stages] == ["5", "2", "1", "0"]
    assert stages[-1].correlation.mean() < 0.5
    assert all(stage.correlation == pytest.approx(1) for stage in kept)


def test_smprt_averages_over_noise_that_every_stage_shares() -> None:
    net, pixels = network(), images()
    kept = smprt(net, edges, pixels, 0, samples=3)
    assert all(stage.correlation == pytest.approx(1, abs=1e-12) for stage in kept)
    assert smprt(net, gradient, pixels, 0, samples=3)[-1].correlation.mean() < 0.7
    silent = smprt(net, gradient, pixels, 0, samples=2, noise=0)
    for one, plain in zip(silent, mprt(net, gradient, 0), strict=True):
        assert one.correlation == pytest.approx(plain.correlation, abs=1e-6)


def test_entropy_is_that_of_the_histogram() -> None:
    draw = np.random.default_rng(1)
    maps = draw.normal(size=(3, 9, 9))
    wanted = [entropy(np.histogram(one, bins=100)[0]) for one in maps]
    assert entropies(torch.from_numpy(maps)) == pytest.approx(wanted)
    assert entropies(torch.ones(1, 3, 3)).tolist() == [0.0]


def test_emprt_is_the_relative_rise_under_full_randomisation() -> None:
    net = network()
    before = [entropy(np.histogram(one, bins=100)[0]) for one in gradient(net).numpy()]
    after = [entropy(np.histogram(one, bins=100)[0]) for one in gradient(randomised(net, 4)).numpy()]
    assert emprt(net, gradient, 4) == pytest.approx((np.array(after) - before) / before)
    assert emprt(net, edges, 4) == pytest.approx(0)
    assert np.isnan(emprt(net, lambda _: torch.ones(2, 3, 3), 4)).all()
