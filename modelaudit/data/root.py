"""Which files data may name: those below the folders that the audit names.

A data set is files from somewhere: its tables, annotations and links must not lead a run to files outside it.
The folder of a reference counts, and those that its options name (``?images=``, ``?masks=``, ``?stored.NAME=``,
``?root=``). ``?follow_links=yes`` says that links in them may lead anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..language.errors import DataError
from ..language.reference import Reference
from ..language.sample import Sample
from .images import FilePart
from .mask_names import is_image_folder, is_mask_folder, is_split
from .masks import ReadMask

#: the options that every source of local files has
ROOT_OPTIONS = ("root", "follow_links")
#: options that may name a folder of the user's choice
_FOLDERS = ("images", "masks")
#: folders of annotations, in lower case: the data set is what holds such a folder
_ANNOTATIONS = frozenset(("annotations", "annotation", "annots", "ann", "anns", "labels", "label", "json", "jsons"))
#: sources of which a folder may hold the annotations alone
_OF_ANNOTATIONS = ("labelme",)
_ANSWERS = {"yes": True, "no": False}


@dataclass(frozen=True)
class Root:
    """The folders from which data may be read; a folder that is a link stands for where it leads.

    Args:
        follow_links: links in the folders may lead out of them.
        also: single files that the audit names, and folders into which a library unpacks the data.
    """

    folders: tuple[Path, ...]
    follow_links: bool = False
    also: tuple[Path, ...] = ()

    def admits(self, path: Path) -> bool:
        """Whether a path leads to a place in the folders, once all links and ``..`` are resolved.

        With `follow_links`, a path that is written as one below a folder is admitted wherever it leads.
        """
        text = os.fspath(path)
        folder, _, name = text.rpartition(os.sep)
        if folder in self._admitted and name not in ("", ".", "..") and not os.path.islink(text):  # noqa: PTH114
            return True
        if any(_is_below(self.real(path), one) for one in self._real_folders):
            # of "/x" no folder is left, as of "x"
            if folder and any(_is_below(os.path.realpath(folder), one) for one in self._real_folders):
                self._admitted.add(folder)
            return True
        return self.follow_links and self.is_written_below(path)

    def is_written_below(self, path: Path) -> bool:
        """Whether a path is below a folder as it is written, so that only a link can lead it out."""
        plain = os.path.abspath(path)  # noqa: PTH100  (Path.absolute keeps "..")
        # "link/../x" is another file than "x" where the link leads elsewhere
        return any(_is_below(plain, folder) for folder in self._plain_folders) and self.real(plain) == self.real(path)

    def real(self, path: Path | str) -> str:
        """The path without links and ``..``; the links of a folder are resolved once for all its files."""
        text = os.path.abspath(path) if ".." not in os.fspath(path) else os.fspath(path)  # noqa: PTH100
        folder, name = os.path.split(text)
        if not name or ".." in text:
            return os.path.realpath(text)
        if folder not in self._known:
            self._known[folder] = os.path.realpath(folder)
        found = os.path.join(self._known[folder], name)  # noqa: PTH118  (a Path takes ten times as long)
        return os.path.realpath(found) if os.path.islink(found) else found  # noqa: PTH114

    @cached_property
    def _admitted(self) -> set[str]:
        """Folders whose files are admitted, unless they are links: of a large data set nearly all files are."""
        return set()

    @cached_property
    def _known(self) -> dict[str, str]:
        return {}

    @cached_property
    def _real_folders(self) -> tuple[str, ...]:
        return tuple(os.path.realpath(one) for one in (*self.folders, *self.also))

    @cached_property
    def _plain_folders(self) -> tuple[str, ...]:
        return tuple(os.path.abspath(folder) for folder in self.folders)  # noqa: PTH100


def _is_below(path: str, folder: str) -> bool:
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(os.path.join(folder, ""))  # noqa: PTH118


_CURRENT: ContextVar[Root | None] = ContextVar("modelaudit.data.root", default=None)


@contextmanager
def read_below(root: Root) -> Iterator[None]:
    """While a source is read, its files are those of `root`: no reader has to pass it on, and none can forget it."""
    token = _CURRENT.set(root)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def also_admit(folder: Path) -> None:
    """Adds a folder to the root of the reference that is being read: one that a library unpacks its files into."""
    root = _CURRENT.get()
    if root is not None:
        _CURRENT.set(replace(root, also=(*root.also, folder)))


def current_root(folder: Path) -> Root:
    """The root of the reference that is being read; outside of a reference, `folder`."""
    return _CURRENT.get() or Root((folder,))


def root_of(reference: Reference, options: dict[str, str], rootdir: Path) -> Root:
    """The root of a reference to files of this machine.

    Args:
        reference: without :data:`ROOT_OPTIONS`.
        options: those of :data:`ROOT_OPTIONS` that it had.
        rootdir: what relative paths are relative to.

    Raises:
        DataError: ``?root=`` names no folder, or ``?follow_links=`` says neither yes nor no.
    """
    links = options.get("follow_links", "no")
    if links not in _ANSWERS:
        raise DataError(f"{reference.text!r}: follow_links={links}; write follow_links=yes or follow_links=no")
    try:
        body = rootdir / Path(reference.body).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"{reference.text!r}: {reference.body!r} starts with a home folder that there is not"
        ) from error
    homes, bases = _homes(body, rootdir, _ANSWERS[links])
    if reference.scheme in _OF_ANNOTATIONS and _is_folder(body):
        homes.append(data_home(body))
    named = [value for key, value in reference.options.items() if key in _FOLDERS or key.startswith("stored.")]
    folders = [*homes, *(folder for folder in _below_each(bases, named) if _is_folder(folder))]
    files = [body, *_below_each(bases, reference.options.values())]
    given = options.get("root")
    if given is not None:
        tried = _below_each(bases, [given])
        wanted = next((folder for folder in tried if _is_folder(folder)), None)
        if wanted is None:
            listed = " or ".join(map(str, dict.fromkeys(tried)))
            where = f"{reference.text!r}: root={given}: no folder at {listed}"
            raise DataError(f"{where}; check the path: give the folder of the images")
        folders.append(wanted)
    return Root(tuple(dict.fromkeys(folders)), _ANSWERS[links], tuple(file for file in files if _is_file(file)))


def _below_each(bases: Iterable[Path], names: Iterable[str]) -> list[Path]:
    paths = []
    for name in names:
        with suppress(RuntimeError):  # "~nobody", in an option that is not a path
            paths += [base / Path(name).expanduser() for base in bases]
    return paths


def _homes(path: Path, rootdir: Path, follow_links: bool) -> tuple[list[Path], list[Path]]:
    """The folders of a reference, and those that its options are relative to."""
    # shards-{000..003}.tar, all of which are in the folder of the first part without braces
    while "{" in str(path) and not _is_folder(path):
        path = path.parent
    if _is_folder(path):
        beside = [one for one in mask_folders_beside(path) if Root((one.parent,), follow_links).admits(one)]
        return [path, *beside], [path, rootdir]
    return [data_home(path.parent)], [path.parent, data_home(path.parent), rootdir]


def data_home(folder: Path) -> Path:
    """The folder of the data set whose annotations are in `folder`: its parent where it is called ``annotations``,
    ``labels`` and the like, else the folder itself."""
    return folder.parent if folder.name.lower() in _ANNOTATIONS else folder


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def mask_folders_beside(folder: Path) -> list[Path]:
    """The folders of masks next to a folder that is named as one of images, or as a split, at most two levels up."""
    folders: list[Path] = []
    for up in (folder, folder.parent):
        if is_image_folder(up.name) or (is_split(up.name) and up == folder):
            try:
                beside = [path for path in sorted(up.parent.iterdir()) if is_mask_folder(path.name)]
            except OSError:  # a folder that may be entered, but not listed: nothing is found there
                continue
            folders += [path for path in beside if path.is_dir()]
    return folders


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return False


def refuse_unadmitted(path: Path) -> None:
    """A look at a file that a source is about to read.

    Raises:
        DataError: a reference is being read, and its root does not admit the file.
    """
    root = _CURRENT.get()
    if root is not None and not root.admits(path):
        raise DataError(f"{path} {outside(path, root)}")


def refuse_outside(samples: Iterable[Sample], named: str) -> None:
    """The last look at what a source returns: a reader that has forgotten to ask does not get a file read.

    Raises:
        DataError: a sample is of a file that the root does not admit.
    """
    root = _CURRENT.get()
    for sample in samples if root is not None else ():
        for source in (sample.image, sample.mask, *sample.stored.values()):
            path = _file_of(source)
            if path is not None and root is not None and not root.admits(path):
                raise DataError(f"{named}: {sample.id!r}: {outside(path, root)}")


def _file_of(source: Any) -> Path | None:
    place = source.path if isinstance(source, ReadMask) else source
    found = place.path if isinstance(place, FilePart) else place
    return found if isinstance(found, Path) else None


def outside(path: Path, root: Root) -> str:
    """What is wrong with a path that a root does not admit, and the options that would admit it."""
    folders = " and ".join(map(str, root.folders))
    links = ", or ?follow_links=yes where you trust the link" if root.is_written_below(path) else ""
    return (
        f"leads to {root.real(path)}, outside of the data in {folders}; put the files themselves there, or name the "
        f"folder they are in: ?root=DIR (of images and masks also ?images=DIR and ?masks=DIR){links}"
    )
