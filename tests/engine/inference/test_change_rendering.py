"""What a search shows at a dose is what the context shows that a user would write for it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from engine.small_audits import AS_IT_IS, SIDE, samples

from modelaudit.contexts import surroundings
from modelaudit.contexts.surroundings import PatchBox
from modelaudit.engine.images.batches import BatchBuilder
from modelaudit.engine.images.contents import SampleContents
from modelaudit.engine.inference.change_rendering import ChangeRenderer, ImageUnderChange
from modelaudit.engine.inference.change_search import DOSES, ProposedChange
from modelaudit.engine.planning.plan import original_context
from modelaudit.engine.results.measured import PassCounts

COUNT = 8


def drawn_changes(seed: int, donors: int, colours: int) -> list[tuple[int, ProposedChange, int]]:
    """A patch of every kind for every image: (row, change, which of its donors)."""
    draw = np.random.default_rng(seed)
    found = []
    for row, kind in product(range(COUNT), ("colour", "donor")):
        top, left = (int(draw.integers(0, SIDE - 3)) for _ in range(2))
        bottom, right = (int(draw.integers(start + 2, SIDE + 1)) for start in (top, left))
        number = int(draw.integers(0, donors if kind == "donor" else colours))
        dose = int(draw.integers(1, DOSES + 1))
        found.append((row, ProposedChange(kind, number, PatchBox(top, bottom, left, right), dose), number))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_patch_of_any_dose_is_to_the_bit_the_picture_of_its_context(seed: int) -> None:
    search = surroundings(stops=0, kelvin=[], backgrounds=2)
    with BatchBuilder(
        samples(COUNT), seed=3, device="cpu", passes=PassCounts(), contents=SampleContents(None)
    ) as builder:
        builder.prepare_for([AS_IT_IS])
        part = builder.chunk(samples(COUNT), 0)
        shown = builder.show(part, original_context(), AS_IT_IS)
        renderer = ChangeRenderer(search, part, shown, builder, AS_IT_IS, batch=2 * COUNT)
        patch = renderer.context(ProposedChange("donor", 0, PatchBox(0, SIDE, 0, SIDE)))
        lent = builder.donors.backgrounds(part.samples, part.prepared, patch, AS_IT_IS, search.backgrounds)
        images = [
            ImageUnderChange(row, change, lent[row][number] if change.kind == "donor" else None)
            for row, change, number in drawn_changes(seed, search.backgrounds, len(search.colours))
        ]
        found = renderer.pixels(images, torch.tensor([one.row for one in images]))
        for one, pixels in zip(images, found, strict=True):
            assert one.change is not None
            context = renderer.context(one.change)
            alone = builder.show(part.part([one.row]), context, AS_IT_IS).pixels[0]
            assert torch.equal(pixels, alone), f"{context} of row {one.row}"
