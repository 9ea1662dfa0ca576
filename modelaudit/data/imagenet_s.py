"""``imagenet_s:ROOT``: ImageNet-S, the validation images of ImageNet with masks (Gao et al., TPAMI 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

import numpy as np

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.regular_files import read_file
from ..language.sample import BACKGROUND, IGNORE, OBJECT, DataSet, Sample
from .base import Pixels, UnusableSample, data_source
from .files import confined, existing_folder, files_below, is_image, relative_id
from .images import Place, opened, upright
from .masks import ReadMask

IGNORED = 1000
VARIANTS = {"S50": 50, "S300": 300, "S919": 919}
#: classes of ImageNet that ImageNet-S919 puts into another
MERGED = {
    "n04356056": "n04355933",
    "n04493381": "n02808440",
    "n03642806": "n03832673",
    "n04008634": "n03773504",
    "n03887697": "n15075141",
}
_IMAGES, _MASKS = "validation", "validation-segmentation"


@dataclass(frozen=True)
class ClassMask(ReadMask):
    """The pixels of one class in a mask of ImageNet-S, whose ids are R + 256 G: 0 other, 1000 ignore.

    Args:
        number: the class's id, counted from 1.
        most: the largest id that there is.
    """

    path: Place
    number: int
    most: int

    @property
    def rule(self) -> str:
        return f"imagenet_s {self.number} of {self.most}"

    def of(self, content: bytes) -> Pixels:
        with opened(content, str(self.path), Missing.UNREADABLE_MASK) as image:
            if image.mode != "RGB":
                raise self._unusable(f"has colour mode {image.mode}; masks of ImageNet-S are RGB")
            bands = np.asarray(upright(image)).astype(np.int64)
        ids = bands[..., 0] + 256 * bands[..., 1]
        strange = np.unique(ids[(ids > self.most) & (ids != IGNORED)])
        if strange.size or bands[..., 2].any():
            what = f"the ids {strange[:5].tolist()}" if strange.size else "values in the blue channel"
            raise self._unusable(f"has {what}; ids go up to {self.most}, and {IGNORED} is ignored")
        mask = np.full(ids.shape, BACKGROUND, dtype=np.uint8)
        mask[ids == self.number] = OBJECT
        mask[ids == IGNORED] = IGNORE
        return mask

    def _unusable(self, what: str) -> UnusableSample:
        return UnusableSample(Missing.UNREADABLE_MASK, f"{self.path} {what}")


@data_source("imagenet_s", remote="tree")
def imagenet_s(reference: Reference, root: Path) -> DataSet:
    """``ROOT/validation/<wnid>/*.JPEG`` with ``ROOT/validation-segmentation/<wnid>/*.png``.

    The mask is the object of the image's own class; those of others are background. Class ids are places in the sorted
    wnids of all folders, so all must be there (empty ones count): 50, 300 or 919, which ``?variant=S50`` checks. Labels
    are the wnids. The label map sends them to the outputs of a model that has ImageNet's 1000 classes in the order of
    their wnids, as torchvision's have; ``?wnids=FILE`` gives another order, a wnid a line.

    Raises:
        DataError: no such folders, another number of them, a list that lacks a class.
    """
    reference.only(("variant", "wnids"), DataError)
    base = existing_folder(reference.body, root, what=reference.text)
    images, masks = (_below(base, name, reference) for name in (_IMAGES, _MASKS))
    wnids = _wnids(reference, images, masks)
    numbers = {wnid: number for number, wnid in enumerate(wnids, start=1)}
    order = _order(reference, root)
    label_map = _label_map(wnids, order, merged=len(wnids) == VARIANTS["S919"])
    samples, notes = _samples(images, masks, numbers)
    on_order = f"labels match outputs in the order of {reference.options.get('wnids', 'the sorted wnids of ImageNet')}"
    return DataSet(samples, (*notes, on_order), label_map, len(order))


def imagenet_wnids() -> list[str]:
    """The WordNet ids of ILSVRC 2012's 1000 classes, sorted: the order of the outputs of torchvision's models."""
    return resources(__package__).joinpath("imagenet_wnids.txt").read_text(encoding="ascii").split()


def _samples(images: Path, masks: Path, numbers: Mapping[str, int]) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    drawn = {relative_id(path, masks): path for path in files_below(masks) if path.suffix.lower() == ".png"}
    samples, without = [], []
    for path in files_below(images):
        name = relative_id(path, images)
        if not is_image(path):
            continue
        wnid, _, file = name.partition("/")
        if not file or "/" in file:
            raise DataError(f"{path} is not in a folder of its class; looked for {images}/<wnid>/<name>.JPEG")
        mask = drawn.pop(name.rpartition(".")[0] + ".png", None)
        source = None if mask is None else ClassMask(mask, numbers[wnid], len(numbers))
        if source is None:
            without.append(name)
        samples.append(Sample(name, path, wnid, source, mask_kind="none" if source is None else "mask"))
    if not samples:
        raise DataError(f"no image in {images}; looked for <wnid>/<name>.JPEG")
    notes = []
    if without:
        notes.append(f"{len(without)} of {len(samples)} images have no mask, e.g. {without[0]}")
    if drawn:
        notes.append(f"{len(drawn)} masks belong to no image, e.g. {next(iter(drawn))}")
    return tuple(samples), tuple(notes)


def _below(base: Path, name: str, reference: Reference) -> Path:
    folder = base / name
    if not folder.is_dir():
        raise DataError(
            f"{reference.text!r}: no folder {folder}; looked for {_IMAGES}/<wnid>/*.JPEG and {_MASKS}/<wnid>/*.png"
        )
    return confined(folder, base, folder)


def _wnids(reference: Reference, *folders: Path) -> list[str]:
    """The classes, in the order of their ids."""
    found = {path.name for folder in folders for path in folder.iterdir() if path.is_dir() and path.name[0] != "."}
    asked = reference.options.get("variant")
    if asked is not None and asked not in VARIANTS:
        raise DataError(f"{reference.text!r}: variant={asked}{nearest(asked, VARIANTS)}")
    wanted = set(VARIANTS.values()) if asked is None else {VARIANTS[asked]}
    if len(found) not in wanted:
        raise DataError(
            f"{reference.text!r}: {len(found)} folders of classes in {folders[0]} and {folders[1]}, not "
            f"{' or '.join(map(str, sorted(wanted)))}: ids in masks count all, in the order of their names; "
            "keep empty folders for classes that you leave out"
        )
    return sorted(found)


def _order(reference: Reference, root: Path) -> list[str]:
    """The wnids in the order of the model's outputs."""
    given = reference.options.get("wnids")
    if given is None:
        return imagenet_wnids()
    path = root / Path(given).expanduser()
    try:
        lines = [line.split()[0] for line in read_file(path).decode("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{reference.text!r}: wnids={given}: {error}; give a file with a wnid a line") from error
    if len(set(lines)) < len(lines):
        raise DataError(f"{path} has a wnid twice; an output has one line, and a wnid one output")
    return lines


def _label_map(wnids: Sequence[str], order: Sequence[str], *, merged: bool) -> dict[str | int, tuple[int, ...]]:
    """The outputs that mean each wnid: its own, and those of the classes that were put into it."""
    places = {wnid: place for place, wnid in enumerate(order)}
    lost = [wnid for wnid in wnids if wnid not in places]
    if lost:
        raise DataError(
            f"{len(lost)} folders of classes, e.g. {lost[0]!r}, are not among the {len(order)} wnids of the model's "
            "outputs; give them in order, a wnid a line: ?wnids=FILE"
        )
    into: dict[str, list[str]] = {wnid: [wnid] for wnid in wnids}
    for one, other in MERGED.items():
        if merged and other in into:
            into[other].append(one)
    return {wnid: tuple(sorted(places[one] for one in every if one in places)) for wnid, every in into.items()}
