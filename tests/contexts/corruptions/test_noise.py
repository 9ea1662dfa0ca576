"""Noise: its parameters, its moments, and draws shared by the severities."""

from __future__ import annotations

import pytest
import torch
from contexts.corruptions.pictures import corruption, grey, pictures

from modelaudit.contexts import apply
from modelaudit.contexts.corruptions import noise


def test_the_parameters_are_those_of_imagenet_c() -> None:
    assert noise.GAUSSIAN_SIGMA == (0.08, 0.12, 0.18, 0.26, 0.38)
    assert noise.SHOT_RATE == (60, 25, 12, 5, 3)
    assert noise.IMPULSE_SHARE == (0.03, 0.06, 0.09, 0.17, 0.27)
    assert noise.SPECKLE_SIGMA == (0.15, 0.2, 0.35, 0.45, 0.6)


@pytest.mark.parametrize(("severity", "rate"), list(enumerate((60, 25, 12, 5, 3), 1)))
def test_shot_noise_has_the_mean_and_variance_of_poisson(severity: int, rate: int) -> None:
    value = 20 / 255  # dark enough that next to nothing is clipped
    photons = apply(corruption("shot_noise", severity, "whole"), grey(value)).pixels * rate
    assert torch.equal(photons.round(), photons.round().clamp_min(0))
    assert float((photons - photons.round()).abs().max()) < 1e-4
    count, mean = photons.numel(), value * rate
    assert float(photons.mean()) == pytest.approx(mean, abs=5 * (mean / count) ** 0.5)
    assert float(photons.var()) == pytest.approx(mean, rel=5 * (2 / count + 1 / (mean * count)) ** 0.5)


def test_shot_noise_of_one_draw_lies_on_one_side_at_every_severity() -> None:
    own = grey(0.6)
    changes = [apply(corruption("shot_noise", level, "whole"), own).pixels - 0.6 for level in (1, 2, 3)]
    far = changes[0].abs() > 0.1
    assert torch.equal(changes[0].sign()[far], changes[2].sign()[far])
    assert float(torch.corrcoef(torch.stack([change.flatten() for change in changes])).min()) > 0.93


def test_black_stays_black_under_shot_and_speckle_noise() -> None:
    for name in ("shot_noise", "speckle_noise"):
        assert not apply(corruption(name, 5, "whole"), grey(0.0)).pixels.any()


@pytest.mark.parametrize(("severity", "share"), list(enumerate((0.03, 0.06, 0.09, 0.17, 0.27), 1)))
def test_impulse_noise_hits_its_share_half_with_salt(severity: int, share: float) -> None:
    done = apply(corruption("impulse_noise", severity, "whole"), grey(0.5)).pixels
    count, hit = done.numel(), done != 0.5
    assert float(hit.float().mean()) == pytest.approx(share, abs=5 * (share * (1 - share) / count) ** 0.5)
    assert set(done[hit].tolist()) == {0.0, 1.0}
    assert float(done[hit].mean()) == pytest.approx(0.5, abs=2.5 / float(hit.sum()) ** 0.5)


def test_what_impulse_noise_hits_at_one_severity_it_hits_in_the_same_way_at_the_next() -> None:
    own = grey(0.5)
    for level in (1, 2, 3, 4):
        less, more = (apply(corruption("impulse_noise", at, "whole"), own).pixels for at in (level, level + 1))
        assert torch.equal(less[less != 0.5], more[less != 0.5])


@pytest.mark.parametrize(("severity", "sigma"), list(enumerate((0.15, 0.2, 0.35, 0.45, 0.6), 1)))
def test_speckle_noise_is_proportional_to_the_value(severity: int, sigma: float) -> None:
    for value in (0.1, 0.3):
        done = apply(corruption("speckle_noise", severity, "whole"), grey(value)).pixels
        change = (done - value).abs() / value
        # half of the values lie within 0.6745 sigma, clipped or not
        assert float(change.median()) == pytest.approx(0.67449 * sigma, rel=0.02)


def test_severities_of_speckle_share_one_draw() -> None:
    own = grey(0.3)
    one, two = (apply(corruption("speckle_noise", level, "whole"), own).pixels / 0.3 - 1 for level in (1, 2))
    inside = (one.abs() < 0.5) & (two.abs() < 0.5)
    assert torch.allclose(one[inside] / 0.15, two[inside] / 0.2, atol=1e-4)


def test_the_photons_follow_the_rising_uniform() -> None:
    uniform = torch.linspace(0, 1 - 2**-24, 4001)
    for level in (0, 1, 80, 255):
        photons = noise.poisson(60, torch.full((4001,), level), uniform)
        assert (photons.diff() >= 0).all() and float(photons[0]) == 0 and float(photons.max()) < 140


def test_pictures_between_the_levels_are_rounded_to_them() -> None:
    own = pictures(1, 64, 64)
    between = grey(0.0, 64, 64)
    moved = type(own)(own.pixels + 0.4 / 255, own.mask, own.ids, own.seed)
    context = corruption("shot_noise", 3, "whole")
    assert torch.equal(apply(context, own).pixels, apply(context, moved).pixels)
    assert not torch.equal(apply(context, own).pixels, apply(context, between).pixels)
