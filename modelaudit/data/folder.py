"""``folder:DIR``: images in folders named after their labels, with a parallel tree of masks."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .files import confined, existing_folder, files_below, is_image, relative_id
from .masks import asked_meaning, check_meaning, mask_source
from .stored_trees import pictures_of, stored_options, stored_trees


@data_source("folder", remote="tree")
def folder(reference: Reference, root: Path) -> DataSet:
    """``DIR/images/<label>/...`` with ``DIR/masks/<label>/...``, or ``DIR/<label>/...?masks=OTHER``.

    A mask has its image's path with any image ending. ``?masks=`` is looked for below DIR, then below `root`;
    ``?mask_255=object`` says that 255 is the object (else it is ignored), ``?mask_255=ignore`` that a mask without a 1
    really has no object. ``?stored.NAME=OTHER`` names a parallel tree of pictures of the same samples, for the context
    ``stored(NAME)``. Ids are the paths of the images below their folder.

    Raises:
        DataError: no folder, no image, an image without a label, masks or stored pictures that meet no image or
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
    """The images by id, and what was passed over; what lies in the folders `apart` are no images of the data."""
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
            raise DataError(f"{path} lies in no folder that names its label; put it in {folder / '<label>'}")
        if name in images:
            raise DataError(f"{path} and {images[name]} have the same name in Unicode's NFC; rename one")
        images[name] = path
    if not images:
        raise DataError(
            f"{reference.text!r}: no image in {folder}; looked for <label>/<name> ending in png, jpg, webp, bmp or tif"
            + (f" and found {_counted(others)}" if others else "")
        )
    return images, [f"files that are no images by their ending were passed over: {_counted(others)}"] if others else []


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
