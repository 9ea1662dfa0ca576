"""Places that fsspec opens, such as ``s3://bucket/data``, and names of remote files that are safe to write."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ...language.errors import DataError
from .limits import MOST_BYTES_OF_A_PAGE, Allowance, shown

_USER = re.compile(r"://[^/@]*:[^/@]*@")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
#: protocols that do more than read files
_REFUSED = {"reference": "its files are templates that are executed"}
#: seconds without a byte, after which a server counts as gone
_SILENCE = 60
_HTTP = ("http", "https")


def is_url(text: str) -> bool:
    """Whether a text is a place for fsspec: ``protocol://...``, or a chain of these joined by ``::``."""
    return _SCHEME.match(text) is not None or ("::" in text and "://" in text)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder of a file system of fsspec.

    Args:
        fs: the file system.
        path: the folder in it, as `fs` names it, without a slash at the end.
        url: what the user wrote, for messages.
        http: paths are URLs themselves, with quoted characters, and listings tell neither sizes nor times.
        allowance: what may still be fetched.
    """

    fs: Any
    path: str
    url: str
    http: bool
    allowance: Allowance = field(default_factory=Allowance, compare=False)

    def path_of(self, name: str) -> str:
        """The path of a file below, in `fs`."""
        below = quote(name, safe="/") if self.http else name
        return f"{self.path}/{below}" if self.path else f"{self.fs.root_marker}{below}"

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of that name; False where the server does not list folders."""
        return bool(self.fs.isdir(self.path_of(name)))


def opened(url: str, allowance: Allowance) -> tuple[RemoteFolder, str]:
    """The folder that holds what a URL leads to, and the name of that in it ('' for the root of a file system).

    Raises:
        DataError: a protocol that is not known, not installed or refused; a password in the URL.
    """
    check_url(url)
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise DataError(f"{url!r} needs fsspec; pip install 'pytest-modelaudit[remote]'") from error
    protocols = [part.split("://")[0] if "://" in part else part for part in url.split("::")]
    options = {protocol: _http_options(allowance) for protocol in protocols if protocol in _HTTP}
    try:
        # a file system that fsspec remembers may remember an older listing too, or an archive that was replaced
        fs, path = url_to_fs(url, **options, skip_instance_cache=True)  # type: ignore[no-untyped-call]
    except Exception as error:  # every protocol raises its own
        raise DataError(_message(url, protocols, error)) from error
    path = path.rstrip("/")
    if protocols[0] not in _HTTP:
        parent, _, name = path.rpartition("/")
        return RemoteFolder(fs, parent, url, http=False, allowance=allowance), name
    at_root = path.count("/") < 3
    parent, name = (path, "") if at_root else (path.rpartition("/")[0], unquote(path.rpartition("/")[2]))
    return RemoteFolder(fs, parent, url, http=True, allowance=allowance), name


def folder(url: str, allowance: Allowance) -> RemoteFolder:
    """The folder that a URL leads to.

    Raises:
        DataError: as :func:`opened`.
    """
    parent, name = opened(url, allowance)
    return replace(parent, path=parent.path_of(name)) if name else parent


def is_file_url(url: str, allowance: Allowance) -> bool:
    """Whether a URL leads to a file: over HTTP where its name has an ending and no slash behind, else as the file
    system says.

    Raises:
        DataError: as :func:`opened`.
    """
    parent, name = opened(url, allowance)
    if parent.http:
        return not url.endswith("/") and re.search(r"\.[A-Za-z][A-Za-z0-9]{0,4}$", name) is not None
    return bool(parent.fs.isfile(parent.path_of(name)))


def one_line(error: BaseException) -> str:
    """An error in one line, with its type where it has no text."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def is_gone(error: BaseException) -> bool:
    """Whether an error says that there is no such file; fsspec raises FileNotFoundError for servers in trouble too."""
    if not isinstance(error, FileNotFoundError):
        return False
    status = getattr(error.__cause__, "status", None)
    return error.__cause__ is None or isinstance(error.__cause__, FileNotFoundError) or status in (404, 410)


def check_url(url: str) -> None:
    """Refuse a URL that must not be read, or not be written into a record.

    Raises:
        DataError: it holds a password, or a protocol that does more than read.
    """
    if _USER.search(url):
        raise DataError(
            f"{_USER.sub('://...@', url)!r} holds a password, and references stand in records and reports; give it by "
            "the environment or the configuration of fsspec (AWS_SECRET_ACCESS_KEY, ~/.config/fsspec)"
        )
    for part in url.split("::"):
        protocol = part.split("://")[0]
        if protocol in _REFUSED:
            raise DataError(f"{url!r}: {protocol}:// is not read, because {_REFUSED[protocol]}")


def _http_options(allowance: Allowance) -> dict[str, Any]:
    """One timeout for silence, and for a whole answer what is allowed for all (aiohttp's are five minutes); and no
    page of text that is larger than any listing."""
    try:
        from aiohttp import ClientResponse, ClientTimeout
    except ImportError:
        return {}

    class Page(ClientResponse):
        async def read(self) -> bytes:
            if self._body is None:
                content = bytearray()
                while chunk := await self.content.readany():
                    content += chunk
                    if len(content) > MOST_BYTES_OF_A_PAGE:
                        self.close()
                        raise ValueError(f"its page has more than {shown(MOST_BYTES_OF_A_PAGE)}")
                self._body = bytes(content)
            return self._body

    seconds = allowance.limits.minutes * 60
    timeout = ClientTimeout(total=seconds, sock_connect=_SILENCE, sock_read=_SILENCE)
    return {"client_kwargs": {"timeout": timeout, "response_class": Page}}


def _message(url: str, protocols: Iterable[str], error: Exception) -> str:
    from fsspec.registry import known_implementations

    if isinstance(error, ImportError):
        for protocol in protocols:
            package = known_implementations.get(protocol, {}).get("class", "").split(".")[0]
            if package and package != "fsspec" and not _is_installed(package):
                return f"{url!r}: {protocol}:// needs the package {package}; pip install {package}"
        return f"{url!r}: {one_line(error)}; pip install 'pytest-modelaudit[remote]'"
    unknown = [protocol for protocol in protocols if protocol not in known_implementations]
    if isinstance(error, ValueError) and unknown:
        return (
            f"{url!r}: {one_line(error)}; write a protocol of fsspec, as s3://, gs://, https:// or file://, or a path "
            "of this machine without ://"
        )
    archived = "::" in url and any(protocol in _HTTP for protocol in protocols) and "simplecache" not in protocols
    way_out = (
        "; from a server that reads from the beginning only, zip://...::simplecache::https://..." if archived else ""
    )
    return f"{url!r} cannot be opened: {one_line(error)}{way_out}"


def _is_installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def is_inside(path: str, folder: str) -> bool:
    """Whether a path of this machine, links resolved, is in a folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


MOST_BYTES_OF_A_PART, MOST_BYTES = 255, 2048
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_DRIVE = re.compile(r"[A-Za-z]:")


def check_names(names: Iterable[str], url: str) -> None:
    """Refuse names that leave the folder, that no file system takes, or that one file system takes for another.

    Raises:
        DataError: says which, and what to rename.
    """
    seen: dict[str, str] = {}
    for name in names:
        complaint = _complaint(name)
        if complaint:
            raise DataError(f"{url} holds the name {name[:300]!r}, which {complaint}; rename it there")
        folded = unicodedata.normalize("NFC", name).casefold()
        other = seen.setdefault(folded, name)
        if other != name:
            raise DataError(
                f"{url} holds {other!r} and {name!r}, which are one file where case or Unicode's form does not count; "
                "rename one there"
            )


def _complaint(name: str) -> str:
    parts = name.split("/")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute"
    if ".." in parts or "." in parts:
        return "leads to other folders"
    if "" in parts or _FORBIDDEN.search(name):
        return "has a part that is empty, a backslash or a control character"
    if max(lengths) > MOST_BYTES_OF_A_PART:
        return f"has a part of more than {MOST_BYTES_OF_A_PART} bytes"
    if sum(lengths) + len(lengths) > MOST_BYTES:
        return f"has more than {MOST_BYTES} bytes"
    return ""
