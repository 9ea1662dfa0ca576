"""Sends a request and gives the JSON of its answer, or an error that names the address, what came and what to do."""

from __future__ import annotations

import importlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import torch

from ...language.draws import generator
from ...language.errors import ModelError, first_line
from ...language.json_file import json_of
from .remote_file import RemoteFields
from .secrets import Secrets, redacted

#: states after which the same request may be answered
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_QUOTED = 200
_CHUNK = 1 << 16


class _Failed(Exception):
    """A request that is worth sending again.

    Args:
        wait: the seconds that the server asks for.
    """

    def __init__(self, told: str, wait: float | None = None) -> None:
        super().__init__(told)
        self.wait = wait


class HttpClient:
    """Sends requests to one address.

    Args:
        secrets: of the settings; their values are looked up for each request and kept nowhere.
        root: relative paths of certificates start here.
    """

    __slots__ = ("_fields", "_pool", "_secrets", "_urllib3")

    def __init__(self, fields: RemoteFields, secrets: Secrets, root: Path) -> None:
        self._fields, self._secrets = fields, secrets
        self._urllib3 = _library()
        certificates = None if fields.ca_file is None else (root / fields.ca_file).resolve()
        if certificates is not None and not certificates.is_file():
            raise ModelError(f"{fields.address}: no file {certificates}; ca_file starts at the folder of the settings")
        self._pool = self._urllib3.PoolManager(
            maxsize=fields.concurrency,
            retries=False,
            timeout=self._urllib3.Timeout(connect=fields.timeout.connect, read=fields.timeout.read),
            **({} if certificates is None else {"ca_certs": str(certificates)}),
        )

    def asked(self, body: Callable[[], Any], draw: str, allow: Callable[[], None]) -> Any:
        """The answer's JSON.

        Args:
            body: gives the JSON to send. It may hold secrets, and is in no frame that an error of ours leads through.
            draw: what the waiting times are drawn by.
            allow: called before each sending; it waits its turn, or raises where no more may be sent.

        Raises:
            ModelError: there is none after all attempts, or one that another attempt would not change.
        """
        told = ""
        for attempt in range(self._fields.retries.most + 1):
            allow()
            try:
                return self._once(body)
            except _Failed as failed:
                told, asked_for = str(failed), failed.wait
            if attempt < self._fields.retries.most:
                time.sleep(self._wait(attempt, draw, asked_for, told))
        raise self._error(
            f"{told}; sent {self._fields.retries.most + 1} times; answers so far are on the cassette, so run it again "
            "when the server is well"
        )

    def _once(self, body: Callable[[], Any]) -> Any:
        failure: ModelError | _Failed
        try:
            return self._answer(body)
        except (ModelError, _Failed) as error:
            failure = error
        except self._urllib3.exceptions.SSLError as error:
            failure = self._error(f"no safe connection ({self._cause(error)}); give ca_file, or renew the certificate")
        except (self._urllib3.exceptions.LocationValueError, self._urllib3.exceptions.InvalidHeader) as error:
            failure = self._error(f"cannot be asked ({self._cause(error)})")
        except (self._urllib3.exceptions.HTTPError, OSError) as error:
            failure = _Failed(f"no answer: {self._cause(error)}")
        # outside of the handler: its traceback has frames that hold the headers
        raise failure.with_traceback(None) from None

    def _answer(self, body: Callable[[], Any]) -> Any:
        content = json.dumps(body(), allow_nan=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        for name, value in self._fields.headers.items():
            headers = {own: kept for own, kept in headers.items() if own.lower() != name.lower()}
            headers[name] = self._secrets.filled(value)
        url = self._fields.url
        if "${" in url:
            start, _, query = url.partition("?")
            url = f"{start}?{self._query(query)}"
        until = time.monotonic() + self._fields.timeout.whole
        with _quiet_log(self._secrets):
            response = self._pool.request(
                self._fields.method, url, body=content, headers=headers, redirect=False, preload_content=False
            )
        try:
            answer = self._content(response, until)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        self._check_state(response, answer)
        return self._json(response, answer)

    def _query(self, query: str) -> str:
        parts = (part.partition("=") for part in query.split("&"))
        return "&".join(
            f"{name}={quote(self._secrets.filled(value), safe='') if '${' in value else value}" if equals else name
            for name, equals, value in parts
        )

    def _content(self, response: Any, until: float) -> bytes:
        most, found = self._fields.largest_answer, bytearray()
        while part := response.read1(_CHUNK):
            found += part
            if len(found) > most:
                raise self._error(f"the answer has more than {most} bytes (largest_answer); is this the right address?")
            if time.monotonic() > until:
                raise _Failed(f"the answer took more than {self._fields.timeout.whole:g} s (timeout.whole)")
        return bytes(found)

    def _check_state(self, response: Any, answer: bytes) -> None:
        state = int(response.status)
        if 200 <= state < 300:
            return
        told = f"state {state}{self._quoted(answer)}"
        if 300 <= state < 400:
            to = str(response.headers.get("Location", ""))
            place = redacted(to) if urlsplit(to).netloc else to.partition("?")[0]
            raise self._error(
                f"redirects to {place!r} (state {state}), and images are sent only where the file says; write that "
                "address as url, if it is right"
            )
        if state in _AGAIN:
            raise _Failed(told, _seconds(response.headers.get("Retry-After")))
        cures = {401: "check the secret that headers name", 403: "check the secret that headers name"}
        raise self._error(f"{told}; {cures.get(state, 'check url, method, headers and request')}")

    def _json(self, response: Any, answer: bytes) -> Any:
        try:
            return json_of(answer, "its answer", ModelError)
        except ModelError as error:
            kind = response.headers.get("Content-Type", "no content type")
            failure = self._error(f"{first_line(error)}; {kind}, {len(answer)} bytes{self._quoted(answer)}")
        raise failure from None

    def _quoted(self, answer: bytes) -> str:
        text = self._secrets.hidden(answer[: 20 * _QUOTED].decode("utf-8", "replace"))
        shown = " ".join(text.split())
        return f": {shown[:_QUOTED]}{'...' if len(shown) > _QUOTED else ''}" if shown else ""

    def _wait(self, attempt: int, draw: str, asked_for: float | None, told: str) -> float:
        """Seconds before the next attempt: what the server asks for, else first_wait 2^n, of it a drawn half to all."""
        retries = self._fields.retries
        if asked_for is not None:
            if asked_for > retries.longest_wait:
                raise self._error(
                    f"{told}; asks to wait {asked_for:.0f} s (Retry-After), longer than retries.longest_wait "
                    f"({retries.longest_wait:g} s); run it again then"
                )
            return asked_for
        most = min(retries.first_wait * 2.0**attempt, retries.longest_wait)
        share = float(torch.rand((), generator=generator(0, draw, "remote_retry", attempt)))
        return most * (0.5 + 0.5 * share)

    def _cause(self, error: BaseException) -> str:
        exceptions = self._urllib3.exceptions
        timeout = self._fields.timeout
        if isinstance(error, exceptions.ConnectTimeoutError):
            return f"no connection within {timeout.connect:g} s (timeout.connect)"
        if isinstance(error, exceptions.ReadTimeoutError):
            return f"nothing came for {timeout.read:g} s (timeout.read)"
        if isinstance(error, exceptions.NameResolutionError):
            return "its host has no address"
        if isinstance(error, exceptions.NewConnectionError):
            return "no connection"
        if isinstance(error, exceptions.ProtocolError):
            broken = any(isinstance(part, exceptions.IncompleteRead) for part in (error, *error.args))
            return "the answer ended before its end" if broken else "the connection was closed"
        # the text of others may hold the url with its query
        return self._secrets.hidden(f"{type(error).__name__}: {first_line(error)}").replace(
            urlsplit(self._fields.url).query or "\0", "***"
        )

    def _error(self, told: str) -> ModelError:
        return ModelError(self._secrets.hidden(f"{self._fields.address}: {told}"))


@contextmanager
def _quiet_log(secrets: Secrets) -> Iterator[None]:
    """While urllib3 logs addresses with their query: without secrets."""

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = secrets.hidden(record.getMessage()), ()
        return True

    log = logging.getLogger("urllib3.connectionpool")
    log.addFilter(hide)
    try:
        yield
    finally:
        log.removeFilter(hide)


def _seconds(text: str | None) -> float | None:
    """What Retry-After says: seconds, or a date; None where it says nothing that can be read."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _library() -> Any:
    try:
        return importlib.import_module("urllib3")
    except ImportError as error:
        raise ModelError(f"remote models need urllib3: pip install 'pytest-modelaudit[remote]' ({error})") from error
