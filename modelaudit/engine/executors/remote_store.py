"""The store of a run, as its workers reach it: one process writes, whatever their number and wherever they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from ..results.measured import ImageFacts
from ..store.store import FileRow, Key, Store, StoreBatch, StoredNumbers
from .messages import StoreCall

#: the methods that a worker may call
CALLED = frozenset({"cells", "images", "contents", "all_cells", "commit", "drop", "files", "note_files"})


class RemoteStore(Store):
    """A store that another process keeps; every call is a message and its answer.

    Args:
        ask: sends a call and waits for its answer.
    """

    def __init__(self, ask: Callable[[StoreCall], object]) -> None:
        super().__init__(None)
        self._ask = ask
        self._lock = threading.Lock()  # images are decoded in threads, which look up files

    @property
    def active(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is held here."""

    def cells(self, keys: Sequence[Key], samples: Sequence[bytes | None]) -> list[StoredNumbers]:
        return cast(list[StoredNumbers], self._call("cells", keys, samples)) if keys else []

    def images(self, key: Key, samples: Sequence[bytes | None]) -> list[ImageFacts | None]:
        return cast("list[ImageFacts | None]", self._call("images", key, samples))

    def contents(self, key: Key, samples: Sequence[bytes | None]) -> list[bytes | None]:
        return cast("list[bytes | None]", self._call("contents", key, samples))

    def all_cells(self, key: Key) -> dict[bytes, float]:
        return cast(dict[bytes, float], self._call("all_cells", key))

    def commit(self, batch: StoreBatch) -> bool:
        return bool(batch) and bool(self._call("commit", batch))

    def drop(self, keys: Iterable[Key]) -> None:
        self._call("drop", list(keys))

    def files(self, paths: Sequence[bytes]) -> dict[bytes, FileRow]:
        return cast(dict[bytes, FileRow], self._call("files", paths)) if paths else {}

    def note_files(self, rows: Sequence[FileRow]) -> None:
        if rows:
            self._call("note_files", rows)

    def _call(self, method: str, *arguments: Any) -> object:
        with self._lock:
            return self._ask(StoreCall(method, arguments))


def answer(store: Store, call: StoreCall) -> object:
    """What the store answers to a worker.

    Raises:
        ValueError: a method that workers have no business with.
    """
    if call.method not in CALLED:
        raise ValueError(f"a worker asked the store for {call.method!r}")
    return getattr(store, call.method)(*call.arguments)
