"""Trusted times: a time-stamp authority confirms by RFC 3161 that a digest existed at a moment.

Its response can be checked for as long as the certificate of the authority is kept, without a network;
``openssl ts -verify`` reads it too.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from urllib.parse import urlsplit

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ..language.errors import AcceptanceError, first_line

SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
#: a response has a few certificates and a signature
_MOST_BYTES = 2**18
#: what a certificate raises that cannot be read
_DAMAGED = (ValueError, x509.InvalidVersion)
_ASK_AGAIN = "ask for a new time stamp"


@dataclass(frozen=True)
class TimestampRequest:
    """What is sent to an authority: ``content`` in DER, with the digest and a number that no earlier response has."""

    digest: str
    nonce: int
    content: bytes


def request(digest: str) -> TimestampRequest:
    """A request for a time stamp, and for the authority's certificate with it.

    Args:
        digest: the SHA-256 in hexadecimal digits (:func:`~modelaudit.acceptance.canonical.sha256_of`).
    """
    stand_in = b"modelaudit"
    built = TimestampRequestBuilder().data(stand_in).hash_algorithm(HashAlgorithm.SHA256).build()
    assert built.nonce is not None
    # the builder takes the content alone; only its digest is known here, which has the same length
    content = built.as_bytes().replace(hashlib.sha256(stand_in).digest(), _bytes(digest))
    return TimestampRequest(digest, built.nonce, content)


def fetch(url: str, asked: TimestampRequest, timeout: float = 30.0) -> bytes:
    """The response of an authority, which answers this very request; who it is from is for :func:`verify` to check.

    Args:
        url: of the authority, ``http://`` or ``https://``.
        timeout: in seconds, for each wait for the server.

    Raises:
        AcceptanceError: the URL is wrong, the answer is late, too large or not a time stamp, the authority refuses, or
            it answers another request.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise AcceptanceError(
            f"{url}: is not the address of a time-stamp authority; it must begin with http:// or https://"
        )
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    sent = urllib.request.Request(url, data=asked.content, headers=headers)
    try:
        with urllib.request.build_opener(_NoRedirection).open(sent, timeout=timeout) as answer:
            content: bytes = answer.read(_MOST_BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:
        raise AcceptanceError(
            f"{url}: did not answer with a time stamp ({first_line(error) or type(error).__name__}); check the "
            "address and the network, or get a response elsewhere and give its file"
        ) from error
    if len(content) > _MOST_BYTES:
        raise AcceptanceError(f"{url}: the answer has more than {_MOST_BYTES} bytes and cannot be a time stamp")
    response = read(content, url)
    if response.tst_info.nonce != asked.nonce:
        raise AcceptanceError(
            f"{url}: answers another request (nonce {response.tst_info.nonce}, not {asked.nonce}); {_ASK_AGAIN}"
        )
    stated_time(content, asked.digest, url)
    return content


def stated_time(content: bytes, digest: str, source: str) -> datetime:
    """The time, in UTC, that a response states for a digest; who states it is for :func:`verify` to check.

    Raises:
        AcceptanceError: as :func:`read`, or it is over another digest.
    """
    response = read(content, source)
    _check_digest(response, digest, source)
    return response.tst_info.gen_time.astimezone(UTC)


def read(content: bytes, source: str) -> TimeStampResponse:
    """A response that grants a time stamp; it is not verified yet.

    Args:
        source: the file or URL that it is from, for messages.

    Raises:
        AcceptanceError: not a response, one that is cut short, or one that refuses.
    """
    try:
        response = decode_timestamp_response(content)
        status = PKIStatus(response.status)
        if status == PKIStatus.GRANTED:
            response.tst_info.gen_time  # noqa: B018 - reads the token, which may be cut short
            return response
        said = "; ".join(response.status_string)
    except (ValueError, TypeError) as error:
        raise AcceptanceError(
            f"{source}: is not a whole time-stamp response ({first_line(error)}); {_ASK_AGAIN}"
        ) from error
    raise AcceptanceError(
        f"{source}: refused the time stamp: status {status.name}{f' ({said})' if said else ''}; "
        f"{_ASK_AGAIN}, or ask another authority"
    )


def verify(content: bytes, digest: str, roots: Sequence[x509.Certificate], source: str) -> datetime:
    """The trusted time of a digest, in UTC.

    Args:
        content: the response.
        digest: the SHA-256 in hexadecimal digits that it must be over.
        roots: certificates of the authority that are trusted: its root, and those in between where the response does
            not bring them.
        source: the file that the response is from, for messages.

    Raises:
        AcceptanceError: as :func:`read`, or it is over another digest, of an authority that is not trusted, with a
            certificate that was not valid at that time, or damaged.
    """
    response, moment = read(content, source), stated_time(content, digest, source)
    if not roots:
        raise AcceptanceError(f"{source}: no certificate of an authority is given to trust; give its PEM file")
    verifier = VerifierBuilder(roots=list(dict.fromkeys(roots))).build()
    try:
        verifier.verify(response, _bytes(digest))
    except (VerificationError, *_DAMAGED) as error:
        raise AcceptanceError(f"{source}: {_refusal(response, roots, moment)}") from error
    return moment


def clock_departs(claimed: datetime, trusted: datetime, tolerance: timedelta) -> timedelta | None:
    """How far a clock was ahead of the trusted time (negative: behind it); None within the tolerance.

    Raises:
        AcceptanceError: a time without a time zone.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> clock_departs(noon + timedelta(hours=2), noon, timedelta(minutes=5))
    datetime.timedelta(seconds=7200)
    """
    for moment in (claimed, trusted):
        if moment.tzinfo is None:
            raise AcceptanceError(f"{moment.isoformat()}: has no time zone; write it as 2026-01-31T09:00:00+09:00")
    ahead = claimed - trusted
    return ahead if abs(ahead) > tolerance else None


def _refusal(response: TimeStampResponse, roots: Sequence[x509.Certificate], moment: datetime) -> str:
    """What is wrong with a response that does not verify, and what to do."""
    brought = response.signed_data.certificates
    if not brought:
        return f"does not bring the authority's certificate; {_ASK_AGAIN} with it (openssl ts -query -sha256 -cert)"
    try:
        certificates = [x509.load_der_x509_certificate(each) for each in brought]
        issuers = {each.issuer for each in certificates}
    except _DAMAGED as error:
        return f"brings a certificate that cannot be read ({first_line(error)}); {_ASK_AGAIN}"
    for each in (*certificates, *(root for root in roots if root.subject in issuers)):
        first, last = each.not_valid_before_utc, each.not_valid_after_utc
        if not first <= moment <= last:
            return (
                f"the authority's certificate {each.subject.rfc4514_string()} was not valid at the time of the stamp, "
                f"{moment:%Y-%m-%d %H:%M} UTC, but from {first:%Y-%m-%d} to {last:%Y-%m-%d}; {_ASK_AGAIN}"
            )
    trusted = ", ".join(each.subject.rfc4514_string() for each in roots)
    return (
        f"is not from an authority that is trusted here ({trusted}), or is damaged; give the root certificate of the "
        f"authority that was asked, or {_ASK_AGAIN}"
    )


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it would lead from https to http, or send the request on as a GET without its content."""

    def redirect_request(self, *_: object) -> None:
        return None


def _check_digest(response: TimeStampResponse, digest: str, source: str) -> None:
    imprint = response.tst_info.message_imprint
    if imprint.hash_algorithm != SHA256:
        raise AcceptanceError(
            f"{source}: is over a digest by {imprint.hash_algorithm.dotted_string}; a SHA-256 is needed "
            "(openssl ts -query -sha256 -cert)"
        )
    if imprint.message != _bytes(digest):
        raise AcceptanceError(
            f"{source}: confirms the time of another content: it is over {imprint.message.hex()}, not {digest}; take "
            f"the time stamp of this file, or {_ASK_AGAIN}"
        )


def _bytes(digest: str) -> bytes:
    found = bytes.fromhex(digest)
    if len(found) != 32:
        raise ValueError(f"{digest}: not a SHA-256")
    return found
