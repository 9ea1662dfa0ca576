"""References to models and data: ``scheme:body@tag?key=value&key=value``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
        pattern = "; an option ends at '&', which a pattern writes as \\x26" if "=path:" in self.text else ""
        for key in self.options:
            if key not in known:
                raise error(f"{self.text!r}: unknown option {key!r}{nearest(key, known)}{pattern}")


def parse_reference(text: str) -> Reference:
    """Split at the first ``:`` and the first ``?``; a text without a scheme has scheme ''.

    Options are taken as they stand: nothing is unquoted, so a path may hold ``+`` and ``%``.

    A scheme has at least two characters, so that a Windows drive letter is not taken for one.
    """
    body, _, query = text.partition("?")
    scheme, colon, rest = body.partition(":")
    if not colon or len(scheme) < 2 or not scheme.replace("_", "").replace("-", "").isalnum():
        scheme, rest = "", body
    return Reference(scheme, rest, _options(query), text)


def _options(query: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {key: value for key, _, value in pairs}


def may_hold_secret(text: str) -> bool:
    """Whether a reference to a model behind an address has a user or a query in it: a reference is in every record.

    >>> may_hold_secret("remote:https://box.example/predict?code=1"), may_hold_secret("remote:box.yaml?cassette=replay")
    (True, False)
    """
    reference = parse_reference(text.strip())
    if not (reference.scheme == "remote" and "://" in reference.body):
        return False
    return "@" in reference.body or bool(set(reference.options) - {"cassette"})


#: what to do then
ADDRESS_ALONE = (
    "an address is given with a query or a user, which may be a secret, and the reference is in the record; write a "
    "file with url: and ${NAME} in it, and name that: 'remote:box.yaml'"
)
