"""Noise and light: their formulas, their regions, and draws that are paired and belong to the sample alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import part, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.contexts import apply, gaussian_noise, lighting, needs_mask
from modelaudit.contexts.corruptions.noise import GAUSSIAN_SIGMA
from modelaudit.contexts.light import LIGHTING_STRENGTH
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Context

few = settings(max_examples=15, deadline=None)


def grey(count: int = 1, side: int = 64, value: float = 0.5, seed: int = 0):  # type: ignore[no-untyped-def]
    own = scene(count, side, side, seed=seed)
    return replace(own, pixels=torch.full_like(own.pixels, value))


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_noise_has_the_deviation_of_imagenet_c(severity: int) -> None:
    sigma = GAUSSIAN_SIGMA[severity - 1]
    own = grey(side=160)
    change = apply(gaussian_noise(severity, region="whole"), own).pixels - own.pixels
    inner = change[(change.abs() < 0.5)]
    # half of the values lie within 0.6745 sigma, clipped or not
    assert float(change.abs().median()) == pytest.approx(0.67449 * sigma, rel=0.02)
    assert float(inner.mean()) == pytest.approx(0.0, abs=0.005)


def test_all_severities_of_one_sample_share_one_draw() -> None:
    own = grey()
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
    done = apply(gaussian_noise(3, region="whole"), grey(2)).pixels
    assert not torch.equal(done[0], done[1])


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_light_falls_linearly_from_one_plus_s_to_one_minus_s(severity: int) -> None:
    strength = LIGHTING_STRENGTH[severity - 1]
    gain = apply(lighting(severity), grey(side=33, value=0.5)).pixels[0, 0] / 0.5
    assert float(gain.max()) == pytest.approx(1 + strength, abs=1e-5)
    assert float(gain.min()) == pytest.approx(1 - strength, abs=1e-5)
    assert float(gain[16, 16]) == pytest.approx(1.0, abs=1e-5)
    for steps in (gain.diff(dim=0), gain.diff(dim=1)):
        assert float((steps - steps.mean()).abs().max()) < 1e-5


def test_severities_of_light_share_one_direction() -> None:
    ramps = [(apply(lighting(s), grey()).pixels - 0.5) / LIGHTING_STRENGTH[s - 1] for s in (1, 5)]
    assert torch.allclose(*ramps, atol=1e-5)


def test_directions_of_light_differ_from_sample_to_sample() -> None:
    corners = apply(lighting(5), grey(40)).pixels[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert len(set(corners.argmax(dim=1).tolist())) == 4


def test_light_is_clipped_acts_on_the_whole_frame_and_needs_no_mask() -> None:
    own = replace(grey(value=1.0), mask=None)
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
