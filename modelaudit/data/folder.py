"""Folders of images: ``folder:DIR`` with labels, masks and stored pictures, ``photos:DIR`` without labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..language.errors import DataError
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .alpha import AlphaMask, OpaqueImage, has_alpha
from .base import data_source
from .files import confined, existing_folder
from .folder_listing import FolderListing, first_names, list_images
from .labels import NO_LABEL
from .mask_candidates import ALPHA, BESIDE, NONE, WantedMasks
from .mask_files import MaskTree, PairedFiles, pair_files, wanted_masks
from .mask_names import is_image_folder, is_mask_folder, is_split
from .mask_reading import DEFAULT_THRESHOLD, MASK_VALUES, MaskReading, asked_reading
from .mask_sets import mask_bytes, settle_reading
from .masks import mask_source
from .root import mask_folders_beside
from .stored_trees import pictures_of, stored_options, stored_trees

_OPTIONS = ("masks", "mask_suffix", "mask_prefix", "ignore", *MASK_VALUES)


@data_source("folder", remote="tree")
def folder(reference: Reference, root: Path) -> DataSet:
    """``DIR/images/<label>/...`` with ``DIR/masks/<label>/...``, or ``DIR/<label>/...`` with masks beside the images.

    A mask has its image's name with any image ending, or with a suffix or prefix (``1_mask.png``, ``gt_1.png``), in the
    same folder or in a parallel one (``masks``, ``ground_truth``, ...); a note says which. ``?masks=DIR`` (looked for
    below DIR, then below `root`), ``?masks=beside``, ``?masks=alpha``, ``?masks=none``, ``?mask_suffix=`` and
    ``?mask_prefix=`` settle it. Values are 1, 0 and 255 (ignored), or what ``?mask_255=``, ``?mask_threshold=``,
    ``?mask_object=``, ``?mask_background=`` and ``?mask_ignore=`` say; masks of 0 and 255 alone and soft edges are
    noticed. ``?ignore=PATTERN`` leaves files out. ``?stored.NAME=OTHER`` names a parallel tree of pictures of the same
    samples, for the context ``stored(NAME)``. Ids are the paths of the images below their folder.

    Raises:
        DataError: no folder, no image with a label, splits in place of labels, masks or stored pictures that match no
            image or several, masks of which it is not clear what they mean, a link that leads out of the data.
    """
    reference.only((*_OPTIONS, *stored_options(reference)), DataError)
    base = existing_folder(reference.body, root, what=reference.text)
    images_folder = _images_folder(base)
    wanted = wanted_masks(reference)
    trees = _mask_trees(reference, base, images_folder, root, wanted)
    if wanted.masks not in (None, BESIDE, NONE, ALPHA) and not trees and (base / str(wanted.masks)).is_dir():
        wanted = replace(wanted, masks=BESIDE)  # the folder of the images itself
    stored = stored_trees(reference, base, root)
    listing = list_images(reference, images_folder, [*(t.folder for t in trees), *(t.folder for t in stored)])
    listing = _labelled(reference, listing)
    _refuse_splits(reference, Path() if images_folder == base else Path(images_folder.name), listing.images)
    paired = pair_files(reference, listing.images, trees, wanted)
    samples, on_masks = _samples(reference, paired, wanted)
    pictures, on_pictures = pictures_of(reference, stored, paired.images)
    return DataSet(
        tuple(_with_pictures(sample, pictures[sample.id]) for sample in samples),
        (*listing.notes, *paired.notes, *on_masks, *on_pictures),
    )


@data_source("photos", remote="tree")
def photos(reference: Reference, root: Path) -> DataSet:
    """All images below a folder, whatever its layout: no labels, no masks. Ids are their paths below it.

    Masks among them are left out, as ``folder:`` finds them; ``?masks=none`` says that files which may be masks are
    photos. ``?ignore=PATTERN`` leaves others out. They cannot be the data of an audit
    (:func:`~modelaudit.data.labels.class_indices` says so).

    Raises:
        DataError: no folder, no image in it, or it is not clear whether files are masks.
    """
    reference.only(("masks", "ignore"), DataError)
    if reference.options.get("masks", NONE) not in (NONE, BESIDE):
        raise DataError(f"{reference.text!r}: photos have no masks; write ?masks={NONE}, or use folder:")
    base = existing_folder(reference.body, root, what=reference.text)
    listing = list_images(reference, base, [])
    paired = pair_files(reference, listing.images, [], WantedMasks(reference.options.get("masks")), photos_alone=True)
    masks = len(listing.images) - len(paired.images)
    notes = (*listing.notes, *([f"{masks} masks were left out"] if masks else []))
    return DataSet(tuple(Sample(name, path, NO_LABEL, mask_kind="none") for name, path in paired.images.items()), notes)


def _images_folder(base: Path) -> Path:
    """``images`` below the folder, or another name of it beside a folder of masks; else the folder itself."""
    usual = base / "images"
    if usual.is_dir():
        return confined(usual, base, usual)
    folders = [path for path in sorted(base.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    images = [path for path in folders if is_image_folder(path.name)]
    masks = [path for path in folders if is_mask_folder(path.name)]
    return images[0] if len(images) == 1 and len(folders) == 1 + len(masks) and masks else base


def _mask_trees(
    reference: Reference, base: Path, images_folder: Path, root: Path, wanted: WantedMasks
) -> list[MaskTree]:
    """The folders in which masks are looked for, besides that of the images.

    Raises:
        DataError: the reference names one that does not exist.
    """
    given = wanted.masks
    if given in (BESIDE, NONE, ALPHA):
        return []
    if given is not None:
        within = "/" not in given and any(path.is_dir() for path in images_folder.glob(f"*/{given}"))
        if within and not any((place / given).is_dir() for place in (base, root)):
            return []
        folder = existing_folder(given, base, root, what=f"{reference.text}: masks={given}")
        return [] if folder.resolve() == images_folder.resolve() else [MaskTree(given, folder)]
    if images_folder != base:
        usual = images_folder.name == "images"
        found = [MaskTree(path.name, path, usual and path.name == "masks") for path in _mask_folders(base)]
        for tree in found:
            confined(tree.folder, base, tree.folder)
        return [tree for tree in found if tree.usual] or found
    return [] if base == root else list(_beside_base(base))


def _mask_folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and is_mask_folder(path.name)]


def _beside_base(base: Path) -> Iterator[MaskTree]:
    """The folders of masks that belong to a folder of images, with the same folders below them."""
    for folder in mask_folders_beside(base):
        rest = Path() if folder.parent == base.parent else Path(base.name)
        if (folder / rest).is_dir():
            steps = "../" * (len(rest.parts) + 1)
            yield MaskTree(f"{steps}{(folder.name / rest).as_posix()}", folder / rest)


def _labelled(reference: Reference, listing: FolderListing) -> FolderListing:
    """The images that have a label, which is their first folder; others are named in a note.

    Raises:
        DataError: none has one.
    """
    images = {name: path for name, path in listing.images.items() if "/" in name}
    stray = [name for name in listing.images if name not in images]
    if not images:
        raise DataError(
            f"{reference.text!r}: no image in {listing.folder} is in a folder named after its label; looked for "
            f"<label>/<name> and found e.g. {stray[0]}: make a folder for each class, or use csv: for a table of "
            "labels, photos: for images without labels"
        )
    notes = [f"images without a folder of a label were passed over: {first_names(stray)}"] if stray else []
    return FolderListing(listing.folder, images, [*listing.notes, *notes])


def _refuse_splits(reference: Reference, folder: Path, images: Collection[str]) -> None:
    """Raises a DataError where the first folders are those of a split, with the labels below.

    Args:
        folder: that of the images, below that of the reference.
    """
    images = [name for name in images if not is_mask_folder(_label(name))]
    labels = sorted({_label(name) for name in images})
    if labels and all(map(is_split, labels)) and all(name.count("/") > 1 for name in images):
        place = "/".join([reference.text.partition("?")[0].rstrip("/"), *folder.parts, labels[-1]])
        raise DataError(
            f"{reference.text!r}: the first folders ({', '.join(labels)}) are splits and not labels; name the one to "
            f"be audited, e.g. {place}"
        )


def _samples(reference: Reference, paired: PairedFiles, wanted: WantedMasks) -> tuple[list[Sample], list[str]]:
    """The samples with their masks, and notes on what the masks mean."""
    if wanted.masks == ALPHA:
        return _with_alpha(reference, paired.images)
    if not paired.masks:
        asked_reading(reference)
        hint = "; the images have an alpha channel, which ?masks=alpha takes as masks" if _alpha_in(paired) else ""
        none = (
            "masks: none are read (masks=none)"
            if wanted.masks == NONE
            else (f"no masks: no folder beside the images, and none named by ?masks={hint}")
        )
        return [Sample(name, path, _label(name), mask_kind="none") for name, path in paired.images.items()], [none]
    reading, notes = settle_reading(reference, sorted(set(paired.masks.values())), mask_bytes)
    samples = [
        Sample(
            name,
            path,
            _label(name),
            mask_source(paired.masks.get(name), reading),
            mask_kind="mask" if name in paired.masks else "none",
        )
        for name, path in paired.images.items()
    ]
    return samples, notes


def _with_alpha(reference: Reference, images: Mapping[str, Path]) -> tuple[list[Sample], list[str]]:
    """The images as their colours are stored, with their alpha channels as masks."""
    reading = asked_reading(reference)
    if reading != MaskReading(threshold=reading.threshold):
        raise DataError(f"{reference.text!r}: of an alpha channel only mask_threshold= can be said")
    if not any(map(has_alpha, images.values())):
        raise DataError(f"{reference.text!r}: no image has an alpha channel; leave out masks=alpha")
    threshold = reading.threshold or DEFAULT_THRESHOLD
    samples = [
        Sample(name, OpaqueImage(path), _label(name), AlphaMask(path, threshold)) for name, path in images.items()
    ]
    return samples, [
        f"masks are the alpha channels of the images: values from {threshold} on are the object; the images are shown "
        "with the colours that they store, without transparency"
    ]


def _alpha_in(paired: PairedFiles) -> bool:
    return any(has_alpha(path) for path in list(paired.images.values())[:4])


def _with_pictures(sample: Sample, pictures: Mapping[str, Path]) -> Sample:
    return replace(sample, stored=pictures) if pictures else sample


def _label(name: str) -> str:
    return name.split("/", 1)[0]
