"""``labelme:DIR``: the JSON files of LabelMe, one beside each image."""

from __future__ import annotations

import base64
import hashlib
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.json_file import read_json
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import Pixels, UnusableSample, data_source
from .files import existing_folder, file_named, files_below
from .images import opened, rgb_of, upright
from .objects import (
    Objects,
    Region,
    RegionsMask,
    Shape,
    counted_note,
    is_number,
    notes_on_objects,
    object_choices,
    objects_option,
    polygon_area,
    sample_of,
    stated_size,
)
from .stated_facts import region_contradictions

#: shapes that enclose nothing
_WITHOUT_AREA = ("line", "linestrip", "point", "points")
_WITH_AREA = ("polygon", "rectangle", "circle", "mask")


@dataclass(frozen=True)
class EmbeddedImage:
    """The image that a JSON file holds in base64; read when called: [H, W, 3] uint8, upright.

    Args:
        digest: sha256 of the base64 text.
    """

    path: Path
    digest: str

    def __call__(self) -> Pixels:
        name = f"{self.path}: imageData"
        with opened(self._bytes(name), name, Missing.UNREADABLE_IMAGE) as image:
            return rgb_of(upright(image), name)

    def _bytes(self, name: str) -> bytes:
        try:
            text = _document(self.path).get("imageData")
        except DataError as error:
            raise UnusableSample(Missing.UNREADABLE_IMAGE, str(error)) from error
        if not isinstance(text, str) or _digest(text) != self.digest:
            raise UnusableSample(Missing.UNREADABLE_IMAGE, f"{name} was changed after it was read")
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise UnusableSample(Missing.UNREADABLE_IMAGE, f"{name} is not valid base64: {error}") from error

    @property
    def content(self) -> str:
        """What it is read from."""
        return self.digest


@dataclass(frozen=True)
class LabelMeFile:
    """The content of a file: the shapes with an area, and the kinds of the others."""

    path: Path
    image_path: str
    height: int | None
    width: int | None
    embedded: EmbeddedImage | None
    flags: Mapping[str, Any]
    regions: tuple[Region, ...]
    passed_over: tuple[str, ...]


def labelme_file(path: Path) -> LabelMeFile:
    """A file of LabelMe 3 to 5.

    Raises:
        DataError: no JSON, none of LabelMe, or a shape that makes no sense; with the line or the number of the shape.
    """
    document = _document(path)
    shapes, image_path = document.get("shapes"), document.get("imagePath")
    if not isinstance(shapes, list) or not isinstance(image_path, str):
        raise DataError(
            f"{path} has no list 'shapes' with an 'imagePath', so it is not a LabelMe file; move it elsewhere"
        )
    text, flags = document.get("imageData"), document.get("flags") or {}
    if text is not None and not isinstance(text, str):
        raise DataError(f"{path}: imageData is neither null nor base64")
    if not isinstance(flags, dict):
        raise DataError(f"{path}: flags is {flags!r}; it is an object of names with true or false")
    height, width = _size(document, path)
    regions, passed_over = [], []
    for number, shape in enumerate(shapes):
        region = _region_of(shape, f"{path}: shape {number}")
        if isinstance(region, str):
            passed_over.append(region)
        else:
            regions.append(region)
    embedded = EmbeddedImage(path, _digest(text)) if text else None
    return LabelMeFile(path, image_path, height, width, embedded, flags, tuple(regions), tuple(passed_over))


def _document(path: Path) -> dict[str, Any]:
    document = read_json(path, DataError)
    if not isinstance(document, dict):
        raise DataError(f"{path} is not a JSON object, so it is not a LabelMe file; move it elsewhere")
    return document


def _size(document: Mapping[str, Any], path: Path) -> tuple[int | None, int | None]:
    """As the file states it; older files do not."""
    height, width = document.get("imageHeight"), document.get("imageWidth")
    if height is None and width is None:
        return None, None
    if not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width)):
        raise DataError(f"{path}: imageHeight and imageWidth are {height!r} and {width!r}; give both or neither")
    return stated_size(int(height or 0), int(width or 0), f"{path}: the image")


def _region_of(shape: Any, named: str) -> Region | str:
    """The outline, or the kind of a shape that has no area."""
    if not isinstance(shape, dict):
        raise DataError(f"{named} must be an object")
    kind, label, points = shape.get("shape_type") or "polygon", shape.get("label"), shape.get("points")
    if kind in _WITHOUT_AREA:
        return str(kind)
    if kind not in _WITH_AREA:
        raise DataError(f"{named} is a {kind!r}; shapes are {', '.join((*_WITH_AREA, *_WITHOUT_AREA))}")
    if not isinstance(label, str) or not label.strip():
        raise DataError(f"{named} has the label {label!r}")
    if not isinstance(points, list) or not all(_is_point(point) for point in points):
        raise DataError(f"{named}: its points must be a list of [x, y]")
    label, group = unicodedata.normalize("NFC", label.strip()), shape.get("group_id")
    if group is not None and not isinstance(group, str | int):
        raise DataError(f"{named} has the group_id {group!r}; it is a number, a text or null")
    form, outline, area = _outline(kind, points, shape.get("mask"), named)
    return Region(label, form, outline, area, named, group)


def _outline(kind: str, points: list[list[float]], mask: Any, named: str) -> tuple[Shape, Any, float]:
    if kind == "polygon":
        if len(points) < 3:
            raise DataError(f"{named}: a polygon of {len(points)} points; it takes three")
        flat = [float(value) for point in points for value in point]
        return "polygon", [flat], polygon_area(flat)
    if kind == "circle" and len(points) == 2:
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        return "circle", [x, y, radius], math.pi * radius**2
    # a rectangle by two corners, or since LabelMe 5.6 by four
    across, down = [point[0] for point in points], [point[1] for point in points]
    if len(points) not in ((2, 4) if kind == "rectangle" else (2,)) or (len(points) == 4 and not _is_upright(points)):
        raise DataError(f"{named}: a {kind} of {len(points)} points; it takes two")
    left, top, wide, high = min(across), min(down), max(across) - min(across), max(down) - min(down)
    if kind == "rectangle":
        return "box", [left, top, wide, high], wide * high
    if not isinstance(mask, str):
        raise DataError(f"{named} is a mask without pixels; LabelMe keeps them in 'mask', as a PNG in base64")
    frame = [int(left), int(top), int(left + wide) - int(left) + 1, int(top + high) - int(top) + 1]
    return "bitmap", [*frame, mask], float(frame[2] * frame[3])


def _is_upright(corners: list[list[float]]) -> bool:
    return len({x for x, _ in corners}) == 2 and len({y for _, y in corners}) == 2


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(is_number, point))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_LABELS = ("shape", "flag")


@data_source("labelme", remote="tree")
def labelme(reference: Reference, root: Path) -> DataSet:
    """One sample a JSON file with shapes; polygons, rectangles, circles and masks are drawn, lines and points not.

    The label is that of the shapes with the largest area in sum (of a mask, its frame's), or with ``?labels=flag`` the
    one flag of the image that is set. ``?objects=`` is that of
    :func:`~modelaudit.data.objects.object_choices`; shapes with one label and ``group_id`` are one object.
    The image is ``imagePath``, relative to its JSON file (or to ``?images=DIR``, by its last part), else
    the ``imageData`` in the file. Ids are the images' paths below DIR.

    Raises:
        DataError: no JSON file, one that is not of LabelMe, an invalid shape (with file and number), a path
            that leaves DIR, two files for one image.
    """
    reference.only(("images", "objects", "labels"), DataError)
    base = existing_folder(reference.body, root, what=reference.text)
    objects, by = objects_option(reference), reference.options.get("labels", "shape")
    if by not in _LABELS:
        raise DataError(f"{reference.text!r}: labels={by}{nearest(by, _LABELS)}")
    if by == "flag" and objects == "each":
        raise DataError(f"{reference.text!r}: objects=each takes the labels of the shapes; leave labels=flag out")
    given = reference.options.get("images")
    images = None if given is None else existing_folder(given, base, root, what=f"{reference.text}: images={given}")
    files = [labelme_file(path) for path in files_below(base) if path.suffix.lower() == ".json"]
    if not files:
        raise DataError(f"{reference.text!r}: no JSON file in {base}")
    samples: dict[str, tuple[list[Sample], Path]] = {}
    bare: list[str] = []
    mixed: list[str] = []
    for file in files:
        name, image = _image(file, base, images)
        if not file.regions:
            bare.append(name)
            continue
        if name in samples:
            raise DataError(f"{file.path} and {samples[name][1]} are both of the image {name!r}; keep one")
        samples[name] = _samples(name, image, file, objects, by == "flag"), file.path
        mixed += [name] if objects != "each" and len({region.label for region in file.regions}) > 1 else []
    if not samples:
        raise DataError(f"{reference.text!r}: no shape with an area in the {len(files)} JSON files of {base}")
    found = [sample for of_image, _ in samples.values() for sample in of_image]
    notes = notes_on_objects(found, mixed, objects)
    notes += counted_note(bare, "images have no shape with an area and no label, and were left out")
    return DataSet(tuple(found), (*notes, *_on_files(files, found)))


def _samples(
    name: str, image: Path | EmbeddedImage, file: LabelMeFile, objects: Objects, by_flag: bool
) -> list[Sample]:
    samples = []
    size = None if file.height is None or file.width is None else (file.height, file.width)
    contradictions = region_contradictions(file.regions, size)
    for found in object_choices(file.regions, objects):
        mask = RegionsMask(found.own, file.height, file.width, found.ignored, image)
        sample = replace(sample_of(name, image, found, mask, objects), contradictions=contradictions)
        samples.append(replace(sample, label=_flag(file.flags, file.path)) if by_flag else sample)
    return samples


def _image(file: LabelMeFile, base: Path, images: Path | None) -> tuple[str, Path | EmbeddedImage]:
    """The id and the image: the file where it is, else what the JSON file holds."""
    if images is None:
        name, path = file_named(file.image_path, file.path.parent, base, str(file.path))
    else:
        last = file.image_path.replace("\\", "/").rsplit("/", 1)[-1]
        name, path = file_named(last, images, images, str(file.path))
    return name, path if file.embedded is None or path.is_file() else file.embedded


def _flag(flags: Mapping[str, Any], path: Path) -> str:
    found = [name for name, value in flags.items() if value is True]
    if len(found) != 1:
        raise DataError(f"{path}: {len(found)} flags of the image are set ({', '.join(found)}); labels=flag needs one")
    return unicodedata.normalize("NFC", found[0])


def _on_files(files: list[LabelMeFile], samples: list[Sample]) -> list[str]:
    passed_over = sum((Counter(file.passed_over) for file in files), Counter[str]())
    embedded = [sample.id for sample in samples if isinstance(sample.image, EmbeddedImage)]
    counted = ", ".join(f"{count} x {kind}" for kind, count in sorted(passed_over.items()))
    notes = [f"shapes without an area were skipped: {counted}"] if counted else []
    return notes + counted_note(embedded, "images have no file and were taken from their JSON file (imageData)")
