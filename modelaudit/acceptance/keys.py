"""Keys of the parties: private ones that sign, and public ones, or certificates, that check a signature.

Ed25519 and ECDSA on P-256 or P-384, as ``openssl genpkey`` writes them. The id of a key is that of securesystemslib:
the SHA-256 of the public key in canonical JSON.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import Error as LibraryError
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Signer, SSlibKey

from ..language.errors import AcceptanceError, first_line
from ..language.regular_files import read_file

#: the environment variables with the password of an encrypted private key (or the PIN of a token), and with the file of
#: the public key of a private key that is not a file (a token, a key service)
PASSWORD, PUBLIC_KEY = "MODELAUDIT_KEY_PASSWORD", "MODELAUDIT_PUBLIC_KEY"
MAKE_A_KEY = "openssl genpkey -algorithm ed25519 -out key.pem"
MAKE_PUBLIC = "openssl pkey -in key.pem -pubout -out key.pub.pem"
_SCHEMES = ("ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384")
_MOST_BYTES = 2**20
_TRIAL = b"modelaudit tries whether this key can sign"


@dataclass(frozen=True)
class PublicKey:
    """A public key that can check signatures.

    Args:
        keyid: its id, in hexadecimal digits; signatures name their key by it.
        pem: the key alone as PEM text (SubjectPublicKeyInfo), also where it came from a certificate.
        source: where it came from, for messages.
        not_before, not_after: when the certificate is valid; None for a key without one.
    """

    keyid: str
    pem: str
    source: str
    not_before: datetime | None = None
    not_after: datetime | None = None

    def check_dates(self, at: datetime) -> None:
        """Refuse a certificate that was not valid when something was signed.

        Args:
            at: the trusted time of the signature where there is one, else the present; with a time zone.

        Raises:
            AcceptanceError: it was expired, or not yet valid.
        """
        way_out = "have it signed with a key that is valid, or show by a time stamp that it was signed in time"
        if self.not_after is not None and at > self.not_after:
            raise AcceptanceError(
                f"{self.source}: this certificate expired on {_written(self.not_after)}, before the signature of "
                f"{_written(at)}; {way_out}"
            )
        if self.not_before is not None and at < self.not_before:
            raise AcceptanceError(
                f"{self.source}: this certificate is valid from {_written(self.not_before)} on, after the signature of "
                f"{_written(at)}; {way_out}"
            )

    def library_key(self) -> SSlibKey:
        """The key as securesystemslib has it."""
        return SSlibKey.from_crypto(load_pem_public_key(self.pem.encode()))


def load_signer(key: str | Path) -> Signer:
    """What signs with a private key.

    Args:
        key: a PEM file, or a URI that securesystemslib knows (``hsm:``, ``awskms:`` …), whose public key the file that
            the environment variable ``MODELAUDIT_PUBLIC_KEY`` names must hold; such a key signs a trial text at once.
            The password of an encrypted file, or the PIN of a token, is read from ``MODELAUDIT_KEY_PASSWORD``, or asked
            for on a terminal.

    Warns:
        UserWarning: other users of the machine can read the file.

    Raises:
        AcceptanceError: the file cannot be read or is not a private key, the kind of key is not supported, or the
            password is wrong or missing.
    """
    scheme, colon, _ = str(key).partition(":")
    if colon and scheme in SIGNER_FOR_URI_SCHEME and not Path(key).exists():
        return _signer_of_uri(str(key))
    file = Path(key)
    content = _read(file)
    if b"PRIVATE KEY-----" not in content:
        is_public = b"-----BEGIN PUBLIC KEY" in content or b"-----BEGIN CERTIFICATE" in content
        found = "a public key or a certificate, which cannot sign" if is_public else "not a private key in PEM form"
        raise AcceptanceError(f"{file}: is {found}; give the private key, or make one: {MAKE_A_KEY}")
    _warn_of_readers(file)
    encrypted = b"ENCRYPTED" in content
    password = _secret(str(file), "the password of this private key").encode() if encrypted else None
    try:
        private = load_pem_private_key(content, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        said = "the password does not open it" if encrypted else "is damaged"
        way_out = f"correct {PASSWORD}" if encrypted else f"take it from a copy, or make a new one: {MAKE_A_KEY}"
        raise AcceptanceError(f"{file}: {said} ({first_line(error)}); {way_out}") from error
    return CryptoSigner(private, _supported(private.public_key(), str(file)))


def load_public_key(path: Path) -> PublicKey:
    """The public key of a PEM file, which may be a certificate.

    Raises:
        AcceptanceError: as :func:`public_key_of`, or the file cannot be read.
    """
    return public_key_of(_read(path), str(path))


def public_key_of(pem: bytes | str, source: str) -> PublicKey:
    """The public key of a PEM text: a key, or a certificate, whose dates it keeps (the first of several).

    Args:
        source: where it stands, for messages.

    Raises:
        AcceptanceError: a private key, neither a key nor a certificate, or a kind that is not supported.
    """
    content = pem.encode() if isinstance(pem, str) else pem
    if b"PRIVATE KEY-----" in content:
        raise AcceptanceError(
            f"{source}: is a private key, which only its owner may have; give the public one: {MAKE_PUBLIC}"
        )
    try:
        if b"-----BEGIN CERTIFICATE" in content:
            certificate = x509.load_pem_x509_certificate(content)
            dates = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
            return _public(certificate.public_key(), source, *dates)
        return _public(load_pem_public_key(content), source)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AcceptanceError(
            f"{source}: is neither a public key nor a certificate in PEM form ({first_line(error)}); make the public "
            f"key of a private one: {MAKE_PUBLIC}"
        ) from error


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Every certificate of a PEM file.

    Raises:
        AcceptanceError: the file, or every certificate in it, cannot be read.
    """
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise AcceptanceError(
            f"{path}: has no certificate in PEM form ({first_line(error)}); give the file that begins with "
            "-----BEGIN CERTIFICATE-----"
        ) from error


def _public(key: PublicKeyTypes, source: str, *dates: datetime) -> PublicKey:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(_supported(key, source).keyid, pem, source, *dates)


def _supported(key: PublicKeyTypes, source: str) -> SSlibKey:
    """The key as securesystemslib has it, where it is of a kind that this package signs with."""
    try:
        found = SSlibKey.from_crypto(key)
        kind = found.scheme
    except ValueError as error:
        found, kind = None, first_line(error)
    if found is None or kind not in _SCHEMES:
        raise AcceptanceError(
            f"{source}: is a key of a kind that is not supported ({kind}); use Ed25519, or ECDSA on P-256 or P-384: "
            f"{MAKE_A_KEY}"
        )
    return found


def _signer_of_uri(uri: str) -> Signer:
    file = os.environ.get(PUBLIC_KEY)
    if not file:
        raise AcceptanceError(f"{uri}: its public key is needed too; name its PEM file in {PUBLIC_KEY}")
    public = load_public_key(Path(file)).library_key()
    secrets: Callable[[str], str] = lambda name: _secret(uri, name)  # noqa: E731
    try:
        signer = Signer.from_priv_key_uri(uri, public, secrets)
        public.verify_signature(signer.sign(_TRIAL), _TRIAL)
    except AcceptanceError:
        raise
    except (LibraryError, OSError, ValueError, TypeError, ImportError) as error:
        raise AcceptanceError(
            f"{uri}: cannot sign so that {file} verifies it ({type(error).__name__}: {first_line(error)}); check the "
            "address, the password and the public key"
        ) from error
    return signer


def _secret(key: str, name: str) -> str:
    given = os.environ.get(PASSWORD)
    if given is not None:
        return given
    if not sys.stderr.isatty():
        raise AcceptanceError(f"{key}: {name} is needed; set {PASSWORD}, or run it on a terminal, which asks for it")
    return getpass(f"{key}: {name}: ")


def _warn_of_readers(file: Path) -> None:
    mode = file.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.warn(
            f"{file}: other users of this machine can read this private key (mode {stat.S_IMODE(mode):o}); "
            f"chmod 600 {file}",
            stacklevel=3,
        )


def _read(file: Path) -> bytes:
    try:
        return read_file(file, most=_MOST_BYTES)
    except OSError as error:
        raise AcceptanceError(f"{file}: {error.strerror or error}; give a file in PEM form") from error


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
