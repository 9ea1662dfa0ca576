"""One input: files are changed, all are read, the files are restored; and how it ended."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType

from fuzzing.mutations import changed, replaced
from fuzzing.readers import Reader

from modelaudit.language.errors import AuditError

SECONDS = 5
#: of address space, beyond what is taken before
MEMORY = 3 * 2**30
#: of data in one container the reference is the name; of a folder it says too little
_REFERENCE = re.compile(r"'(?!hf:)[a-z_0-9]+:(?![^']*\.tar)[^']*'")
#: the ids of samples, which name what is in a container
_IDS = ("'a.png'", "'b.png'")
_NO_MEMORY = re.compile(r"MemoryError|Unable to allocate|can.t allocate memory|std::bad_alloc", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """How one input ended: accepted, refused, raw, unnamed, slow or memory; and what was said."""

    kind: str
    said: str
    seconds: float


class TooSlowError(BaseException):
    """The time of one input is up; no reader may catch it."""


class Tree:
    """The files of a reader, as they are between inputs."""

    def __init__(self, reader: Reader, root: Path) -> None:
        self.root = root
        self._reader = reader
        reader.build(root)
        reader.read(root)  # what nobody changed is read
        self._files = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
        self._chosen = [path for path in self._files if not reader.only or path.suffix in reader.only]

    def outcome(self, rng: Random) -> Outcome:
        """Changes one or two files, reads all, and puts everything back."""
        touched = {rng.choice(self._chosen) for _ in range(rng.choice((1, 1, 1, 2)))}
        try:
            for path in sorted(touched):
                self._change(path, rng)
            return self._read()
        finally:
            for path in touched:
                _remove(path)
                path.write_bytes(self._files[path])

    def _change(self, path: Path, rng: Random) -> None:
        if rng.random() < 0.07:
            replaced(path, rng)
            return
        content = self._files[path]
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            content = changed(content, path.suffix, rng)
        path.write_bytes(content)

    def _read(self) -> Outcome:
        began = time.monotonic()
        kind, said = "accepted", ""
        try:
            with warnings.catch_warnings(), _time_limit():
                warnings.simplefilter("ignore")
                self._reader.read(self.root)
        except AuditError as error:
            said = f"{type(error).__name__}: {error}"
            kind = "refused" if self._is_named(said) else "unnamed"
            kind = "memory" if _NO_MEMORY.search(said) else kind
        except TooSlowError:
            kind = "slow"
        except MemoryError as error:
            kind, said = "memory", repr(error)
        except Exception as error:
            kind, said = "raw", f"{type(error).__name__}: {error}"
        return Outcome(kind, said, time.monotonic() - began)

    def _is_named(self, said: str) -> bool:
        """Whether a file, a folder or a sample is named: the one that was changed, or the one that does not fit it."""
        beside = _REFERENCE.sub("", said)
        names = (str(self.root), *(path.name for path in self._files), *_IDS)
        return any(name in beside for name in names)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def memory_limit() -> Iterator[None]:
    """No more address space than is taken now and MEMORY."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def rng_of(seed: int, reader: str, number: int) -> Random:
    """What decides the input of this number."""
    return Random(f"{seed} {reader} {number}")
