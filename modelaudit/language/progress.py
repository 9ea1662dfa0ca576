"""Progress of long work: a bar on a terminal, a line now and then elsewhere, or nothing."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TextIO

from tqdm import tqdm

from .plain_text import plain

Advance = Callable[[int], None]
_SECONDS_BETWEEN_LINES = 15.0
_MEGABYTE = 1_000_000
_LONGEST_TITLE = 200


class Progress(Protocol):
    """Something that shows how far a task is."""

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        """A context manager that yields ``advance(n)``."""
        ...


@dataclass(frozen=True)
class ProgressTexts:
    """The lines of a task, whose placeholders are ``title``, ``total``, ``done`` and ``seconds``."""

    bar: str = "auditing {title}"
    start: str = "auditing {title}: {total} images"
    state: str = "auditing {title}: {done} of {total} images"
    end: str = "auditing {title}: {total} images, {seconds} s"


class Silent:
    """Shows nothing."""

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        return _nothing()


class ProgressBar:
    """A bar on a terminal, and when it is done a line; on anything else a line at the start, then one every 15 seconds.

    Args:
        stream: gives the stream when a task begins (a captured one is replaced by then).
        broken: called after every task where somebody else was writing a line, which has then to be begun anew on a new
            line. Without it nobody is, and the bar leaves nothing behind.
        texts: in the language of the user.
    """

    def __init__(
        self,
        stream: Callable[[], TextIO],
        broken: Callable[[], None] | None = None,
        texts: ProgressTexts | None = None,
    ) -> None:
        self._stream = stream
        self._broken = broken
        self._texts = texts or ProgressTexts()

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        stream, texts, began = self._stream(), self._texts, time.monotonic()
        terminal = stream.isatty()
        try:
            if not terminal:
                first = texts.start.format(title=title, total=total)
                with _lines(
                    stream, first, lambda done: texts.state.format(title=title, done=done, total=total)
                ) as advance:
                    yield advance
                return
            if self._broken is not None:
                stream.write("\n")
            with _bar(stream, texts.bar.format(title=title), total, "img") as advance:
                yield advance
        finally:
            if self._broken is not None:
                if terminal:
                    seconds = f"{time.monotonic() - began:.0f}"
                    stream.write(plain(texts.end.format(title=title, total=total, seconds=seconds)))
                    stream.flush()
                self._broken()


def fetching(url: str, files: int, size: int, *, quiet: bool) -> AbstractContextManager[Advance]:
    """Shows a download on standard error, as :class:`ProgressBar` shows an audit; yields ``advance(bytes)``.

    Args:
        size: bytes in sum, as far as they are known.
        quiet: nothing is shown.
    """
    what = f"fetching {url}"
    if quiet:
        return _nothing()
    if sys.stderr.isatty():
        return _bar(sys.stderr, what, size, "B")
    return _lines(
        sys.stderr,
        f"{what}: {files} files, {size / _MEGABYTE:.1f} MB",
        lambda done: f"{what}: {done / _MEGABYTE:.1f} of {size / _MEGABYTE:.1f} MB",
    )


@contextmanager
def counting(what: str, total: int, unit: str = "image") -> Iterator[Callable[[], None]]:
    """Yields a function to call after every step: a bar on standard error, nothing where that is not a terminal."""
    with _bar(sys.stderr, what, total, unit) if sys.stderr.isatty() else _nothing() as advance:
        yield lambda: advance(1)


def say(text: str) -> None:
    """Write a line to standard error, which may stand behind the dots of pytest."""
    _say(sys.stderr, text)


@contextmanager
def _nothing() -> Iterator[Advance]:
    yield lambda count: None


@contextmanager
def _bar(stream: TextIO, title: str, total: int, unit: str) -> Iterator[Advance]:
    lock = threading.Lock()  # files are fetched by several threads
    with tqdm(
        total=total or None,
        desc=plain(title, _LONGEST_TITLE),
        unit=unit,
        unit_scale=unit == "B",
        file=stream,
        leave=False,
    ) as bar:

        def advance(count: int) -> None:
            with lock:
                bar.update(count)

        yield advance


@contextmanager
def _lines(stream: TextIO, first: str, state: Callable[[int], str]) -> Iterator[Advance]:
    """A line at the start, then the state every 15 seconds."""
    done, last, lock = 0, time.monotonic(), threading.Lock()

    def advance(count: int) -> None:
        nonlocal done, last
        with lock:
            done += count
            due = time.monotonic() - last >= _SECONDS_BETWEEN_LINES
            if due:
                last = time.monotonic()
        if due:
            _say(stream, state(done))

    _say(stream, first)
    yield advance


def _say(stream: TextIO, text: str) -> None:
    stream.write(f"\n{plain(text)}")
    stream.flush()
