"""Contrast, saturation, pixels and JPEG: parameters, closed forms, tables."""

from __future__ import annotations

import pytest
import torch
from contexts.corruptions.pictures import corruption, grey, pictures

from modelaudit.contexts import apply
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.corruptions import digital
from modelaudit.contexts.corruptions.digital import JPEG_QUALITY, compressed, tables


def test_the_parameters_are_those_of_imagenet_c() -> None:
    assert digital.CONTRAST == (0.4, 0.3, 0.2, 0.1, 0.05)
    assert digital.SATURATE == ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
    assert digital.PIXELATE == (0.6, 0.5, 0.4, 0.3, 0.25)


@pytest.mark.parametrize(("severity", "share"), list(enumerate((0.4, 0.3, 0.2, 0.1, 0.05), 1)))
def test_contrast_keeps_the_mean_of_each_channel_and_a_share_of_the_rest(severity: int, share: float) -> None:
    own = pictures(2, 64, 48)
    done = apply(corruption("contrast", severity, "whole"), own).pixels
    mean = own.pixels.double().mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(done.double(), mean + share * (own.pixels - mean), atol=1e-6)


def test_contrast_of_the_background_turns_about_the_mean_of_the_whole_image() -> None:
    own = pictures(1, 64, 64)
    whole, behind = (apply(corruption("contrast", 3, region), own).pixels for region in ("whole", "background"))
    outside = ~own.kept().expand(-1, 3, -1, -1)
    assert torch.equal(whole[outside], behind[outside])


@pytest.mark.parametrize(("severity", "saturation"), [(1, 0.3 * 0.75), (2, 0.1 * 0.75), (3, 1.0), (4, 1.0), (5, 1.0)])
def test_saturation_is_scaled_and_the_value_kept(severity: int, saturation: float) -> None:
    colour = torch.tensor([0.2, 0.8, 0.5]).view(1, 3, 1, 1)
    own = ContextInput(colour.clone(), None, ("a",), 0)
    done = apply(corruption("saturate", severity, "whole"), own).pixels.flatten().tolist()
    assert done == pytest.approx([0.8 * (1 - saturation), 0.8, 0.8 * (1 - saturation / 2)], abs=1e-6)


def test_grey_turns_reddish_where_saturation_is_added() -> None:
    for severity, expected in ((3, (0.5, 0.5, 0.5)), (4, (0.5, 0.45, 0.45)), (5, (0.5, 0.4, 0.4))):
        done = apply(corruption("saturate", severity, "whole"), grey(0.5, 4, 4)).pixels[0, :, 0, 0]
        assert done.tolist() == pytest.approx(expected, abs=1e-6)


def test_saturate_is_not_monotone() -> None:
    own = pictures(1)
    steps = [(apply(corruption("saturate", at, "whole"), own).pixels - own.pixels).norm().item() for at in (2, 3)]
    greyed, coloured = steps
    assert greyed > coloured


@pytest.mark.parametrize(("severity", "size"), list(enumerate((134, 112, 89, 67, 56), 1)))
def test_a_pixelated_picture_has_its_number_of_blocks(severity: int, size: int) -> None:
    done = apply(corruption("pixelate", severity, "whole"), pictures(1)).pixels[0, 0]
    for side in (done, done.T):
        changes = (side.diff(dim=0).abs() > 1e-5).any(dim=1)
        assert int(changes.sum()) + 1 == size


def test_the_qualities_are_those_of_imagenet_c() -> None:
    assert JPEG_QUALITY == (25, 18, 15, 10, 7)


def test_quality_50_has_the_tables_of_the_standard_and_100_has_none() -> None:
    luma, chroma = tables(50)
    assert luma[0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61] and chroma[0].tolist() == [
        17,
        18,
        24,
        47,
        99,
        99,
        99,
        99,
    ]
    assert luma[7].tolist() == [72, 92, 95, 98, 112, 100, 103, 99] and float(chroma[4:].min()) == 99
    assert all(torch.equal(table, torch.ones(8, 8, dtype=torch.float64)) for table in tables(100))


@pytest.mark.parametrize("quality", [1, 7, 25, 75, 100])
def test_one_grey_comes_back_within_a_step_of_its_quantiser(quality: int) -> None:
    step = float(tables(quality)[0][0, 0]) / 8
    for value in (0.0, 0.2, 0.5, 1.0):
        level = round(255 * value)
        done = compressed(grey(level / 255, 40, 24).pixels, quality) * 255
        assert float((done - level).abs().max()) <= step / 2 + 0.51
        assert float(done.std()) == 0


def test_higher_quality_is_nearer() -> None:
    own = pictures(1, 96, 96).pixels.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    steps = [float((compressed(own, quality) - own).pow(2).mean()) for quality in (7, 25, 75, 95)]
    assert steps == sorted(steps, reverse=True) and steps[-1] < 1e-4


def test_blocks_do_not_see_each_other_in_luma() -> None:
    own = grey(0.5, 32, 32).pixels
    other = own.clone()
    other[..., :8, :8] = pictures(1, 8, 8).pixels.mean(dim=1, keepdim=True).round()
    # a change of the first block reaches its 8 x 8 pixels in luma; in a grey picture chroma has nothing to say
    changed = (compressed(own, 10) != compressed(other, 10)).any(dim=1)[0]
    assert changed[:8, :8].any() and not changed[8:].any() and not changed[:, 8:].any()
