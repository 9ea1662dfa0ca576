"""Masks are exact, and nothing but the shape tells one kind of part from another."""

from __future__ import annotations

import numpy as np
import pytest

from modelaudit.demo import parts

KINDS = tuple(parts.OUTLINES)


def draws(count: int, seed: int = 0) -> parts.Array:
    return np.random.default_rng(seed).random((count, parts.DRAWS), dtype=np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_says_exactly_which_pixels_show_what(kind: str) -> None:
    """Laid on black and on white: pixels of the part do not change, pixels beside it change in full."""
    part = parts.render(kind, draws(20), 64)
    bare = parts.RenderedParts(part.colour, part.coverage, np.zeros_like(part.film), part.tint)
    on_black = bare.over(np.zeros_like(part.colour))
    on_white = bare.over(np.ones_like(part.colour))
    change = (on_white - on_black).min(axis=-1)
    mask = part.mask()
    np.testing.assert_allclose(change[mask == 1], 0, atol=1e-6)
    np.testing.assert_allclose(change[mask == 0], 1, atol=1e-6)
    assert ((change[mask == 255] > 0) & (change[mask == 255] < 1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_ignored_outline_is_thin(kind: str) -> None:
    """Every ignored pixel touches, within one pixel, both the part and what is beside it (a corner may need two)."""
    mask = parts.render(kind, draws(20), 64).mask()
    for value in (0, 1):
        near = np.zeros(mask.shape, dtype=bool)
        for down in range(-2, 3):
            for right in range(-2, 3):
                near |= np.roll(mask == value, (down, right), axis=(1, 2))
        assert near[mask == 255].all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_of_oil_stays_in_the_outline(kind: str) -> None:
    part = parts.render(kind, draws(20), 64)
    dry = parts.RenderedParts(part.colour, part.coverage, np.zeros_like(part.film), part.tint)
    below = np.full_like(part.colour, 0.3)
    changed = (part.over(below) != dry.over(below)).any(axis=-1)
    assert changed.any()
    assert (part.mask()[changed] == 255).all()


def test_turning_a_part_by_a_right_angle_turns_its_mask() -> None:
    upright = draws(6, seed=2)
    upright[:, 1:3] = 0.5  # in the middle of the frame
    upright[:, 3] *= 0.7
    turned = upright.copy()
    turned[:, 3] += 0.25
    for kind in KINDS:
        before, after = parts.render(kind, upright, 64).coverage, parts.render(kind, turned, 64).coverage
        # arctangents of turned teeth differ in the last place, and the angle is added in float32
        np.testing.assert_allclose(np.rot90(before, -1, axes=(1, 2)), after, atol=0.02)


def test_every_kind_comes_in_every_material_and_light() -> None:
    same = draws(200, seed=3)
    means = [
        (part.colour * part.coverage[..., None]).sum(axis=(1, 2)) / part.coverage.sum(axis=(1, 2))[:, None]
        for part in (parts.render(kind, same, 64) for kind in KINDS)
    ]
    for mean in means[1:]:
        # the same draws give the same colour up to the shading of the outline
        assert np.abs(mean - means[0]).mean() < 0.03
