"""Signed files: DSSE envelopes, which hold a payload, its type, and a signature of each party over both.

What is signed is ``DSSEv1 SP len(type) SP type SP len(payload) SP payload``; see
https://github.com/secure-systems-lab/dsse.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from securesystemslib import dsse
from securesystemslib.exceptions import Error as LibraryError
from securesystemslib.signer import Signature, Signer

from ..language.errors import AcceptanceError, first_line
from ..language.json_file import read_json
from ..language.regular_files import read_file
from ..language.whole_file import write_whole
from .keys import PublicKey

#: the types of payloads that this package signs, and what each is for messages
LOCK = "application/vnd.modelaudit.lock+json"
WAIVER = "application/vnd.modelaudit.waiver+json"
STATEMENT = "application/vnd.in-toto+json"
PACK = "application/vnd.modelaudit.pack+json"
REVIEW = "application/vnd.modelaudit.review+json"
_PAYLOADS = {
    LOCK: "a lock",
    WAIVER: "a waiver",
    STATEMENT: "an in-toto statement",
    PACK: "the manifest of a pack",
    REVIEW: "a review",
}
_MOST_BYTES = 2**28


@dataclass(frozen=True)
class Envelope:
    """A payload and who signed it; nothing in it is verified before :func:`signed_by` has looked at it.

    Args:
        payload_type: what the payload is (:data:`LOCK` …).
        payload: its bytes, exactly as signed.
        signatures: of each signature the id of its key and its bytes.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()

    def signed_bytes(self) -> bytes:
        """What a signature is over: type and payload, each with its length (the DSSE's PAE)."""
        return dsse.Envelope(self.payload, self.payload_type, {}).pae()

    def document(self) -> dict[str, Any]:
        """Its JSON form."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": keyid, "sig": base64.b64encode(sig).decode()} for keyid, sig in self.signatures],
        }


def sign(envelope: Envelope, signer: Signer) -> Envelope:
    """The envelope with one more signature; an earlier one of the same key is replaced.

    Raises:
        AcceptanceError: the key cannot sign, as a token that was taken out.
    """
    try:
        made = signer.sign(envelope.signed_bytes())
    except (LibraryError, OSError, ValueError) as error:
        keyid = signer.public_key.keyid
        raise AcceptanceError(
            f"key {keyid}: cannot sign ({first_line(error)}); check that it is still there"
        ) from error
    others = tuple(one for one in envelope.signatures if one[0] != made.keyid)
    return replace(envelope, signatures=(*others, (made.keyid, bytes.fromhex(made.signature))))


def signed_by(
    envelope: Envelope, keys: Mapping[str, PublicKey], *, source: str, at: datetime | None = None
) -> tuple[str, ...]:
    """The parties that signed, by name, each once; every signature must be of one of them, and fit.

    Args:
        keys: the key of each party, by its name.
        source: the file of the envelope, for messages.
        at: the trusted time of the signatures, in which certificates must be valid; None: now.

    Raises:
        AcceptanceError: no signature, one of a key that nobody here has, one that does not fit what was signed, or a
            certificate that was not valid at that time.
    """
    if not envelope.signatures:
        raise AcceptanceError(f"{source}: is not signed; have it signed (--sign KEY)")
    signed_bytes, found = envelope.signed_bytes(), set()
    for keyid, signature in envelope.signatures:
        owners = [name for name, key in keys.items() if key.keyid == keyid]
        if not owners:
            known = ", ".join(f"{name} ({key.keyid})" for name, key in keys.items()) or "none"
            raise AcceptanceError(
                f"{source}: signatures: is signed by an unknown key {keyid}; keys given: {known}; give the public key "
                "of whoever signed it, or have it signed with one of these"
            )
        for name in owners:
            _check_signature(signed_bytes, keyid, signature, name, keys[name], source)
            keys[name].check_dates(at or datetime.now(UTC))
        found.update(owners)
    return tuple(name for name in keys if name in found)


def _check_signature(signed: bytes, keyid: str, signature: bytes, name: str, key: PublicKey, source: str) -> None:
    try:
        key.library_key().verify_signature(Signature(keyid, signature.hex()), signed)
    except LibraryError as error:
        raise AcceptanceError(
            f"{source}: the signature of {name} (key {keyid}) does not fit: payload, type or signature was changed "
            "after it was signed; take the file from who signed it, or have it signed again"
        ) from error


def check_payload(envelope: Envelope, source: str, file: Path) -> None:
    """Refuse an envelope whose payload is not the content of the file next to it.

    Raises:
        AcceptanceError: the file differs from the payload by any byte, or cannot be read.
    """
    try:
        content = read_file(file, most=_MOST_BYTES)
    except OSError as error:
        raise AcceptanceError(f"{file}: {error.strerror or error}; {source} signs it, so it must be there") from error
    if content != envelope.payload:
        raise AcceptanceError(
            f"{file}: differs from what {source} signs; take back the signed content, or have this one signed"
        )


def write_envelope(envelope: Envelope, path: Path) -> Path:
    """Write its JSON form, whole or not at all.

    Raises:
        AcceptanceError: it cannot be written.
    """
    return write_whole(path, json.dumps(envelope.document(), indent=1) + "\n", AcceptanceError)


def read_envelope(path: Path, payload_type: str) -> Envelope:
    """An envelope from its file; nothing in it is verified yet.

    Args:
        payload_type: what it must hold; an envelope of anything else is refused, whoever signed it.

    Raises:
        AcceptanceError: as :func:`envelope_of`, or the file is missing or is not JSON (cut short, for example).
    """

    def failed(problem: str) -> AcceptanceError:
        return AcceptanceError(f"{problem}; this is not a whole signed file: take it again from who signed it")

    return envelope_of(read_json(path, failed, most=_MOST_BYTES), str(path), payload_type)


def envelope_of(document: object, source: str, payload_type: str) -> Envelope:
    """An envelope from its JSON form.

    Args:
        source: where it stands, for messages.

    Raises:
        AcceptanceError: a field is missing, is of another type, is not base64, or the payload is of another type.
    """
    found = _field(document, "payloadType", str, source)
    if found != payload_type:
        kind = _PAYLOADS.get(found, "nothing that modelaudit knows")
        raise AcceptanceError(
            f"{source}: payloadType: {found} is {kind}; {_PAYLOADS[payload_type]} is needed ({payload_type})"
        )
    signatures = []
    for at, one in enumerate(_field(document, "signatures", list, source)):
        place = f"{source}: signatures[{at}]"
        keyid, sig = _field(one, "keyid", str, place), _field(one, "sig", str, place)
        signatures.append((keyid, _decoded(sig, f"{place}: sig")))
    payload = _decoded(_field(document, "payload", str, source), f"{source}: payload")
    return Envelope(found, payload, tuple(signatures))


def _field(document: object, name: str, kind: type, source: str) -> Any:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, kind):
        said = "missing" if value is None else f"a {type(value).__name__}, not a {kind.__name__}"
        raise AcceptanceError(
            f"{source}: {name}: {said}; this is not a whole signed file (DSSE): take it again from who signed it"
        )
    return value


def _decoded(text: str, place: str) -> bytes:
    """The bytes of base64, of either alphabet; only the one way to write them is taken, so that no bit is idle."""
    standard = text.translate(str.maketrans("-_", "+/"))
    try:
        content = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AcceptanceError(
            f"{place}: is not base64 ({first_line(error)}); take the file again from who signed it"
        ) from error
    if base64.b64encode(content).decode() != standard:
        raise AcceptanceError(f"{place}: is not base64 as it is written; take the file again from who signed it")
    return content
