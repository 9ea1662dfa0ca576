"""Photos and masks of a folder: which file is the mask of which photo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from .files import files_below, is_image, relative_id
from .mask_candidates import (
    ALPHA,
    BESIDE,
    NONE,
    Convention,
    ImageNames,
    MaskSorter,
    WantedMasks,
    bare_name,
    by_convention,
    images_of,
    split_name,
    spread,
)
from .mask_looks import same_pixels
from .mask_names import Affix, known_affixes

#: masks by their conventions, each with the images that it may belong to
_Masks = dict[Convention, dict[Path, list[str]]]


@dataclass(frozen=True)
class MaskTree:
    """A folder of masks outside of the folder of images.

    Args:
        name: what a reference writes for it after ``?masks=``.
        usual: it is where masks are looked for first (``masks`` next to ``images``), and needs no note.
    """

    name: str
    folder: Path
    usual: bool = False


@dataclass(frozen=True)
class PairedFiles:
    """Photos by id, and the masks of some of them; `notes` say what was taken for a mask."""

    images: dict[str, Path]
    masks: dict[str, Path]
    notes: list[str]


def wanted_masks(reference: Reference) -> WantedMasks:
    """The options of a reference that say where masks are.

    Raises:
        DataError: two of them contradict each other.
    """
    masks, suffix, prefix = (reference.options.get(key) for key in ("masks", "mask_suffix", "mask_prefix"))
    affix = None if suffix is None and prefix is None else Affix(prefix or "", suffix or "")
    if affix is not None and masks in (NONE, ALPHA):
        raise DataError(
            f"{reference.text!r}: masks={masks} takes no mask files; leave out mask_suffix= and mask_prefix="
        )
    return WantedMasks(masks, affix)


def pair_files(
    reference: Reference,
    files: Mapping[str, Path],
    trees: Sequence[MaskTree],
    wanted: WantedMasks,
    *,
    photos_alone: bool = False,
) -> PairedFiles:
    """Tells photos from masks among the image files of a folder, and finds the mask of each photo.

    A name alone makes no mask beside the images: what is named as one must look like one, and of two pictures of one
    name both are looked at. Masks that are not wanted are left out all the same.

    Args:
        files: the image files by their paths below the folder of the images.
        trees: folders of masks elsewhere.
        photos_alone: masks are only left out, whether they belong to an image or not.

    Raises:
        DataError: several conventions fit, it is not clear what a picture is, an image has several masks or shares its
            mask, a mask is its own image, or none of the masks that there are belongs to an image.
    """
    elsewhere = any(tree.usual or tree.name == wanted.masks for tree in trees)
    inside = MaskSorter(reference, files, wanted, elsewhere=elsewhere).masks()
    photos = {name: path for name, path in files.items() if name not in inside}
    images = ImageNames(photos)
    masks: _Masks = {
        convention: {files[name]: images_of(name, convention, images) for name in names}
        for convention, names in by_convention(inside).items()
    }
    for tree in trees:
        masks |= _outside(tree, images, wanted.affix)
    pairs = {convention: _paired(photos, found) for convention, found in masks.items()}
    named = None if wanted.masks in (None, BESIDE) else wanted.masks
    chosen = [one for one, found in pairs.items() if found and wanted.takes(one, named)]
    if wanted.masks is None and wanted.affix is None:  # the layout that is documented comes first
        documented = {Convention(tree.name) for tree in trees if tree.usual}
        chosen = [one for one in chosen if one in documented] or chosen
    if len(chosen) > 1 and not photos_alone:
        raise DataError(_several(reference, {one: len(pairs[one]) for one in chosen}))
    if not chosen and not photos_alone:
        _refuse_unmatched(reference, photos, trees, wanted, masks)
    found = pairs[chosen[0]] if chosen else {}
    _refuse_own(photos, found)
    usual = bool(chosen) and chosen[0].affix == Affix() and any(t.usual and t.name == chosen[0].tree for t in trees)
    notes = _notes(photos, found, chosen, masks, usual=usual or (bool(chosen) and wanted.masks == chosen[0].tree))
    left_out = sum(one not in chosen for one in inside.values())
    if left_out:
        notes.append(f"{left_out} files that look like masks were left out: they are not those that the audit reads")
    return PairedFiles(photos, found, notes)


def _outside(tree: MaskTree, images: ImageNames, affix: Affix | None) -> _Masks:
    """The masks of a folder of their own, by convention; those without an image stand under the first."""
    found: _Masks = defaultdict(dict)
    lonely: list[Path] = []
    for path in filter(is_image, files_below(tree.folder)):
        dirs, stem = split_name(relative_id(path, tree.folder))
        own = bare_name(dirs, stem, [Affix(), *known_affixes(stem)] if affix is None else [affix], images)
        if own is None:
            lonely.append(path)
        else:
            found[Convention(tree.name, own[0])][path] = own[1]
    first = max(found, key=lambda one: len(found[one])) if found else Convention(tree.name, affix or Affix())
    found[first].update({path: [] for path in lonely})
    return {one: masks for one, masks in found.items() if masks}


def _paired(photos: Mapping[str, Path], masks: Mapping[Path, Sequence[str]]) -> dict[str, Path]:
    """The mask of every image that has one.

    Raises:
        DataError: an image has several, or shares its mask.
    """
    owned: dict[str, list[Path]] = defaultdict(list)
    for path, names in masks.items():
        if len(names) > 1:
            one, other = (photos[name] for name in sorted(names)[:2])
            raise DataError(f"{one} and {other} would share the mask {path}; rename one of them")
        for name in names:
            owned[name].append(path)
    for name, paths in owned.items():
        if len(paths) > 1:
            raise DataError(f"{photos[name]} has several masks: {', '.join(map(str, sorted(paths)))}; keep one")
    return {name: owned[name][0] for name in photos if name in owned}


def _refuse_own(photos: Mapping[str, Path], masks: Mapping[str, Path]) -> None:
    """Raises a DataError where a mask is the file of its image; of some, where it has the same pixels."""
    pairs = [(photos[name], mask) for name, mask in masks.items()]
    looked_at = set(spread(pairs))
    for image, mask in pairs:
        if mask == image or _same_file(mask, image) or ((image, mask) in looked_at and same_pixels(image, mask)):
            raise DataError(
                f"{image} would be its own mask: {mask} holds the same picture; name the folder of the masks "
                f"(?masks=DIR), what their names have in addition (?mask_suffix=_mask), or ?masks={NONE}"
            )


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # reported where it is decoded
        return False


def _several(reference: Reference, fitting: Mapping[Convention, int]) -> str:
    plain = f"?masks={BESIDE}&mask_suffix=" if sum(not one.tree for one in fitting) > 1 else f"?masks={BESIDE}"
    options = {one: plain if one == Convention() else one.option for one in fitting}
    listed = "; ".join(f"{count} {one} ({options[one]})" for one, count in fitting.items())
    return (
        f"{reference.text!r}: there are masks of several conventions: {listed}; "
        "write the option of the one that is meant"
    )


def _refuse_unmatched(
    reference: Reference, photos: Mapping[str, Path], trees: Sequence[MaskTree], wanted: WantedMasks, masks: _Masks
) -> None:
    """Raises a DataError where masks are there or were asked for, and none belongs to an image."""
    if wanted.masks in (NONE, ALPHA) or not photos:
        return
    stem = next(iter(photos)).rpartition(".")[0]
    affix = wanted.affix or Affix()
    dirs, _, last = stem.rpartition("/")
    looked_for = f"{dirs}{'/' if dirs else ''}{affix.prefix}{last}{affix.suffix}"
    asked = wanted.masks is not None or wanted.affix is not None
    named = [tree for tree in trees if tree.usual or tree.name == wanted.masks]
    if named:
        raise DataError(_no_match(reference, str(named[0].folder), looked_for, masks))
    if within := [one for one in masks if one.tree and not any(one.tree == tree.name for tree in trees)]:
        raise DataError(
            f"{_no_match(reference, repr(within[0].tree), looked_for, masks)}; ?masks={NONE} goes without masks"
        )
    if asked:
        raise DataError(
            f"{reference.text!r}: no mask beside the images; looked e.g. for {looked_for}.png; say how they are named "
            f"(?mask_suffix=_mask, ?mask_prefix=mask_), where they are (?masks=DIR), or ?masks={NONE}"
        )


def _no_match(reference: Reference, folder: str, looked_for: str, masks: _Masks) -> str:
    stems = [f"{path.parent.name}/{path.stem}" for found in masks.values() for path in found]
    return (
        f"{reference.text!r}: no mask in {folder} belongs to an image; looked e.g. for {looked_for}.png"
        f"{nearest(looked_for, stems)}"
    )


def _notes(
    photos: Mapping[str, Path],
    found: Mapping[str, Path],
    chosen: Sequence[Convention],
    masks: _Masks,
    *,
    usual: bool,
) -> list[str]:
    if not chosen:
        return [
            f"no mask in {one.tree!r} belongs to an image: {len(found)} files there have other names"
            for one, found in masks.items()
            if one.tree and not any(found.values())
        ]
    notes = [] if usual else [f"masks {chosen[0]}: {len(found)} of {len(photos)} images have one ({chosen[0].option})"]
    if len(found) < len(photos):
        notes.append(f"{len(photos) - len(found)} of {len(photos)} images have no mask")
    lonely = len(masks[chosen[0]]) - len(found)
    if lonely:
        notes.append(f"{lonely} masks belong to no image")
    return notes
