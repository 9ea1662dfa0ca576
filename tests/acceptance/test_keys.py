"""Keys that ``openssl`` made, good and bad."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acceptance.openssl import certificate, openssl, private_key, public_key
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Key, Signature, Signer

from modelaudit.acceptance.envelope import LOCK, Envelope, sign, signed_by
from modelaudit.acceptance.keys import load_certificates, load_public_key, load_signer, public_key_of
from modelaudit.language.errors import AcceptanceError


@pytest.fixture(autouse=True)
def _without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELAUDIT_KEY_PASSWORD", raising=False)
    monkeypatch.setattr(sys, "stderr", open(os.devnull, "w"))  # noqa: PTH123, SIM115 - no terminal, so nothing waits


def signs(key: str | Path, public: Path) -> bool:
    signed = sign(Envelope(LOCK, b"{}"), load_signer(key))
    return signed_by(signed, {"vendor": load_public_key(public)}, source="a.dsse") == ("vendor",)


@pytest.mark.parametrize("kind", ["ed25519", "p256", "p384"])
def test_keys_of_openssl_sign_and_verify(kind: str, tmp_path: Path) -> None:
    key = private_key(tmp_path / "key.pem", kind)
    assert signs(key, public_key(key)) and signs(key, certificate(key))


def test_older_forms_of_ec_keys_are_read_too(tmp_path: Path) -> None:
    """As ``openssl ecparam -genkey`` writes them: with the parameters of the curve before them."""
    key = tmp_path / "key.pem"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", key)
    key.chmod(0o600)
    assert b"EC PARAMETERS" in key.read_bytes() and signs(key, public_key(key))


def test_the_id_of_a_key_is_that_of_securesystemslib(tmp_path: Path) -> None:
    key = public_key(private_key(tmp_path / "key.pem"))
    raw = openssl("pkey", "-pubin", "-in", key, "-outform", "DER")[-32:].hex()
    written = {"keytype": "ed25519", "keyval": {"public": raw}, "scheme": "ed25519"}
    expected = hashlib.sha256(json.dumps(written, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
    found = load_public_key(key)
    assert found.keyid == expected == load_signer(tmp_path / "key.pem").public_key.keyid
    assert public_key_of(found.pem, "agreement.lock").keyid == expected
    assert found.pem == key.read_text()


def test_an_encrypted_key_is_opened_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = private_key(tmp_path / "key.pem", "ed25519", "-aes256", "-pass", "pass:öffne dich")
    openssl("pkey", "-in", key, "-passin", "pass:öffne dich", "-pubout", "-out", tmp_path / "key.pub.pem")
    with pytest.raises(AcceptanceError, match=r"key\.pem: the password of this private key is needed; set MODELAUDIT"):
        load_signer(key)
    monkeypatch.setenv("MODELAUDIT_KEY_PASSWORD", "wrong")
    with pytest.raises(AcceptanceError, match=r"key\.pem: the password does not open it .*; correct MODELAUDIT_KEY"):
        load_signer(key)
    monkeypatch.setenv("MODELAUDIT_KEY_PASSWORD", "öffne dich")
    assert signs(key, tmp_path / "key.pub.pem")


def test_a_terminal_is_asked_for_the_password(tmp_path: Path) -> None:
    key = private_key(tmp_path / "key.pem", "ed25519", "-aes256", "-pass", "pass:secret")
    program = f"from modelaudit.acceptance.keys import load_signer; print(load_signer({str(key)!r}).public_key.scheme)"
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name != "MODELAUDIT_KEY_PASSWORD"},
    )
    os.close(theirs)
    asked = b""
    while b"private key: " not in asked:
        asked += os.read(ours, 1024)
    os.write(ours, b"secret\n")
    with contextlib.suppress(OSError):  # when the terminal's last user has gone
        while os.read(ours, 1024):
            pass  # a terminal whose output nobody reads keeps its program waiting
    assert started.communicate(timeout=60)[0] == b"ed25519\n"
    os.close(ours)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("pub", r"a\.pem: is a public key or a certificate, which cannot sign; give the private key.*openssl genpkey"),
        ("crt", r"a\.pem: is a public key or a certificate"),
        ("rsa", r"a\.pem: is a key of a kind that is not supported \(rsassa-pss-sha256\); use Ed25519"),
        ("p521", r"a\.pem: is a key of a kind that is not supported \(ecdsa-sha2-nistp521\)"),
        ("cut", r"a\.pem: is damaged"),
        ("text", r"a\.pem: is not a private key in PEM form"),
        ("folder", r"a\.pem: Is a directory; give a file in PEM form"),
        ("none", r"a\.pem: No such file or directory; give a file in PEM form"),
    ],
)
def test_what_cannot_sign_is_refused(content: str, said: str, tmp_path: Path) -> None:
    file, key = tmp_path / "a.pem", private_key(tmp_path / "key.pem")
    if content in ("rsa", "p521"):
        private_key(file, content)
    elif content == "folder":
        file.mkdir()
    elif content != "none":
        of = {"pub": public_key(key).read_bytes(), "crt": certificate(key).read_bytes(), "text": b"-----BEGIN"}
        file.write_bytes(of.get(content, key.read_bytes()[:60]))
        file.chmod(0o600)
    with pytest.raises(AcceptanceError, match=said):
        load_signer(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("private", r"a\.pem: is a private key, which only its owner may have; give the public one: openssl pkey"),
        ("rsa", r"a\.pem: is a key of a kind that is not supported \(rsassa-pss-sha256\)"),
        ("cut", r"a\.pem: is neither a public key nor a certificate in PEM form"),
        ("text", r"a\.pem: is neither a public key nor a certificate in PEM form"),
        ("none", r"a\.pem: No such file or directory"),
    ],
)
def test_what_cannot_verify_is_refused(content: str, said: str, tmp_path: Path) -> None:
    file, key = tmp_path / "a.pem", private_key(tmp_path / "key.pem")
    if content == "rsa":
        file.write_bytes(public_key(private_key(tmp_path / "rsa.pem", "rsa")).read_bytes())
    elif content != "none":
        of = {"private": key.read_bytes(), "cut": certificate(key).read_bytes()[:200], "text": b"my key"}
        file.write_bytes(of[content])
    with pytest.raises(AcceptanceError, match=said):
        load_public_key(file)
    with pytest.raises(AcceptanceError, match=r"a\.pem: (has no certificate|No such file)"):
        load_certificates(file)


def test_a_private_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    key = private_key(tmp_path / "key.pem")
    key.chmod(0o644)
    with pytest.warns(UserWarning, match=r"other users of this machine can read this private key \(mode 644\); chmod"):
        load_signer(key)


def test_a_certificate_counts_at_the_time_of_the_signature(tmp_path: Path) -> None:
    key = private_key(tmp_path / "key.pem")
    signed = sign(Envelope(LOCK, b"{}"), load_signer(key))
    keys = {"vendor": load_public_key(certificate(key, days=30))}
    now = datetime.now(UTC)
    assert signed_by(signed, keys, source="a.dsse") == ("vendor",)
    assert signed_by(signed, keys, source="a.dsse", at=now + timedelta(days=29)) == ("vendor",)
    with pytest.raises(AcceptanceError, match=r"key\.crt\.pem: this certificate expired on .* before the signature of"):
        signed_by(signed, keys, source="a.dsse", at=now + timedelta(days=31))
    with pytest.raises(AcceptanceError, match=r"key\.crt\.pem: this certificate is valid from .* after the signature"):
        signed_by(signed, keys, source="a.dsse", at=now - timedelta(days=1))


def test_a_key_that_is_no_file_signs_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``file2:`` is the one kind of securesystemslib's addresses that needs no token and no service."""
    key = private_key(tmp_path / "key.pem", "p256")
    monkeypatch.delenv("MODELAUDIT_PUBLIC_KEY", raising=False)
    with pytest.raises(AcceptanceError, match=r"its public key is needed too; name its PEM file in MODELAUDIT_PUBLIC"):
        load_signer(f"file2:{key}")
    monkeypatch.setenv("MODELAUDIT_PUBLIC_KEY", str(public_key(key)))
    assert signs(f"file2:{key}", public_key(key))
    other = private_key(tmp_path / "other.pem", "p256")
    with pytest.raises(AcceptanceError, match=r"file2:.*cannot sign so that .*key\.pub\.pem verifies it"):
        load_signer(f"file2:{other}")
    with pytest.raises(AcceptanceError, match=r"hsm:2: .*cannot sign so that"):  # here is no token
        load_signer("hsm:2")


class _Token(Signer):
    """As a token that holds another key than the one it is taken for, which shows only when it signs."""

    def __init__(self, taken_for: Key) -> None:
        self._taken_for, self._held = taken_for, CryptoSigner.generate_ecdsa()

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: object = None) -> Signer:
        return cls(public_key)

    @property
    def public_key(self) -> Key:
        return self._taken_for

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._taken_for.keyid, self._held.sign(payload).signature)


def test_a_token_is_tried_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "token", _Token)
    monkeypatch.setenv("MODELAUDIT_PUBLIC_KEY", str(public_key(private_key(tmp_path / "key.pem", "p256"))))
    with pytest.raises(AcceptanceError, match=r"token:1: cannot sign so that .*key\.pub\.pem verifies it"):
        load_signer("token:1")
