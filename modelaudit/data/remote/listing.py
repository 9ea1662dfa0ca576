"""Lists remote folders, and recognises files that have not changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ...language.errors import DataError
from .limits import MOST_FILES
from .urls import RemoteFolder, check_names, is_gone, is_inside, one_line

MOST_LEVELS = 64
_TAGS = frozenset(
    {
        *("etag", "content-md5", "content_md5", "md5hash", "md5", "crc32c", "crc", "sha", "sha1", "sha256", "digest"),
        *("generation", "versionid", "version_id", "blob_id", "oid"),
    }
)
_TIMES = frozenset(
    {"mtime", "lastmodified", "last-modified", "last_modified", "updated", "modified", "modify", "created", "date_time"}
)
#: in addition to a time: a file that replaces another may have the same time
_BESIDE = frozenset({"ino"})
#: the coarsest clock of modification times, in seconds
_GRANULARITY = 2.0
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class RemoteFile:
    """A remote file.

    Args:
        name: below the folder, with ``/``.
        size: in bytes, None where the server does not say.
        token: equal as long as the file is; None where the server does not provide anything of the kind.
    """

    name: str
    size: int | None
    token: str | None


def list_files(remote: RemoteFolder) -> list[RemoteFile]:
    """All files below a folder, sorted by name, without hidden ones.

    Raises:
        DataError: it cannot be listed completely, it is empty, or a name is refused.
    """
    found = dict(_archived(remote) if _is_archive(remote.fs) else _walked(remote))
    shown = {name: info for name, info in found.items() if not any(map(_hidden, name.split("/")))}
    check_names(shown, remote.url)
    if not shown:
        raise DataError(f"{remote.url} has no files" + (_HTTP_HINT if remote.http else ""))
    ordered = sorted(shown)
    if not remote.http:
        return [_entry(name, shown[name]) for name in ordered]
    entries = describe_files(remote, ordered)
    lost = [name for name, entry in zip(ordered, entries, strict=True) if entry is None]
    if lost:
        raise DataError(f"{remote.url} lists {lost[0]!r}, and does not have it; mend the listing")
    return [entry for entry in entries if entry is not None]


def describe_files(remote: RemoteFolder, wanted: Sequence[str]) -> list[RemoteFile | None]:
    """The files of these names; None for those that are not there.

    Raises:
        DataError: the server does not answer, or a name is refused.
    """
    check_names(wanted, remote.url)

    def describe(name: str) -> RemoteFile | None:
        remote.allowance.check_time(remote.url)
        try:
            info = remote.fs.info(remote.path_of(name))
        except Exception as error:
            if is_gone(error):
                return None
            raise _unreachable(remote, name, error) from error
        return None if info.get("type") == "directory" else _entry(name, info)

    return run_in_threads(remote, describe, wanted)


def run_in_threads(
    remote: RemoteFolder, work: Callable[[_In], _Out], items: Iterable[_In], *, stop: Callable[[], None] = lambda: None
) -> list[_Out]:
    """`work` on each item, in order of the items; the first error ends it: what has not begun is left, and `stop` is
    called for what has."""
    with ThreadPoolExecutor(_workers(remote.fs), thread_name_prefix="fetch") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            return [future.result() for future in futures]
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _workers(fs: Any) -> int:
    """Archives are read by one; what waits for a network by many."""
    if _is_archive(fs):
        return 1
    return 16 if getattr(fs, "async_impl", False) else 4


def _is_archive(fs: Any) -> bool:
    from fsspec.archive import AbstractArchiveFileSystem

    return isinstance(fs, AbstractArchiveFileSystem)


def _archived(remote: RemoteFolder) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        found = remote.fs.find(remote.path, detail=True)
    except Exception as error:
        raise _unreachable(remote, "", error) from error
    for path, info in found.items():
        yield _below(remote, str(path)), info


def _walked(remote: RemoteFolder) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walks the folders level by level; fsspec's own walk skips what it cannot list."""
    level, count = [("", remote.path)], 0
    for _ in range(MOST_LEVELS):
        if not level:
            return
        below: list[tuple[str, str]] = []
        for infos in run_in_threads(remote, lambda one: _ls(remote, *one), level):
            count += len(infos)
            if count > MOST_FILES:
                raise DataError(f"{remote.url} lists more than {MOST_FILES} files and folders; name one of them")
            for name, info in infos:
                if info.get("type") == "directory":
                    below.append((name, str(info["name"])))
                else:
                    yield name, info
        level = [(name, path) for name, path in below if not _hidden(name.rsplit("/", 1)[-1])]
        check_names((name for name, _ in level), remote.url)
    raise DataError(
        f"{remote.url} has more than {MOST_LEVELS} levels of folders, e.g. {level[0][0][:100]!r}: does one hold itself?"
    )


def _ls(remote: RemoteFolder, name: str, path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Lists a folder, given its path as the listing above has it."""
    remote.allowance.check_time(remote.url)
    try:
        infos = remote.fs.ls(path.rstrip("/") + "/" if remote.http else path, detail=True)
    except Exception as error:
        raise _unreachable(remote, name, error) from error
    found = []
    for info in infos:
        if remote.http and (urlsplit(info["name"]).query or urlsplit(info["name"]).fragment):
            continue  # links of a listing that sort it anew
        below = _below(remote, str(info["name"]))
        if below in ("", name):
            continue  # the folder itself, as object stores list it
        _check_kind(remote, below, info)
        found.append((below, info))
    return found


def _check_kind(remote: RemoteFolder, name: str, info: Mapping[str, Any]) -> None:
    path = str(info["name"])
    if info.get("islink") and not is_inside(path, remote.path):
        raise DataError(f"{remote.url}: {name!r} is a link that leads out of it; put the file itself there")
    if info.get("islink") and Path(path).is_dir():
        raise DataError(f"{remote.url}: {name!r} is a link to a folder, whose files would count twice; remove the link")
    if info.get("type") not in ("file", "directory", "link") and not info.get("islink"):
        raise DataError(f"{remote.url}: {name!r} is neither a file nor a folder; remove it")


def _below(remote: RemoteFolder, path: str) -> str:
    """A path of the file system as a name below the folder."""
    base = remote.path.rstrip("/")
    if remote.http:
        base, path = unquote(base), unquote(path)
    if base and path.rstrip("/") != base and not path.startswith(f"{base}/"):
        raise DataError(f"{remote.url} lists {path!r}, which is outside of it")
    name = path[len(base) + 1 :] if base else path.removeprefix(remote.fs.root_marker)
    return (name.removeprefix("./").replace("/./", "/") if remote.http else name).rstrip("/")


def _entry(name: str, info: Mapping[str, Any]) -> RemoteFile:
    size = info.get("size")
    # size and time are those of the link, not of what it leads to
    return RemoteFile(name, size if isinstance(size, int) else None, None if info.get("islink") else token_of(info))


def token_of(info: Mapping[str, Any], now: Callable[[], float] = time.time) -> str | None:
    """A token that changes with a file's content: its hash or version, or its size and time.

    A time of less than two seconds ago is not used: the file may change again within the same tick.
    """
    told = {key.lower(): value for key, value in info.items() if value not in (None, "")}
    tags = sorted(key for key in told if key in _TAGS)
    times = sorted(key for key in told if key in _TIMES)
    if not tags and (not times or any(_is_fresh(told[key], now()) for key in times)):
        return None
    kept = tags or [*times, *sorted(key for key in told if key in _BESIDE)]
    return "; ".join([f"size={told.get('size')}", *(f"{key}={told[key]}" for key in kept)])


def _is_fresh(value: Any, now: float) -> bool:
    """Whether a time, a text in whole seconds, is nearly now; finer clocks tell changes apart."""
    if not isinstance(value, str):
        return False
    try:
        return abs(now - parsedate_to_datetime(value).timestamp()) < _GRANULARITY
    except ValueError:
        return False


def _hidden(part: str) -> bool:
    return (part.startswith(".") and part not in (".", "..")) or part == "__MACOSX"


_HTTP_HINT = "; over HTTP a folder is read by the links of the page that the server shows for it: does it show one?"


def _unreachable(remote: RemoteFolder, name: str, error: Exception) -> DataError:
    what = f"{remote.url}: {name!r}" if name else remote.url
    cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ is not None else error
    if is_gone(error):
        return DataError(f"{what} is not there ({one_line(error)})" + (_HTTP_HINT if remote.http else ""))
    return DataError(f"{what} cannot be read: {one_line(cause)}")
