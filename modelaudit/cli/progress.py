"""A bar on the standard error, where there is somebody to see it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(what: str, total: int, unit: str = "image") -> Iterator[Callable[[], None]]:
    """A function to call after every step; silent where the standard error is no terminal."""
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit=unit, file=sys.stderr, disable=None, leave=False) as bar:

        def step() -> None:
            bar.update()

        yield step
