"""What is fetched at most: no server fills a disk, or holds a run for ever."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...language.errors import DataError

_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s?([kmgt]b|)", re.ASCII | re.IGNORECASE)
#: of a listing, which is a page of text
MOST_BYTES_OF_A_PAGE = 64 * 2**20
#: of a folder with all that is below it
MOST_FILES = 10**7


@dataclass(frozen=True)
class Limits:
    """Bytes of one file, bytes of all that one reference fetches, and minutes for it all."""

    file: int = 16 * 10**9
    total: int = 500 * 10**9
    minutes: float = 720.0


#: the options of a reference, by the limit
OPTIONS = {"fetch_file": "file", "fetch_total": "total", "fetch_minutes": "minutes"}


def limits_of(options: Mapping[str, str], text: str) -> Limits:
    """``?fetch_file=20GB&fetch_total=1TB&fetch_minutes=60`` of the reference `text`.

    Raises:
        DataError: no such size or time.
    """
    given = {OPTIONS[option]: (option, said) for option, said in options.items() if option in OPTIONS}
    found: dict[str, Any] = {
        name: _minutes(said) if name == "minutes" else _bytes(said) for name, (_, said) in given.items()
    }
    for name, value in found.items():
        if value is None:
            option, said = given[name]
            raise DataError(f"{text!r}: {option}={said}; write e.g. {option}={'60' if name == 'minutes' else '20GB'}")
    return Limits(**found)


def _bytes(text: str) -> int | None:
    found = _SIZE.fullmatch(text.strip())
    return None if found is None else int(float(found[1]) * _UNITS[found[2].lower()]) or None


def _minutes(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found > 0 else None


class TooMuchError(DataError):
    """A download that a limit ends; trying again does not help."""


@dataclass
class Allowance:
    """What is left of the limits, from now on."""

    limits: Limits = field(default_factory=Limits)
    taken: int = 0
    began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def check_time(self, named: str) -> None:
        """Raises a TooMuchError once the time is up."""
        if time.monotonic() - self.began > self.limits.minutes * 60:
            raise TooMuchError(
                f"{named}: not fetched after {self.limits.minutes:g} minutes; what has arrived is kept: run again to "
                "resume, or allow more by ?fetch_minutes="
            )

    def check_stated(self, named: str, size: int | None) -> None:
        """Raises a TooMuchError for a file that is stated to be too large."""
        if size is not None and size > self.limits.file:
            raise self._too_large(named, f"has {shown(size)}")

    def check_sum(self, named: str, size: int) -> None:
        """Raises a TooMuchError for files that are stated to be too large in sum."""
        if self.taken + size > self.limits.total:
            raise self._too_much(named, f"{shown(self.taken + size)} would be fetched")

    def take(self, named: str, count: int, of_file: int, stated: int | None) -> None:
        """Counts bytes that have arrived.

        Args:
            of_file: the bytes of the file so far.
            stated: the size that the server stated.

        Raises:
            TooMuchError: more than is allowed, or more than the server stated; or the time is up.
        """
        with self._lock:
            self.taken += count
        self.check_time(named)
        if stated is not None and of_file > stated:
            raise TooMuchError(f"{named}: the server stated {stated} bytes and sends more; mend the file there")
        if of_file > self.limits.file:
            raise self._too_large(named, f"goes on after {shown(of_file)}")
        if self.taken > self.limits.total:
            raise self._too_much(named, f"{shown(self.taken)} were fetched")

    def _too_large(self, named: str, problem: str) -> TooMuchError:
        limit = shown(self.limits.file)
        return TooMuchError(f"{named} {problem}; {limit} of a file are fetched at most: allow more by ?fetch_file=20GB")

    def _too_much(self, named: str, problem: str) -> TooMuchError:
        limit = shown(self.limits.total)
        return TooMuchError(f"{named}: {problem}; {limit} are fetched at most: allow more by ?fetch_total=1TB")


def shown(count: float) -> str:
    """Bytes in the largest unit that leaves a number of at least 1.

    >>> shown(1_500_000_000)
    '1.5 GB'
    """
    unit = max((unit for unit in _UNITS.items() if unit[1] <= max(count, 1)), key=lambda unit: unit[1])
    return f"{count / unit[1]:.4g} {unit[0].upper() or 'bytes'}"
