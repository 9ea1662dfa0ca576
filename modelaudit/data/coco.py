"""``coco:annotations.json``: polygons, run lengths, and boxes where there is nothing else."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import DataSet, MaskKind, Sample
from .base import Pixels, UnusableSample, data_source
from .files import confined, existing_folder

Shape = Literal["polygon", "rle", "box"]
_LABELS = ("name", "imagenet_index")


@dataclass(frozen=True)
class Region:
    """One annotation of an image: its outline, as the file states it, and its area in pixels where that is known."""

    label: str | int
    shape: Shape
    outline: Any
    area: float | None
    named: str


@dataclass(frozen=True)
class RegionsMask:
    """The mask of an image, drawn from its regions when called: [height, width] uint8; 1 object, 0 background."""

    regions: tuple[Region, ...]
    height: int
    width: int

    def __call__(self) -> Pixels:
        return rasterise(self.regions, self.height, self.width)

    @property
    def content(self) -> str:
        """What it is drawn from."""
        outlines = [(region.shape, region.outline) for region in self.regions]
        return f"coco {self.height} {self.width} {json.dumps(outlines)}"


@data_source("coco")
def coco(reference: Reference, root: Path) -> DataSet:
    """One sample an annotated image, its mask the union of the objects of one category.

    An image with several categories has the label of the one with the largest area; the others are background. Crowds
    are objects like others. Labels are the categories' ``imagenet_index`` where every category has one, else their
    names (``?labels=name`` or ``?labels=imagenet_index`` says it). Images lie below ``?images=DIR`` (looked for beside
    the file, then below `root`), else in ``images`` beside the file, else beside it. Ids are the file names in the
    annotations.

    Raises:
        DataError: not a COCO file, one with parts that contradict each other, or file names that leave the images'
            folder. An image that is not there is a sample all the same, and is counted as unreadable.
    """
    reference.only(("images", "labels"), DataError)
    path = root / Path(reference.body).expanduser()
    document = _document(path)
    folder = _images_folder(reference, path, root)
    labels, notes = _labels(document, reference.options.get("labels"), path)
    images = _images(document, path)
    regions, without_outline = _regions(document, images, labels, path)
    samples, mixed = [], 0
    for key, found in regions.items():
        samples.append(_sample(images[key], found, folder))
        mixed += len({region.label for region in found}) > 1
    if not samples:
        raise DataError(f"{path} annotates no image; looked for 'annotations' with an image_id of 'images'")
    boxes = sum(sample.mask_kind == "box" for sample in samples)
    counted = [
        (boxes, "images have a box for a mask: it holds background too, and shares on it are coarse"),
        (mixed, "images have objects of several categories; the largest gave the label, the others are background"),
        (without_outline, "annotations have neither segmentation nor box and were passed over"),
        (len(images) - len(regions), "images have no usable annotation and no label, and were left out"),
    ]
    notes += [f"{count} {what}" for count, what in counted if count]
    return DataSet(tuple(samples), tuple(notes))


def rasterise(regions: tuple[Region, ...], height: int, width: int) -> Pixels:
    """[height, width] uint8: 1 where any of the regions is, else 0; polygons and run lengths by pycocotools.

    Raises:
        UnusableSample: an outline that cannot be drawn on an image of this size.
    """
    mask = np.zeros((height, width), dtype=np.uint8)
    for region in regions:
        if region.shape == "box":
            left, top, wide, high = region.outline
            rows = slice(max(round(top), 0), max(round(top + high), 0))
            mask[rows, max(round(left), 0) : max(round(left + wide), 0)] = 1
        else:
            encoded = _polygons if region.shape == "polygon" else _run_lengths
            mask |= coco_mask.decode(encoded(region, height, width))  # type: ignore[no-untyped-call]
    return mask


def _polygons(region: Region, height: int, width: int) -> Any:
    for polygon in region.outline:
        numbers = isinstance(polygon, list) and all(_is_number(value) for value in polygon)
        if not numbers or len(polygon) < 6 or len(polygon) % 2:
            raise _unusable(f"{region.named}: a polygon is a list of x, y, x, y, ... of at least three points")
        reach = 2 * max(height, width)
        if min(polygon) < -reach or max(polygon) > reach:
            raise _unusable(f"{region.named}: a polygon reaches far out of its image of {width} x {height}")
    return coco_mask.merge(coco_mask.frPyObjects(region.outline, height, width))


def _run_lengths(region: Region, height: int, width: int) -> Any:
    size, counts = region.outline.get("size"), region.outline.get("counts")
    if size != [height, width]:
        raise _unusable(f"{region.named}: run lengths for {size}, the image is [{height}, {width}] (height, width)")
    if isinstance(counts, list):
        whole = all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts)
        if not whole or sum(counts) != height * width:
            raise _unusable(f"{region.named}: the run lengths do not add up to {height} x {width} pixels")
        return coco_mask.frPyObjects(region.outline, height, width)
    if not isinstance(counts, str) or not counts.isascii():
        raise _unusable(f"{region.named}: run lengths are a list of counts or their compressed text")
    runs = run_lengths(counts)
    # pycocotools leaves what the runs do not cover as it finds it in memory
    if runs is None or min(runs, default=-1) < 0 or sum(runs) != height * width:
        raise _unusable(f"{region.named}: its compressed run lengths do not cover {width} x {height} pixels")
    return {"size": size, "counts": counts.encode()}


def run_lengths(text: str) -> list[int] | None:
    """The runs in COCO's compressed text (five bits a character, from the third run on as differences); None where it
    is none."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            return None
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return None if shift else runs


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; write coco:path/to/annotations.json") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    for key in ("images", "annotations", "categories"):
        entries = document.get(key) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(
                f"{path} has no list {key!r} of objects; a COCO file has images, annotations and categories"
            )
    checked: dict[str, Any] = document
    return checked


def _images_folder(reference: Reference, path: Path, root: Path) -> Path:
    given = reference.options.get("images")
    if given is not None:
        return existing_folder(given, path.parent, root, what=f"{reference.text}: images={given}")
    beside = path.parent / "images"
    return confined(beside, path.parent, beside) if beside.is_dir() else path.parent


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
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and sides[0] * sides[1] > limit:
            raise DataError(f"{path}: {name!r} has {sides[1]} x {sides[0]} pixels, more than Pillow's limit of {limit}")
        if key is None or key in images:
            raise DataError(
                f"{path}: {name!r} has the id {image.get('id')!r}, which another image has, or which is none"
            )
        images[key] = image
    return images


def _regions(
    document: Mapping[str, Any], images: Mapping[Any, Any], labels: Mapping[Any, str | int], path: Path
) -> tuple[dict[Any, list[Region]], int]:
    """The regions by image id, and how many annotations have no outline at all."""
    regions: dict[Any, list[Region]] = defaultdict(list)
    without = 0
    for position, annotation in enumerate(document["annotations"]):
        named = f"{path}: annotation {annotation.get('id', position)!r}"
        image, category = _key(annotation.get("image_id")), _key(annotation.get("category_id"))
        if image not in images:
            raise DataError(f"{named} is of image {annotation.get('image_id')!r}, which is not among the images")
        if category not in labels:
            raise DataError(
                f"{named} is of category {annotation.get('category_id')!r}, which is not among the categories"
            )
        region = _region(annotation, labels[category], named)
        if region is None:
            without += 1
        else:
            regions[image].append(region)
    return dict(regions), without


def _region(annotation: Mapping[str, Any], label: str | int, named: str) -> Region | None:
    outline: Any = annotation.get("segmentation")
    box: Any = annotation.get("bbox")
    has_box = isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)) and min(box[2:]) > 0
    stated: Any = annotation.get("area")
    area = float(stated) if _is_number(stated) else float(box[2] * box[3]) if has_box else None
    if isinstance(outline, dict) and outline:
        return Region(label, "rle", outline, area, named)
    if isinstance(outline, list) and outline:
        return Region(label, "polygon", outline, area, named)
    return Region(label, "box", box, area, named) if has_box else None


def _sample(image: Mapping[str, Any], regions: list[Region], folder: Path) -> Sample:
    label = _largest(regions)
    own = tuple(region for region in regions if region.label == label)
    shapes = {region.shape for region in own}
    kind: MaskKind = next(shape for shape in ("box", "rle", "polygon") if shape in shapes)
    name = image["file_name"].replace("\\", "/")
    if ".." in name.split("/"):
        raise DataError(f"{name!r} leads upwards; file names in annotations are paths below {folder}")
    path = confined(folder / name, folder, repr(name))
    mask = RegionsMask(own, image["height"], image["width"])
    return Sample(unicodedata.normalize("NFC", name), path, label, mask, mask_kind=kind)


def _largest(regions: list[Region]) -> str | int:
    """The label with the largest area in sum; on equal areas the first by name."""
    areas: dict[str | int, float] = {region.label: 0.0 for region in regions}
    if len(areas) == 1:
        return regions[0].label
    for region in regions:
        if region.area is None:
            raise DataError(
                f"{region.named} has neither area nor bbox, and its image has several categories; "
                "give the area, so that the largest can be told"
            )
        areas[region.label] += region.area
    return min(areas, key=lambda label: (-areas[label], str(label)))


def _key(value: Any) -> Any:
    """Ids are numbers or texts; anything else cannot be looked up."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _unusable(message: str) -> UnusableSample:
    return UnusableSample(Missing.UNREADABLE_MASK, message)
