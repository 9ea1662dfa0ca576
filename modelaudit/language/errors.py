"""Exceptions raised to callers.

Every message names the value, where it stands, and the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .plain_text import folded, plain

_LONGEST = 200


class AuditError(Exception):
    """Base of all errors that modelaudit raises on purpose.

    Every argument is one line of its text, and stays one line whatever names stand in it (:func:`.plain_text.plain`).
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)

    def __str__(self) -> str:
        return "\n".join(plain(str(line)) for line in self.args)


class ExpressionError(AuditError, ValueError):
    """An invalid expression, context, method or stratum."""


class UnknownNameError(ExpressionError):
    """An unknown name of a registry entry, class or key."""


class AuditFileError(AuditError):
    """An audit file (Python or YAML) that cannot be read as one."""


class AboutFileError(AuditError):
    """An ``about.yaml`` that cannot be read as one."""


class CostsFileError(AuditError):
    """A ``costs.yaml`` that cannot be read as one."""


class DataError(AuditError):
    """Images, masks or labels that cannot be read or do not fit together."""


class ModelError(AuditError):
    """A model that cannot be built, loaded or run."""


class ContextError(AuditError):
    """A context that cannot be applied to these images."""


class AttributionError(AuditError):
    """A method that gives no valid numbers on this architecture."""


class ResultsError(AuditError):
    """A results folder or a run record that cannot be read or written."""


class AcceptanceError(AuditError):
    """An agreement, a lock, a waiver, a key, a signature or a pack that cannot be read, or does not fit."""


class MonitorError(AuditError):
    """A monitor, its state or its alarms that cannot be read or written, or do not fit what is watched."""


class StandardError(AuditError):
    """A standard, or a file with one, that cannot be read."""


def first_line(error: BaseException) -> str:
    """The first line of another library's error, without control characters and at most 200 characters long.

    >>> first_line(ValueError("\\x1b[1mno such file\\x1b[0m: net.pt\\n  hint ..."))
    'no such file: net.pt'
    """
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return folded(line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ...")


def after(start: str, ours: str) -> tuple[str, ...]:
    """The lines of an error: `start`, in which names of others may stand, then a text of ours in several lines.

    >>> str(ModelError(*after("net\\n.pt: ", "put a module before it:\\n    class Grey(Module): ...")))
    'net\\\\u000a.pt: put a module before it:\\n    class Grey(Module): ...'
    """
    first, *rest = ours.split("\n")
    return f"{start}{first}", *rest


def nearest(wrong: str, known: Iterable[str], *, limit: int = 3) -> str:
    """`; did you mean 'a' or 'b'?`, or the whole list when nothing is near and it is short."""
    names = sorted(set(known))
    lowered: dict[str, str] = {}
    for name in names:
        lowered.setdefault(name.lower(), name)
    close = difflib.get_close_matches(wrong.lower(), lowered, n=limit, cutoff=0.5)
    if close:
        return "; did you mean " + " or ".join(repr(lowered[name]) for name in close) + "?"
    if names and len(names) <= 12:
        return "; known: " + ", ".join(names)
    return ""
