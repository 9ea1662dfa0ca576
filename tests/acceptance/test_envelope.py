"""DSSE envelopes: what is signed is verified by ``cryptography`` alone, and nothing else is taken for it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from acceptance.openssl import private_key, public_key
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.acceptance.envelope import (
    LOCK,
    STATEMENT,
    WAIVER,
    Envelope,
    check_payload,
    envelope_of,
    read_envelope,
    sign,
    signed_by,
    write_envelope,
)
from modelaudit.acceptance.keys import PublicKey, load_public_key, load_signer
from modelaudit.language.errors import AcceptanceError

PAYLOAD = '{"what":"合意"}'.encode()
KINDS = ("ed25519", "p256", "p384")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A private key of each kind, and of somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    made = {kind: private_key(folder / f"{kind}.pem", kind) for kind in KINDS}
    return made | {"other": private_key(folder / "other.pem")}


@pytest.fixture(scope="module")
def keys(files: dict[str, Path]) -> dict[str, PublicKey]:
    return {name: load_public_key(public_key(file)) for name, file in files.items() if name != "other"}


@pytest.fixture(scope="module")
def signed(files: dict[str, Path]) -> Envelope:
    """Signed by each of the known keys."""
    envelope = Envelope(LOCK, PAYLOAD)
    for kind in KINDS:
        envelope = sign(envelope, load_signer(files[kind]))
    return envelope


def verified_by_specification(document: bytes, pem: bytes, at: int) -> bool:
    """Whether a signature of an envelope's JSON fits by the text of the specification, by ``cryptography`` alone."""
    envelope = json.loads(document)
    kind, body = envelope["payloadType"].encode(), base64.standard_b64decode(envelope["payload"])
    encoded = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body])
    signature, key = base64.standard_b64decode(envelope["signatures"][at]["sig"]), load_pem_public_key(pem)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, encoded)
        else:
            assert isinstance(key, EllipticCurvePublicKey)
            key.verify(signature, encoded, ECDSA(SHA256() if key.curve.key_size == 256 else SHA384()))
    except InvalidSignature:
        return False
    return True


def test_what_is_signed_verifies_by_the_specification(signed: Envelope, files: dict[str, Path], tmp_path: Path) -> None:
    content = write_envelope(signed, tmp_path / "agreement.lock.dsse").read_bytes()
    for at, kind in enumerate(KINDS):
        pem = public_key(files[kind]).read_bytes()
        assert verified_by_specification(content, pem, at)
        assert not verified_by_specification(content.replace(b"lock+json", b"lick+json"), pem, at)


def test_the_example_of_the_specification() -> None:
    envelope = Envelope("http://example.com/HelloWorld", b"hello world")
    assert envelope.signed_bytes() == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_an_envelope_is_read_back_with_who_signed_it(
    signed: Envelope, keys: dict[str, PublicKey], tmp_path: Path
) -> None:
    found = read_envelope(write_envelope(signed, tmp_path / "a.dsse"), LOCK)
    assert found == signed
    assert signed_by(found, keys, source="a.dsse") == KINDS
    assert [file.name for file in tmp_path.iterdir()] == ["a.dsse"]


def flipped(content: bytes, bit: int) -> bytes:
    at = bit // 8 % len(content)
    return content[:at] + bytes([content[at] ^ 1 << bit % 8]) + content[at + 1 :]


@settings(max_examples=100, deadline=None)
@given(
    part=st.sampled_from(("payload", "type", "signature", "keyid")), bit=st.integers(0, 10**6), whose=st.integers(0, 2)
)
def test_any_flipped_bit_is_refused(
    signed: Envelope, keys: dict[str, PublicKey], part: str, bit: int, whose: int
) -> None:
    keyid, signature = signed.signatures[whose]
    if part == "payload":
        changed = replace(signed, payload=flipped(signed.payload, bit))
    elif part == "type":
        changed = replace(signed, payload_type=flipped(LOCK.encode(), bit // 8 * 8 + bit % 7).decode())
    else:
        new = (
            (keyid, flipped(signature, bit))
            if part == "signature"
            else (flipped(keyid.encode(), bit // 8 * 8).decode(), signature)
        )
        changed = replace(signed, signatures=(*signed.signatures[:whose], new, *signed.signatures[whose + 1 :]))
    with pytest.raises(AcceptanceError, match=r"does not fit|unknown key"):
        signed_by(changed, keys, source="a.dsse")


def test_any_flipped_bit_of_the_file_is_refused_or_changes_nothing(
    files: dict[str, Path], keys: dict[str, PublicKey], tmp_path: Path
) -> None:
    """White space may become other white space; base64 has no idle bits."""
    envelope = sign(Envelope(WAIVER, b"{}"), load_signer(files["ed25519"]))
    content, taken = write_envelope(envelope, tmp_path / "a.dsse").read_bytes(), 0
    for bit in range(0, 8 * len(content), 7):  # of each eight bytes, each bit
        (tmp_path / "a.dsse").write_bytes(flipped(content, bit))
        try:
            found = read_envelope(tmp_path / "a.dsse", WAIVER)
            signed_by(found, keys, source="a.dsse")
        except AcceptanceError:
            continue
        assert found == envelope
        taken += 1
    assert taken < 10


def test_whose_signature_is_refused_is_said(
    signed: Envelope, files: dict[str, Path], keys: dict[str, PublicKey]
) -> None:
    by_other = sign(signed, load_signer(files["other"]))
    unknown = by_other.signatures[-1][0]
    with pytest.raises(AcceptanceError, match=rf"a\.dsse: .*unknown key {unknown}; keys given: ed25519 \("):
        signed_by(by_other, keys, source="a.dsse")
    with pytest.raises(AcceptanceError, match=r"a\.dsse: is not signed; have it signed"):
        signed_by(replace(signed, signatures=()), keys, source="a.dsse")
    stolen = replace(signed, signatures=((signed.signatures[0][0], by_other.signatures[-1][1]),))
    with pytest.raises(AcceptanceError, match=r"a\.dsse: the signature of ed25519 \(key .* does not fit"):
        signed_by(stolen, keys, source="a.dsse")
    for malformed in (b"", b"\0" * 64, b"\0" * 10_000):
        with pytest.raises(AcceptanceError, match="does not fit"):
            signed_by(replace(signed, signatures=((signed.signatures[1][0], malformed),)), keys, source="a.dsse")


def test_a_key_counts_once(signed: Envelope, files: dict[str, Path], keys: dict[str, PublicKey]) -> None:
    again = sign(signed, load_signer(files["p256"]))
    assert len(again.signatures) == 3
    assert sorted(signed_by(again, keys, source="a.dsse")) == sorted(KINDS)
    twice = replace(signed, signatures=(signed.signatures[0], signed.signatures[0]))
    assert signed_by(twice, keys, source="a.dsse") == ("ed25519",)


def test_an_envelope_of_something_else_is_refused(signed: Envelope, tmp_path: Path) -> None:
    path = write_envelope(signed, tmp_path / "a.dsse")
    with pytest.raises(AcceptanceError, match=r"a\.dsse: payloadType: .* is a lock; an in-toto statement is needed"):
        read_envelope(path, STATEMENT)
    write_envelope(replace(signed, payload_type="text/plain"), path)
    with pytest.raises(AcceptanceError, match="text/plain is nothing that modelaudit knows; a lock is needed"):
        read_envelope(path, LOCK)


def test_the_file_beside_must_be_the_one_that_is_signed(signed: Envelope, tmp_path: Path) -> None:
    lock = tmp_path / "agreement.lock"
    with pytest.raises(AcceptanceError, match=r"agreement\.lock: No such file or directory; a\.dsse signs it"):
        check_payload(signed, "a.dsse", lock)
    lock.write_bytes(PAYLOAD)
    check_payload(signed, "a.dsse", lock)
    lock.write_bytes(PAYLOAD + b"\n")
    with pytest.raises(AcceptanceError, match=r"agreement\.lock: differs from what a\.dsse signs"):
        check_payload(signed, "a.dsse", lock)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"payload": "e30"}, r"a\.dsse: payload: is not base64 \(Incorrect padding\)"),
        ({"payload": "e3=0"}, r"a\.dsse: payload: is not base64"),
        ({"payload": "合意"}, r"a\.dsse: payload: is not base64"),
        ({"payload": "e31="}, r"a\.dsse: payload: is not base64 as it is written"),
        ({"payload": None}, r"a\.dsse: payload: missing; this is not a whole signed file \(DSSE\)"),
        ({"payloadType": 1}, r"a\.dsse: payloadType: a int, not a str"),
        ({"signatures": {}}, r"a\.dsse: signatures: a dict, not a list"),
        ({"signatures": ["x"]}, r"a\.dsse: signatures\[0\]: keyid: missing"),
        ({"signatures": [{"keyid": "a", "sig": "?"}]}, r"a\.dsse: signatures\[0\]: sig: is not base64"),
    ],
)
def test_what_is_no_envelope_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(AcceptanceError, match=said):
        envelope_of(Envelope(LOCK, b"{}").document() | changes, "a.dsse", LOCK)


def test_the_other_alphabet_of_base64_is_taken_too() -> None:
    """The specification has verifiers take both."""
    document = Envelope(LOCK, b"\xfb\xff").document()
    assert document["payload"] == "+/8="
    assert envelope_of(document | {"payload": "-_8="}, "a.dsse", LOCK).payload == b"\xfb\xff"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"payload": "e30=", ', b"\xff\xfe", b"{} {}"])
def test_a_file_that_is_cut_short_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.dsse").write_bytes(content)
    with pytest.raises(AcceptanceError, match=r"a\.dsse.*this is not a whole signed file.*take it again"):
        read_envelope(tmp_path / "a.dsse", LOCK)


def test_an_envelope_that_cannot_be_written_is_an_error(signed: Envelope, tmp_path: Path) -> None:
    with pytest.raises(AcceptanceError, match=r"a\.dsse: cannot be written \(No such file or directory\)"):
        write_envelope(signed, tmp_path / "nowhere" / "a.dsse")
