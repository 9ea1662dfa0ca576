"""``yolo:data.yaml`` or ``yolo:DIR?names=...``: polygons and boxes in text files beside the images."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .class_names import YAML_ENDINGS, names_given, names_in, names_of_lines, yaml_of
from .files import confined, existing_folder, file_named, files_below, is_image, text_of
from .objects import (
    Region,
    RegionsMask,
    counted_note,
    notes_on_objects,
    object_choices,
    objects_option,
    polygon_area,
    sample_of,
)

#: what rounding may carry a share of the image out of [0, 1], as Ultralytics allows
_SLACK = 0.01


def regions_of(path: Path, names: Mapping[int, str]) -> list[Region]:
    """The objects of an image, their outlines as shares of its width and height.

    Raises:
        DataError: a line that is neither a box nor a polygon, an unknown class, numbers out of the image; the line.
    """
    lines = enumerate(text_of(path).splitlines(), start=1)
    return [_region(line.split(), names, f"{path}:{number}") for number, line in lines if line.strip()]


def _region(fields: list[str], names: Mapping[int, str], named: str) -> Region:
    values = [_number(field, named) for field in fields]
    label, numbers = _label(values[0], names, named), values[1:]
    if len(numbers) < 4 or len(numbers) % 2:
        hint = "; labels of predictions end with a confidence: leave it out" if len(numbers) == 5 else ""
        raise DataError(
            f"{named}: {len(numbers)} numbers after the class; a box has 4 (x, y, width, height), a polygon x and y of "
            f"at least 3 points{hint}"
        )
    outside = [value for value in numbers if not -_SLACK <= value <= 1 + _SLACK]
    if outside:
        raise DataError(
            f"{named}: {outside[0]:g} is outside of the image; numbers are shares of its sides, from 0 to 1"
        )
    if len(numbers) > 4:
        return Region(label, "polygon", [numbers], polygon_area(numbers), named)
    x, y, width, height = numbers
    if min(width, height) <= 0:
        raise DataError(f"{named}: a box of {width:g} x {height:g} holds nothing")
    return Region(label, "box", [x - width / 2, y - height / 2, width, height], width * height, named)


def _number(field: str, named: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{named}: {field!r} is not a number; a line is a class and its numbers, separated by spaces")
    return value


def _label(value: float, names: Mapping[int, str], named: str) -> str:
    if not value.is_integer() or int(value) not in names:
        known = f"{min(names)} to {max(names)}"
        raise DataError(f"{named}: class {value:g} has no name; the names are of the classes {known}")
    return names[int(value)]


_SPLITS = ("train", "val", "test")
_NAME_FILES = ("classes.txt", "labels/classes.txt", "obj.names")


@dataclass(frozen=True)
class _Layout:
    """The layout of a data set: its folder, the names by number, the images' folders or lists, and notes."""

    base: Path
    names: Mapping[int, str]
    places: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@data_source("yolo", remote="tree")
def yolo(reference: Reference, root: Path) -> DataSet:
    """One sample an image with objects, its mask drawn from ``labels/.../name.txt`` for ``images/.../name.jpg``.

    A line is ``class x1 y1 x2 y2 ...`` (a polygon) or ``class cx cy w h`` (a box), as shares of the upright image; a
    file may hold both. ``?split=val`` names the part of a YAML file or the folder below ``images``; ``?names=`` the
    classes, or a file with them; ``?objects=`` is that of
    :func:`~modelaudit.data.objects.object_choices`. Ids are the images' paths below the
    folder of the YAML file, or below DIR.

    Raises:
        DataError: no such layout, an invalid line (with file and line), a path that leaves the data.
    """
    reference.only(("split", "names", "objects"), DataError)
    objects = objects_option(reference)
    layout = _layout(reference, root)
    samples: list[Sample] = []
    mixed: list[str] = []
    without: list[str] = []
    empty: list[str] = []
    for name, path, labels in _labelled(_images(layout, reference.text), layout.base):
        regions = regions_of(labels, layout.names) if labels.is_file() else None
        if not regions:
            (without if regions is None else empty).append(name)
            continue
        for found in object_choices(regions, objects):
            mask = RegionsMask(found.own, ignored=found.ignored, image=path, relative=True)
            samples.append(sample_of(name, path, found, mask, objects))
            mixed += [name] if found.mixed else []
    if not samples:
        first = _label_file(layout.base / next(iter([*without, *empty])), layout.base)
        raise DataError(f"{reference.text!r}: no image has an object; looked e.g. in {first}")
    notes = [*layout.notes, *notes_on_objects(samples, mixed, objects)]
    notes += counted_note(without, "images have no label file and were left out")
    notes += counted_note(empty, "images have a label file without objects and were left out")
    return DataSet(tuple(samples), tuple(notes))


def _layout(reference: Reference, root: Path) -> _Layout:
    given = _normal(root / Path(reference.body).expanduser())
    if given.is_file() or given.suffix in YAML_ENDINGS:
        return _from_yaml(reference, root, given)
    base = _normal(existing_folder(reference.body, root, what=reference.text))
    names = reference.options.get("names")
    if names is not None:
        return _from_folder(reference, base, names_given(names, root, base, named=f"{reference.text!r}: names={names}"))
    documents = [path for path in sorted(base.iterdir()) if path.suffix in YAML_ENDINGS]
    if len(documents) == 1:
        return _from_yaml(reference, root, documents[0])
    found = next((base / name for name in _NAME_FILES if (base / name).is_file()), None)
    if found is None:
        held = f"{len(documents)} YAML files" if documents else f"no YAML file, and no {' or '.join(_NAME_FILES)}"
        raise DataError(f"{reference.text!r}: {base} has {held}; write yolo:data.yaml, or ?names=bolt,nut")
    return _from_folder(reference, base, names_of_lines(found))


def _from_folder(reference: Reference, base: Path, names: Mapping[int, str]) -> _Layout:
    split = reference.options.get("split")
    tried = [base / "images"] if split is None else [base / "images" / split, base / split / "images"]
    for place in tried:
        if place.is_dir():
            return _Layout(base, names, (confined(place, base, place),))
    raise DataError(f"{reference.text!r}: no folder at {' or '.join(map(str, tried))}")


def _from_yaml(reference: Reference, root: Path, path: Path) -> _Layout:
    document, base = yaml_of(path), path.parent
    if "kpt_shape" in document:
        raise DataError(f"{path}: kpt_shape: labels of poses have no outline of the object")
    names = reference.options.get("names")
    found = names_given(names, root, base, named=reference.text) if names else names_in(document, path)
    known = [split for split in _SPLITS if document.get(split)]
    asked = reference.options.get("split")
    split = asked or ("val" if "val" in known else "")
    if split not in known:
        wanted = f"no {split!r}{nearest(split, known)}" if split else "no 'val'"
        raise DataError(f"{reference.text!r}: {path} has {wanted}; write ?split= with one of {', '.join(known)}")
    notes = () if asked else (f"images of 'val' in {path.name} (?split= takes another of {', '.join(known)})",)
    home, moved = _home(document, path)
    stated = document[split]
    places = tuple(_place(one, home, base, f"{path}: {split}") for one in (stated if _is_list(stated) else [stated]))
    return _Layout(base, found, places, (*moved, *notes))


def _home(document: Mapping[str, Any], path: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder that the parts are relative to: ``path`` where it is there, else that of the file."""
    stated = document.get("path")
    if stated is None:
        return path.parent, ()
    home = path.parent / str(stated)
    if not home.is_dir():
        return path.parent, (f"{path.name} says path: {stated}, where nothing is; its own folder was taken",)
    named = f"{path}: path: {stated} (or write yolo:{stated}?names={path.name})"
    return confined(_normal(home), path.parent, named), ()


def _place(stated: Any, home: Path, base: Path, named: str) -> Path:
    """A folder of images or a list of them; ``../valid/images`` also below `home`, as Roboflow writes it."""
    if not isinstance(stated, str):
        raise DataError(f"{named}: expected a folder of images or a list of them, got {stated!r}")
    for text in (stated, stated.removeprefix("../")):
        if (home / text).exists():
            return file_named(text, home, base, named)[1]
    raise DataError(f"{named}: nothing at {home / stated}")


def _images(layout: _Layout, named: str) -> dict[str, Path]:
    """The images by id, sorted."""
    images: dict[str, Path] = {}
    for place in layout.places:
        listed = _listed(place, layout.base) if place.is_file() else files_below(place)
        for path in listed:
            if is_image(path):
                images[file_named(str(path), place, layout.base, str(place))[0]] = path
    if not images:
        raise DataError(f"{named}: no image in {' or '.join(map(str, layout.places))}")
    return dict(sorted(images.items()))


def _listed(place: Path, base: Path) -> Iterator[Path]:
    for number, line in enumerate(text_of(place).splitlines(), start=1):
        if line.strip():
            yield file_named(line, place.parent, base, f"{place}:{number}")[1]


def _labelled(images: Mapping[str, Path], base: Path) -> Iterator[tuple[str, Path, Path]]:
    """The id, the image and its label file; that belongs to one image only."""
    owner: dict[Path, Path] = {}
    for name, path in images.items():
        labels = _label_file(path, base)
        other = owner.setdefault(labels, path)
        if other != path:
            raise DataError(f"{other} and {path} would share the labels {labels}; rename one of them")
        yield name, path, labels


def _label_file(image: Path, base: Path) -> Path:
    """``labels`` for the last ``images`` among the folders; without one, beside the image."""
    parts = list(image.relative_to(base).parts)
    folders = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if folders:
        parts[folders[-1]] = "labels"
    return confined(base.joinpath(*parts).with_suffix(".txt"), base, image)


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)
