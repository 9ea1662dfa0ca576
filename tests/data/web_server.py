"""A web server on 127.0.0.1 that lists folders, and that can be made to fail in the ways that servers fail."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class Server(ThreadingHTTPServer):
    """Serves a folder; every request is noted as (method, path, Range).

    Attributes:
        breaks: how often the connection of a path breaks in the middle of its file.
        errors: the status that a path answers with.
        slow: seconds of silence in the middle of a file.
        ranges: parts of files are sent where they are asked for.
        lists: folders are shown as pages of links.
        before: called with the path before a GET is answered.
        streams: makes the parts that a path sends in place of its file, without stating their length.
        states: the length that a HEAD of such a path states.
        redirects: where a path leads to.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
        self.requests: list[tuple[str, str, str | None]] = []
        self.breaks: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self.slow: dict[str, float] = {}
        self.ranges = False
        self.lists = True
        self.streams: dict[str, Callable[[], Iterable[bytes]]] = {}
        self.states: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.before: Callable[[str], None] = lambda path: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def got(self) -> list[str]:
        """The files that were sent, or begun to be."""
        return sorted(path for method, path, _ in self.requests if method == "GET" and not path.endswith("/"))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(SimpleHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self._answer("HEAD", super().do_HEAD)

    def do_GET(self) -> None:
        self._answer("GET", self._send)

    def _answer(self, method: str, answer: Callable[[], None]) -> None:
        path = unquote(self.path)
        self.server.requests.append((method, path, self.headers.get("Range")))
        if method == "GET":
            self.server.before(path)
        if path in self.server.redirects:
            self.send_response(302)
            self.send_header("Location", self.server.redirects[path])
            self.end_headers()
        elif path in self.server.streams:
            self._stream(path, method)
        elif path in self.server.errors:
            self.send_error(self.server.errors[path])
        elif path.endswith("/") and not self.server.lists:
            self.send_error(404)
        else:
            answer()

    def _stream(self, path: str, method: str) -> None:
        self.close_connection = True
        self.send_response(200)
        if method == "HEAD" and path in self.server.states:
            self.send_header("Content-Length", str(self.server.states[path]))
        if method == "GET" and path.endswith("zipped.png"):
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "text/html" if path.endswith("/") else "image/png")
        self.end_headers()
        if method == "GET":
            for part in self.server.streams[path]():
                self.wfile.write(part)

    def _send(self) -> None:
        path = unquote(self.path)
        file = Path(self.translate_path(self.path))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if self.server.ranges else None
        if not file.is_file() or not (asked or path in self.server.breaks or path in self.server.slow):
            super().do_GET()
            return
        content = file.read_bytes()
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2] or len(content) - 1), len(content) - 1) if asked else len(content) - 1
        part = content[first : last + 1]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Last-Modified", self.date_time_string(file.stat().st_mtime))
        self.end_headers()
        self.wfile.write(part[: len(part) // 2])
        self.wfile.flush()
        if self.server.breaks.get(path, 0) > 0:
            self.server.breaks[path] -= 1
            self.close_connection = True
            return
        time.sleep(self.server.slow.get(path, 0))
        self.wfile.write(part[len(part) // 2 :])

    def log_message(self, format: str, *args: Any) -> None:
        """The requests are noted."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Files of `folder` were written long ago, so that their times tell that they are the same."""
    for path in folder.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
