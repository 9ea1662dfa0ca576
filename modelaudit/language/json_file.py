"""Reads JSON that others wrote: a value of plain data that nothing later stumbles over, or an error with the line.

Python's reader takes more than JSON has (NaN, halves of surrogate pairs, a key twice, numbers that become infinite),
and raises three kinds of errors. What it takes here is finite, named once, and shallow enough for every recursion.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import AuditError
from .regular_files import MOST_BYTES, read_file

#: containers inside of one another; no format that is read here has more than nine
MOST_LEVELS = 100
#: an integer of 128 bits, such as a UUID, has no more digits
_MOST_DIGITS = 39
#: of the texts in which the place of a complaint is looked for
_LARGEST_SEARCHED = 64 * 2**20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+|\n', re.DOTALL)


class _Refused(ValueError):
    """Valid for Python's reader, and refused here."""


def read_json(path: Path, error: Callable[[str], AuditError], *, most: int = MOST_BYTES, hint: str = "") -> Any:
    """What a JSON file in UTF-8 holds (UTF-16 and UTF-32 are recognised too).

    Args:
        error: the type of what is raised.
        most: the largest size in bytes.
        hint: what to do where the file cannot be read at all.

    Raises:
        AuditError: of type `error`, with file and line: not there, no regular file, too large, no JSON, a key twice in
            an object, a number that is not finite, an integer of more than 39 digits, half of a surrogate pair, or
            more than a hundred containers inside of one another.
    """
    try:
        content = read_file(path, most=most)
    except OSError as failed:
        raise error(f"{path}: {failed.strerror or failed}{hint}") from failed
    return json_of(content, str(path), error)


def json_of(content: bytes | str, named: str, error: Callable[[str], AuditError], *, first_line: int = 1) -> Any:
    """The value of a JSON text.

    Args:
        named: the file, for messages.
        first_line: the number of the text's first line in the file.

    Raises:
        AuditError: as :func:`read_json`.
    """
    try:
        text = content if isinstance(content, str) else content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as failed:
        line = failed.object[: failed.start].count(b"\n") + first_line
        raise error(f"{named}:{line}: is not valid JSON: not UTF-8 ({failed.reason})") from failed
    del content
    text = text.removeprefix("\ufeff")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        _check(value)
        if _SURROGATE.search(text):
            _check_halves(text)
    except json.JSONDecodeError as failed:
        line = failed.lineno + first_line - 1
        raise error(
            f"{named}:{line}: is not valid JSON: {failed.msg.removesuffix(' at')} at column {failed.colno}"
        ) from failed
    except (ValueError, RecursionError) as failed:
        line, complaint = _complaint(text)
        told = complaint or str(failed)
        place = f"{named}:{line + first_line - 1}" if complaint else named
        raise error(f"{place}: is not valid JSON: {told}") from failed
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Refused(_twice(twice))
    return found


def _no_constant(name: str) -> None:
    raise _Refused(_not_finite(name))


def _check(document: Any) -> None:
    """Refuses depths and numbers, level by level: a recursion would end where the depth does."""
    level: list[Any] = [[document]]
    depth = -1
    while level:
        depth += 1
        if depth > MOST_LEVELS:
            raise _Refused(_TOO_DEEP)
        below: list[Any] = []
        for container in level:
            values = container.values() if isinstance(container, dict) else container
            kinds = set(map(type, values))
            if float in kinds and not all(math.isfinite(value) for value in values if type(value) is float):
                raise _Refused(_not_finite("a number"))
            if int in kinds and any(abs(value) >= 10**_MOST_DIGITS for value in values if type(value) is int):
                raise _Refused(_TOO_LONG)
            if dict in kinds or list in kinds:
                below += [value for value in values if type(value) is dict or type(value) is list]
        level = below


def _check_halves(text: str) -> None:
    """Refuses escapes that are half of a pair: such a text can neither be written nor hashed."""
    for token in _TOKEN.finditer(text):
        if _is_half(token[0]):
            raise _Refused(_HALF)


def _complaint(text: str) -> tuple[int, str]:
    """The line of what is wrong and what that is; "" where the text is too large to look."""
    if len(text) > _LARGEST_SEARCHED:
        return 1, ""
    return next(_complaints(text), (1, ""))


@dataclass
class _Open:
    """An object or a list that is being read: the keys so far, and the key or place of the value that comes."""

    keys: set[str] | None
    at: str | int = 0

    def __str__(self) -> str:
        if self.keys is None:
            return f"[{self.at}]"
        return f".{self.at}" if isinstance(self.at, str) else ""


def _complaints(text: str) -> Iterator[tuple[int, str]]:
    """Everything that is refused in a text, in order, with its line and what leads to it."""
    line, last = 1, ""
    inside: list[_Open] = []
    for found in _TOKEN.finditer(text):
        token, complaint = found[0], None
        now = inside[-1] if inside else None
        if token in "{[":
            inside.append(_Open(set() if token == "{" else None))
            complaint = _TOO_DEEP if len(inside) > MOST_LEVELS else None
        elif token in "}]":
            del inside[-1:]
        elif token == "," and now is not None and isinstance(now.at, int):
            now.at += 1
        elif token == ":" and now is not None and now.keys is not None:
            key = str(json.loads(last, strict=False))
            complaint = _twice(key) if key in now.keys else None
            now.at = key if complaint is None else 0
            now.keys.add(key)
        elif token.startswith('"'):
            last = token
            complaint = _HALF if _is_half(token) else None
        elif token not in "\n,:":
            complaint = _of_number(token)
        if complaint is not None:
            place = "".join(map(str, inside[:9])).removeprefix(".")
            yield line, f"{place}: {complaint}" if place else complaint
        line += token.count("\n")


def _of_number(token: str) -> str | None:
    if token in ("NaN", "Infinity", "-Infinity"):
        return _not_finite(token)
    if token.lstrip("-").isdecimal():
        return _TOO_LONG if len(token.lstrip("-")) > _MOST_DIGITS else None
    try:
        return None if math.isfinite(float(token)) else _not_finite(token[:40])
    except ValueError:
        return None


def _is_half(token: str) -> bool:
    """Whether a token is a text with half of a surrogate pair."""
    if not token.startswith('"') or _SURROGATE.search(token) is None:
        return False
    try:
        json.loads(token, strict=False).encode()
    except UnicodeEncodeError:
        return True
    return False


_TOO_DEEP = f"more than {MOST_LEVELS} lists or objects inside of one another"
_TOO_LONG = f"an integer of more than {_MOST_DIGITS} digits"
_HALF = r"a text with half of a surrogate pair (\ud800 to \udfff), which is not a character"


def _twice(key: str) -> str:
    return f"the key {key!r} occurs twice in one object; keep one"


def _not_finite(name: str) -> str:
    return f"{name} is not finite; JSON has finite numbers alone"
