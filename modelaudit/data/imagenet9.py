"""``imagenet9:ROOT``: ImageNet-9 and its variants (Xiao et al., *Noise or Signal*, ICLR 2021)."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import BACKGROUND, IGNORE, OBJECT, DataSet, Sample
from .base import Pixels, UnusableSample, data_source
from .files import confined, existing_folder, files_below, is_image, relative_id
from .images import Place
from .masks import ReadMask

IMAGENET_CLASSES = 1000
_RANGES = {
    "00_dog": "151-170 173-268",
    "01_bird": "7-24 87-100 127-146",
    "02_wheeled vehicle": (
        "407-408 428 436 444 468 511 547 555 561 565 569 573 586 603 609 612 627 656 661 665 670-671 675 690 705 717 "
        "734 751 757 791 802-803 817 820 829 847 864 866-867 870 880"
    ),
    "03_reptile": "33-68",
    "04_carnivore": "269-280 286-299 356-362 387-388",
    "05_insect": "300-326",
    "06_musical instrument": (
        "401-402 420 432 486 494 513 541 546 558 566 577 579 593-594 641-642 683-684 687 699 776 822 875 881 889"
    ),
    "07_primate": "365-384",
    "08_fish": "0-6 389-397",
}


def _indices(text: str) -> Iterator[int]:
    for part in text.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


#: by folder, the indices of ImageNet's classes that count as it; those of no folder are "none", and always wrong
IN9_CLASSES: Mapping[str | int, tuple[int, ...]] = {name: tuple(_indices(text)) for name, text in _RANGES.items()}


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class ArrayMask(ReadMask):
    """A mask [H, W] or [H, W, 1] in a ``.npy`` file, where anything but 0 is the object: True, 1, or 255."""

    path: Place

    @property
    def rule(self) -> str:
        return "npy"

    def of(self, content: bytes) -> Pixels:
        values = array_of(content, str(self.path))
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[:, :, 0]
        if values.ndim != 2 or 0 in values.shape:
            raise _unusable(f"{self.path} has shape {values.shape}; a mask is [height, width] or [height, width, 1]")
        found = {value.item() for value in np.unique(values)}
        if not (found <= {BACKGROUND, OBJECT} or found <= {BACKGROUND, IGNORE}):
            listed = ", ".join(f"{value:g}" for value in sorted(found)[:5])
            raise _unusable(f"{self.path} has the values {listed}, ...; a mask has 0 and 1, or 0 and 255")
        mask: Pixels = (values != BACKGROUND).astype(np.uint8)
        return mask


def array_of(content: bytes, name: str) -> NDArray[Any]:
    """The array of numbers in a ``.npy`` file; pickled objects are never read.

    Raises:
        UnusableSample: not such a file, or its header does not match its content.
    """
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = _HEADERS[version](file)
        announced, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
        if dtype.hasobject or dtype.kind not in "biuf":
            raise _unusable(f"{name} holds {dtype}; a mask holds bool or numbers")
        if announced != there:  # numpy allocates what the header says
            raise _unusable(f"{name} announces {announced} bytes of values and holds {there}")
        file.seek(0)
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    except UnusableSample:
        raise
    except Exception as error:  # a broken header may raise anything
        raise _unusable(f"{name} is not a .npy file of numbers: {type(error).__name__}: {error}") from error
    return array


def _unusable(message: str) -> UnusableSample:
    return UnusableSample(Missing.UNREADABLE_MASK, message)


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
        missing["have a name that leaves their foreground open"].append(name)
    mask = None if owner is None else masks.get(owner)
    if mask is None:
        missing["have no mask"].append(name)
    stored: dict[str, Path] = {}
    for other, pictures in others.items():
        found = () if owner is None else pictures.get(owner, ())
        if len(found) == 1:
            stored[other] = found[0]
        else:
            missing[f"have several pictures in {other}" if found else f"have no picture in {other}"].append(name)
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
            f"{path}: ImageNet-9 has no class {parts[0]!r}; looked for {folder}/<class>/<name>"
            f"{nearest(parts[0], map(str, IN9_CLASSES))}"
        )
    return parts[0], path.stem
