"""``imagenet9:ROOT``: ImageNet-9 and its variants (Xiao et al., *Noise or Signal*, ICLR 2021)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .array_masks import ArrayMask
from .base import data_source
from .files import confined, existing_folder, files_below, is_image, relative_id
from .in9_classes import IMAGENET_CLASSES, IN9_CLASSES

VARIANTS = ("original", "only_fg", "no_fg", "only_bg_b", "only_bg_t", "mixed_same", "mixed_rand", "mixed_next")
_MASKS = "fg_mask"
_NAMED = 3
#: class and stem of an image of ImageNet; the pictures of all variants that show its foreground have the same
Key = tuple[str, str]


@data_source("imagenet9", remote="tree")
def imagenet9(reference: Reference, root: Path) -> DataSet:
    """``ROOT/<variant>/val/<class>/*.JPEG`` with ``ROOT/fg_mask/val/<class>/<stem>.npy``.

    ``?variant=original`` says which variant the images are; the others that exist are the samples' stored pictures, by
    their names. Ids are ``<class>/<file>``, labels the names of the nine folders, which the label map sends to their
    classes of ImageNet: 370 of the 1000, the others mean "none".

    Raises:
        DataError: no such folder, variant or class.
    """
    reference.only(("variant",), DataError)
    variant = reference.options.get("variant", VARIANTS[0])
    if variant not in VARIANTS:
        raise DataError(f"{reference.text!r}: variant={variant}{nearest(variant, VARIANTS)}")
    base = existing_folder(reference.body, root, what=reference.text)
    there = [name for name in VARIANTS if name == variant or (base / name).is_dir()]
    found = {name: _files(_val(base, name, reference)) for name in there}
    masks = _masks(base)
    known = {key for name in there if not _is_mixed(name) for key in found[name].values()} | set(masks)
    pictures = {name: _by_foreground(name, files, known) for name, files in found.items()}
    missing: dict[str, list[str]] = defaultdict(list)
    owners = {path: key for key, paths in pictures[variant].items() for path in paths}
    folder = _val(base, variant, reference)
    samples = tuple(
        _sample(path, folder, label, owners.get(path), masks, _others(pictures, variant), missing)
        for path, (label, _) in found[variant].items()
    )
    notes = [f"{len(names)} images {what}, e.g. {', '.join(names[:_NAMED])}" for what, names in missing.items()]
    return DataSet(samples, (*notes, *_remarks(there, found)), IN9_CLASSES, IMAGENET_CLASSES)


def foreground(variant: str, key: Key, known: set[Key]) -> Key | None:
    """The image whose foreground a picture shows; None where its name leaves that open.

    Mixed pictures are named ``fg_<stem>`` and something more (``_bg_<stem of the background>``); the stem of one image
    may begin like that of another.
    """
    if not _is_mixed(variant):
        return key
    label, stem = key
    rest = stem.removeprefix("fg_")
    if rest == stem:
        return None
    named = (label, rest.partition("_bg_")[0])
    if named in known:
        return named
    parts = rest.split("_")
    beginnings = [(label, "_".join(parts[:count])) for count in range(1, len(parts) + 1)]
    candidates = [one for one in beginnings if one in known]
    return candidates[0] if len(candidates) == 1 else None


def _by_foreground(variant: str, files: Mapping[Path, Key], known: set[Key]) -> dict[Key, list[Path]]:
    pictures: dict[Key, list[Path]] = defaultdict(list)
    for path, key in files.items():
        owner = foreground(variant, key, known)
        if owner is not None:
            pictures[owner].append(path)
    return dict(pictures)


def _sample(
    path: Path,
    folder: Path,
    label: str,
    owner: Key | None,
    masks: Mapping[Key, Path],
    others: Mapping[str, Mapping[Key, Sequence[Path]]],
    missing: dict[str, list[str]],
) -> Sample:
    """One image with its mask and its other pictures; what it lacks is noted in `missing`."""
    name = relative_id(path, folder)
    if owner is None:
        missing["have a name that does not tell their foreground"].append(name)
    mask = None if owner is None else masks.get(owner)
    if mask is None:
        missing["have no mask"].append(name)
    stored: dict[str, Path] = {}
    for other, pictures in others.items():
        found = () if owner is None else pictures.get(owner, ())
        if len(found) == 1:
            stored[other] = found[0]
        else:
            missing[f"have {'several pictures' if found else 'no picture'} in {other}"].append(name)
    kept = None if mask is None else ArrayMask(mask)
    return Sample(name, path, label, kept, mask_kind="none" if kept is None else "mask", stored=stored)


def _others(pictures: Mapping[str, Mapping[Key, list[Path]]], variant: str) -> dict[str, Mapping[Key, list[Path]]]:
    return {name: found for name, found in pictures.items() if name != variant}


def _remarks(there: Sequence[str], found: Mapping[str, Mapping[Path, Key]]) -> Iterable[str]:
    absent = [name for name in VARIANTS if name not in there]
    if absent:
        yield f"variants that are not there: {', '.join(absent)}"
    for name, files in found.items():
        classes = {label for label, _ in files.values()}
        if len(classes) < len(IN9_CLASSES):
            yield f"{name} has {len(classes)} of the {len(IN9_CLASSES)} classes"


def _is_mixed(variant: str) -> bool:
    return variant.startswith("mixed")


def _val(base: Path, variant: str, reference: Reference) -> Path:
    folder = base / variant / "val"
    if not folder.is_dir():
        below = base / "bg_challenge"  # as the download unpacks
        hint = f"; write imagenet9:{below}" if below.is_dir() else ""
        raise DataError(f"{reference.text!r}: no folder {folder}; looked for <variant>/val/<class>/*.JPEG{hint}")
    return confined(folder, base, folder)


def _files(folder: Path) -> dict[Path, Key]:
    """The images of a variant, with class and stem."""
    files = {path: _key(path, folder) for path in files_below(folder) if is_image(path)}
    if not files:
        raise DataError(f"no image in {folder}; looked for <class>/<name>.JPEG")
    return files


def _masks(base: Path) -> dict[Key, Path]:
    folder = base / _MASKS / "val"
    if not folder.is_dir():
        return {}
    found = files_below(confined(folder, base, folder))
    return {_key(path, folder): path for path in found if path.suffix.lower() == ".npy"}


def _key(path: Path, folder: Path) -> Key:
    parts = path.relative_to(folder).parts
    if len(parts) != 2 or parts[0] not in IN9_CLASSES:
        raise DataError(
            f"{path}: {parts[0]!r} is none of the nine classes of ImageNet-9; looked for {folder}/<class>/<name>"
            f"{nearest(parts[0], map(str, IN9_CLASSES))}"
        )
    return parts[0], path.stem
