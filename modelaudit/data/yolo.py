"""``yolo:data.yaml`` or ``yolo:DIR``: polygons and boxes in text files beside the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..language.errors import DataError
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .objects import (
    RegionsMask,
    counted_note,
    notes_on_objects,
    object_choices,
    objects_option,
    sample_of,
)
from .other_layouts import held_by, way_out
from .yolo_facts import boxes_out_of_image, labels_without_image
from .yolo_labels import regions_of
from .yolo_layout import KNOWN, OPTIONS, YoloLayout, layout_of


@data_source("yolo", remote="tree")
def yolo(reference: Reference, root: Path) -> DataSet:
    """One sample an image with objects, its mask drawn from ``labels/.../name.txt`` for ``images/.../name.jpg``.

    As Ultralytics, Darknet, CVAT, Label Studio, FiftyOne, Roboflow and LabelImg write it: with a YAML file, with
    ``obj.data`` or with the names of the classes in a file; labels are in a folder parallel to that of the images, or
    beside them. A line is ``class x1 y1 x2 y2 ...`` (a polygon, or the corners of a turned box) or ``class cx cy w h``
    (a box), as shares of the upright image; a file may hold both. ``?split=val`` names the part of a YAML file or of
    ``obj.data``, a list, or the folder below ``images``; ``?names=`` the classes, or a file with them; ``?images=`` the
    folder of the images, where they are elsewhere than the labels; ``?objects=`` is that of
    :func:`~modelaudit.data.objects.object_choices`. Ids are the images' paths below the folder of the YAML file, or
    below DIR.

    Raises:
        DataError: no such layout, an invalid line (with file and line), a path that leaves the data.
    """
    reference.only(("split", "names", "objects", "images"), DataError)
    objects = objects_option(reference)
    layout = layout_of(reference, root)
    samples: list[Sample] = []
    mixed: list[str] = []
    without: list[str] = []
    empty: list[str] = []
    files: list[Path] = []
    for name, path, labels in _labelled(layout):
        files.append(labels)
        regions = regions_of(labels, layout.names) if labels.is_file() else None
        if not regions:
            (without if regions is None else empty).append(name)
            continue
        for found in object_choices(regions, objects):
            mask = RegionsMask(found.own, ignored=found.ignored, image=path, relative=True)
            sample = sample_of(name, path, found, mask, objects)
            samples.append(replace(sample, contradictions=boxes_out_of_image(regions)))
            mixed += [name] if found.mixed else []
    if not samples:
        raise DataError(_no_object(reference, layout, [*without, *empty]))
    notes = [*layout.notes, *notes_on_objects(samples, mixed, objects)]
    notes += counted_note(without, "images have no label file and were left out")
    notes += counted_note(empty, "images have a label file without objects and were left out")
    apart = labels_without_image(files, layout.images.values())
    return DataSet(tuple(samples), tuple(notes), contradictions=apart)


def _labelled(layout: YoloLayout) -> Iterator[tuple[str, Path, Path]]:
    """The id, the image and its label file; that belongs to one image only."""
    owner: dict[Path, Path] = {}
    for name, path in layout.images.items():
        labels = layout.labels_of(path)
        other = owner.setdefault(labels, path)
        if other != path:
            raise DataError(f"{other} and {path} would share the labels {labels}; rename one of them")
        yield name, path, labels


def _no_object(reference: Reference, layout: YoloLayout, names: list[str]) -> str:
    looked = layout.labels_of(layout.images[names[0]])
    held = "" if looked.is_file() else f"; {held_by(layout.base)}; {KNOWN}{way_out(layout.base, 'yolo', OPTIONS)}"
    return f"{reference.text!r}: no image has an object; looked e.g. in {looked}{held}"
