"""The cassette: a file of JSON lines that keeps every answer of a server as soon as it came.

The first line says which model it is of. Then there is a line for each request before it is sent, and one for each
answered image: sha256 of what was sent for it, which time it was asked (0, and more where the same image is asked
again on purpose), and its scores. Lines are appended under a lock of the file, so that several processes may write; a
last line without its end was being written when a process was killed, and does not count.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from ...language.errors import ModelError, first_line
from ...language.json_file import json_of
from ...language.regular_files import open_file

_FORMAT = "modelaudit-cassette/1"
_DIGEST = re.compile(r"[0-9a-f]{64}")
#: an image, and which time it is asked
Ask = tuple[str, int]


class Cassette:
    """The answers in a file, and those that come.

    Args:
        path: the file; it is made when the first request is sent.
        model: digest of the settings that decide the answers.
        address, version: of the model, for messages.
    """

    __slots__ = ("_line", "_offset", "address", "answers", "calls", "last_call", "model", "path", "version")

    def __init__(self, path: Path, *, model: str, address: str, version: str) -> None:
        self.path, self.model, self.address, self.version = path, model, address, version
        self.answers: dict[Ask, tuple[float, ...]] = {}
        self.calls, self.last_call = 0, 0.0
        self._offset = self._line = 0
        if path.exists():
            self.read()

    @property
    def outputs(self) -> int | None:
        """How many scores an image has; None while there is no answer."""
        return next((len(scores) for scores in self.answers.values()), None)

    def read(self) -> None:
        """Take in the lines that were written since.

        Raises:
            ModelError: it cannot be read, is damaged, or is of another model.
        """
        try:
            with open_file(self.path) as file:
                file.seek(0, os.SEEK_END)
                if file.tell() < self._offset:
                    raise ModelError(f"{self.path}: became shorter while it was in use; run the audit again")
                file.seek(self._offset)
                content = file.read()
        except OSError as error:
            raise ModelError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        whole = content[: content.rfind(b"\n") + 1]
        for text in whole.splitlines():
            self._line += 1
            self._take(json_of(text, str(self.path), ModelError, first_line=self._line))
        self._offset += len(whole)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While nobody else asks or writes; what others wrote has been read.

        Raises:
            ModelError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{self.path}.lock")
            lock.acquire()
        except OSError as error:
            raise ModelError(
                f"{self.path}: the cassette cannot be written ({first_line(error)}); give another place, "
                "cassette: {file: ...}"
            ) from error
        try:
            if self.path.exists():
                self.read()
            elif self._offset:
                raise ModelError(f"{self.path}: was removed while it was in use; run the audit again")
            self._without_torn_line()
            yield
        finally:
            lock.release()

    def called(self, images: int) -> None:
        """Keep that a request is about to be sent; call it under the lock."""
        self.last_call = time.time()
        self._append([{"call": self.calls + 1, "images": images, "at": round(self.last_call, 3)}])

    def answered(self, asks: Sequence[Ask], scores: Sequence[Sequence[float]]) -> None:
        """Keep the answers of some images; call it under the lock.

        Raises:
            ModelError: of another number of scores than those before; they are not kept.
        """
        for given in scores:
            if len(given) != (self.outputs or len(scores[0])):
                raise ModelError(f"{self.address}: {len(given)} scores for an image, and others have {self.outputs}")
        lines = zip(asks, scores, strict=True)
        self._append([{"image": digest, "time": at, "scores": list(given)} for (digest, at), given in lines])

    def _append(self, lines: list[dict[str, Any]]) -> None:
        if not self._offset:
            header = {"cassette": _FORMAT, "model": self.model, "address": self.address, "version": self.version}
            lines = [header, *lines]
        content = "".join(f"{json.dumps(line, allow_nan=False)}\n" for line in lines).encode()
        try:
            with self.path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ModelError(f"{self.path}: the cassette cannot be written ({error.strerror or error})") from error
        self.read()

    def _without_torn_line(self) -> None:
        """A line without its end was being written when a process was killed."""
        if self.path.exists() and self.path.stat().st_size > self._offset:
            os.truncate(self.path, self._offset)

    def _take(self, line: Any) -> None:
        if self._line == 1:
            self._check_header(line)
        elif isinstance(line, dict) and "call" in line and isinstance(line.get("at"), int | float):
            self.calls += 1
            self.last_call = max(self.last_call, float(line["at"]))
        elif _is_answer(line):
            self._keep((line["image"], line["time"]), tuple(map(float, line["scores"])))
        else:
            raise self._damaged("is not a line of a cassette")

    def _keep(self, ask: Ask, scores: tuple[float, ...]) -> None:
        if self.outputs not in (None, len(scores)):
            raise self._damaged(f"has {len(scores)} scores, and lines before it {self.outputs}")
        if self.answers.setdefault(ask, scores) != scores:
            raise self._damaged(f"answers the image {ask[0][:12]} otherwise than a line before it")

    def _check_header(self, line: Any) -> None:
        if not isinstance(line, dict) or line.get("cassette") != _FORMAT:
            raise ModelError(f"{self.path}:1: is not a cassette ({_FORMAT}); name another, cassette: {{file: ...}}")
        if line.get("version") != self.version or line.get("address") != self.address:
            raise ModelError(
                f"{self.path}: is the cassette of {line.get('address')!r} version {line.get('version')!r}, and the "
                f"model is {self.address!r} version {self.version!r}; give each its own, cassette: {{file: ...}}"
            )
        if line.get("model") != self.model:
            raise ModelError(
                f"{self.path}: was recorded with other settings (headers, image, layout, request, item, answer or "
                "classes, or the query of the url); give it another file, cassette: {file: ...}, or put them back"
            )

    def _damaged(self, told: str) -> ModelError:
        return ModelError(f"{self.path}:{self._line}: {told}; remove the line, and the image is asked again")


def _is_answer(line: Any) -> bool:
    if not isinstance(line, dict) or set(line) != {"image", "time", "scores"}:
        return False
    scores, at = line["scores"], line["time"]
    return (
        isinstance(line["image"], str)
        and _DIGEST.fullmatch(line["image"]) is not None
        and type(at) is int
        and isinstance(scores, list)
        and len(scores) > 0
        and all(type(score) in (int, float) and math.isfinite(score) for score in scores)
    )
