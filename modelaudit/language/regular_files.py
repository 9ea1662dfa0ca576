"""Opens files that others wrote: regular files alone, and none that is larger than anybody means.

A pipe that nobody writes to would hang the run, a device may have no end, and reading a terminal waits for a person.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

#: of a file that is read whole: annotations of a hundred thousand images have about 450 MB
MOST_BYTES = 2 * 2**30
#: of a text that a person writes: configurations, lists of classes
MOST_BYTES_BY_HAND = 4 * 2**20
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_file(path: Path, *, most: int | None = None) -> BufferedReader:
    """A regular file, or a link to one, opened for reading bytes; returns at once, whatever the path leads to.

    Args:
        most: the largest size in bytes; None: any.

    Raises:
        OSError: no such file, no regular one, a larger one, or a text that names no file; ``strerror`` says which.
    """
    check_regular(path)  # before it is opened: that alone does something to some devices
    # without waiting, where a pipe has taken the place of the file since
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(handle)
        _check_kind(path, found.st_mode)
        if most is not None and found.st_size > most:
            raise OSError(errno.EFBIG, f"has {found.st_size} bytes; at most {most} are read", os.fspath(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_file(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """The content of a file.

    Raises:
        OSError: as :func:`open_file`, or it grows past `most` while it is read.
    """
    with open_file(path, most=most) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"grows past {most} bytes while it is read", os.fspath(path))
    return content


def check_regular(path: Path) -> None:
    """Raises an OSError for a file that is not there, or is not a regular file; its ``strerror`` says which."""
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a NUL character, or half of a surrogate pair
        raise OSError(errno.EINVAL, f"is not a file name ({error})", repr(str(path))) from error
    _check_kind(path, mode)


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "of an unknown kind")
    raise OSError(errno.EINVAL, f"is {kind} and no regular file; save what it holds as a file", os.fspath(path))
