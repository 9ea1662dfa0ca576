"""JPEG: its tables, its quality, and the steps that stand alone."""

from __future__ import annotations

import pytest
import torch
from contexts.corruptions.pictures import grey, pictures

from modelaudit.contexts.corruptions.digital import JPEG_QUALITY, compressed, tables


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
