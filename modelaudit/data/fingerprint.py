"""One text for a whole data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def fingerprint(digests: Mapping[str, str]) -> str:
    """sha256 over ids and digests in the order of the ids, as 64 hexadecimal digits."""
    total = hashlib.sha256()
    for name in sorted(digests):
        for part in (name, digests[name]):
            encoded = part.encode()
            total.update(f"{len(encoded)}:".encode() + encoded)
    return total.hexdigest()
