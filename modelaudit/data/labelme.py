"""``labelme:DIR``: the JSON files of LabelMe, one beside each image."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .files import existing_folder, file_named, files_below
from .image_places import ImagePlace, image_folder, usual_places
from .labelme_file import EmbeddedImage, LabelMeFile, labelme_file
from .objects import (
    IGNORED_LABEL,
    NO_OBJECT,
    Objects,
    Region,
    RegionsMask,
    counted_note,
    notes_on_objects,
    object_choices,
    objects_option,
    sample_of,
)
from .stated_facts import region_contradictions

_LABELS = ("shape", "flag")


@data_source("labelme", remote="tree")
def labelme(reference: Reference, root: Path) -> DataSet:
    """One sample a JSON file with shapes; what has an area is drawn, lines and points are not.

    The label is that of the shapes with the largest area in sum (of a mask, its frame's), or with ``?labels=flag`` the
    one flag of the image that is set. ``?objects=`` is that of
    :func:`~modelaudit.data.objects.object_choices`; shapes with one label and ``group_id`` are one object, shapes
    labelled ``__ignore__`` are ignored (255), and those labelled ``_background_`` count as background. A shape that
    cannot be read makes the mask of its image unusable; the image is left out where that leaves its label open.
    The image is ``imagePath``, relative to its JSON file (or to ``?images=DIR``, by its last part), else the file of
    that name in one of :func:`~modelaudit.data.image_places.usual_places`, else the ``imageData`` in the file. Ids are
    the images' paths below DIR.

    Raises:
        DataError: no JSON file, one that is not of LabelMe, no shape that can be read, images that are in none of the
            places, a path that leaves DIR, two files for one image.
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
    unreadable = [file.unreadable[0].outline for file in files if file.unreadable]
    if len(unreadable) == len(files):
        raise DataError(unreadable[0])
    places, notes = _places(files, base, images)
    samples: dict[str, tuple[list[Sample], Path]] = {}
    bare: list[str] = []
    mixed: list[str] = []
    undecided: list[str] = []
    for file in files:
        name, image = _image(file, base, places[file.path])
        labels = {region.label for region in _objects(file)}
        if file.unreadable and ("" in labels or (len(labels) > 1 and objects != "each")):
            undecided.append(str(file.unreadable[0].outline))
            continue
        if not labels:
            bare.append(name)
            continue
        if name in samples:
            raise DataError(f"{file.path} and {samples[name][1]} are both of the image {name!r}; keep one")
        samples[name] = _samples(name, image, file, objects, by == "flag"), file.path
        mixed += [name] if objects != "each" and len(labels) > 1 else []
    if not samples:
        raise DataError(f"{reference.text!r}: no shape with an area in the {len(files)} JSON files of {base}")
    found = [sample for of_image, _ in samples.values() for sample in of_image]
    notes += notes_on_objects(found, mixed, objects)
    notes += counted_note(bare, "images have no shape with an area and no label, and were left out")
    notes += counted_note(unreadable, "images have a shape that cannot be read, so their masks are not known")
    notes += counted_note(undecided, "of these images have other labels too, so their label is open, and were left out")
    return DataSet(tuple(found), (*notes, *_on_files(files, found)))


def _objects(file: LabelMeFile) -> list[Region]:
    return [region for region in file.regions if region.label not in (IGNORED_LABEL, NO_OBJECT)]


def _samples(
    name: str, image: Path | EmbeddedImage, file: LabelMeFile, objects: Objects, by_flag: bool
) -> list[Sample]:
    samples = []
    size = None if file.height is None or file.width is None else (file.height, file.width)
    contradictions = region_contradictions(file.regions, size)
    blank = [region for region in file.regions if region.label == IGNORED_LABEL]
    for found in object_choices(_objects(file), objects):
        mask = RegionsMask(found.own, file.height, file.width, (*found.ignored, *blank), image)
        sample = replace(sample_of(name, image, found, mask, objects), contradictions=contradictions)
        samples.append(replace(sample, label=_flag(file.flags, file.path)) if by_flag else sample)
    return samples


def _places(files: Sequence[LabelMeFile], base: Path, images: Path | None) -> tuple[dict[Path, ImagePlace], list[str]]:
    """Where the images of each JSON file are, and what there is to say; files of one folder have one place."""
    together: dict[Path, list[LabelMeFile]] = defaultdict(list)
    for file in files:
        together[file.path.parent].append(file)
    places: dict[Path, ImagePlace] = {}
    notes: dict[str, None] = {}
    failed: list[DataError] = []
    for folder, members in together.items():
        place = ImagePlace(folder, None) if images is None else ImagePlace(images, None, last_parts=1)
        needed = [place.name(file.image_path) for file in members if file.embedded is None]
        names = [file.image_path for file in members] if images is None else needed
        tried = [folder, *usual_places(folder), *usual_places(base)] if images is None else [images]
        try:
            found = image_folder(names, tried, what=folder, option="?images=DIR", below=images or base)
        except DataError as error:
            failed += [error] if needed else []  # else every file holds its image
        else:
            place = found if images is None else place
            notes |= {} if found.note is None else {found.note: None}
        places |= {file.path: place for file in members}
    if len(failed) == len(together):
        raise failed[0]
    return places, list(notes)


def _image(file: LabelMeFile, base: Path, place: ImagePlace) -> tuple[str, Path | EmbeddedImage]:
    """The id and the image: the file where it is, else what the JSON file holds."""
    inside = base if place.folder.is_relative_to(base) else place.folder
    try:
        name, path = file_named(place.name(file.image_path), place.folder, inside, str(file.path))
    except DataError:
        if file.embedded is None:
            raise
        last = ImagePlace(base, None, last_parts=1).name(file.image_path)
        return file_named(last, base, base, str(file.path))[0], file.embedded
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
