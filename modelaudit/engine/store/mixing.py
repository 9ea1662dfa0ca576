"""A fast bijective hash of 64-bit numbers, for whole arrays at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]


def mixed(values: Words) -> Words:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): every input bit moves every output bit."""
    return mix_in_place(values.copy(), np.empty_like(values))


def mix_in_place(values: Words, scratch: Words) -> Words:
    """:func:`mixed` of `values`, written over them; `scratch` is an array of the same shape."""
    with np.errstate(over="ignore"):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            np.right_shift(values, np.uint64(shift), out=scratch)
            np.bitwise_xor(values, scratch, out=values)
            np.multiply(values, np.uint64(factor), out=values)
        np.right_shift(values, np.uint64(31), out=scratch)
        np.bitwise_xor(values, scratch, out=values)
    return values
