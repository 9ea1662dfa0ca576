"""The inpainted hole: the picture round it stays, and neither its outline nor its inside stands out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional

from modelaudit.contexts import apply, remove_object
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.filling import fill_of, harmonic, inpainted, widened, with_margin

ASSETS = Path(os.environ.get("MODELAUDIT_ASSETS", Path(__file__).resolve().parents[2].parent / "shared" / "assets"))
few = settings(max_examples=25, deadline=None)


def disc(height: int, width: int, y: float, x: float, radius: float) -> Tensor:
    """[1, 1, H, W] bool."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    return ((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)[None, None]


def textured(side: int = 96, seed: int = 0) -> Tensor:
    """[1, 3, side, side]: a slope with grain of some pixels' width."""
    noise = torch.randn(1, 3, side + 2, side + 2, generator=torch.Generator().manual_seed(seed))
    grain = functional.avg_pool2d(noise, 3, stride=1)
    return (0.5 + 0.15 * torch.linspace(-1, 1, side) + 0.2 * grain).clamp(0, 1)


@few
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.97, 1.0]),
    seed=st.integers(0, 100),
)
def test_any_hole_in_any_frame_is_filled_and_nothing_else(height: int, width: int, share: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(1, 3, height, width, generator=generator)
    hole = torch.rand(1, 1, height, width, generator=generator) < share
    for fill in (inpainted, harmonic):
        filled = fill(pixels, hole)
        known = (~hole | hole.all()).expand_as(pixels)
        assert torch.equal(filled[known], pixels[known])
        assert torch.isfinite(filled).all()
    assert inpainted(pixels, hole).min() >= 0 and inpainted(pixels, hole).max() <= 1


def test_what_the_hole_held_does_not_matter() -> None:
    pixels, hole = textured(), disc(96, 96, 50, 40, 20)
    other = torch.where(hole, 1 - pixels, pixels)
    assert torch.allclose(inpainted(pixels, hole), inpainted(other, hole), atol=1e-5)


def test_the_same_picture_gives_the_same_fill_whatever_was_drawn_before() -> None:
    pixels, hole = textured(), disc(96, 96, 50, 40, 20)
    first = inpainted(pixels, hole)
    torch.manual_seed(1)
    torch.rand(7)
    assert torch.equal(inpainted(pixels, hole), first)


def test_on_a_smooth_background_there_is_no_texture_and_the_fill_is_harmonic() -> None:
    rows, columns = torch.meshgrid(torch.linspace(0, 1, 128), torch.linspace(0, 1, 128), indexing="ij")
    pixels = torch.stack([columns, rows, 0.2 + 0.6 * rows])[None]
    hole = disc(128, 128, 60, 66, 30)
    assert float((inpainted(pixels, hole) - harmonic(pixels, hole)).abs().max()) < 0.01
    assert float((inpainted(pixels, hole) - pixels).abs().max()) < 0.015


def steps(pixels: Tensor) -> Tensor:
    """[B, 1, H, W]: the squared differences to the pixels on the left and above."""
    energy = torch.zeros_like(pixels[:, :1])
    energy[..., 1:] += pixels.diff(dim=3).square().mean(dim=1, keepdim=True)
    energy[..., 1:, :] += pixels.diff(dim=2).square().mean(dim=1, keepdim=True)
    return energy


def beside(pixels: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """[B] each: the steps along the outline and the steps inside, by those of the background further off."""
    energy, inner = steps(pixels), ~widened(~hole, 4)
    parts = widened(hole, 1) & widened(~hole, 1), inner, ~widened(hole, 6)
    outline, inside, off = ((energy * part).flatten(1).sum(1) / part.flatten(1).sum(1).clamp_min(1) for part in parts)
    return outline / off, inside / off


@pytest.mark.parametrize("seed", range(3))
def test_neither_the_outline_nor_the_inside_stands_out_on_a_textured_background(seed: int) -> None:
    pixels, hole = textured(seed=seed), disc(96, 96, 46, 52, 24)
    outline, inside = beside(inpainted(torch.where(hole, 0.0, pixels), hole), hole)
    assert 0.6 < float(outline) < 1.5 and 0.6 < float(inside) < 1.5
    # what the measure says of a hole in one colour, and of one that is filled smoothly
    assert float(beside(torch.where(hole, 0.0, pixels), hole)[0]) > 3
    assert float(beside(harmonic(pixels, hole), hole)[1]) < 0.1


@pytest.mark.assets
def test_on_photographs_the_removed_object_leaves_no_outline() -> None:
    files = sorted((ASSETS / "pets" / "images").glob("*/*.jpg"))[::8]
    if not files:
        pytest.skip(f"no photos in {ASSETS}")
    scene = _photos(files)
    assert scene.mask is not None
    hole = (with_margin(scene.mask, 2) != 0).unsqueeze(1)
    usable = (~widened(hole, 6)).flatten(1).sum(1) > 800
    outline, inside = (float(part[usable].median()) for part in beside(apply(remove_object(), scene).pixels, hole))
    tiled = apply(remove_object("tile"), scene)
    assert outline < 1.6 and 0.6 < inside < 1.4
    assert float(beside(tiled.pixels, hole)[0][usable & ~tiled.impossible].median()) > 4


def _photos(files: list[Path]) -> ContextInput:
    pixels, masks = [], []
    for file in files:
        image = Image.open(file).convert("RGB").resize((224, 224))
        mask = Image.open(str(file).replace("images", "masks").replace(".jpg", ".png")).resize((224, 224), 0)
        pixels.append(torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255)
        masks.append(torch.from_numpy(np.array(mask)))
    return ContextInput(torch.stack(pixels), torch.stack(masks), tuple(file.stem for file in files), 0)


def test_a_margin_widens_the_ring_and_never_takes_the_last_background() -> None:
    mask = torch.zeros(2, 9, 9, dtype=torch.uint8)
    mask[0, 4, 4] = 1
    mask[1, 1:8, 1:8] = 1
    wide = with_margin(mask, 2)
    expected = torch.zeros(9, 9, dtype=torch.uint8)
    expected[2:7, 2:7] = 255
    expected[4, 4] = 1
    assert torch.equal(wide[0], expected)
    assert torch.equal(wide[1], mask[1])
    assert torch.equal(with_margin(mask, 0), mask)


def test_a_batch_is_filled_picture_by_picture() -> None:
    pixels = torch.cat([textured(64, seed) for seed in range(3)])
    mask = torch.cat([disc(64, 64, 20 + 8 * at, 30, 8 + at)[0] for at in range(3)]).to(torch.uint8)
    together, unfilled = fill_of(pixels, mask, "inpaint")
    assert not unfilled.any()
    for at in range(3):
        alone, _ = fill_of(pixels[at : at + 1], mask[at : at + 1], "inpaint")
        assert torch.equal(together[at], alone[0])
    # as a GPU takes them, all at once
    assert torch.allclose(inpainted(pixels, (mask != 0).unsqueeze(1)), together, atol=1e-4)
