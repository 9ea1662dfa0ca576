"""``voc:ROOT``: Pascal VOC, with its segmentations or with the boxes of its annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import IGNORE, DataSet, MaskKind, Sample
from .base import Pixels, UnusableSample, data_source
from .class_names import names_given
from .files import confined, existing_folder, file_named, files_below, is_image, relative_id, text_of
from .images import opened, upright
from .masks import ReadMask
from .objects import (
    ObjectChoice,
    Objects,
    RegionsMask,
    counted_note,
    notes_on_objects,
    object_choices,
    sample_of,
)
from .voc_annotation import Annotation, annotation_of

#: an object's pixels and its box in the annotation belong together from this intersection over union on
_SAME_BOX = 0.25


@dataclass(frozen=True)
class PaletteMask(ReadMask):
    """A segmentation, read by the numbers of its palette: which are object, which are ignored as 255 is.

    Args:
        known: the numbers that may stand there are 0 to `known`, and 255.
        what: what the first of `objects` stands for, for messages.
        box: (left, top, width, height) of the object in the annotation, to tell a wrong numbering; None for classes.
    """

    path: Path
    objects: tuple[int, ...]
    ignored: tuple[int, ...]
    known: int
    what: str
    box: tuple[float, float, float, float] | None = None

    @property
    def rule(self) -> str:
        return f"voc {self.objects} {self.ignored} {self.known} {self.box}"

    def of(self, content: bytes) -> Pixels:
        with opened(content, str(self.path), Missing.UNREADABLE_MASK) as image:
            if image.mode not in ("P", "L"):
                raise self._unusable(f"has colour mode {image.mode}; a segmentation of VOC is a PNG with a palette")
            values = np.asarray(upright(image))
        found = [int(value) for value in np.unique(values)]
        strange = [value for value in found if self.known < value < IGNORE]
        if strange:
            raise self._unusable(f"has the number {strange[0]}, and the annotation knows 1 to {self.known}")
        if not set(self.objects) & set(found):
            raise self._unusable(f"has no pixel of {self.what} ({self.objects[0]}); it has {found}")
        own = np.isin(values, self.objects)
        if self.box is not None and _overlap(own, self.box) < _SAME_BOX:
            raise self._unusable(f"has object {self.objects[0]} elsewhere than the annotation has {self.what}")
        mask = own.astype(np.uint8)
        mask[np.isin(values, (*self.ignored, IGNORE))] = IGNORE
        return mask

    def _unusable(self, what: str) -> UnusableSample:
        return UnusableSample(Missing.UNREADABLE_MASK, f"{self.path} {what}")


def _overlap(pixels: NDArray[np.bool_], box: tuple[float, float, float, float]) -> float:
    """Intersection over union of the pixels' bounding box and a box."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    wide = min(right, box[0] + box[2]) - max(left, box[0])
    high = min(bottom, box[1] + box[3]) - max(top, box[1])
    both = max(wide, 0) * max(high, 0)
    return float(both / ((right - left) * (bottom - top) + box[2] * box[3] - both))


Masks = Literal["class", "object", "box"]
#: VOC's classes; their numbers in SegmentationClass are 1 to 20, in this order
# fmt: off
CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on
_FOLDERS = {"class": "SegmentationClass", "object": "SegmentationObject"}


@dataclass(frozen=True)
class _Layout:
    """The folders, the images by their names without ending, and how masks are made; `asked`: not by default."""

    base: Path
    images: Mapping[str, Path]
    masks: Masks
    asked: bool
    numbers: Mapping[str, int]


@data_source("voc", remote="tree")
def voc(reference: Reference, root: Path) -> DataSet:
    """``ROOT/JPEGImages``, ``Annotations``, ``SegmentationClass``, ``SegmentationObject`` and ``ImageSets``.

    The label is the class with the largest boxes in sum. ``?masks=class``: its pixels in SegmentationClass;
    ``?masks=object``: the largest object in SegmentationObject, others of its class are ignored; ``?masks=box``: the
    boxes of its objects. Without the option it is the class, and the box of an image that has no segmentation. 255 is
    ignored. ``?objects=each`` makes a sample of every class of an image, for models that answer several labels.
    ``?split=val`` is looked for in ImageSets/Segmentation, then in ImageSets/Main (boxes: in Main first). ``?names=``
    are the classes by number, where they are not VOC's own. Ids are the images' paths below JPEGImages.

    Raises:
        DataError: no such layout, an annotation that makes no sense (with the line), a class without number.
    """
    reference.only(("masks", "split", "names", "objects"), DataError)
    layout = _layout(reference, root)
    objects = _objects(reference, layout)
    samples: list[Sample] = []
    mixed: list[str] = []
    bare: list[str] = []
    for stem, where in _stems(reference, layout):
        annotation = annotation_of(_annotation_file(layout.base, stem, where))
        name, image = _image(layout, stem, where)
        if not annotation.objects:
            bare.append(name)
            continue
        for found in object_choices(annotation.objects, objects):
            mask = _mask(layout, stem, found, annotation, image)
            kind: MaskKind = "none" if mask is None else "box" if isinstance(mask, RegionsMask) else "mask"
            samples.append(replace(sample_of(name, image, found, mask, objects), mask_kind=kind))
            mixed += [name] if found.mixed else []
    if not samples:
        raise DataError(f"{reference.text!r}: no image of {len(bare)} has an object in its annotation")
    notes = notes_on_objects(samples, mixed, "each" if objects == "each" else "label")
    notes += counted_note(
        [one.id for one in samples if one.mask is None], f"images are not in {_FOLDERS.get(layout.masks)}"
    )
    notes += counted_note(bare, "images have no object and no label, and were left out")
    return DataSet(tuple(samples), tuple(notes))


def _objects(reference: Reference, layout: _Layout) -> Objects:
    """Which objects of an image count: those that the masks know, or each label's."""
    asked = reference.options.get("objects")
    if asked not in (None, "each"):
        raise DataError(
            f"{reference.text!r}: objects={asked}; write objects=each, or say by masks= which object counts"
        )
    if asked == "each" and layout.masks == "object":
        raise DataError(f"{reference.text!r}: masks=object is one object of an image; write masks=class or masks=box")
    return "each" if asked else "largest" if layout.masks == "object" else "label"


def _layout(reference: Reference, root: Path) -> _Layout:
    base = existing_folder(reference.body, root, what=reference.text)
    for part in ("JPEGImages", "Annotations"):
        if not (base / part).is_dir():
            inner = [path.name for path in sorted(base.iterdir()) if (path / "JPEGImages").is_dir()]
            hint = f"; did you mean {reference.text.partition('?')[0].rstrip('/')}/{inner[0]}?" if inner else ""
            raise DataError(f"{reference.text!r}: no folder {part} in {base}{hint}")
        confined(base / part, base, base / part)
    masks = _asked_masks(reference, base)
    return _Layout(
        base, _files(base / "JPEGImages"), masks, "masks" in reference.options, _numbers(reference, base, root)
    )


def _asked_masks(reference: Reference, base: Path) -> Masks:
    default = "class" if (base / _FOLDERS["class"]).is_dir() else "box"
    asked = reference.options.get("masks", default)
    for known in get_args(Masks):
        if asked == known:
            masks: Masks = known
            if masks in _FOLDERS and not (base / _FOLDERS[masks]).is_dir():
                raise DataError(f"{reference.text!r}: no folder {_FOLDERS[masks]} in {base}")
            return masks
    raise DataError(f"{reference.text!r}: masks={asked}{nearest(asked, get_args(Masks))}")


def _files(folder: Path) -> dict[str, Path]:
    """The images by their paths without ending."""
    images: dict[str, Path] = {}
    for path in files_below(folder):
        stem = relative_id(path, folder).rsplit(".", 1)[0]
        if not is_image(path):
            continue
        if stem in images:
            raise DataError(f"{images[stem]} and {path} would share an annotation; rename one of them")
        images[stem] = path
    return images


def _numbers(reference: Reference, base: Path, root: Path) -> dict[str, int]:
    """The classes' numbers by name; a first ``background`` is 0."""
    given = reference.options.get("names")
    if given is None:
        return {name: number for number, name in enumerate(CLASSES, start=1)}
    names = list(names_given(given, root, base, named=f"{reference.text!r}: names={given}").values())
    first = 0 if names[0].strip("_").lower() == "background" else 1
    return {name: number for number, name in enumerate(names, start=first)}


def _stems(reference: Reference, layout: _Layout) -> Iterator[tuple[str, str]]:
    """The images' names without ending, and where they are named."""
    split, sets = reference.options.get("split"), layout.base / "ImageSets"
    if split is None and not sets.is_dir():
        folder = layout.base / "Annotations"
        for file in files_below(folder):
            if file.suffix == ".xml":
                yield relative_id(file, folder).removesuffix(".xml"), str(file)
        return
    places = ("Main", "Segmentation") if layout.masks == "box" else ("Segmentation", "Main")
    tried = [sets / place / f"{split or 'val'}.txt" for place in places]
    path = next((path for path in tried if path.is_file()), None)
    if path is None:
        known = sorted({path.stem for place in places for path in (sets / place).glob("*.txt")})
        raise DataError(
            f"{reference.text!r}: no list at {' or '.join(map(str, tried))}{nearest(split or 'val', known)}; "
            "write ?split= with the name of one"
        )
    for number, line in enumerate(text_of(confined(path, layout.base, path)).splitlines(), start=1):
        if len(line.split()) > 1:
            raise DataError(f"{path}:{number}: is the list of one class (with 1 and -1); name one of all images")
        if line.strip():
            yield line.strip(), f"{path}:{number}"


def _annotation_file(base: Path, stem: str, where: str) -> Path:
    path = file_named(f"{stem}.xml", base / "Annotations", base / "Annotations", where)[1]
    if not path.is_file():
        raise DataError(f"{where}: {stem!r} has no annotation at {path}")
    return path


def _image(layout: _Layout, stem: str, where: str) -> tuple[str, Path]:
    """The id and path of an image; a missing one stays a sample, and is unreadable."""
    folder = layout.base / "JPEGImages"
    found = layout.images.get(stem)
    if found is not None:
        return relative_id(found, folder), found
    return file_named(f"{stem}.jpg", folder, folder, where)


def _mask(
    layout: _Layout, stem: str, found: ObjectChoice, annotation: Annotation, image: Path
) -> PaletteMask | RegionsMask | None:
    if layout.masks == "box":
        return RegionsMask(found.own, annotation.height, annotation.width, image=image)
    folder = layout.base / _FOLDERS[layout.masks]
    path = confined(folder / f"{stem}.png", layout.base, annotation.path)
    if not path.is_file():
        boxes = RegionsMask(found.own, annotation.height, annotation.width, image=image)
        return None if layout.asked else boxes
    if layout.masks == "object":
        return PaletteMask(
            path,
            _places(annotation, found.own),
            _places(annotation, found.ignored),
            len(annotation.objects),
            f"the largest object, {found.label}",
            tuple(found.own[0].outline),
        )
    number = layout.numbers.get(str(found.label))
    if number is None:
        raise DataError(
            f"{annotation.path}: the class {found.label!r} has no number in SegmentationClass"
            f"{nearest(str(found.label), layout.numbers)}; write ?names= with all classes in their order"
        )
    return PaletteMask(path, (number,), (), max(layout.numbers.values()), str(found.label))


def _places(annotation: Annotation, regions: Sequence[object]) -> tuple[int, ...]:
    """The numbers of objects in SegmentationObject: their places in the annotation, from 1."""
    return tuple(place for place, one in enumerate(annotation.objects, start=1) if any(one is own for own in regions))
