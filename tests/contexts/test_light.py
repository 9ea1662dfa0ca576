"""Light in closed form: exposure, tone, colour temperature, shadow, glare, flicker, directional light; noise too."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from contexts.scenes import part, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelaudit.contexts import (
    apply,
    exposure,
    flicker,
    gamma,
    gaussian_noise,
    glare,
    lighting,
    needs_mask,
    shadow,
    white_balance,
)
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.corruptions.noise import GAUSSIAN_SIGMA
from modelaudit.contexts.light import LIGHTING_STRENGTH, PENUMBRA, SPOT, adaptation, planckian, to_linear, to_srgb
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Context


def grey(value: float, count: int = 1, side: int = 64) -> ContextInput:
    own = scene(count, side, side)
    return replace(own, pixels=torch.full_like(own.pixels, value), mask=None, donors=None)


def light(value: float) -> float:
    """IEC 61966-2-1, in Python's own floats."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def gain(context: object, value: float = 0.5, count: int = 1, side: int = 64) -> Tensor:
    """[count, H, W] how much light is left of a grey frame."""
    return to_linear(apply(context, grey(value, count, side)).pixels[:, 0]) / light(value)  # type: ignore[arg-type]


def test_the_transfer_curve_is_that_of_srgb_and_its_inverse() -> None:
    levels = torch.arange(256) / 255
    expected = torch.tensor([light(float(level)) for level in levels])
    assert torch.allclose(to_linear(levels), expected, atol=1e-7)
    assert torch.allclose(to_srgb(to_linear(levels)), levels, atol=1e-6)
    assert to_linear(torch.tensor([0.5])) == pytest.approx(0.21404, abs=1e-5)
    assert to_srgb(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("stops", [-3.0, -1.0, 0.5, 1.0, 2.0])
def test_a_stop_is_a_factor_of_two_in_light(stops: float) -> None:
    assert torch.allclose(gain(exposure(stops), 0.4), torch.tensor(2.0**stops), rtol=1e-4)


def test_exposure_clips_at_white() -> None:
    assert (apply(exposure(3), grey(0.6)).pixels == 1).all()


@pytest.mark.parametrize("value", [0.2, 0.5, 2.0, 5.0])
def test_gamma_is_a_power_of_the_stored_values(value: float) -> None:
    levels = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    done = apply(gamma(value), replace(grey(0), pixels=levels.contiguous())).pixels
    assert np.allclose(done.numpy(), levels.numpy().astype(float) ** value, atol=1e-6)


@pytest.mark.parametrize(
    ("kelvin", "x", "y"), [(2856, 0.4476, 0.4074), (6500, 0.3135, 0.3237), (10000, 0.2807, 0.2884)]
)
def test_chromaticities_are_those_of_black_bodies(kelvin: float, x: float, y: float) -> None:
    # CIE illuminant A (2856 K) and the Planckian locus of CIE 15
    assert planckian(kelvin) == pytest.approx((x, y), abs=1e-3)


@pytest.mark.parametrize("kelvin", [1700, 2222, 2800, 4000, 5000, 9000, 16000, 25000])
def test_chromaticities_follow_plancks_law(kelvin: float) -> None:
    # Wyman, Sloan, Shirley 2013: the colour matching functions of CIE 1931 as sums of Gaussians
    wavelength = np.arange(360.0, 831.0)

    def lobe(mean: float, low: float, high: float) -> np.ndarray:
        return np.exp(-0.5 * ((wavelength - mean) / np.where(wavelength < mean, low, high)) ** 2)

    matching = (
        1.056 * lobe(599.8, 37.9, 31.0) + 0.362 * lobe(442.0, 16.0, 26.7) - 0.065 * lobe(501.1, 20.4, 26.2),
        0.821 * lobe(568.8, 46.9, 40.5) + 0.286 * lobe(530.9, 16.3, 31.1),
        1.217 * lobe(437.0, 11.8, 36.0) + 0.681 * lobe(459.0, 26.0, 13.8),
    )
    power = wavelength**-5 / np.expm1(1.4388e7 / (wavelength * kelvin))
    xyz = [float((curve * power).sum()) for curve in matching]
    assert planckian(kelvin) == pytest.approx((xyz[0] / sum(xyz), xyz[1] / sum(xyz)), abs=0.004)


def test_the_balance_at_its_reference_changes_nothing_and_comes_back() -> None:
    identity = torch.eye(3, dtype=torch.float64)
    assert torch.allclose(adaptation(6500, 6500), identity, atol=1e-12)
    assert torch.allclose(adaptation(3000, 6500) @ adaptation(6500, 3000), identity, atol=1e-9)


def test_grey_takes_the_colour_of_the_light_and_keeps_its_luminance() -> None:
    done = to_linear(apply(white_balance(4500), grey(0.3)).pixels)[0, :, 0, 0].double()
    luminance = float(done @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64))
    assert luminance == pytest.approx(light(0.3), rel=1e-3)
    assert done[0] > done[1] > done[2]


def test_warmer_is_redder_and_colder_bluer() -> None:
    kelvins = (2000, 3000, 4500, 6500, 9000, 15000)
    colours = [apply(white_balance(kelvin), grey(0.3)).pixels[0, :, 0, 0] for kelvin in kelvins]
    red, blue = ([float(colour[channel]) for colour in colours] for channel in (0, 2))
    assert red == sorted(red, reverse=True) and blue == sorted(blue)
    assert len(set(red)) == len(set(blue)) == len(kelvins)


@pytest.mark.parametrize("strength", [0.3, 0.8, 1.0])
def test_a_shadow_takes_its_share_of_the_light_behind_a_soft_edge(strength: float) -> None:
    side = 120
    for left in gain(shadow(strength), count=6, side=side):
        assert float(left.min()) == pytest.approx(1 - strength, abs=1e-3)
        assert float(left.max()) == 1
        # the edge is a straight ramp: its steepest step is that of the smoothstep, 1.5 / width
        steepest = torch.hypot(left[1:, :-1] - left[:-1, :-1], left[:-1, 1:] - left[:-1, :-1]).max()
        assert float(steepest) == pytest.approx(strength * 1.5 / (PENUMBRA * side), rel=0.05)


def test_beside_the_shadow_no_bit_changes() -> None:
    own = replace(scene(6, 64, 64), mask=None)
    changed = (apply(shadow(0.5), own).pixels != own.pixels).any(dim=1).float().mean(dim=(1, 2))
    assert (changed > 0.05).all() and (changed < 0.95).all()


@pytest.mark.parametrize("strength", [0.5, 1.0, 4.0])
def test_glare_has_the_profile_of_its_formula(strength: float) -> None:
    side = 128
    added = to_linear(apply(glare(strength), grey(0.0, side=side)).pixels[0, 0]).double()
    # the place, from the part that did not clip: solve the profile for the distance of each of three corners
    a = SPOT * side
    distance = a * ((added / strength) ** (-2 / 3) - 1).clamp_min(0).sqrt()
    corner, right, down = distance[0, 0] ** 2, distance[0, side - 1] ** 2, distance[side - 1, 0] ** 2
    span = side - 1
    column, row = (float((corner - other + span**2) / (2 * span)) for other in (right, down))
    assert abs(row - span / 2) <= 0.35 * side + 0.5 and abs(column - span / 2) <= 0.35 * side + 0.5
    rows, columns = torch.meshgrid(*(torch.arange(side, dtype=torch.float64),) * 2, indexing="ij")
    squared = (rows - row) ** 2 + (columns - column) ** 2
    assert torch.allclose(added, (strength * (1 + squared / a**2) ** -1.5).clamp(max=1), atol=0.02)
    assert (float(added.max()) == pytest.approx(1, abs=0.02)) == (strength >= 1)


def test_glare_of_strength_one_makes_its_middle_white_whatever_was_there() -> None:
    done = apply(glare(1), grey(0.0, 4, side=129)).pixels
    assert (done.amax(dim=(1, 2, 3)) > 0.98).all()


@pytest.mark.parametrize("bands", [1.0, 3.0, 7.0])
def test_flicker_is_a_sine_down_the_rows_with_its_number_of_bands(bands: float) -> None:
    height = 210
    left = gain(flicker(0.4, bands=bands), 0.3, side=height)[0].double()
    assert float((left - left[:, :1]).abs().max()) < 1e-6  # the same along a row
    spectrum = torch.fft.rfft(left[:, 0]).abs() / height
    assert float(spectrum[0]) == pytest.approx(1, abs=1e-3)
    assert float(spectrum[int(bands)]) == pytest.approx(0.2, abs=1e-3)
    rest = spectrum.clone()
    rest[[0, int(bands)]] = 0
    assert float(rest.max()) < 1e-3


def test_all_strengths_share_one_phase() -> None:
    weak, strong = (gain(flicker(strength), 0.3, count=3) for strength in (0.2, 0.6))
    assert torch.allclose((strong - 1) / 3, weak - 1, atol=1e-4)
    assert math.isclose(float(strong.mean()), 1, abs_tol=1e-3)


few = settings(max_examples=15, deadline=None)


def grey_scene(count: int = 1, side: int = 64, value: float = 0.5, seed: int = 0):  # type: ignore[no-untyped-def]
    own = scene(count, side, side, seed=seed)
    return replace(own, pixels=torch.full_like(own.pixels, value))


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_noise_has_the_deviation_of_imagenet_c(severity: int) -> None:
    sigma = GAUSSIAN_SIGMA[severity - 1]
    own = grey_scene(side=160)
    change = apply(gaussian_noise(severity, region="whole"), own).pixels - own.pixels
    inner = change[(change.abs() < 0.5)]
    # half of the values lie within 0.6745 sigma, clipped or not
    assert float(change.abs().median()) == pytest.approx(0.67449 * sigma, rel=0.02)
    assert float(inner.mean()) == pytest.approx(0.0, abs=0.005)


def test_all_severities_of_one_sample_share_one_draw() -> None:
    own = grey_scene()
    changes = [apply(gaussian_noise(severity, region="whole"), own).pixels - 0.5 for severity in (1, 2)]
    inside = (changes[0].abs() < 0.4) & (changes[1].abs() < 0.4)
    assert torch.allclose(changes[0][inside] / 0.08, changes[1][inside] / 0.12, atol=1e-5)


@few
@given(seed=st.integers(0, 1000), region=st.sampled_from(["background", "object", "whole"]))
def test_noise_stays_in_its_region_to_the_bit(seed: int, region: str) -> None:
    own = scene(seed=seed)
    done = apply(gaussian_noise(5, region=region), own).pixels  # type: ignore[arg-type]
    changed, kept = (done != own.pixels).any(dim=1), own.kept()[:, 0]
    allowed = {"background": ~kept, "object": kept, "whole": kept | ~kept}[region]
    assert not (changed & ~allowed).any()
    assert float((changed & allowed).sum()) > 0.9 * float(allowed.sum())
    assert done.min() >= 0 and done.max() <= 1


@few
@given(
    seed=st.integers(0, 1000),
    context=st.sampled_from([gaussian_noise(3), gaussian_noise(1, region="whole"), lighting(2)]),
)
def test_a_draw_depends_on_seed_and_id_and_not_on_batch_or_order(seed: int, context: Context) -> None:
    own = scene(3, seed=seed)
    together = apply(context, own).pixels
    torch.rand(5)  # the global state must not matter
    assert torch.equal(together, apply(context, part(own, 2, 0, 1)).pixels[[1, 2, 0]])
    assert torch.equal(together[1], apply(context, part(own, 1)).pixels[0])
    assert not torch.equal(together, apply(context, replace(own, seed=seed + 1)).pixels)
    renamed = replace(own, ids=tuple(reversed(own.ids)))
    assert not torch.equal(together, apply(context, renamed).pixels)


def test_two_samples_of_one_batch_get_different_draws() -> None:
    done = apply(gaussian_noise(3, region="whole"), grey_scene(2)).pixels
    assert not torch.equal(done[0], done[1])


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_light_falls_linearly_from_one_plus_s_to_one_minus_s(severity: int) -> None:
    strength = LIGHTING_STRENGTH[severity - 1]
    gain = apply(lighting(severity), grey_scene(side=33, value=0.5)).pixels[0, 0] / 0.5
    assert float(gain.max()) == pytest.approx(1 + strength, abs=1e-5)
    assert float(gain.min()) == pytest.approx(1 - strength, abs=1e-5)
    assert float(gain[16, 16]) == pytest.approx(1.0, abs=1e-5)
    for steps in (gain.diff(dim=0), gain.diff(dim=1)):
        assert float((steps - steps.mean()).abs().max()) < 1e-5


def test_severities_of_light_share_one_direction() -> None:
    ramps = [(apply(lighting(s), grey_scene()).pixels - 0.5) / LIGHTING_STRENGTH[s - 1] for s in (1, 5)]
    assert torch.allclose(*ramps, atol=1e-5)


def test_directions_of_light_differ_from_sample_to_sample() -> None:
    corners = apply(lighting(5), grey_scene(40)).pixels[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert len(set(corners.argmax(dim=1).tolist())) == 4


def test_light_is_clipped_acts_on_the_whole_frame_and_needs_no_mask() -> None:
    own = replace(grey_scene(value=1.0), mask=None)
    done = apply(lighting(5), own)
    assert done.pixels.max() == 1.0 and done.pixels.min() >= 0.0
    assert float((done.pixels < 1).float().mean()) > 0.4
    assert (
        not needs_mask(lighting(5))
        and not needs_mask(gaussian_noise(1, region="whole"))
        and needs_mask(gaussian_noise(1))
    )


def test_a_one_pixel_image_survives_the_light() -> None:
    own = scene(1)
    tiny = replace(own, pixels=torch.full((1, 3, 1, 1), 0.5), mask=None)
    assert torch.isfinite(apply(lighting(1), tiny).pixels).all()


def test_an_empty_region_is_impossible() -> None:
    own = scene(2)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[0] = 1
    assert apply(gaussian_noise(1), replace(own, mask=mask)).impossible.tolist() == [True, False]
    mask[0] = 0
    assert apply(gaussian_noise(1, region="object"), replace(own, mask=mask)).impossible.tolist() == [True, False]
    assert apply(gaussian_noise(1), replace(own, mask=mask)).impossible.tolist() == [False, False]


def test_noise_on_a_region_without_masks_is_an_error() -> None:
    with pytest.raises(ContextError, match="masks"):
        apply(gaussian_noise(1), replace(scene(), mask=None))


@pytest.mark.parametrize("severity", [0, 6, 2.0, True, "3", None])
@pytest.mark.parametrize("context", [gaussian_noise, lighting])
def test_bad_severities_are_refused(context: type[Context], severity: object) -> None:
    with pytest.raises(ExpressionError, match="severity"):
        context(severity)  # type: ignore[call-arg]


def test_a_bad_region_names_the_nearest() -> None:
    with pytest.raises(ExpressionError, match="background"):
        gaussian_noise(1, region="backgruond")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["gaussian_noise(3)", "gaussian_noise(1, region=whole)", "lighting(5)"])
def test_texts_come_back(text: str) -> None:
    assert str(parse_context(text)) == text
