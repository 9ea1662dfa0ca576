"""Data on URLs: what a reference needs is copied below the rootdir, and its source reads the copy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...language.errors import DataError
from ...language.reference import Reference
from ...language.sample import DataSet, Sample
from ..base import DataSource, RemoteKind
from ..decode import files_of
from ..images import FilePart
from ..masks import ReadMask
from .limits import OPTIONS, Allowance, limits_of
from .listing import RemoteFile, describe_files, list_files
from .local_copy import LocalCopy
from .urls import RemoteFolder, check_url, folder, is_file_url, is_url, opened

#: in the store's folder
CACHE = Path(".modelaudit", "remote")
#: options that may name a folder next to the annotations
_FOLDERS = ("images", "masks")


def read_remote(
    source: DataSource, reference: Reference, root: Path, kind: RemoteKind, *, cache: Path | None, quiet: bool
) -> DataSet:
    """The data of a reference whose body or options hold URLs; ids are those that the source gives the files locally.

    A source of kind "tree" gets whole folders. One of kind "file" gets its file first, and then exactly the files that
    its samples name; of these, one that is not there is missing as it would be on a disk. One of kind "files" names
    them all itself. ``?fetch_file=``, ``?fetch_total=`` and ``?fetch_minutes=`` say how much is fetched at most.

    Raises:
        DataError: as the source; or a place that cannot be read, a name that cannot be written, a copy that cannot be
            made, more than is allowed.
    """
    allowance = Allowance(limits_of(reference.options, reference.text))
    others = {key: value for key, value in reference.options.items() if key not in OPTIONS}
    reference = replace(reference, options=others)
    copies = _Copies(root, (cache or root / CACHE).absolute(), kind, quiet, allowance)
    local = copies.local(reference)
    try:
        data = source(local, root)
        if copies.partial:
            copies.complete(data.samples)
            data = source(local, root)
    except DataError as error:
        raise copies.explained(error) from error
    return replace(data, notes=(*data.notes, *(f"read from a copy of {url}" for url in copies.urls)))


@dataclass
class _Partial:
    """A copy of which only those files are fetched that samples name; `always` are fetched anyhow."""

    mirror: LocalCopy
    always: tuple[RemoteFile, ...]


class _Copies:
    """The copies that one reference needs."""

    def __init__(self, root: Path, cache: Path, kind: RemoteKind, quiet: bool, allowance: Allowance) -> None:
        self.partial: list[_Partial] = []
        self.urls: list[str] = []
        self._mirrors: list[LocalCopy] = []
        self._root = root
        self._cache = cache
        self._kind = kind
        self._quiet = quiet
        self._allowance = allowance

    def local(self, reference: Reference) -> Reference:
        """The reference with paths of this machine in place of URLs."""
        for text in filter(is_url, (reference.body, *reference.options.values())):
            check_url(text)
        body = self._body(reference) if is_url(reference.body) else reference.body
        options = {key: self._option(value) if is_url(value) else value for key, value in reference.options.items()}
        return Reference(reference.scheme, body, options, reference.text)

    def complete(self, samples: Iterable[Sample]) -> None:
        """Fetch the files that samples name and the copies lack.

        Raises:
            DataError: none of them is there.
        """
        files = {path for sample in samples for path in _paths(sample)}
        for one in self.partial:
            tree = one.mirror.tree
            named = sorted({path.relative_to(tree).as_posix() for path in files if path.is_relative_to(tree)})
            entries = [entry for entry in describe_files(one.mirror.remote, named) if entry is not None]
            if named and not entries:
                url = one.mirror.remote.url
                raise DataError(
                    f"none of the {len(named)} files that the annotations name exists, e.g. {named[0]!r} next to or "
                    f"below {url}; give the place of the images, as ?images=URL"
                )
            always = {entry.name for entry in one.always}
            one.mirror.sync([*one.always, *(entry for entry in entries if entry.name not in always)])

    def explained(self, error: DataError) -> DataError:
        """An error of the source, with the URLs of the copies that it names."""
        text = str(error)
        named = [mirror for mirror in self._mirrors if str(mirror.tree) in text]
        return DataError("; ".join([text, *(f"{one.tree} is a copy of {one.remote.url}" for one in named)]))

    def _body(self, reference: Reference) -> str:
        if self._kind == "tree":
            return str(self._tree(reference.body))
        if self._kind == "files":
            return self._several(reference.body)
        remote, name = opened(reference.body, self._allowance)
        return str(self._file(reference, remote, name))

    def _option(self, url: str) -> str:
        if is_file_url(url, self._allowance):
            remote, name = opened(url, self._allowance)
            mirror = self._mirror(remote, url)
            mirror.sync(self._existing(mirror, (name,)))
            return str(mirror.tree / name)
        if self._kind == "tree":
            return str(self._tree(url))
        mirror = self._mirror(folder(url, self._allowance), url)
        mirror.sync([], prune=False)
        self.partial.append(_Partial(mirror, ()))
        return str(mirror.tree)

    def _tree(self, url: str) -> Path:
        mirror = self._mirror(folder(url, self._allowance), url)
        mirror.sync(list_files(mirror.remote))
        return mirror.tree

    def _file(self, reference: Reference, remote: RemoteFolder, name: str) -> Path:
        """A file that names others: itself, and the folders that its source looks for next to it."""
        mirror = self._mirror(remote, reference.body)
        found = self._existing(mirror, (name,))
        mirror.sync(found, prune=False)
        self.partial.append(_Partial(mirror, tuple(found)))
        beside = {reference.options.get(key, "images" if key == "images" else "") for key in _FOLDERS}
        for one in sorted(beside - {""}):
            if not is_url(one) and not Path(one).is_absolute() and ".." not in Path(one).parts:
                asked = one in reference.options.values() and not (self._root / one).is_dir()
                if asked or remote.is_folder(one):
                    (mirror.tree / one).mkdir(parents=True, exist_ok=True)
        return mirror.tree / name

    def _several(self, url: str) -> str:
        """Files that the reference itself names, with braces: their places in the copy, written the same way."""
        from ..files import expanded

        head, colons, chain = url.partition("::")
        start = head.partition("{")[0].rpartition("/")[0] + "/"
        rest = head[len(start) :]
        mirror = self._mirror(folder(start + colons + chain, self._allowance), url)
        mirror.sync(self._existing(mirror, tuple(expanded(rest))))
        return str(mirror.tree / rest)

    def _existing(self, mirror: LocalCopy, names: tuple[str, ...]) -> list[RemoteFile]:
        entries = describe_files(mirror.remote, names)
        lost = [name for name, entry in zip(names, entries, strict=True) if entry is None]
        if lost:
            raise DataError(f"{mirror.remote.url}: has no file {lost[0]!r}")
        return [entry for entry in entries if entry is not None]

    def _mirror(self, remote: RemoteFolder, url: str) -> LocalCopy:
        digest = hashlib.sha256(f"{self._kind} {url}".encode()).hexdigest()[:20]
        mirror = LocalCopy(remote, self._cache / digest, quiet=self._quiet)
        self._mirrors.append(mirror)
        self.urls.append(url)
        return mirror


def _paths(sample: Sample) -> Iterable[Path]:
    """Every file that a sample names, its stored pictures too."""
    for place in files_of(sample):
        yield place.path if isinstance(place, FilePart) else place
    for source in sample.stored.values():
        inner: Any = source.path if isinstance(source, ReadMask | FilePart) else source
        if isinstance(inner, Path):
            yield inner
