"""Progress of fetching: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Advance = Callable[[int], None]
_SECONDS_BETWEEN_LINES = 15.0
_MEGABYTE = 1_000_000


@contextmanager
def fetching(url: str, files: int, size: int, *, quiet: bool) -> Iterator[Advance]:
    """Yields ``advance(bytes)``, which any thread may call.

    Args:
        size: bytes in sum, as far as they are known.
    """
    if quiet:
        yield lambda count: None
    elif sys.stderr.isatty():
        with tqdm(total=size or None, desc=f"fetching {url}", unit="B", unit_scale=True, leave=False) as bar:
            lock = threading.Lock()

            def advance(count: int) -> None:
                with lock:
                    bar.update(count)

            yield advance
    else:
        say(f"fetching {url}: {files} files, {size / _MEGABYTE:.1f} MB")
        yield _Lines(url, size).advance


def say(text: str) -> None:
    """A line on standard error, which may stand behind the dots of pytest."""
    sys.stderr.write(f"\n{text}")
    sys.stderr.flush()


class _Lines:
    def __init__(self, url: str, size: int) -> None:
        self._url, self._size = url, size
        self._done, self._last = 0, time.monotonic()
        self._lock = threading.Lock()

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            due = time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES
            if due:
                self._last = time.monotonic()
        if due:
            say(f"fetching {self._url}: {self._done / _MEGABYTE:.1f} of {self._size / _MEGABYTE:.1f} MB")
