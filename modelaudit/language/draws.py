"""Random generators that depend on the sample and on nothing else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def generator(seed: int, sample: str, name: str, slot: int = 0) -> torch.Generator:
    """The CPU generator of one sample, seeded by (seed, id, name of the context or method, slot) and by nothing else.

    Slots number the draws of one sample, so that a draw does not depend on how many were made before it.
    """
    import torch

    text = f"{seed}\0{sample}\0{name}\0{slot}".encode()
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1)


def order(seed: int, name: str, draw: str) -> int:
    """The place of a sample, or of anything with a name, in a random order: 64 bits of a hash of (seed, name, draw)."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{name}\0{draw}".encode()).digest()[:8], "big")
