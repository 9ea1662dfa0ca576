"""Object or background without information: the region gets the fill, the rest stays to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import scene
from torch.nn import functional

from modelaudit.contexts import apply, mean_fill, remove_background, remove_object
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context


@pytest.mark.parametrize("region", ["background", "object"])
def test_the_region_gets_the_colour_and_the_rest_stays(region: str) -> None:
    own = scene()
    done = apply(mean_fill(region), own).pixels  # type: ignore[arg-type]
    kept = own.kept().expand_as(own.pixels)
    filled = ~kept if region == "background" else kept
    assert torch.equal(done[~filled], own.pixels[~filled])
    colours = done.permute(0, 2, 3, 1)[filled[:, 0]]
    assert torch.equal((colours * 255).round(), torch.tensor([123.0, 116.0, 103.0]).expand_as(colours))


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("region", ["background", "object"])
def test_without_object_or_background_it_says_nothing(region: str, value: int) -> None:
    own = scene(2)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[1] = value
    done = apply(mean_fill(region), replace(own, mask=mask))  # type: ignore[arg-type]
    assert done.impossible.tolist() == [False, True]


def test_without_masks_it_is_an_error() -> None:
    with pytest.raises(ContextError, match="masks"):
        apply(mean_fill("object"), replace(scene(), mask=None))


def test_a_bad_region_is_refused() -> None:
    with pytest.raises(ExpressionError, match="region"):
        mean_fill("whole")  # type: ignore[arg-type]


def test_texts_come_back() -> None:
    assert str(parse_context("mean_fill(background)")) == "mean_fill(background)"


COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "mean": (123, 116, 103),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
}


@pytest.mark.parametrize("fill", COLOURS)
def test_a_colour_replaces_the_background_or_the_object_and_nothing_else(fill: str) -> None:
    own = scene()
    colour = (torch.tensor(COLOURS[fill]) / 255)[None, :, None, None]
    without_background = apply(remove_background(fill), own).pixels  # type: ignore[arg-type]
    assert torch.equal(without_background, torch.where(own.kept(), own.pixels, colour))
    without_object = apply(remove_object(fill, margin=0), own).pixels  # type: ignore[arg-type]
    assert torch.equal(without_object, torch.where(own.kept(), colour, own.pixels))


def test_the_mean_is_that_of_mean_fill() -> None:
    own = scene()
    assert torch.equal(apply(remove_background(), own).pixels, apply(mean_fill("background"), own).pixels)
    assert torch.equal(apply(remove_object("mean", margin=0), own).pixels, apply(mean_fill("object"), own).pixels)


@pytest.mark.parametrize(
    ("fill", "means", "deviations"),
    [
        ("white_noise", (0.5, 0.5, 0.5), (1 / 12**0.5,) * 3),
        # the clipping at 0 and 1 takes some 2 % of the deviation
        ("gaussian_noise", (123 / 255, 116 / 255, 103 / 255), (0.2255, 0.2195, 0.2165)),
    ],
)
def test_noise_has_its_mean_and_deviation_and_its_values_are_independent(
    fill: str, means: tuple[float, ...], deviations: tuple[float, ...]
) -> None:
    own = scene(1, 160, 160)
    done = apply(remove_background(fill), own).pixels[0]  # type: ignore[arg-type]
    assert own.mask is not None
    values = done[:, own.mask[0] == 0]
    assert torch.allclose(values.mean(dim=1), torch.tensor(means), atol=0.006)
    assert torch.allclose(values.std(dim=1), torch.tensor(deviations), atol=0.006)
    correlation = torch.corrcoef(torch.cat([values[:, 1:], values[:, :-1]]))
    assert float((correlation - torch.eye(6)).abs().max()) < 0.03


def test_noise_belongs_to_the_sample_and_the_context() -> None:
    own = scene(2)
    same = replace(own, pixels=own.pixels[:1].expand(2, -1, -1, -1), mask=torch.zeros_like(own.kept()[:, 0]).byte())
    assert same.mask is not None
    same.mask[:, 5:9, 5:9] = 1
    first, second = apply(remove_background("white_noise"), same).pixels
    assert not torch.equal(first, second)
    again = apply(remove_background("white_noise"), replace(same, seed=7)).pixels[0]
    assert not torch.equal(first, again)


def test_the_silhouette_is_the_mean_colour_of_the_object_without_its_ring() -> None:
    own = scene(1)
    assert own.mask is not None
    done = apply(remove_object("silhouette", margin=0), own).pixels[0]
    mean = own.pixels[0][:, own.mask[0] == 1].mean(dim=1)
    inside = done[:, own.mask[0] != 0]
    assert torch.allclose(inside, mean[:, None].expand_as(inside), atol=1e-6)


@pytest.mark.parametrize("fill", ["inpaint", "tile"])
def test_a_removed_object_is_gone_and_its_place_is_known(fill: str) -> None:
    own = scene(2, 40, 40)
    marked = replace(own, pixels=torch.where(own.kept(), 1.0, 0.2 + 0.2 * own.pixels))
    done = apply(remove_object(fill), marked)  # type: ignore[arg-type]
    assert float(done.pixels.max()) < 0.6
    assert done.mask is own.mask


@pytest.mark.parametrize("margin", [0, 1, 5])
def test_the_margin_goes_with_the_object_and_the_rest_stays_to_the_bit(margin: int) -> None:
    own = scene(2, 40, 40)
    done = apply(remove_object(margin=margin), own).pixels
    changed = (done != own.pixels).any(dim=1, keepdim=True)
    side = 2 * margin + 1
    place = functional.max_pool2d(own.kept().float(), side, stride=1, padding=margin) > 0
    assert torch.equal(changed, place)


@pytest.mark.parametrize("value", [0, 1])
def test_without_object_or_background_nothing_can_be_removed(value: int) -> None:
    own = scene(2)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[1] = value
    for context in (remove_object(), remove_object("black"), remove_background("black")):
        assert apply(context, replace(own, mask=mask)).impossible.tolist() == [False, True]


@pytest.mark.parametrize("margin", [-1, 65, 1.5, True, "2"])
def test_bad_margins_are_refused(margin: object) -> None:
    with pytest.raises(ExpressionError, match="margin"):
        remove_object(margin=margin)  # type: ignore[arg-type]


def test_bad_fills_name_the_nearest() -> None:
    with pytest.raises(ExpressionError, match="gaussian_noise"):
        remove_background("gausian_noise")  # type: ignore[arg-type]
    with pytest.raises(ExpressionError, match="inpaint"):
        remove_object("inpiant")  # type: ignore[arg-type]
