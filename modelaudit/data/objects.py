"""Outlined objects of annotation files: their masks, and which object gives an image its label."""

from __future__ import annotations

import base64
import json
import math
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import IGNORE, OBJECT, MaskKind, Sample
from .base import Pixels, UnusableSample
from .images import Place, opened, upright_size

_ONE_AT_A_TIME = threading.Lock()
Shape = Literal["polygon", "rle", "box", "circle", "bitmap", "unreadable"]
#: labels by which LabelMe and its converters mean no object: pixels to ignore, and the background
IGNORED_LABEL, NO_OBJECT = "__ignore__", "_background_"


@dataclass(frozen=True)
class Region:
    """One outline in an image: what the file states, and its area where that is known.

    Args:
        outline: polygon: a list of [x, y, x, y, ...]; rle: COCO's ``size`` and ``counts``; box: [left, top, width,
            height]; circle: [x, y, radius]; bitmap: [left, top, width, height, PNG in base64], None for a size that is
            the picture's; unreadable: what is wrong with it. In pixels, the corner of the first one at 0, 0; or in
            shares of the image's width and height.
        area: in pixels, or as a share of the image: areas are compared within one image only.
        named: the file and the place in it, for messages.
        part_of: the object, where several outlines are one.
        box: [left, top, width, height] as the file states it beside an outline.
    """

    label: str | int
    shape: Shape
    outline: Any
    area: float | None
    named: str
    part_of: str | int | None = None
    box: Sequence[float] | None = None


@dataclass(frozen=True)
class RegionsMask:
    """The mask of an image, drawn from outlines when called: [H, W] uint8; 1 object, 0 background, 255 ignore.

    Args:
        regions: what is object; it covers what is ignored.
        height, width: as the file states them; None: those of `image`, upright.
        relative: outlines are shares of the image's width and height.
    """

    regions: tuple[Region, ...]
    height: int | None = None
    width: int | None = None
    ignored: tuple[Region, ...] = ()
    image: Place | Callable[[], Pixels] | None = None
    relative: bool = False

    def __call__(self) -> Pixels:
        height, width = self._size()
        mask = rasterise(self._placed(self.ignored, height, width), height, width) * np.uint8(IGNORE)
        mask[rasterise(self._placed(self.regions, height, width), height, width) == 1] = OBJECT
        return mask

    @property
    def content(self) -> str:
        """What it is drawn from, besides the image (whose size may enter, and which is part of the same sample)."""
        outlines = [[(region.shape, region.outline) for region in part] for part in (self.regions, self.ignored)]
        return f"outlines {self.height} {self.width} {self.relative} {json.dumps(outlines)}"

    def _size(self) -> tuple[int, int]:
        if self.height is not None and self.width is not None:
            return self.height, self.width
        if self.image is None:
            raise ValueError("a mask of outlines takes its size from height and width, or from its image")
        if isinstance(self.image, Place):
            return upright_size(self.image)
        height, width = self.image().shape[:2]
        return height, width

    def _placed(self, regions: tuple[Region, ...], height: int, width: int) -> tuple[Region, ...]:
        return tuple(_in_pixels(region, height, width) for region in regions) if self.relative else regions


def rasterise(regions: Iterable[Region], height: int, width: int) -> Pixels:
    """[height, width] uint8: 1 where any of the regions is, else 0; polygons and run lengths by pycocotools.

    Raises:
        UnusableSample: an outline that cannot be drawn on an image of this size.
    """
    mask = np.zeros((height, width), dtype=np.uint8)
    for region in regions:
        if region.shape == "unreadable":
            raise _unusable(region.outline)
        if region.shape == "box":
            left, top, wide, high = region.outline
            rows = slice(max(round(top), 0), max(round(top + high), 0))
            mask[rows, max(round(left), 0) : max(round(left + wide), 0)] = 1
        elif region.shape == "circle":
            mask |= _disc(region, height, width)
        elif region.shape == "bitmap":
            mask |= _bitmap(region, height, width)
        else:
            encoded = _polygons if region.shape == "polygon" else _run_lengths
            mask |= _decoded(encoded(region, height, width))
    return mask


def _decoded(runs: Any) -> Pixels:
    """The pixels of run lengths, without what pycocotools' array wrapper makes numpy 2 warn of."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():  # filters are the process's, and images are decoded in threads
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        pixels: Pixels = coco_mask.decode(runs)  # type: ignore[no-untyped-call]
        return pixels


def stated_size(height: int, width: int, named: str) -> tuple[int, int]:
    """The two, which a file states.

    Raises:
        DataError: more pixels than Pillow opens.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and height * width > limit:
        raise DataError(f"{named} has {width} x {height} pixels, more than Pillow's limit of {limit}")
    return height, width


def polygon_area(points: Sequence[float]) -> float:
    """Of x, y, x, y, ..., by the shoelace formula."""
    x, y = np.asarray(points[0::2], dtype=float), np.asarray(points[1::2], dtype=float)
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def is_number(value: Any) -> bool:
    """Of a JSON file, and finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _in_pixels(region: Region, height: int, width: int) -> Region:
    def scaled(values: Sequence[float]) -> list[float]:
        return [value * (width, height)[place % 2] for place, value in enumerate(values)]

    if region.shape == "polygon":
        return replace(region, outline=[scaled(polygon) for polygon in region.outline])
    return replace(region, outline=scaled(region.outline))


def _polygons(region: Region, height: int, width: int) -> Any:
    for polygon in region.outline:
        numbers = isinstance(polygon, list) and all(is_number(value) for value in polygon)
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
    is not valid."""
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


def _disc(region: Region, height: int, width: int) -> Pixels:
    """The pixels whose centres lie in the circle."""
    x, y, radius = region.outline
    across, down = np.arange(width) + 0.5 - x, np.arange(height) + 0.5 - y
    inside: Pixels = (across[None, :] ** 2 + down[:, None] ** 2 <= radius**2).astype(np.uint8)
    return inside


def _bitmap(region: Region, height: int, width: int) -> Pixels:
    left, top, wide, high, text = region.outline
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise _unusable(f"{region.named}: its mask is not valid base64: {error}") from error
    with opened(content, f"{region.named}: its mask", Missing.UNREADABLE_MASK) as image:
        found = np.asarray(image.convert("L") if image.mode == "1" else image) != 0
    if wide is None and found.ndim == 2:
        high, wide = found.shape
    if found.shape != (high, wide):
        wrong = _contradiction if found.ndim == 2 else _unusable
        raise wrong(f"{region.named}: its mask has shape {found.shape}, its points frame {wide} x {high} pixels")
    if left < 0 or top < 0 or left + wide > width or top + high > height:
        raise _contradiction(f"{region.named}: its mask reaches out of the image of {width} x {height}")
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[top : top + high, left : left + wide] = found
    return mask


def _contradiction(message: str) -> UnusableSample:
    return UnusableSample(Missing.CONTRADICTION, message)


def _unusable(message: str) -> UnusableSample:
    return UnusableSample(Missing.UNREADABLE_MASK, message)


Objects = Literal["label", "largest", "all", "each"]
#: the coarsest first
_KINDS: dict[Shape, MaskKind] = {
    "box": "box",
    "rle": "rle",
    "bitmap": "mask",
    "circle": "polygon",
    "polygon": "polygon",
    "unreadable": "polygon",
}


@dataclass(frozen=True)
class ObjectChoice:
    """The label of an image, the regions that are object, those that are ignored (255); others are background."""

    label: str | int
    own: tuple[Region, ...]
    ignored: tuple[Region, ...]
    mixed: bool

    @property
    def kind(self) -> MaskKind:
        """What the mask was made from; of several kinds the coarsest."""
        shapes = {region.shape for region in self.own}
        return next(kind for shape, kind in _KINDS.items() if shape in shapes)


def objects_option(reference: Reference) -> Objects:
    """``?objects=``; `label` where it is not said.

    Raises:
        DataError: another word.
    """
    asked = reference.options.get("objects", "label")
    for known in get_args(Objects):
        if asked == known:
            word: Objects = known
            return word
    raise DataError(f"{reference.text!r}: objects={asked}{nearest(asked, get_args(Objects))}")


def choose_objects(regions: Sequence[Region], objects: Objects) -> ObjectChoice:
    """The label and the parts of an image with these regions.

    ``label``: the category with the largest area in sum, all of its objects. ``largest``: the largest single object,
    which gives the label; others of its category are ignored, for they speak for the label too. ``all``: the label of
    `label`, and every object of any category.

    Raises:
        DataError: areas are needed to choose, and one is not known.
    """
    mixed = len({region.label for region in regions}) > 1
    if objects == "largest":
        label, own = _largest_object(regions)
        rest = (region for region in regions if not any(region is one for one in own))
        others = tuple(region for region in rest if region.label == label)
        return ObjectChoice(label, own, others, mixed)
    label = _largest_category(regions)
    own = tuple(region for region in regions if objects == "all" or region.label == label)
    return ObjectChoice(label, own, (), mixed)


def object_choices(regions: Sequence[Region], objects: Objects) -> list[ObjectChoice]:
    """One choice for an image (:func:`choose_objects`); with ``each`` one for every label, in the order of their names.

    For models that answer several labels of an image: the objects of a label, and all others are background.
    """
    if objects != "each":
        return [choose_objects(regions, objects)]
    labels = sorted({region.label for region in regions}, key=str)
    return [
        ObjectChoice(label, tuple(region for region in regions if region.label == label), (), False) for label in labels
    ]


def sample_of(name: str, image: Any, found: ObjectChoice, mask: Any, objects: Objects) -> Sample:
    """The sample of an image whose parts are chosen; of the several of an image the cluster is the image."""
    if objects != "each":
        return Sample(name, image, found.label, mask, mask_kind=found.kind)
    return Sample(f"{name}#{found.label}", image, found.label, mask, mask_kind=found.kind, cluster=name)


def counted_note(names: Sequence[str], what: str) -> list[str]:
    """A note on how many there are, with the first; none on none."""
    return [f"{len(names)} {what}, e.g. {names[0]!r}"] if names else []


def notes_on_objects(samples: Sequence[Sample], mixed: Sequence[str], objects: Objects) -> list[str]:
    """The notes that all sources of objects make."""
    boxes = [sample.id for sample in samples if sample.mask_kind == "box"]
    several = [sample.cluster for sample in samples if sample.cluster is not None] if objects == "each" else []
    fate = "all of them are object" if objects == "all" else "the others are background"
    return [
        *counted_note(boxes, "images have a box for a mask: it holds background too, and shares on it are coarse"),
        *([f"{len(several)} labels of {len(set(several))} images, each label a sample of its own"] if several else []),
        *counted_note(mixed, f"images have objects of several categories; the largest gave the label, {fate}"),
    ]


def _largest_category(regions: Sequence[Region]) -> str | int:
    """The label with the largest area in sum; on equal areas the first by name."""
    areas: dict[str | int, float] = {region.label: 0.0 for region in regions}
    if len(areas) == 1:
        return regions[0].label
    for region in regions:
        areas[region.label] += _area(region, "its image has several categories")
    return min(areas, key=lambda label: (-areas[label], str(label)))


def _largest_object(regions: Sequence[Region]) -> tuple[str | int, tuple[Region, ...]]:
    """The largest object with all its parts; on equal areas the first by name, then by place in the file."""
    parts: dict[tuple[object, ...], list[Region]] = {}
    for place, region in enumerate(regions):
        key = ("one", place) if region.part_of is None else ("parts", region.label, region.part_of)
        parts.setdefault(key, []).append(region)
    if len(parts) > 1:
        sizes = [sum(_area(region, "objects=largest compares areas") for region in own) for own in parts.values()]
    else:
        sizes = [0.0]
    order = sorted(zip(sizes, parts.values(), strict=True), key=lambda pair: (-pair[0], str(pair[1][0].label)))
    own = tuple(order[0][1])
    return own[0].label, own


def _area(region: Region, why: str) -> float:
    if region.area is None:
        raise DataError(
            f"{region.named} has neither area nor bbox, and {why}; give the area, by which the largest is chosen"
        )
    return region.area
