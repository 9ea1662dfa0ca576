"""A server on loopback that runs a fixed model, and misbehaves as it is told."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

#: does something with a request in place of an answer
Misbehaviour = Callable[["Handler", Any], None]


def colours(pixels: np.ndarray[Any, Any]) -> list[float]:
    """What the model answers to [H, W, 3] in [0, 1]: four times the mean red and green of the middle."""
    height, width = pixels.shape[0], pixels.shape[1]
    middle = pixels[height // 3 : height - height // 3, width // 3 : width - width // 3]
    return [4 * float(value) for value in middle.mean((0, 1))[:2]]


def decoded(text: str) -> np.ndarray[Any, Any]:
    """Base64 of a PNG or an npy as [H, W, 3] in [0, 1]."""
    content = base64.b64decode(text)
    if content.startswith(b"\x93NUMPY"):
        return np.load(io.BytesIO(content)).transpose(1, 2, 0)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.float64) / 255


@dataclass
class Box:
    """What the server was asked, and what it does.

    Args:
        script: what is done with the next requests, one after another; then they are answered.
        images: how often each image was asked.
    """

    script: list[Misbehaviour] = field(default_factory=list)
    model: Callable[[np.ndarray[Any, Any]], list[float]] = colours
    images: Counter[str] = field(default_factory=Counter)
    sizes: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    pause: float = 0.0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Any) -> Any:
        """The right answer to ``{"image": ...}``, or to ``{"instances": [...]}``."""
        if "image" in asked:
            self.images[hashlib.sha256(str(asked["image"]).encode()).hexdigest()] += 1
            return {"scores": self.model(_pixels(asked["image"]))}
        for instance in asked["instances"]:
            self.images[hashlib.sha256(str(instance["image"]).encode()).hexdigest()] += 1
        rows = ({"id": one.get("id"), "scores": self.model(_pixels(one["image"]))} for one in asked["instances"])
        return {"predictions": list(rows)}


def _pixels(image: Any) -> np.ndarray[Any, Any]:
    return decoded(image) if isinstance(image, str) else np.asarray(image).transpose(1, 2, 0)


class Handler(BaseHTTPRequestHandler):
    """Reads a request; what then happens stands in the box."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    box: Box

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.box.lock:
            self.box.headers.append(dict(self.headers.items()))
            self.box.paths.append(self.path)
            self.box.times.append(time.monotonic())
            self.box.sizes.append(len(asked.get("instances", [0])))
            does = self.box.script.pop(0) if self.box.script else None
        time.sleep(self.box.pause)
        if does is not None:
            does(self, asked)
        else:
            with self.box.lock:
                answer = self.box.answer(asked)
            self.send(200, json.dumps(answer).encode())

    def send(self, state: int, content: bytes, length: int | None = None, **headers: str) -> None:
        """An answer; `length`: what it says of its length."""
        self.send_response(state)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written to the terminal."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


@contextmanager
def serving(box: Box) -> Iterator[Box]:
    """The box behind an address of this machine, ``box.url``."""
    server = _Quiet(("127.0.0.1", 0), type("BoxHandler", (Handler,), {"box": box}))
    box.url = f"http://127.0.0.1:{server.server_address[1]}/predict"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
