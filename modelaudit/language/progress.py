"""Progress of long work: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from tqdm import tqdm

Advance = Callable[[int], None]
_SECONDS_BETWEEN_LINES = 15.0


class Progress(Protocol):
    """Something that shows how far a task is."""

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        """A context manager that yields ``advance(n)``."""
        ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def _task(self) -> Iterator[Advance]:
        yield lambda count: None

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        return self._task()


class ProgressBar:
    """A bar on a terminal; on anything else a line at the start, then one every 15 seconds.

    Args:
        stream: gives the stream when a task begins (a captured one is replaced by then).
    """

    def __init__(self, stream: Callable[[], TextIO]) -> None:
        self._stream = stream

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        stream = self._stream()
        return self._bar(stream, title, total) if stream.isatty() else self._lines(stream, title, total)

    @contextmanager
    def _bar(self, stream: TextIO, title: str, total: int) -> Iterator[Advance]:
        with tqdm(total=total, desc=f"auditing {title}", unit="img", file=stream, leave=False) as bar:
            yield lambda count: (bar.update(count), None)[1]

    @contextmanager
    def _lines(self, stream: TextIO, title: str, total: int) -> Iterator[Advance]:
        done, last = 0, time.monotonic()

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                _say(stream, f"auditing {title}: {done} of {total} images")

        _say(stream, f"auditing {title}: {total} images")
        yield advance


def _say(stream: TextIO, text: str) -> None:
    stream.write(f"\n{text}")
    stream.flush()
