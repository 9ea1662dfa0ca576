from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import AttributionInput, scorecam
from modelaudit.attribution.cam import ScoreCam, scorecam_maps
from modelaudit.language.errors import ExpressionError


class Net(nn.Module):
    """A layer of six channels, of which `dead` are constant, and a head."""

    def __init__(self, dead: int = 0) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(6, 3)
        self.passes: list[int] = []
        self.eval().requires_grad_(False)
        self.features[0].weight[:dead], self.features[0].bias[:dead] = 0, 0.25
        self.head.weight.mul_(20)

    def forward(self, x: Tensor) -> Tensor:
        self.passes.append(len(x))
        return self.head(self.features(x).mean((2, 3)))


def asked(model: Net, count: int = 4, rows: int | None = None) -> AttributionInput:
    images = torch.rand(count, 3, 15, 21, generator=torch.Generator().manual_seed(1))
    for image in range(count):  # each of another colour, so that other channels vary most
        images[image, image % 3] *= 0.1
    selector = torch.eye(3)[torch.arange(count) % 3]
    explained = (model(images) * selector).sum(1)
    model.passes.clear()
    return AttributionInput(model, images, selector, explained, model.features, rows=rows)


def by_hand(question: AttributionInput, image: int, channels: list[int] | None = None) -> Tensor:
    """Algorithm 1 of the paper for one image, with its difference to the black image."""
    model, pixels = question.model, question.pixels[image : image + 1]
    values = model.features(pixels)[0]
    chosen = values if channels is None else values[channels]
    black = model(torch.zeros_like(pixels))
    scores = []
    for channel in chosen:
        mask = functional.interpolate(channel[None, None], pixels.shape[2:], mode="bilinear", align_corners=False)
        constant = bool((channel == channel[0, 0]).all())
        mask = torch.zeros_like(mask) if constant else (mask - mask.min()) / (mask.max() - mask.min())
        scores.append(((model(pixels * mask) - black) * question.selector[image]).sum())
    return torch.einsum("k,khw->hw", torch.stack(scores).softmax(0), chosen).relu()


@pytest.mark.parametrize("dead", [0, 3])
@pytest.mark.parametrize("rows", [None, 1, 3, 5])
def test_it_is_algorithm_1_of_the_paper_in_passes_of_any_size(dead: int, rows: int | None) -> None:
    question = asked(Net(dead), rows=rows)
    found = scorecam_maps(scorecam(), question)
    assert found.coarse is not None and found.shape == (4, 15, 21)
    assert max(question.model.passes[1:]) <= (rows or 4), "the first pass is that of the layer"
    expected = torch.stack([by_hand(question, image) for image in range(4)])
    torch.testing.assert_close(found.coarse, expected, rtol=1e-4, atol=1e-6)


def test_constant_channels_share_one_pass_and_padding_has_none() -> None:
    for dead in (0, 3):
        question = asked(Net(dead), rows=1)
        values = question.model.features(question.pixels).flatten(2)
        live = (values.amax(2) > values.amin(2)).sum(1)
        assert int(live.max()) > 3 - dead
        scorecam_maps(scorecam(), question)
        assert sum(question.model.passes[1:]) == int((live + (live < 6)).sum())
    padded = replace(
        question,
        pixels=question.pixels[[0, 1, 1, 1]],
        selector=question.selector[[0, 1, 1, 1]],
        ids=("a", "b", "b", "b"),
    )
    question.model.passes.clear()
    maps = scorecam_maps(scorecam(), padded).values
    assert sum(question.model.passes[1:]) == int((live + (live < 6))[:2].sum())
    assert torch.equal(maps[1], maps[3])


def test_the_channels_that_vary_most_are_each_images_own() -> None:
    question = asked(Net())
    spread = question.model.features(question.pixels).flatten(2).var(2)
    order = spread.argsort(1, descending=True)[:, :2]
    assert len({tuple(sorted(row)) for row in order.tolist()}) > 1
    question.model.passes.clear()
    found = scorecam_maps(scorecam(channels=2), question)
    assert sum(question.model.passes[1:]) <= 4 * (2 + 1)
    expected = torch.stack([by_hand(question, image, order[image].tolist()) for image in range(4)])
    torch.testing.assert_close(found.coarse, expected, rtol=1e-4, atol=1e-6)


def test_another_colour_shows_where_the_mask_is_dark() -> None:
    question = asked(Net())
    black, white = (scorecam_maps(ScoreCam(fill=fill), question).values for fill in ("black", "white"))
    assert not torch.allclose(black, white, rtol=0.01)


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(4)), st.sampled_from([None, 2, 3]), st.sampled_from([None, 2]))
def test_order_changes_no_bit_and_company_nothing_beyond_rounding(
    order: list[int], rows: int | None, channels: int | None
) -> None:
    question, method = asked(Net(dead=1), rows=rows), scorecam(channels=channels)
    together = scorecam_maps(method, question).values
    shuffled = replace(question, pixels=question.pixels[order], selector=question.selector[order])
    assert torch.equal(scorecam_maps(method, shuffled).values, together[order])
    alone = replace(question, pixels=question.pixels[:1], selector=question.selector[:1])
    torch.testing.assert_close(scorecam_maps(method, alone).values, together[:1], rtol=1e-4, atol=1e-6)


def test_nothing_is_left_behind() -> None:
    question = asked(Net())
    copies = question.pixels.clone(), question.selector.clone()
    maps = scorecam_maps(scorecam(), question)
    assert torch.equal(question.pixels, copies[0]) and torch.equal(question.selector, copies[1])
    assert not maps.values.requires_grad and maps.values.dtype == torch.float32
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in question.model.modules())


@pytest.mark.parametrize("channels", [0, -1, 1.5, True, "all"])
def test_channels_are_a_number(channels: int) -> None:
    with pytest.raises(ExpressionError, match="scorecam: channels must be"):
        scorecam(channels=channels)


def test_an_unknown_colour_suggests_the_nearest() -> None:
    with pytest.raises(ExpressionError, match="did you mean 'black'"):
        scorecam(fill="blak")  # type: ignore[arg-type]
    with pytest.raises(ExpressionError, match="scorecam: layer must"):
        scorecam(layer="")
