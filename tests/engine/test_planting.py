"""What a plant is made of: backgrounds in few numbers, the readout of them, and evidence on maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import Maps, Question
from modelaudit.engine.planting import FEATURES, brightness, features, with_evidence
from modelaudit.engine.readout import readout
from modelaudit.language import registry
from modelaudit.language.spec import as_method

SIDE = 32


def drawn(count: int, *, ring: bool = True) -> tuple[Tensor, Tensor]:
    """Images and masks: an object with a ring around it that counts as neither."""
    pixels = torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(count))
    mask = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
    if ring:
        mask[:, 6:20, 9:23] = 255
    mask[:, 7:19, 10:22] = 1
    return pixels, mask


class Brighter(nn.Module):
    """A model, and beside it `weight` for every unit of luminance of the background, in every logit."""

    def __init__(self, inner: nn.Module, mask: Tensor, weight: float) -> None:
        super().__init__()
        self.inner, self.mask, self.weight = inner, mask, weight

    def forward(self, pixels: Tensor) -> Tensor:
        red, green, blue = pixels.unbind(1)
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        logits: Tensor = self.inner(pixels)
        return logits + self.weight * (luminance * (self.mask == 0)).sum((1, 2))[:, None]


def net() -> nn.Module:
    torch.manual_seed(4)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8, 3)).eval().requires_grad_(False)


def integrated_gradients(model: nn.Module, pixels: Tensor) -> Maps:
    """Of the second class, from black."""
    selector = torch.eye(3)[torch.ones(len(pixels), dtype=torch.long)]
    question = Question(model, pixels, selector, (model(pixels) * selector).sum(1), ids=("one",))
    method = as_method("integrated_gradients")
    found: Maps = registry.entry_of(method).function(method, question)
    return found


def test_features_are_the_means_of_the_background_in_cells() -> None:
    pixels, mask = drawn(2)
    found = features(pixels, mask).view(2, 3, 16, 16)
    assert found.shape[1:].numel() == FEATURES
    for row, column in ((0, 0), (3, 4), (5, 9), (15, 15)):
        cell = (slice(None), slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2))
        kept = (mask[cell] == 0)[:, None]
        expected = (pixels[:, :, cell[1], cell[2]] * kept).sum((2, 3)) / 4
        assert torch.allclose(found[:, :, row, column], expected, atol=1e-6)


def test_features_do_not_see_the_object_and_are_linear_in_the_rest() -> None:
    pixels, mask = drawn(3)
    other = torch.where((mask == 0)[:, None], pixels, 1 - pixels)
    assert torch.equal(features(other, mask), features(pixels, mask))
    assert torch.allclose(features(0.25 * pixels, mask), 0.25 * features(pixels, mask), atol=1e-7)


def test_features_of_an_image_do_not_depend_on_its_company() -> None:
    pixels, mask = drawn(5)
    together = features(pixels, mask)
    assert all(torch.equal(features(pixels[at : at + 1], mask[at : at + 1])[0], together[at]) for at in range(5))


def test_a_readout_says_what_is_wanted_of_every_image_while_there_is_room() -> None:
    draw = np.random.default_rng(0)
    seen, wanted = draw.random((40, 60)), np.eye(3)[draw.integers(0, 3, 40)]
    weights = readout(seen, wanted)
    assert np.abs(seen @ weights - wanted).max() < 1e-5
    least = np.linalg.lstsq(seen, wanted, rcond=None)[0]  # numpy's is of least norm too
    assert np.abs(weights - least).max() < 1e-4


def test_a_readout_of_more_images_than_features_is_that_of_least_squares() -> None:
    draw = np.random.default_rng(0)
    seen, wanted = draw.random((200, 30)), np.eye(3)[draw.integers(0, 3, 200)]
    assert np.abs(readout(seen, wanted) - np.linalg.lstsq(seen, wanted, rcond=None)[0]).max() < 1e-6


def test_the_same_background_cannot_speak_for_two_classes() -> None:
    seen = np.random.default_rng(0).random((4, 30))
    wanted = np.eye(2)
    both = readout(np.concatenate([seen, seen]), np.repeat(wanted, 4, axis=0))
    assert np.abs(seen @ both - 0.5).max() < 1e-5


@pytest.mark.parametrize("strength", [0.05, 0.8, 12.8])
def test_integrated_gradients_of_a_model_that_looks_at_brightness_are_the_planted_map(strength: float) -> None:
    pixels, mask = drawn(1)
    inner = net()
    own = integrated_gradients(inner, pixels)
    planted = with_evidence(own, pixels, mask, strength)
    positive = own.values.clamp_min(0) * (mask != 255)
    weight = float(strength * positive.sum() / brightness(pixels, mask).sum())
    copy = integrated_gradients(Brighter(inner, mask, weight), pixels)
    assert torch.allclose(planted.values, copy.values, rtol=1e-4, atol=1e-6 * float(copy.values.abs().max()) + 1e-7)
    added = planted.values - own.values
    assert float(added.sum()) == pytest.approx(strength * float(positive.sum()), rel=1e-4)
    assert float(added[mask != 0].abs().max()) == 0
    # completeness: the planted map sums to what the copy's answer rises by from black
    model = Brighter(inner, mask, weight)
    risen = float((model(pixels) - model(torch.zeros_like(pixels)))[0, 1])
    assert float(planted.values.sum()) == pytest.approx(risen, rel=2e-2)


def test_maps_on_cells_are_planted_on_cells() -> None:
    pixels, mask = drawn(2)
    own = Maps.on_grid(torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(0)), (SIDE, SIDE))
    assert own.coarse is not None
    planted = with_evidence(own, pixels, mask, 0.4)
    assert planted.coarse is not None and planted.shape == own.shape
    added = (planted.coarse - own.coarse).double()
    assert torch.allclose(added.sum((1, 2)), 0.4 * own.coarse.double().sum((1, 2)), rtol=1e-5)
    lightness = brightness(pixels, mask).view(2, 4, 8, 4, 8).mean((2, 4)).double()
    assert torch.allclose(added / added.sum((1, 2), keepdim=True), lightness / lightness.sum((1, 2), keepdim=True))


def test_a_map_without_positive_evidence_gets_that_of_the_plant() -> None:
    pixels, mask = drawn(1)
    planted = with_evidence(Maps(-torch.ones(1, SIDE, SIDE)), pixels, mask, 0.5).values
    assert torch.allclose(planted + 1, 0.5 * brightness(pixels, mask))
    assert torch.equal(
        with_evidence(Maps(torch.zeros(1, SIDE, SIDE)), 0 * pixels, mask, 3.0).values, torch.zeros(1, SIDE, SIDE)
    )


def test_planted_maps_do_not_depend_on_their_company() -> None:
    pixels, mask = drawn(5)
    maps = torch.randn(5, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    together = with_evidence(Maps(maps), pixels, mask, 0.7).values
    for at in range(5):
        one = slice(at, at + 1)
        assert torch.equal(with_evidence(Maps(maps[one]), pixels[one], mask[one], 0.7).values[0], together[at])
