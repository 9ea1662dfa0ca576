"""Secrets: named in a file as ``${NAME}``, taken from the environment when a request is sent, and shown nowhere."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

from ...language.errors import ModelError

_NAMED = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: headers and parts of a query whose values are secrets by their name
_SECRET = re.compile(
    r"auth|cookie|password|secret|token|credential|signature|(^|[-_])(key|sig|code)$|api-?key", re.IGNORECASE
)
HIDDEN = "***"


def names_in(text: str) -> Iterator[str]:
    """The names of the variables in a text.

    >>> list(names_in("Bearer ${KEY}"))
    ['KEY']
    """
    return (found[1] for found in _NAMED.finditer(text))


def bad_name(text: str) -> str | None:
    """The first ``${...}`` in a text that is not the name of a variable."""
    return next((name for name in names_in(text) if not _VARIABLE.fullmatch(name)), None)


def is_secret(name: str) -> bool:
    """Whether the name of a header, or of a part of a query, says that its value is a secret.

    >>> [is_secret(name) for name in ("Authorization", "x-api-key", "Accept", "api-version")]
    [True, True, False, False]
    """
    return _SECRET.search(name) is not None


class Secrets:
    """The variables that a model's file names; their values are in no ``repr``, and in no text that `hidden` gave.

    Args:
        names: the variables.
        where: the file, for messages.
    """

    __slots__ = ("_names", "_where")

    def __init__(self, names: Iterator[str], where: str) -> None:
        self._names, self._where = tuple(dict.fromkeys(names)), where

    def filled(self, text: str) -> str:
        """A text with the values of the variables in it.

        Raises:
            ModelError: one is not set, or is empty.
        """
        return _NAMED.sub(lambda found: self._value(found[1]), text)

    def hidden(self, text: str) -> str:
        """A text of others, such as a server's answer, without the values."""
        values = {value for name in self._names if (value := os.environ.get(name, ""))}
        spellings = {way(value) for value in values for way in (str, quote, quote_plus, _in_json)}
        spellings |= {part for value in values for part in value.split() if len(part) >= 8}
        for spelling in sorted(spellings, key=len, reverse=True):
            text = text.replace(spelling, HIDDEN)
        return text

    def _value(self, name: str) -> str:
        value = os.environ.get(name, "")
        if not value:
            raise ModelError(
                f"{self._where}: needs the environment variable {name}, which is not set; set it where pytest runs "
                "(in CI as a secret), or audit what the cassette holds: cassette: {mode: replay}"
            )
        if any(not 32 <= ord(letter) < 256 or ord(letter) == 127 for letter in value):
            raise ModelError(f"{self._where}: the environment variable {name} holds a character that no header can")
        return value


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def redacted(url: str) -> str:
    """An address without its query, fragment and user.

    >>> redacted("https://me:pw@box.example:8443/predict?key=1")
    'https://box.example:8443/predict'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
