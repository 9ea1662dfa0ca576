"""Time stamps of RFC 3161, by an authority that ``openssl ts`` is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from acceptance.openssl import Authority, openssl

from modelaudit.acceptance.canonical import sha256_of
from modelaudit.acceptance.keys import load_certificates
from modelaudit.acceptance.timestamps import clock_departs, fetch, read, request, verify
from modelaudit.language.errors import AcceptanceError

CONTENT = b"what the parties agreed on"
DIGEST = sha256_of(CONTENT)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "tsa")


@pytest.fixture(scope="module")
def response(authority: Authority) -> bytes:
    return authority.stamp(request(DIGEST).content)


@contextmanager
def serving(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """The URL of a server of this machine that answers each request with a status and a content."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, content = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_time_stamp_of_openssl_is_verified_and_ours_are_requests_to_it(authority: Authority, response: bytes) -> None:
    moment = verify(response, DIGEST, load_certificates(authority.root), "agreement.lock.tsr")
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1) and moment.utcoffset() == timedelta(0)
    assert authority.verified_by_openssl(response, CONTENT)  # so the request was over this very content
    assert request(DIGEST).nonce != request(DIGEST).nonce


def test_a_request_that_openssl_made_is_as_good(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(CONTENT)
    asked = openssl("ts", "-query", "-data", tmp_path / "lock", "-sha256", "-cert")
    assert verify(authority.stamp(asked), DIGEST, load_certificates(authority.root), "a.tsr")


def test_what_does_not_confirm_this_digest_is_refused(authority: Authority, response: bytes, tmp_path: Path) -> None:
    roots = load_certificates(authority.root)
    with pytest.raises(AcceptanceError, match=r"a\.tsr: confirms the time of another content.*" + DIGEST):
        verify(response, sha256_of(b"another"), roots, "a.tsr")
    with pytest.raises(AcceptanceError, match=r"a\.tsr: no certificate of an authority"):
        verify(response, DIGEST, [], "a.tsr")
    (tmp_path / "lock").write_bytes(CONTENT)
    other_hash = authority.stamp(openssl("ts", "-query", "-data", tmp_path / "lock", "-sha512", "-cert"))
    with pytest.raises(AcceptanceError, match="a SHA-256 is needed"):
        verify(other_hash, DIGEST, roots, "a.tsr")
    without_certificate = authority.stamp(openssl("ts", "-query", "-data", tmp_path / "lock", "-sha256"))
    with pytest.raises(AcceptanceError, match="does not bring the authority's certificate"):
        verify(without_certificate, DIGEST, roots, "a.tsr")


def test_an_authority_that_is_not_trusted_is_refused(response: bytes, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", name="Somebody else")
    with pytest.raises(AcceptanceError, match=r"a\.tsr: is not from an authority that is trusted here \(CN=Somebody"):
        verify(response, DIGEST, load_certificates(other.root), "a.tsr")


def test_a_certificate_counts_at_the_time_of_the_stamp(tmp_path: Path) -> None:
    expired = Authority(tmp_path / "expired", until="20200201000000Z")
    with pytest.raises(AcceptanceError, match=r"CN=Stamps was not valid at .* from 2020-01-01 to 2020-02-01; ask"):
        verify(expired.stamp(request(DIGEST).content), DIGEST, load_certificates(expired.root), "a.tsr")
    end = datetime.now(UTC) + timedelta(seconds=2)
    short = Authority(tmp_path / "short", until=f"{end:%Y%m%d%H%M%S}Z")
    stamped = short.stamp(request(DIGEST).content)
    time.sleep(max(0, (end - datetime.now(UTC)).total_seconds()) + 0.1)
    assert verify(stamped, DIGEST, load_certificates(short.root), "a.tsr") <= end


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_damaged_response_is_never_taken(authority: Authority, response: bytes) -> None:
    """Cut off anywhere or with a bit changed in any byte, it is an error of ours, or confirms what it did before."""
    roots = load_certificates(authority.root)
    right = verify(response, DIGEST, roots, "a.tsr")
    for end in range(0, len(response), 7):
        with pytest.raises(AcceptanceError, match=r"a\.tsr: is not a whole time-stamp response"):
            verify(response[:end], DIGEST, roots, "a.tsr")
    refused = 0
    for at in range(len(response)):
        changed = response[:at] + bytes([response[at] ^ 1]) + response[at + 1 :]
        try:
            assert verify(changed, DIGEST, roots, "a.tsr") == right
        except AcceptanceError:
            refused += 1
    assert refused > 0.95 * len(response)  # nothing depends on the rest


def test_a_refusal_is_no_time_stamp(authority: Authority) -> None:
    refusal = authority.stamp(b"no request")
    with pytest.raises(AcceptanceError, match=r"a\.tsr: refused the time stamp: status REJECTION"):
        read(refusal, "a.tsr")


def test_a_server_is_asked(authority: Authority) -> None:
    with serving(lambda asked: (200, authority.stamp(asked))) as url:
        found = fetch(url, request(DIGEST), timeout=10)
    assert verify(found, DIGEST, load_certificates(authority.root), "a.tsr")


def test_a_server_that_answers_something_else_is_refused(authority: Authority, response: bytes) -> None:
    answers: list[tuple[tuple[int, bytes], str]] = [
        ((200, response), "answers another request"),
        ((200, b""), "is not a whole time-stamp response"),
        ((200, bytes(2**19)), "more than 262144 bytes"),
        ((500, b""), "HTTP Error 500"),
        ((302, b""), "HTTP Error 302"),
        ((200, authority.stamp(b"no request")), "status REJECTION"),
    ]
    for answer, said in answers:
        with serving(lambda _, answer=answer: answer) as url, pytest.raises(AcceptanceError, match=said):  # type: ignore[misc]
            fetch(url, request(DIGEST), timeout=10)
    with pytest.raises(AcceptanceError, match=r"did not answer with a time stamp .*refused"):
        fetch(url, request(DIGEST), timeout=10)
    asked = request(DIGEST)
    other = authority.stamp(asked.content.replace(bytes.fromhex(DIGEST), bytes.fromhex(sha256_of(b"another"))))
    with serving(lambda _: (200, other)) as url, pytest.raises(AcceptanceError, match="time of another content"):
        fetch(url, asked, timeout=10)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/tsa", "agreement.lock.tsr"])
def test_only_http_is_asked(url: str) -> None:
    with pytest.raises(AcceptanceError, match="must begin with http:// or https://"):
        fetch(url, request(DIGEST))


def test_a_clock_that_is_off_is_told() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    within = timedelta(minutes=5)
    assert clock_departs(noon + within, noon, within) is None
    assert clock_departs(noon - timedelta(hours=3), noon, within) == -timedelta(hours=3)
    with pytest.raises(AcceptanceError, match="2026-01-01T12:00:00: has no time zone"):
        clock_departs(datetime(2026, 1, 1, 12), noon, within)
