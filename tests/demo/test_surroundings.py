"""Surroundings vary, stay in range, and are told apart by colour alone (that is what makes them a shortcut)."""

from __future__ import annotations

import numpy as np

from modelaudit.demo import surroundings
from modelaudit.demo.parts import Array


def rendered(kind: str, count: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    return surroundings.render(
        kind,
        random.random((count, surroundings.DRAWS), dtype=np.float32),
        random.random((count, surroundings.COARSE, surroundings.COARSE), dtype=np.float32),
        random.random((count, 64, 64), dtype=np.float32),
    )


def test_values_are_pixel_values() -> None:
    for kind in surroundings.TEXTURES:
        drawn = rendered(kind, 10, 0)
        assert drawn.shape == (10, 64, 64, 3)
        assert drawn.dtype == np.float32
        assert drawn.min() >= 0
        assert drawn.max() <= 1


def test_no_two_frames_have_the_same_surroundings() -> None:
    for kind in surroundings.TEXTURES:
        drawn = rendered(kind, 12, 1).reshape(12, -1)
        distance = np.abs(drawn[:, None] - drawn[None]).mean(axis=-1)
        assert distance[~np.eye(12, dtype=bool)].min() > 0.01


def test_the_mean_colour_alone_names_the_surroundings() -> None:
    """Nearest class mean of the chromaticity, learned on one half and read on the other."""
    drawn = [rendered(kind, 100, seed).mean(axis=(1, 2)) for seed, kind in enumerate(surroundings.TEXTURES)]
    tints = np.stack([colour / colour.sum(axis=-1, keepdims=True) for colour in drawn])
    centres = tints[:, :50].mean(axis=1)
    found = np.abs(tints[:, 50:, None] - centres).sum(axis=-1).argmin(axis=-1)
    assert (found == np.arange(len(drawn))[:, None]).mean() > 0.95


def test_a_piece_laid_in_leaves_the_rest_as_it_was() -> None:
    random = np.random.default_rng(7)
    draws = random.random((1, surroundings.DRAWS), dtype=np.float32)
    coarse = random.random((1, surroundings.COARSE, surroundings.COARSE), dtype=np.float32)
    fine = random.random((1, 64, 64), dtype=np.float32)
    draws[0, 8:12] = (0.5, 0.5, 0.2, 0.2)  # a rectangle from 16 to 41.6
    moved = draws.copy()
    moved[0, 12:14] = (draws[0, 12:14] + 0.37) % 1
    before, after = (surroundings.render("pallet", given, coarse, fine)[0] for given in (draws, moved))
    changed = (before != after).any(axis=-1)
    assert changed[16:42, 16:42].mean() > 0.9
    changed[16:42, 16:42] = False
    assert not changed.any()
