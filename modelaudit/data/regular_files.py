"""Opens regular files alone: a named pipe would wait for its writer for ever, a device may never end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_file(path: Path) -> BufferedReader:
    """The file, opened for reading.

    Raises:
        OSError: it cannot be opened, or is no regular file; its ``strerror`` says which.
    """
    check_regular(path)  # before it is opened: that alone does something to some devices
    # without waiting, where a pipe has taken the place of the file since
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_kind(path, os.fstat(handle).st_mode)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: as :func:`open_file`.
    """
    with open_file(path) as file:
        return file.read()


def check_regular(path: Path) -> None:
    """Raises an OSError for a file that is not there, or is no regular file; its ``strerror`` says which."""
    _check_kind(path, path.stat().st_mode)


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "of an unknown kind")
    raise OSError(errno.EINVAL, f"is {kind} and no regular file; save what it holds as a file", os.fspath(path))
