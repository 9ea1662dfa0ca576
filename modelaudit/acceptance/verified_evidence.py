"""Checks of the evidence of a run, and of the signatures of who ran it and who packed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

from ..evidence.record import RECORD_NAME, RunRecord
from ..language.errors import AcceptanceError
from ..language.json_file import json_of
from .canonical import canonical, sha256_of
from .departures import version_of
from .differences import differences
from .envelope import PACK, STATEMENT, Envelope, envelope_of, signed_by
from .pack import MANIFEST, RUN, SIGNATURE
from .received import Expected, NotChecked, Received
from .statement import (
    DETAILS_NAME,
    EVIDENCE_NAME,
    REPORT_NAME,
    SIGNED_NAME,
    Statement,
    details_statement,
    result_statement,
)


def statements(received: Received, record: RunRecord) -> Iterator[str]:
    """Both Statements against the files that they name, and against the record."""
    names = (RECORD_NAME, REPORT_NAME)
    digests = {name: sha256_of(received.files[RUN + name]) for name in names if RUN + name in received.files}
    for name, remade in ((DETAILS_NAME, details_statement), (EVIDENCE_NAME, result_statement)):
        content = received.files.get(RUN + name)
        if content is None:
            yield f"{RUN}{name}: is missing"
            return
        yield from (f"{RUN}{name}: {one}" for one in _departs(content, RUN + name, record, digests, remade))
        digests[name] = sha256_of(content)


def _departs(
    content: bytes,
    source: str,
    record: RunRecord,
    digests: dict[str, str],
    remade: Callable[[RunRecord, dict[str, str]], Statement],
) -> Iterator[str]:
    """Everything in which a Statement differs from the one that follows from the record and the files.

    Of one that another version wrote only the digests of files are compared.
    """
    found = json_of(content, source, lambda problem: AcceptanceError(f"{problem}; take it again from whoever ran it"))
    again = json.loads(canonical(remade(record, digests)))
    if version_of(record) != version("pytest-modelaudit"):
        named = _subjects(found)
        found = {name: named.get(name) for name in digests}
        again = {name: {"sha256": digest} for name, digest in digests.items()}
    yield from differences(found, again, f"what {RUN}{RECORD_NAME} and the files make")


def _subjects(statement: Any) -> dict[Any, Any]:
    """The digests of a Statement's subjects, by their names."""
    subjects = statement.get("subject", []) if isinstance(statement, dict) else []
    return {one.get("name"): one.get("digest") for one in subjects if isinstance(one, dict)}


def evidence_signature(received: Received, expected: Expected, signers: dict[str, None]) -> Iterator[str]:
    """The signature of who ran it, over the evidence that is there.

    Args:
        signers: is given the names of the keys that fit.
    """
    source, content = RUN + SIGNED_NAME, received.files.get(RUN + SIGNED_NAME)
    if content is None:
        if expected.keys is None or received.is_pack:
            raise NotChecked("the run is not signed (pytest --audit-sign KEY)")
        yield f"{source}: is missing: the run is not signed, and keys were given to check it by"
        return
    envelope = _envelope(content, source, STATEMENT)
    found = received.files.get(RUN + EVIDENCE_NAME)
    if found != envelope.payload:
        signed = _parsed(envelope.payload, source)
        again = None if found is None else _parsed(found, RUN + EVIDENCE_NAME)
        for one in differences(signed, again, f"{RUN}{EVIDENCE_NAME}"):
            yield f"{source}: what was signed: {one}"
    yield from _signed(envelope, source, expected, signers)


def pack_signature(received: Received, expected: Expected, signers: dict[str, None]) -> Iterator[str]:
    """The signature of who packed it, over the manifest; `signers` as for :func:`evidence_signature`."""
    assert received.manifest is not None
    if received.signature is None:
        if expected.keys is None:
            raise NotChecked("the pack is not signed (modelaudit pack --sign KEY)")
        yield f"{SIGNATURE}: is missing: the pack is not signed, and keys were given to check it by"
        return
    envelope = _envelope(received.signature, SIGNATURE, PACK)
    if envelope.payload != received.manifest.content():
        signed = _parsed(envelope.payload, SIGNATURE)
        for one in differences(signed, received.manifest.model_dump(mode="json"), MANIFEST):
            yield f"{SIGNATURE}: what was signed: {one}"
    yield from _signed(envelope, SIGNATURE, expected, signers)


def signed_files(received: Received, expected: Expected) -> dict[str, tuple[str, ...]]:
    """Who of the keys that were given signed the content of each file, which is there as it was signed.

    The evidence names the report by its digest, the manifest of a pack every file.
    """
    found: dict[str, tuple[str, ...]] = {}
    envelope, signers = _believed(received.files.get(RUN + SIGNED_NAME), RUN + SIGNED_NAME, STATEMENT, expected)
    if envelope is not None and envelope.payload == received.files.get(RUN + EVIDENCE_NAME):
        named, name = _subjects(_parsed(envelope.payload, RUN + SIGNED_NAME)), RUN + REPORT_NAME
        if name in received.files and named.get(REPORT_NAME) == {"sha256": sha256_of(received.files[name])}:
            found[name] = signers
    envelope, signers = _believed(received.signature, SIGNATURE, PACK, expected)
    if envelope is not None and received.manifest and envelope.payload == received.manifest.content():
        for name in received.manifest.files:
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *signers)))
    return found


def _believed(
    content: bytes | None, source: str, kind: str, expected: Expected
) -> tuple[Envelope | None, tuple[str, ...]]:
    """An envelope and who signed it; None if no given key did, which the check of this signature reports."""
    if content is None or expected.keys is None:
        return None, ()
    try:
        envelope = _envelope(content, source, kind)
        return envelope, signed_by(envelope, expected.keys, source=source)
    except AcceptanceError:
        return None, ()


def _signed(envelope: Envelope, source: str, expected: Expected, signers: dict[str, None]) -> Iterator[str]:
    if expected.keys is None:
        ids = ", ".join(keyid for keyid, _ in envelope.signatures) or "none"
        raise NotChecked(f"{source}: is signed by {ids}, and no key was given to check it by (--keys)")
    signers.update(dict.fromkeys(signed_by(envelope, expected.keys, source=source)))
    yield from ()


def _envelope(content: bytes, source: str, kind: str) -> Envelope:
    return envelope_of(_parsed(content, source), source, kind)


def _parsed(content: bytes, source: str) -> Any:
    return json_of(content, source, lambda problem: AcceptanceError(f"{problem}; take it again from who signed it"))
