"""``coco:annotations.json``: polygons, run lengths, and boxes where there is nothing else."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.json_file import read_json
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .files import confined, existing_folder, file_named
from .objects import (
    ObjectChoice,
    Objects,
    Region,
    RegionsMask,
    counted_note,
    is_number,
    notes_on_objects,
    object_choices,
    objects_option,
    sample_of,
    stated_size,
)

_LABELS = ("name", "imagenet_index")
_CROWDS = ("object", "ignore")


@dataclass
class _Annotated:
    """The annotations: the regions by image id, the crowds to ignore, those without any outline."""

    regions: dict[Any, list[Region]] = field(default_factory=lambda: defaultdict(list))
    crowds: dict[Any, list[Region]] = field(default_factory=lambda: defaultdict(list))
    without: list[str] = field(default_factory=list)


@data_source("coco", remote="file")
def coco(reference: Reference, root: Path) -> DataSet:
    """One sample an annotated image, its mask the union of the objects of one category.

    An image with several categories has the label of the one with the largest area; the others are background
    (``?objects=label``). ``?objects=largest`` and ``?objects=all`` as in
    :func:`~modelaudit.data.objects.choose_objects`; ``?objects=each`` makes a sample of every category of an image, for
    models that answer several labels.
    Crowds (``iscrowd``) are objects like others, or with ``?crowd=ignore`` 255 in images of their category, and no
    reason for a label. Labels are the categories' ``imagenet_index`` where every category has one, else their names
    (``?labels=name`` or ``?labels=imagenet_index`` says it). Images are below ``?images=DIR`` (looked for next to
    the file, then below `root`), else in ``images`` next to the file, else next to it, as the file names have it. Ids
    are the file names in the annotations.

    Raises:
        DataError: not a COCO file, one with parts that contradict each other, or file names that leave the images'
            folder. An image that is not there is a sample all the same, and is counted as unreadable.
    """
    reference.only(("images", "labels", "objects", "crowd"), DataError)
    path = root / Path(reference.body).expanduser()
    objects, crowd = objects_option(reference), reference.options.get("crowd", "object")
    if crowd not in _CROWDS:
        raise DataError(f"{reference.text!r}: crowd={crowd}{nearest(crowd, _CROWDS)}")
    document = _document(path)
    labels, notes = _labels(document, reference.options.get("labels"), path)
    images = _images(document, path)
    folder = _images_folder(reference, path, root, [image["file_name"] for image in images.values()])
    found = _annotated(document, images, labels, path, crowd == "ignore")
    samples, mixed = [], []
    for key, regions in found.regions.items():
        for choice in object_choices(regions, objects):
            samples.append(_sample(images[key], choice, found.crowds.get(key, []), folder, objects))
            mixed += [samples[-1].id] if choice.mixed else []
    if not samples:
        raise DataError(f"{path} annotates no image; looked for 'annotations' with an image_id of 'images'")
    bare = [image["file_name"] for key, image in images.items() if key not in found.regions]
    notes += notes_on_objects(samples, mixed, objects)
    notes += counted_note(found.without, "annotations have neither segmentation nor box and were skipped")
    notes += counted_note(bare, "images have no usable annotation and no label, and were left out")
    crowded = sum(map(len, found.crowds.values()))
    notes += [f"{crowded} crowds are ignored (255) in the images of their category"] if crowded else []
    return DataSet(tuple(samples), tuple(notes))


def _document(path: Path) -> dict[str, Any]:
    document = read_json(path, DataError, hint="; write coco:path/to/annotations.json")
    for key in ("images", "annotations", "categories"):
        entries = document.get(key) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(
                f"{path} has no list {key!r} of objects; a COCO file has images, annotations and categories"
            )
    checked: dict[str, Any] = document
    return checked


def _images_folder(reference: Reference, path: Path, root: Path, names: list[str]) -> Path:
    """Where the images are: some tools write ``images/1.jpg`` as file name, others ``1.jpg``."""
    given = reference.options.get("images")
    if given is not None:
        return existing_folder(given, path.parent, root, what=f"{reference.text}: images={given}")
    beside = path.parent / "images"
    if not beside.is_dir() or (names and not _exists(beside, names[0]) and _exists(path.parent, names[0])):
        return path.parent
    return confined(beside, path.parent, beside)


def _exists(folder: Path, name: str) -> bool:
    return os.path.exists(folder / name)  # noqa: PTH110  (a name that no file can have is no error)


def _labels(document: Mapping[str, Any], asked: str | None, path: Path) -> tuple[dict[Any, str | int], list[str]]:
    """The label of every category id, and which field it came from."""
    if asked is not None and asked not in _LABELS:
        raise DataError(f"{path}: labels={asked}{nearest(asked, _LABELS)}")
    categories = document["categories"]
    indexed = [_is_index(category.get("imagenet_index")) for category in categories]
    if asked == "imagenet_index" and not all(indexed):
        raise DataError(f"{path}: {indexed.count(False)} categories have no imagenet_index; write ?labels=name")
    key = asked or ("imagenet_index" if categories and all(indexed) else "name")
    labels: dict[Any, str | int] = {}
    for category in categories:
        label = category.get(key)
        if not isinstance(label, str | int) or label == "":
            raise DataError(f"{path}: the category {category!r} has no {key}")
        if _key(category.get("id")) in labels:
            raise DataError(f"{path}: two categories have the id {category.get('id')!r}")
        labels[_key(category.get("id"))] = label
    by_default = key == "imagenet_index" and asked is None
    return labels, ["labels are the categories' imagenet_index (?labels=name takes their names)"] if by_default else []


def _images(document: Mapping[str, Any], path: Path) -> dict[Any, dict[str, Any]]:
    images: dict[Any, dict[str, Any]] = {}
    for image in document["images"]:
        key, name = _key(image.get("id")), image.get("file_name")
        if not isinstance(name, str) or not name or "\0" in name:
            raise DataError(f"{path}: image {image.get('id')!r} has no file_name")
        sides = [image.get("height"), image.get("width")]
        if not all(_is_index(side) and side > 0 for side in sides):
            raise DataError(f"{path}: {name!r} has the height and width {sides}; masks are drawn in them")
        stated_size(sides[0], sides[1], f"{path}: {name!r}")
        if key is None or key in images:
            raise DataError(f"{path}: {name!r} has the id {image.get('id')!r}; ids are numbers or texts, and unique")
        images[key] = image
    return images


def _annotated(
    document: Mapping[str, Any],
    images: Mapping[Any, Any],
    labels: Mapping[Any, str | int],
    path: Path,
    ignore_crowds: bool,
) -> _Annotated:
    found = _Annotated()
    for position, annotation in enumerate(document["annotations"]):
        number = annotation.get("id", position)
        named = f"{path}: annotation {number!r}"
        image, category = _key(annotation.get("image_id")), _key(annotation.get("category_id"))
        if image not in images:
            raise DataError(f"{named} is of image {annotation.get('image_id')!r}, which is not among the images")
        if category not in labels:
            raise DataError(
                f"{named} is of category {annotation.get('category_id')!r}, which is not among the categories"
            )
        crowd = annotation.get("iscrowd") or 0
        if crowd not in (0, 1):
            raise DataError(f"{named} has iscrowd={crowd!r}; it is 0 or 1")
        region = _region(annotation, labels[category], named)
        if region is None:
            found.without.append(str(number))
        elif crowd and ignore_crowds:
            found.crowds[image].append(region)
        else:
            found.regions[image].append(region)
    return found


def _region(annotation: Mapping[str, Any], label: str | int, named: str) -> Region | None:
    outline: Any = annotation.get("segmentation")
    box: Any = annotation.get("bbox")
    has_box = isinstance(box, list) and len(box) == 4 and all(map(is_number, box)) and min(box[2:]) > 0
    stated: Any = annotation.get("area")
    area = float(stated) if is_number(stated) else float(box[2] * box[3]) if has_box else None
    if isinstance(outline, dict) and outline:
        return Region(label, "rle", outline, area, named)
    if isinstance(outline, list) and outline:
        return Region(label, "polygon", outline, area, named)
    return Region(label, "box", box, area, named) if has_box else None


def _sample(
    image: Mapping[str, Any], found: ObjectChoice, crowds: list[Region], folder: Path, objects: Objects
) -> Sample:
    name = image["file_name"].replace("\\", "/")
    if ".." in name.split("/"):
        raise DataError(f"{name!r} leads upwards; file names in annotations are paths below {folder}")
    name, path = file_named(name, folder, folder, "file_name")
    ignored = (*found.ignored, *(crowd for crowd in crowds if objects == "all" or crowd.label == found.label))
    mask = RegionsMask(found.own, image["height"], image["width"], ignored)
    return sample_of(name, path, found, mask, objects)


def _key(value: Any) -> Any:
    """An id, which is a number or a text; None for anything else."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
