"""Folders of images: ``folder:DIR`` with labels, masks and stored pictures, ``photos:DIR`` without labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .files import confined, existing_folder, files_below, is_image, relative_id
from .labels import NO_LABEL
from .masks import asked_meaning, check_meaning, mask_source

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


@data_source("folder", remote="tree")
def folder(reference: Reference, root: Path) -> DataSet:
    """``DIR/images/<label>/...`` with ``DIR/masks/<label>/...``, or ``DIR/<label>/...?masks=OTHER``.

    A mask has its image's path with any image ending. ``?masks=`` is looked for below DIR, then below `root`;
    ``?mask_255=object`` says that 255 is the object (else it is ignored), ``?mask_255=ignore`` that a mask without a 1
    really has no object. ``?stored.NAME=OTHER`` names a parallel tree of pictures of the same samples, for the context
    ``stored(NAME)``. Ids are the paths of the images below their folder.

    Raises:
        DataError: no folder, no image, an image without a label, masks or stored pictures that match no image or
            several, unclear masks, a link that leads out of the data.
    """
    reference.only(("masks", "mask_255", *stored_options(reference)), DataError)
    base = existing_folder(reference.body, root, what=reference.text)
    images_folder = confined(base / "images", base, base / "images") if (base / "images").is_dir() else base
    masks_folder = _masks_folder(reference, base, images_folder, root)
    trees = stored_trees(reference, base, root)
    images, notes = _images(reference, images_folder, [masks_folder, *(tree.folder for tree in trees)])
    masks = {} if masks_folder is None else _masks(masks_folder)
    matched = _matched(reference, images, masks, masks_folder)
    meaning = asked_meaning(reference)
    check_meaning(reference, sorted(set(matched.values())), meaning)
    pictures, on_pictures = pictures_of(reference, trees, images)
    samples = [
        Sample(
            name,
            path,
            _label(name),
            mask_source(matched.get(name), meaning),
            mask_kind="mask" if name in matched else "none",
            stored=pictures[name],
        )
        for name, path in images.items()
    ]
    notes += _mask_notes(len(images), matched, masks, masks_folder) + on_pictures
    return DataSet(tuple(samples), tuple(notes))


def _masks_folder(reference: Reference, base: Path, images_folder: Path, root: Path) -> Path | None:
    given = reference.options.get("masks")
    if given is not None:
        return existing_folder(given, base, root, what=f"{reference.text}: masks={given}")
    beside = base / "masks"
    return confined(beside, base, beside) if images_folder != base and beside.is_dir() else None


def _images(reference: Reference, folder: Path, apart: list[Path | None]) -> tuple[dict[str, Path], list[str]]:
    """The images by id, and notes on what was skipped; the folders `apart` hold no images of the data."""
    images: dict[str, Path] = {}
    others: Counter[str] = Counter()
    below = [one for one in apart if one is not None and one != folder and one.is_relative_to(folder)]
    for path in files_below(folder):
        if any(path.is_relative_to(one) for one in below):
            continue
        if not is_image(path):
            others[path.suffix.lower() or path.name] += 1
            continue
        name = relative_id(path, folder)
        if "/" not in name:
            raise DataError(f"{path} needs a folder named after its label; put it in {folder / '<label>'}")
        if name in images:
            raise DataError(f"{path} and {images[name]} have the same name in Unicode's NFC; rename one")
        images[name] = path
    if not images:
        raise DataError(
            f"{reference.text!r}: no image in {folder}; looked for <label>/<name> ending in png, jpg, webp, bmp or tif"
            + (f" and found {_counted(others)}" if others else "")
        )
    return images, [f"files without the ending of an image were skipped: {_counted(others)}"] if others else []


def _masks(folder: Path) -> dict[str, list[Path]]:
    """The mask files by their path without ending."""
    masks: dict[str, list[Path]] = defaultdict(list)
    for path in files_below(folder):
        if is_image(path):
            masks[_stem(relative_id(path, folder))].append(path)
    return dict(masks)


def _matched(
    reference: Reference, images: dict[str, Path], masks: dict[str, list[Path]], folder: Path | None
) -> dict[str, Path]:
    matched: dict[str, Path] = {}
    owner: dict[str, str] = {}
    for name, path in images.items():
        stem = _stem(name)
        found = masks.get(stem, [])
        if len(found) > 1:
            raise DataError(f"{path} has several masks: {', '.join(map(str, found))}; keep one")
        if found and stem in owner:
            raise DataError(f"{images[owner[stem]]} and {path} would share the mask {found[0]}; rename one of them")
        if found:
            matched[name], owner[stem] = found[0], name
    if folder is not None and not matched:
        stem = _stem(next(iter(images)))
        raise DataError(
            f"{reference.text!r}: no mask in {folder} belongs to an image; looked e.g. for {stem}.png"
            f"{nearest(stem, masks)}"
        )
    return matched


def _mask_notes(images: int, matched: dict[str, Path], masks: dict[str, list[Path]], folder: Path | None) -> list[str]:
    if folder is None:
        return ["no masks: no folder beside the images, and none named by ?masks="]
    notes = []
    if len(matched) < images:
        notes.append(f"{images - len(matched)} of {images} images have no mask")
    if len(masks) > len(matched):
        notes.append(f"{len(masks) - len(matched)} masks belong to no image")
    return notes


def _label(name: str) -> str:
    return name.split("/", 1)[0]


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


def _counted(others: Counter[str]) -> str:
    return ", ".join(f"{count} x {ending}" for ending, count in sorted(others.items()))


@data_source("photos", remote="tree")
def photos(reference: Reference, root: Path) -> DataSet:
    """All images below a folder, whatever its layout: no labels, no masks. Ids are their paths below it.

    They cannot be the data of an audit (:func:`~modelaudit.data.labels.class_indices` says so).

    Raises:
        DataError: no folder, or no image in it.
    """
    reference.only((), DataError)
    folder = existing_folder(reference.body, root, what=reference.text)
    every = list(files_below(folder))
    images = [path for path in every if is_image(path)]
    if not images:
        raise DataError(f"{reference.text!r}: no image in {folder}; looked for png, jpg, webp, bmp and tif")
    passed_over = len(every) - len(images)
    notes = (f"{passed_over} files without the ending of an image were skipped",) if passed_over else ()
    return DataSet(tuple(Sample(relative_id(path, folder), path, NO_LABEL, mask_kind="none") for path in images), notes)
