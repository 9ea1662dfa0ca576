"""``voc:ROOT``: Pascal VOC, with its segmentations or with the outlines of its annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from ..language.contradictions import too_many
from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import DataSet, MaskKind, Sample
from .base import UnusableSample, data_source
from .class_names import names_given, names_of_lines
from .files import confined
from .label_colours import Numbering, is_background, numbered, numbering_of
from .objects import (
    ObjectChoice,
    Objects,
    Region,
    RegionsMask,
    counted_note,
    notes_on_objects,
    object_choices,
    sample_of,
)
from .stated_facts import region_contradictions
from .voc_annotation import Annotation, annotation_of
from .voc_layout import CLASS_FOLDERS, OBJECT_FOLDERS, Layout, VocImage, layout_of
from .voc_masks import ObjectMask, SegmentationMask, classes_in, frame_of, largest_object

Masks = Literal["class", "object", "box"]
Boxes = Literal["edges", "pixels"]
#: VOC's classes; their numbers in SegmentationClass are 1 to 20, in this order
# fmt: off
CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on
_FOLDERS = {"class": CLASS_FOLDERS, "object": OBJECT_FOLDERS}


@dataclass(frozen=True)
class _Reading:
    """How the masks are made; `asked`: not by default. `edges`: how boxes count."""

    layout: Layout
    masks: Masks
    asked: bool
    objects: Objects
    numbering: Numbering
    segmentations: Path | None
    edges: bool


@dataclass
class _Found:
    """The samples, and the names of images that the notes count."""

    samples: list[Sample] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


@data_source("voc", remote="tree")
def voc(reference: Reference, root: Path) -> DataSet:
    """Pascal VOC as VOC itself, CVAT, Label Studio, Roboflow, FiftyOne, LabelImg and labelme2voc write it.

    In VOC's own folders (``ROOT/JPEGImages``, ``Annotations``, ``SegmentationClass``, ``SegmentationObject`` and
    ``ImageSets``), or annotations anywhere below ROOT, paired with the images there by name. The label is the class
    with the largest outlines in sum; without annotation that with the most pixels in SegmentationClass.
    ``?masks=class``: its pixels in SegmentationClass; ``?masks=object``: the largest object in SegmentationObject,
    others of its class are ignored; ``?masks=box``: the boxes of its objects. Without the option it is the class, and
    the polygon or box of an image that has no segmentation. 255 is ignored. ``?objects=each`` makes a sample of every
    class of an image, for models that answer several labels. ``?split=val`` is looked for in ImageSets/Segmentation,
    then in ImageSets/Main (boxes: in Main first), else it is a folder. ``?names=`` are the classes by number, where
    neither ``labelmap.txt`` nor ``class_names.txt`` says them and they are not VOC's own. ``?boxes=edges`` reads boxes
    as edges that count from 0, ``?boxes=pixels`` as pixels that count from 1, both ends included, as VOC's own do.
    ``?images=`` is the folder of the images. Ids are the images' paths below JPEGImages, else below ROOT.

    Raises:
        DataError: no such layout, an annotation that makes no sense (with the line), a class without number.
    """
    reference.only(("masks", "split", "names", "objects", "images", "boxes"), DataError)
    asked = _asked(reference, "masks", get_args(Masks)), _asked(reference, "boxes", get_args(Boxes))
    layout = layout_of(reference, root)
    annotations = [None if one.annotation is None else annotation_of(one.annotation) for one in layout.images]
    edges, on_boxes = _edges(layout, annotations, asked[1])
    reading = _reading(reference, root, layout, asked[0], edges)
    found = _Found()
    for image, annotation in zip(layout.images, annotations, strict=True):
        if annotation is not None and annotation.objects:
            _add_annotated(found, reading, image, annotation)
        else:
            _add_segmented(found, reading, image)
    return DataSet(tuple(found.samples), (*layout.notes, *_notes(reference, reading, found, on_boxes)))


def _notes(reference: Reference, reading: _Reading, found: _Found, on_boxes: Sequence[str]) -> list[str]:
    if not found.samples:
        segmented = reading.layout.own and reading.layout.segmentations(CLASS_FOLDERS) is not None
        why = "; write masks=class for SegmentationClass" if segmented and reading.masks == "box" else ""
        why = f"; {found.unread[0]}" if found.unread else why
        raise DataError(
            f"{reference.text!r}: no image of {len(found.bare) + len(found.unread)} in {reading.layout.base} has an "
            f"object in its annotation"
            f"{' or segmentation' if reading.segmentations else ''}{why}"
        )
    images = len({sample.cluster or sample.id for sample in found.samples}) + len(found.bare) + len(found.unread)
    if too_many(len(found.unread), images):
        raise DataError(
            f"{reference.text!r}: of {len(found.unread)} of {images} images the segmentation cannot be read or has no "
            f"known class, e.g. {found.unread[0]}"
        )
    boxed = any(sample.mask_kind == "box" for sample in found.samples)
    unmasked = [one.id for one in found.samples if one.mask is None]
    return [
        *(on_boxes if boxed else ()),
        *notes_on_objects(found.samples, found.mixed, "each" if reading.objects == "each" else "label"),
        *counted_note(unmasked, f"images are not in {_FOLDERS.get(reading.masks, ('',))[-1]}"),
        *counted_note(found.bare, "images have no object and no label, and were left out"),
        *counted_note(
            found.unread, "images have a segmentation without a known class, hence no label, and were left out"
        ),
    ]


def _asked(reference: Reference, option: str, known: Sequence[str]) -> str | None:
    asked = reference.options.get(option)
    if asked is not None and asked not in known:
        raise DataError(f"{reference.text!r}: {option}={asked}{nearest(asked, known)}")
    return asked


def _edges(layout: Layout, annotations: Sequence[Annotation | None], asked: str | None) -> tuple[bool, tuple[str, ...]]:
    """Whether boxes are edges: tools other than VOC's write them so; one way for all images of the data."""
    if asked is not None:
        return asked == "edges", ()
    if layout.own and not any(one.edges for one in annotations if one is not None):
        return False, ()
    return True, ("boxes are read as edges that count from 0 (?boxes=pixels: as pixels from 1, as VOC's own do)",)


def _reading(reference: Reference, root: Path, layout: Layout, asked: str | None, edges: bool) -> _Reading:
    default = "class" if layout.own and layout.segmentations(CLASS_FOLDERS) is not None else "box"
    masks = next(known for known in get_args(Masks) if known == (asked or default))
    folder = layout.segmentations(_FOLDERS[masks]) if masks in _FOLDERS else None
    if masks in _FOLDERS and folder is None:
        raise DataError(f"{reference.text!r}: no folder {_FOLDERS[masks][-1]} with pictures in {layout.base}")
    objects = _objects(reference, masks)
    return _Reading(layout, masks, asked is not None, objects, _numbering(reference, layout.base, root), folder, edges)


def _objects(reference: Reference, masks: Masks) -> Objects:
    """Which objects of an image count: those that the masks know, or each label's."""
    asked = reference.options.get("objects")
    if asked not in (None, "each"):
        raise DataError(
            f"{reference.text!r}: objects={asked}; write objects=each, or say by masks= which object counts"
        )
    if asked == "each" and masks == "object":
        raise DataError(f"{reference.text!r}: masks=object is one object of an image; write masks=class or masks=box")
    return "each" if asked else "largest" if masks == "object" else "label"


def _numbering(reference: Reference, base: Path, root: Path) -> Numbering:
    """The classes' numbers: those asked for, of ``labelmap.txt``, of ``class_names.txt``, or VOC's own."""
    given = reference.options.get("names")
    if given is not None:
        names = list(names_given(given, root, base, named=f"{reference.text!r}: names={given}").values())
    elif (base / "labelmap.txt").is_file():
        return numbering_of(confined(base / "labelmap.txt", base, base / "labelmap.txt"))
    elif (base / "class_names.txt").is_file():
        names = list(names_of_lines(confined(base / "class_names.txt", base, base / "class_names.txt")).values())
    else:
        return numbered(CLASSES, 1)
    return numbered(names, 0 if is_background(names[0]) else 1)


def _add_annotated(found: _Found, reading: _Reading, image: VocImage, annotation: Annotation) -> None:
    boxes = reading.masks == "object" or (reading.masks == "box" and reading.asked)
    regions = [one.region(edges=reading.edges, boxes=boxes) for one in annotation.objects]
    outlines = [one.region(edges=reading.edges, boxes=False) for one in annotation.objects]
    contradictions = region_contradictions(outlines, annotation.size)
    for choice in object_choices(regions, reading.objects):
        mask = _mask(reading, image, choice, annotation, regions)
        kind: MaskKind = "none" if mask is None else choice.kind if isinstance(mask, RegionsMask) else "mask"
        sample = sample_of(image.id, image.image, choice, mask, reading.objects)
        found.samples.append(
            replace(sample, mask_kind=kind, contradictions=contradictions, stated_size=annotation.size)
        )
        found.mixed += [image.id] if choice.mixed else []


def _mask(
    reading: _Reading, image: VocImage, choice: ObjectChoice, annotation: Annotation, regions: Sequence[Region]
) -> SegmentationMask | RegionsMask | None:
    drawn = RegionsMask(choice.own, annotation.height, annotation.width, image=image.image)
    if reading.segmentations is None:
        return drawn
    path = _segmentation(reading, image)
    if path is None:
        return None if reading.asked else drawn
    if reading.masks == "object":
        numbers = numbered([str(place) for place in range(1, len(regions) + 1)], 1)
        own, ignored = (_places(regions, part) for part in (choice.own, choice.ignored))
        return SegmentationMask(
            path, own, ignored, numbers, f"the largest object, {choice.label}", frame_of(choice.own)
        )
    number = reading.numbering.number(str(choice.label))
    if number is None:
        raise DataError(
            f"{annotation.path}: the class {choice.label!r} has no number in SegmentationClass"
            f"{nearest(str(choice.label), reading.numbering.names.values())}; write ?names= with all classes in their "
            f"order{_or_line(reading)}"
        )
    return SegmentationMask(path, (number,), (), reading.numbering, str(choice.label), frame_of(choice.own))


def _or_line(reading: _Reading) -> str:
    return f", or its line into {reading.numbering.source}" if reading.numbering.source else ""


def _segmentation(reading: _Reading, image: VocImage) -> Path | None:
    if reading.segmentations is None:
        return None
    path = confined(reading.segmentations / f"{image.stem}.png", reading.layout.base, image.where)
    return path if path.is_file() else None


def _add_segmented(found: _Found, reading: _Reading, image: VocImage) -> None:
    """An image without annotated objects: its label is the class with the most pixels in its segmentation."""
    path = _segmentation(reading, image)
    if path is None:
        found.bare.append(image.id)
        return
    try:
        masks = _largest(reading, image, path) if reading.masks == "object" else _classes(reading, path)
    except UnusableSample as error:
        found.unread.append(f"{image.id}: {error}")
        return
    if not masks:
        found.bare.append(image.id)
        return
    each = reading.objects == "each"
    for label in sorted(masks) if each else list(masks)[:1]:
        name, cluster = (f"{image.id}#{label}", image.id) if each else (image.id, None)
        found.samples.append(Sample(name, image.image, label, masks[label], cluster=cluster))
    found.mixed += [image.id] if len(masks) > 1 and not each else []


def _classes(reading: _Reading, path: Path) -> dict[str, SegmentationMask | ObjectMask]:
    """The masks of the classes in a segmentation, that with the most pixels first."""
    numbers = {label: reading.numbering.number(label) for label in classes_in(path, reading.numbering)}
    return {
        label: SegmentationMask(path, (number,), (), reading.numbering, label)
        for label, number in numbers.items()
        if number is not None
    }


def _largest(reading: _Reading, image: VocImage, path: Path) -> dict[str, SegmentationMask | ObjectMask]:
    """The mask of the largest object, whose class the segmentation of classes says."""
    folder = reading.layout.segmentations(CLASS_FOLDERS)
    classes = None if folder is None else folder / f"{image.stem}.png"
    if classes is None or not classes.is_file():
        return {}
    found = largest_object(path, confined(classes, reading.layout.base, image.where), reading.numbering)
    return {} if found is None else {found[0]: found[1]}


def _places(regions: Sequence[Region], part: Sequence[Region]) -> tuple[int, ...]:
    """The numbers of objects in SegmentationObject: their places in the annotation, from 1."""
    return tuple(place for place, one in enumerate(regions, start=1) if any(one is own for own in part))
