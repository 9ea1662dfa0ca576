"""Parallel trees of pictures of the same samples: ``?stored.NAME=DIR``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from .files import existing_folder, files_below, is_image, relative_id

_PREFIX = "stored."


@dataclass(frozen=True)
class StoredTree:
    """The pictures of one name; `pictures` by the paths of their images without ending."""

    name: str
    folder: Path
    pictures: Mapping[str, tuple[Path, ...]]


def stored_options(reference: Reference) -> tuple[str, ...]:
    """The options of a reference that name such trees, and one that shows how they are written."""
    return (*(key for key in reference.options if key.startswith(_PREFIX) and key != _PREFIX), f"{_PREFIX}NAME")


def stored_trees(reference: Reference, base: Path, root: Path) -> tuple[StoredTree, ...]:
    """The trees that a reference names, looked for below `base`, then below `root`.

    A tree holds ``<label>/...``, or ``images/<label>/...``, as the images themselves.

    Raises:
        DataError: no such folder, or a link that leads out of it.
    """
    trees: list[StoredTree] = []
    for key in stored_options(reference)[:-1]:
        given = reference.options[key]
        folder = existing_folder(given, base, root, what=f"{reference.text}: {key}={given}")
        within = folder / "images" if (folder / "images").is_dir() else folder
        pictures: dict[str, list[Path]] = defaultdict(list)
        for path in filter(is_image, files_below(within)):
            pictures[_stem(relative_id(path, within))].append(path)
        trees.append(
            StoredTree(key.removeprefix(_PREFIX), within, {stem: tuple(found) for stem, found in pictures.items()})
        )
    return tuple(trees)


def pictures_of(
    reference: Reference, trees: tuple[StoredTree, ...], images: Mapping[str, Path]
) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """The pictures of every image by its id and their names, and how many images have none.

    Raises:
        DataError: several pictures of one name for an image, or a tree of which no picture belongs to an image.
    """
    found: dict[str, dict[str, Path]] = {name: {} for name in images}
    notes: list[str] = []
    for tree in trees:
        for name, path in images.items():
            own = tree.pictures.get(_stem(name), ())
            if len(own) > 1:
                listed = ", ".join(map(str, own))
                raise DataError(f"{path} has several pictures {tree.name!r}: {listed}; keep one")
            if own:
                found[name][tree.name] = own[0]
        matched = {_stem(name) for name in images if tree.name in found[name]}
        if not matched:
            stem = _stem(next(iter(images)))
            raise DataError(
                f"{reference.text!r}: no picture in {tree.folder} belongs to an image; looked e.g. for {stem}.png"
                f"{nearest(stem, tree.pictures)}"
            )
        without = sum(tree.name not in pictures for pictures in found.values())
        if without:
            notes.append(f"{without} of {len(images)} images have no picture {tree.name!r}")
        if len(tree.pictures) > len(matched):
            notes.append(f"{len(tree.pictures) - len(matched)} pictures {tree.name!r} belong to no image")
    return found, notes


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]
