"""Memory that passes free stays with the process, so that the next pass need not ask the system for it again."""

from __future__ import annotations

import ctypes
from functools import cache

#: parameters of glibc's mallopt (malloc.h)
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: bytes at the end of the heap that stay
_KEPT = 512 * 2**20
#: tensors up to this size come from the heap; the most that glibc allows
_ON_THE_HEAP = 32 * 2**20


@cache
def keep_freed_memory() -> None:
    """Set glibc's allocator, once in a process; elsewhere nothing is done.

    Every pass allocates the same activations and frees them. By default glibc gives blocks of this size back to the
    system and gets them again, each page with a fault: with a small network that took as long as the pass itself.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return
    mallopt(_MMAP_THRESHOLD, _ON_THE_HEAP)
    mallopt(_TRIM_THRESHOLD, _KEPT)
