"""Digests of samples, and one for a data set, of which a sample can be shown to be part without showing the others.

The latter is the root of a Merkle tree as RFC 6962 builds it: SHA-256 over 0x00 and the leaf, over 0x01 and the two
halves; the leaves are in the order of the samples' ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence


def merkle_root(digests: Mapping[str, str]) -> str:
    """The root of a data set as 64 hexadecimal digits; of no sample that of an empty tree.

    Args:
        digests: of each sample, by its id (:attr:`modelaudit.data.decode.Decoded.digest`).
    """
    return _root([_leaf(name, digests[name]) for name in sorted(digests)]).hex()


def proof(digests: Mapping[str, str], sample: str) -> list[tuple[str, str]]:
    """What leads from one sample to the root: on which side a neighbour stands ("left", "right"), and its digest.

    Raises:
        KeyError: no such sample.
    """
    names = sorted(digests)
    if sample not in digests:
        raise KeyError(sample)
    return _path([_leaf(name, digests[name]) for name in names], names.index(sample))


def root_of_proof(sample: str, digest: str, path: Sequence[tuple[str, str]]) -> str:
    """The root that a sample and its proof lead to; it is part of the data set where that is the data set's root.

    >>> digests = {"a.png": "01", "b.png": "02", "c.png": "03"}
    >>> root_of_proof("b.png", "02", proof(digests, "b.png")) == merkle_root(digests)
    True
    """
    found = _leaf(sample, digest)
    for side, other in path:
        pair = (bytes.fromhex(other), found) if side == "left" else (found, bytes.fromhex(other))
        found = _node(*pair)
    return found.hex()


def sample_digest(image: str, mask: str, label: str) -> str:
    """The digest of a sample from those of its image, its mask's values and its label, in hexadecimal digits."""
    return hashlib.sha256(bytes.fromhex(image + mask + label)).hexdigest()


def label_digest(label: str | int) -> str:
    """The digest of a label; that of a number differs from that of the same digits as text."""
    return hashlib.sha256(repr(label).encode()).hexdigest()


def unusable_mask_digest(digest: str, reason: str) -> str:
    """The digest of a sample whose mask cannot be used, from that of the sample without it."""
    return hashlib.sha256(f"{digest} {reason}".encode()).hexdigest()


def fingerprint(digests: Mapping[str, str]) -> str:
    """sha256 over ids and digests in the order of the ids, as 64 hexadecimal digits."""
    total = hashlib.sha256()
    for name in sorted(digests):
        for part in (name, digests[name]):
            encoded = part.encode()
            total.update(f"{len(encoded)}:".encode() + encoded)
    return total.hexdigest()


def _leaf(name: str, digest: str) -> bytes:
    encoded = name.encode("utf-8", "surrogatepass")
    return hashlib.sha256(b"\x00" + len(encoded).to_bytes(8, "big") + encoded + digest.encode()).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return _node(_root(leaves[:middle]), _root(leaves[middle:]))


def _path(leaves: Sequence[bytes], at: int) -> list[tuple[str, str]]:
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if at < middle:
        return [*_path(leaves[:middle], at), ("right", _root(leaves[middle:]).hex())]
    return [*_path(leaves[middle:], at - middle), ("left", _root(leaves[:middle]).hex())]


def _split(count: int) -> int:
    """The largest power of two that is smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1
