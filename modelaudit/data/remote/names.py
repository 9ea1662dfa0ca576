"""Names of remote files as names of local ones: what a server calls a file must not decide where it is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ...language.errors import DataError

MOST_BYTES_OF_A_PART, MOST_BYTES = 255, 2048
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_DRIVE = re.compile(r"[A-Za-z]:")


def check(names: Iterable[str], url: str) -> None:
    """Refuse names that leave the folder, that no file system takes, or that one file system takes for another.

    Raises:
        DataError: says which, and what to rename.
    """
    seen: dict[str, str] = {}
    for name in names:
        complaint = _complaint(name)
        if complaint:
            raise DataError(f"{url} holds the name {name[:300]!r}, which {complaint}; rename it there")
        folded = unicodedata.normalize("NFC", name).casefold()
        other = seen.setdefault(folded, name)
        if other != name:
            raise DataError(
                f"{url} holds {other!r} and {name!r}, which are one file where case or Unicode's form does not count; "
                "rename one there"
            )


def _complaint(name: str) -> str:
    parts = name.split("/")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return "is no text"
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute"
    if ".." in parts or "." in parts:
        return "leads to other folders"
    if "" in parts or _FORBIDDEN.search(name):
        return "has a part that is empty, a backslash or a control character"
    if max(lengths) > MOST_BYTES_OF_A_PART:
        return f"has a part of more than {MOST_BYTES_OF_A_PART} bytes"
    if sum(lengths) + len(lengths) > MOST_BYTES:
        return f"has more than {MOST_BYTES} bytes"
    return ""
