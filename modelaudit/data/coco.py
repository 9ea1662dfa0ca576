"""``coco:annotations.json``: polygons, run lengths, and boxes where there is nothing else."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.json_file import read_json
from ..language.reference import Reference, parse_reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .box_forms import boxes_of_other_form, other_form
from .coco_fields import flag, identity, known_as, region_of, size_of
from .files import confined, existing_folder, file_named
from .image_places import ImagePlace, image_folder, places_below, usual_places
from .objects import (
    IGNORED_LABEL,
    NO_OBJECT,
    ObjectChoice,
    Objects,
    Region,
    RegionsMask,
    counted_note,
    notes_on_objects,
    object_choices,
    objects_option,
    sample_of,
)
from .remote.urls import is_url
from .root import data_home
from .stated_facts import region_contradictions

_LABELS = ("name", "imagenet_index")
_CROWDS = ("object", "ignore")


@dataclass(frozen=True)
class _Image:
    """What the file states of an image; without a size that of the image itself counts."""

    name: str
    height: int | None
    width: int | None

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width); None where the file does not say."""
        return None if self.height is None or self.width is None else (self.height, self.width)


@dataclass
class _Annotated:
    """The annotations: the regions by image id, the crowds to ignore, what is ignored by its label.

    Args:
        without: have neither outline nor box.
        partial: have parts of fewer than three points, which enclose nothing.
        background: are annotated as no object.
    """

    regions: dict[Any, list[Region]] = field(default_factory=lambda: defaultdict(list))
    crowds: dict[Any, list[Region]] = field(default_factory=lambda: defaultdict(list))
    ignored: dict[Any, list[Region]] = field(default_factory=lambda: defaultdict(list))
    without: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    background: list[str] = field(default_factory=list)


@data_source("coco", remote="file")
def coco(reference: Reference, root: Path) -> DataSet:
    """One sample an annotated image, its mask the union of the objects of one category.

    An image with several categories has the label of the one with the largest area; the others are background
    (``?objects=label``). ``?objects=largest`` and ``?objects=all`` as in
    :func:`~modelaudit.data.objects.choose_objects`; ``?objects=each`` makes a sample of every category of an image, for
    models that answer several labels.
    Crowds (``iscrowd``) are objects like others, or with ``?crowd=ignore`` 255 in images of their category, and no
    reason for a label. Labels are the categories' ``imagenet_index`` where every category has one, else their names
    (``?labels=name`` or ``?labels=imagenet_index`` says it); annotations named ``__ignore__`` are ignored (255), and
    those named ``_background_`` count as background. Images are below ``?images=DIR`` (looked for next to the file,
    then below `root`), else in the first of :func:`~modelaudit.data.image_places.usual_places` that holds them. Ids
    are the images' paths below that folder. A mask whose image has no stated size has that of the image.

    Raises:
        DataError: not a COCO file, one with parts that contradict each other, file names that leave the images'
            folder, or images that are in none of the places. If a few are not there, each is a sample all the same,
            and is counted as unreadable.
    """
    reference.only(("images", "labels", "objects", "crowd"), DataError)
    path = root / Path(reference.body).expanduser()
    objects, crowd = objects_option(reference), reference.options.get("crowd", "object")
    if crowd not in _CROWDS:
        raise DataError(f"{reference.text!r}: crowd={crowd}{nearest(crowd, _CROWDS)}")
    document = _document(path)
    images = _images(document, path)
    labels, notes = _labels(document, reference.options.get("labels"), path)
    place = _place(reference, path, root, [image.name for image in images.values()])
    notes += [] if place.note is None else [place.note]
    found = _annotated(document, images, labels, path, crowd == "ignore")
    samples, mixed = [], []
    form = other_form([(regions, images[key].size) for key, regions in found.regions.items()])
    for key, regions in found.regions.items():
        outlines = [*regions, *found.crowds.get(key, []), *found.ignored.get(key, [])]
        size = images[key].size
        contradictions = region_contradictions(outlines, size) or boxes_of_other_form(outlines, size, form)
        for choice in object_choices(regions, objects):
            alike = (crowd for crowd in found.crowds.get(key, []) if objects == "all" or crowd.label == choice.label)
            ignored = (*choice.ignored, *alike, *found.ignored.get(key, []))
            sample = _sample(images[key], choice, ignored, place, objects)
            samples.append(replace(sample, contradictions=contradictions))
            mixed += [samples[-1].id] if choice.mixed else []
    if not samples:
        raise DataError(f"{path} annotates no image; looked for 'annotations' with an image_id of 'images'")
    bare = [image.name for key, image in images.items() if key not in found.regions]
    notes += notes_on_objects(samples, mixed, objects)
    notes += counted_note(found.without, "annotations have neither segmentation nor box and were skipped")
    less = "annotations have parts of fewer than three points, which enclose nothing: other parts or the box are drawn"
    notes += counted_note(found.partial, less)
    notes += counted_note(found.background, f"annotations are named {NO_OBJECT!r} and count as background")
    notes += counted_note(bare, "images have no usable annotation and no label, and were left out")
    crowded = sum(map(len, found.crowds.values()))
    notes += [f"{crowded} crowds are ignored (255) in the images of their category"] if crowded else []
    blank = sum(map(len, found.ignored.values()))
    notes += [f"{blank} annotations are named {IGNORED_LABEL!r} and are ignored (255)"] if blank else []
    return DataSet(tuple(samples), tuple(notes))


def _document(path: Path) -> dict[str, Any]:
    if path.is_dir():
        below = sorted(one for pattern in ("*.json", "*/*.json") for one in path.glob(pattern))
        named = f"coco:{below[0]}" if below else "coco:path/to/annotations.json"
        raise DataError(f"{path} is a folder; name the file of the annotations, {named}")
    document = read_json(path, DataError, hint="; write coco:path/to/annotations.json")
    for key in ("images", "annotations", "categories"):
        entries = document.get(key) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(
                f"{path} has no list {key!r} of objects; a COCO file has images, annotations and categories"
            )
    checked: dict[str, Any] = document
    return checked


def _place(reference: Reference, path: Path, root: Path, names: list[str]) -> ImagePlace:
    """Where the images are. Those of a copy of a URL are not there yet: they are fetched once the names are known."""
    given = reference.options.get("images")
    asked = None
    if given is not None:
        asked = existing_folder(given, path.parent, root, what=f"{reference.text}: images={given}")
    original = parse_reference(reference.text)
    if any(map(is_url, (original.body, *original.options.values()))):
        return ImagePlace(asked or _beside(path, names), None)
    places = usual_places(path.parent, path.stem) if asked is None else [asked, *places_below(asked, path.stem)]
    home = asked or data_home(path.parent)
    found = image_folder(names, places, what=path, option="?images=DIR", below=home)
    confined(found.folder, home, found.folder)
    return found


def _beside(path: Path, names: list[str]) -> Path:
    """Some tools write ``images/1.jpg`` as file name, others ``1.jpg``."""
    beside = path.parent / "images"
    if not beside.is_dir() or (names and not _exists(beside, names[0]) and _exists(path.parent, names[0])):
        return path.parent
    return confined(beside, path.parent, beside)


def _exists(folder: Path, name: str) -> bool:
    return os.path.exists(folder / name)  # noqa: PTH110  (not an error for a name that no file can have)


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
        label, one = category.get(key), identity(category.get("id"))
        if not isinstance(label, str | int) or label == "":
            raise DataError(f"{path}: the category {category!r} has no {key}")
        if one in labels:
            raise DataError(f"{path}: two categories have the id {category.get('id')!r}")
        labels[one] = label
    by_default = key == "imagenet_index" and asked is None
    return labels, ["labels are the categories' imagenet_index (?labels=name takes their names)"] if by_default else []


def _images(document: Mapping[str, Any], path: Path) -> dict[Any, _Image]:
    images: dict[Any, _Image] = {}
    for image in document["images"]:
        key, name = identity(image.get("id")), image.get("file_name") or image.get("coco_url")  # LVIS has the URL alone
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise DataError(f"{path}: image {image.get('id')!r} has no file_name")
        height, width = size_of(image.get("height"), image.get("width"), f"{path}: {name!r}")
        if key is None or key in images:
            raise DataError(f"{path}: {name!r} has the id {image.get('id')!r}; ids are numbers or texts, and unique")
        images[key] = _Image(name, height, width)
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
        named = f"{path}: annotation {annotation.get('id', position)!r}"
        image, category = known_as(annotation.get("image_id"), images), known_as(annotation.get("category_id"), labels)
        if image is None:
            raise DataError(f"{named} is of image {annotation.get('image_id')!r}, which is not among the images")
        if category is None:
            raise DataError(
                f"{named} is of category {annotation.get('category_id')!r}, which is not among the categories"
            )
        crowd = flag(annotation.get("iscrowd"))
        if crowd is None:
            raise DataError(f"{named} has iscrowd={annotation['iscrowd']!r}; it is 0 or 1")
        label, short = labels[category], str(annotation.get("id", position))
        region, partial = region_of(annotation, label, named)
        found.partial += [short] if partial else []
        if region is None:
            found.without.append(short)
        elif label == NO_OBJECT:
            found.background.append(short)
        elif label == IGNORED_LABEL:
            found.ignored[image].append(region)
        elif crowd and ignore_crowds:
            found.crowds[image].append(region)
        else:
            found.regions[image].append(region)
    return found


def _sample(
    image: _Image, found: ObjectChoice, ignored: tuple[Region, ...], place: ImagePlace, objects: Objects
) -> Sample:
    name, path = file_named(place.name(image.name), place.folder, place.folder, "file_name")
    own_size = path if image.height is None else None
    mask = RegionsMask(found.own, image.height, image.width, ignored, own_size)
    return sample_of(name, path, found, mask, objects)


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
