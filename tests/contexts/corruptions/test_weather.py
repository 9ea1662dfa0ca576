"""Weather: parameters, the ways to HSV and back, clouds, flakes and ice."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from contexts.corruptions.pictures import corruption, grey, pictures

from modelaudit.contexts import apply
from modelaudit.contexts.corruptions import weather
from modelaudit.contexts.corruptions.weather import fronds, ice, plasma, side_of


def test_the_parameters_are_those_of_imagenet_c() -> None:
    assert weather.FOG == ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))
    assert weather.BRIGHTNESS == (0.1, 0.2, 0.3, 0.4, 0.5)


def test_the_parameters_of_snow_and_frost_are_those_of_the_released_code() -> None:
    assert weather.SNOW == (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )
    assert weather.FROST == ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_brightness_raises_the_value_and_keeps_hue_and_saturation(severity: int) -> None:
    own = replace(grey(0.0, 2, 2), mask=None)
    colour = torch.tensor([0.4, 0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    raised = 0.4 + severity / 10
    done = apply(corruption("brightness", severity, "whole"), replace(own, pixels=colour)).pixels[0, :, 0, 0]
    assert done.tolist() == pytest.approx([raised, raised / 2, raised / 4])


def test_brightness_turns_black_grey_and_stops_at_white() -> None:
    assert torch.equal(apply(corruption("brightness", 3, "whole"), grey(0.0)).pixels, grey(0.3).pixels)
    assert torch.equal(apply(corruption("brightness", 5, "whole"), grey(0.8)).pixels, grey(1.0).pixels)


@pytest.mark.parametrize(("height", "width", "side"), [(224, 224, 256), (256, 100, 256), (257, 8, 512), (1, 1, 2)])
def test_clouds_cover_the_frame(height: int, width: int, side: int) -> None:
    assert side_of(height, width) == side


@pytest.mark.parametrize("decay", [1.4, 2.0])
def test_clouds_go_from_0_to_1_and_are_rougher_the_slower_they_decay(decay: float) -> None:
    uniform = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    heights = plasma(uniform, decay)
    assert heights.flatten(1).amin(dim=1).tolist() == [0, 0] and heights.flatten(1).amax(dim=1).tolist() == [1, 1]
    assert (heights.diff(dim=1).abs().mean() > plasma(uniform, 2.5).diff(dim=1).abs().mean()).item()


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_fog_follows_its_formula(severity: int) -> None:
    density, decay = weather.FOG[severity - 1]
    own = pictures(1, 60, 50)
    uniform = torch.rand(64, 64, generator=own.generator(0, "fog")) * 2 - 1
    cloud = plasma(uniform.unsqueeze(0), decay)[:, :60, :50]
    greatest = float(own.pixels.max())
    expected = (own.pixels + density * cloud) * greatest / (greatest + density)
    assert torch.allclose(apply(corruption("fog", severity, "whole"), own).pixels, expected.clamp(0, 1), atol=1e-6)


def test_fog_takes_the_brightest_value_of_the_whole_image_whatever_the_region() -> None:
    own = pictures(1, 64, 64)
    whole, behind = (apply(corruption("fog", 2, region), own).pixels for region in ("whole", "background"))
    assert own.mask is not None
    outside = (own.mask == 0).unsqueeze(1).expand(1, 3, -1, -1)
    assert torch.equal(whole[outside], behind[outside])


def test_snow_whitens_and_falls_from_both_sides() -> None:
    own = grey(0.2, count=3)
    done = apply(corruption("snow", 2, "whole"), own).pixels
    ground = 0.7 * 0.2 + 0.3 * max(0.2, 1.5 * 0.2 + 0.5)
    assert float(done.min()) == pytest.approx(ground, abs=1e-4)
    # flakes are laid over the picture once more, turned by 180 degrees
    assert torch.allclose(done, done.flip(-2, -1), atol=1e-5)
    share = float((done[:, 0] > ground + 0.05).float().mean())
    assert 0.1 < share < 0.9


def test_snow_falls_along_its_angle() -> None:
    own = grey(0.0, count=8)
    flakes = apply(corruption("snow", 5, "whole"), own).pixels[:, 0]
    flakes = flakes - flakes.mean(dim=(1, 2), keepdim=True)
    across = (flakes[:, :, 3:] * flakes[:, :, :-3]).mean(dim=(1, 2))
    down = (flakes[:, 3:] * flakes[:, :-3]).mean(dim=(1, 2))
    # within 45 degrees of the vertical
    assert (down > across).float().mean() > 0.8


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_frost_lays_one_ice_over_the_picture_in_its_shares(severity: int) -> None:
    picture, share = weather.FROST[severity - 1]
    own = pictures(2, 96, 80)
    expected = (picture * own.pixels + share * ice(own, "frost")).clamp(0, 1)
    assert torch.equal(apply(corruption("frost", severity, "whole"), own).pixels, expected)


def test_ice_is_bluish_uneven_and_another_for_each_sample() -> None:
    layers = ice(grey(0.0, count=4), "frost")
    red, green, blue = layers.mean(dim=(0, 2, 3)).tolist()
    assert 0.3 < red < green < blue < 0.7 and float(layers.std()) > 0.1
    flat = layers[:, 1].flatten(1)
    assert float((torch.corrcoef(flat) - torch.eye(4)).abs().max()) < 0.6


def test_ice_has_thin_fronds_in_it() -> None:
    layer = ice(grey(0.0), "frost")[:, 1:2]
    smooth = torch.nn.functional.avg_pool2d(layer, 9, stride=1, padding=4)
    assert float((layer - smooth).abs().mean()) > 0.03


@pytest.mark.parametrize("scale", [0.25, 1.0, 1.7])
def test_fronds_start_in_the_middle_and_fade_outwards(scale: float) -> None:
    kinds = fronds(scale)
    middle = kinds.shape[-1] // 2
    at = torch.arange(kinds.shape[-1]) - middle
    radius = (at[:, None] ** 2 + at[None, :] ** 2).sqrt()
    assert float(kinds.max()) <= 1 and kinds.shape[-1] == 2 * (math.ceil(76 * scale) + 2) + 1
    for kind in kinds:
        assert float(kind[radius <= 2].max()) > 0.9
        assert float(kind[radius > 0.6 * middle].max()) < 0.7
        assert 0.005 < float((kind > 0).float().mean()) < 0.4
