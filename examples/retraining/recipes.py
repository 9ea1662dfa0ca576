"""Three ways to train a classifier that does not go by the background, as changes of a batch or of its weights.

- ``backgrounds``: in every batch half of the objects lie on the background of another image. Needs masks.
- ``copy_paste``: the same, and half of these objects moved (after Ghiasi et al. 2021, Simple Copy-Paste). Were all of
  them moved, a model could tell by their place when not to trust the background.
- ``reweighting``: images count by how rare their class is in their surroundings, so that in every kind of surroundings
  all classes weigh the same (after Sagawa et al. 2020, who weigh groups). Needs no masks, but somebody who says where
  each photo was taken; it can weigh only what occurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from modelaudit.contexts import ContextInput, apply, swap_background

RECIPES = ("none", "backgrounds", "copy_paste", "reweighting")
_SWAP = swap_background("random", fill="tile")
#: of the height and width by which ``copy_paste`` moves an object, at most
_MOVED = 0.15


def on_other_backgrounds(
    pixels: Tensor, masks: Tensor, chance: torch.Generator, *, number: int, move: bool = False
) -> Tensor:
    """[B, 3, H, W]: half of the images with the background of another image of the batch, the rest as they are.

    Args:
        pixels: [B, 3, H, W] in [0, 1].
        masks: [B, H, W] uint8: 1 object, 0 background, 255 what is neither.
        number: of the batch; with the places in it, it decides what is drawn.
        move: half of the objects are moved before they are laid on the other background.
    """
    chosen = torch.nonzero(torch.rand(len(pixels), generator=chance) < 0.5).flatten()
    lenders = (chosen + 1 + torch.randint(len(pixels) - 1, (len(chosen),), generator=chance)) % len(pixels)
    objects, outlines = pixels[chosen], masks[chosen]
    if move:
        objects, outlines = _moved(objects, outlines, chance)
    ids = tuple(f"{number}/{at}" for at in chosen.tolist())
    donors = ContextInput(pixels[lenders], masks[lenders], tuple(f"{number}/{at}" for at in lenders.tolist()), 0)
    swapped = apply(_SWAP, ContextInput(objects, outlines, ids, 0, donors))
    changed = pixels.clone()
    made = ~swapped.impossible
    changed[chosen[made]] = swapped.pixels[made]
    return changed


def _moved(pixels: Tensor, masks: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Half of the images rolled by steps of their own: what leaves on one side comes in on the other, as background."""
    most = max(1, int(_MOVED * pixels.shape[-1]))
    drawn = torch.randint(-most, most + 1, (len(pixels), 2), generator=chance)
    steps = (drawn * (torch.rand(len(pixels), 1, generator=chance) < 0.5)).tolist()
    rolled = [
        (torch.roll(image, step, (1, 2)), torch.roll(mask, step, (0, 1)))
        for image, mask, step in zip(pixels, masks, steps, strict=True)
    ]
    if not rolled:
        return pixels, masks
    return torch.stack([image for image, _ in rolled]), torch.stack([mask for _, mask in rolled])


def weights_by_surroundings(labels: Sequence[int], surroundings: Sequence[str]) -> Tensor:
    """[n], with a mean of 1: n / (number of pairs that occur * images of the pair of label and surroundings)."""
    pairs = list(zip(labels, surroundings, strict=True))
    counts = Counter(pairs)
    return torch.tensor([len(pairs) / (len(counts) * counts[pair]) for pair in pairs])
