"""References to models and data: ``scheme:body@tag?key=value&key=value``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from .errors import AuditError, nearest


@dataclass(frozen=True)
class Reference:
    """A parsed reference. ``text`` is what the user wrote, and what errors quote."""

    scheme: str
    body: str
    options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def only(self, allowed: Iterable[str], error: type[AuditError]) -> None:
        """Raise `error` for the first option that is not among `allowed`, naming the nearest."""
        known = tuple(allowed)
        for key in self.options:
            if key not in known:
                raise error(f"{self.text!r}: unknown option {key!r}{nearest(key, known)}")


def parse_reference(text: str) -> Reference:
    """Split at the first ``:`` and the last ``?``; a text without a scheme has scheme ''.

    A Windows drive letter is no scheme: a scheme has at least two characters.
    """
    body, _, query = text.partition("?") if "?" in text else (text, "", "")
    scheme, colon, rest = body.partition(":")
    if not colon or len(scheme) < 2 or not scheme.replace("_", "").replace("-", "").isalnum():
        scheme, rest = "", body
    return Reference(scheme, rest, dict(parse_qsl(query, keep_blank_values=True)), text)
