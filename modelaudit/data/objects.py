"""Several objects in one image: which of them gives the label, and which are object, background or ignored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import MaskKind, Sample
from .outlines import Region, RegionsMask

Objects = Literal["label", "largest", "all"]
_KINDS: dict[str, MaskKind] = {"box": "box", "rle": "rle", "bitmap": "mask", "circle": "polygon", "polygon": "polygon"}


@dataclass(frozen=True)
class Chosen:
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


def asked_objects(reference: Reference) -> Objects:
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


def chosen(regions: Sequence[Region], objects: Objects) -> Chosen:
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
        return Chosen(label, own, others, mixed)
    label = _largest_category(regions)
    own = tuple(region for region in regions if objects == "all" or region.label == label)
    return Chosen(label, own, (), mixed)


def sample_of(name: str, image: Path, found: Chosen, mask: RegionsMask) -> Sample:
    """The sample of an image whose parts are chosen."""
    return Sample(name, image, found.label, mask, mask_kind=found.kind)


def remark(names: Sequence[str], what: str) -> list[str]:
    """A note on how many there are, with the first; none on none."""
    return [f"{len(names)} {what}, e.g. {names[0]!r}"] if names else []


def on_boxes_and_mixtures(samples: Iterable[Sample], mixed: Sequence[str], objects: Objects) -> list[str]:
    """The notes that all sources of objects make."""
    boxes = [sample.id for sample in samples if sample.mask_kind == "box"]
    fate = "all of them are object" if objects == "all" else "the others are background"
    return [
        *remark(boxes, "images have a box for a mask: it holds background too, and shares on it are coarse"),
        *remark(mixed, f"images have objects of several categories; the largest gave the label, {fate}"),
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
            f"{region.named} has neither area nor bbox, and {why}; give the area, so that the largest can be told"
        )
    return region.area
