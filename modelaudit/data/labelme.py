"""``labelme:DIR``: the JSON files of LabelMe, one beside each image."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .files import existing_folder, file_named, files_below
from .labelme_file import EmbeddedImage, LabelMeFile, labelme_file
from .objects import Objects, asked_objects, chosen, on_boxes_and_mixtures, remark
from .outlines import RegionsMask

_LABELS = ("shape", "flag")


@data_source("labelme", remote="tree")
def labelme(reference: Reference, root: Path) -> DataSet:
    """One sample a JSON file with shapes; polygons, rectangles, circles and masks are drawn, lines and points not.

    The label is that of the shapes with the largest area in sum (of a mask, its frame's), or with ``?labels=flag`` the
    one flag of the image that is set. ``?objects=`` is that of :func:`~modelaudit.data.objects.chosen`; shapes with one
    label and ``group_id`` are one object. The image is ``imagePath``, relative to its JSON file (or to ``?images=DIR``,
    by its last part), else the ``imageData`` in the file. Ids are the images' paths below DIR.

    Raises:
        DataError: no JSON file, one that is none of LabelMe, a shape that makes no sense (with file and number), a path
            that leaves DIR, two files for one image.
    """
    reference.only(("images", "objects", "labels"), DataError)
    base = existing_folder(reference.body, root, what=reference.text)
    objects, by = asked_objects(reference), reference.options.get("labels", "shape")
    if by not in _LABELS:
        raise DataError(f"{reference.text!r}: labels={by}{nearest(by, _LABELS)}")
    given = reference.options.get("images")
    images = None if given is None else existing_folder(given, base, root, what=f"{reference.text}: images={given}")
    files = [labelme_file(path) for path in files_below(base) if path.suffix.lower() == ".json"]
    if not files:
        raise DataError(f"{reference.text!r}: no JSON file in {base}")
    samples: dict[str, tuple[Sample, Path]] = {}
    bare: list[str] = []
    mixed: list[str] = []
    for file in files:
        name, image = _image(file, base, images)
        if not file.regions:
            bare.append(name)
            continue
        if name in samples:
            raise DataError(f"{file.path} and {samples[name][1]} are both of the image {name!r}; keep one")
        sample, several = _sample(name, image, file, objects, by == "flag")
        samples[name] = sample, file.path
        mixed += [name] if several else []
    if not samples:
        raise DataError(f"{reference.text!r}: no shape with an area in the {len(files)} JSON files of {base}")
    found = [sample for sample, _ in samples.values()]
    notes = on_boxes_and_mixtures(found, mixed, objects)
    notes += remark(bare, "images have no shape with an area and no label, and were left out")
    return DataSet(tuple(found), (*notes, *_on_files(files, found)))


def _sample(
    name: str, image: Path | EmbeddedImage, file: LabelMeFile, objects: Objects, by_flag: bool
) -> tuple[Sample, bool]:
    """The sample, and whether its image has objects of several labels."""
    found = chosen(file.regions, objects)
    mask = RegionsMask(found.own, file.height, file.width, found.ignored, image)
    label = _flag(file.flags, file.path) if by_flag else found.label
    return Sample(name, image, label, mask, mask_kind=found.kind), found.mixed


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
    notes = [f"shapes without an area were passed over: {counted}"] if counted else []
    return notes + remark(embedded, "images have no file and were taken from their JSON file (imageData)")
