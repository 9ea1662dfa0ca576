"""Where the images, labels and class names of YOLO are, as the tools that write it have them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from .class_names import YAML_ENDINGS, names_given, names_in, names_of_lines, yaml_of
from .files import confined, existing_folder, file_named, files_below, is_image, relative_id, text_of
from .image_places import image_folder
from .other_layouts import held_by, way_out
from .root import current_root
from .yolo_facts import refuse_other_names

KNOWN = (
    "known are data.yaml (Ultralytics, CVAT, Roboflow, FiftyOne), obj.data or obj.names (Darknet, CVAT), and "
    "classes.txt (Label Studio, LabelImg), with images and labels in parallel folders or beside each other"
)
OPTIONS = ("?images=", "?names=", "?split=")
#: the parts of a data set, the one that is taken first by default
_SPLITS = ("val", "valid", "validation", "test", "train")
_NAME_FILES = ("classes.txt", "labels/classes.txt", "obj.names")
_NAME_FILES_BELOW = ("*.names", "*/_darknet.labels", "*/classes.txt", "*/*.names")
_YAML_FILES = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
#: the keys of obj.data that do not describe the data
_COUNT = "classes"
_OTHER_KEYS = (_COUNT, "names", "backup", "eval", "results", "top")
_DESCRIPTIONS = (*YAML_ENDINGS, ".data")
_IMAGES = ("images", "JPEGImages")
#: as many of the last parts of a path of another computer are looked for
_PARTS = 20
_ELSEWHERE = re.compile(r"/|[A-Za-z]:[/\\]|\\\\")


@dataclass(frozen=True)
class YoloLayout:
    """The folder of a data set, the names of its classes by number, its images by id, and notes.

    Args:
        elsewhere: the label files by their names without ending, where they are neither beside the images nor in a
            parallel folder: ``?images=`` names another one, or no image has labels there.
    """

    base: Path
    names: Mapping[int, str]
    images: Mapping[str, Path]
    notes: tuple[str, ...] = ()
    elsewhere: Mapping[str, tuple[Path, ...]] | None = None

    def labels_of(self, image: Path) -> Path:
        """The label file of an image: ``labels`` for the last ``images`` among its folders, else beside it.

        Raises:
            DataError: it is outside of the data, or there are two.
        """
        beside = image.with_suffix(".txt")
        anchor = self.base if image.is_relative_to(self.base) else Path(image.anchor)
        parts = list(beside.relative_to(anchor).parts)
        folders = [place for place, part in enumerate(parts[:-1]) if part in _IMAGES]
        parallel = beside
        if folders:
            parts[folders[-1]] = "labels"
            parallel = anchor.joinpath(*parts)
        if self.elsewhere is not None:
            found = self.elsewhere.get(image.stem, ())
            if len(found) > 1:
                raise DataError(f"{image} has the labels {found[0]} and {found[1]}; name one of their folders")
            return found[0] if found else beside
        usual = confined(parallel, self.base, image)
        return beside if not usual.is_file() and beside.is_file() else usual


def layout_of(reference: Reference, root: Path) -> YoloLayout:
    """The layout at a reference.

    Raises:
        DataError: none that is known, no names of classes, a part that is not there, no image.
    """
    given = _normal(root / Path(reference.body).expanduser())
    if given.suffix in _DESCRIPTIONS:
        return _from_file(reference, root, given)
    if given.is_file():
        raise DataError(
            f"{reference.text!r}: {given.name} is neither a YAML file nor obj.data; write the folder, yolo:"
            f"{reference.body.rpartition('/')[0] or '.'}"
        )
    base = _normal(existing_folder(reference.body, root, what=reference.text))
    names = reference.options.get("names")
    if names is not None:
        return _from_folder(
            reference, root, base, names_given(names, root, base, named=f"{reference.text!r}: names={names}")
        )
    file = _description(reference, base)
    if file is not None:
        return _from_file(reference, root, file)
    return _from_folder(reference, root, base, _names_below(reference, base))


def _description(reference: Reference, base: Path) -> Path | None:
    """The YAML file or ``obj.data`` in a folder; None where there is none.

    Raises:
        DataError: several, of which none has the usual name.
    """
    yamls = [path for path in sorted(base.iterdir()) if path.suffix in YAML_ENDINGS]
    usual = [path for path in yamls if path.name in _YAML_FILES]
    if len(usual) == 1:
        return usual[0]
    if len(yamls) > 1 and not any((base / name).is_file() for name in _NAME_FILES):
        raise DataError(
            f"{reference.text!r}: {base} has {len(yamls)} YAML files; write yolo:data.yaml, or ?names=bolt,nut"
        )
    if len(yamls) == 1:
        return yamls[0]
    return next((path for path in sorted(base.glob("*.data")) if path.is_file()), None)


def _names_below(reference: Reference, base: Path) -> Mapping[int, str]:
    found = [base / name for name in _NAME_FILES if (base / name).is_file()]
    found = found[:1] or [path for pattern in _NAME_FILES_BELOW for path in sorted(base.glob(pattern))]
    each = [names_of_lines(confined(path, base, path)) for path in found]
    if not each:
        inner = [path for path in sorted(base.glob("*/*")) if path.suffix in _DESCRIPTIONS or path.name in _NAME_FILES]
        body = reference.body.rstrip("/")
        hint = f"; did you mean yolo:{body}/{inner[0].parent.name}?" if inner else way_out(base, "yolo", ())
        hint = hint or "; write yolo:data.yaml, or ?names=bolt,nut"
        raise DataError(
            f"{reference.text!r}: {base} has no YAML file, and no {' or '.join(_NAME_FILES)}: {held_by(base)}; "
            f"{KNOWN}{hint}"
        )
    if any(one != each[0] for one in each):
        raise DataError(
            f"{reference.text!r}: {found[0]} and {found[-1]} name other classes; write yolo: with one of their folders"
        )
    return each[0]


# --- a folder --------------------------------------------------------------------------------------------------------


def _from_folder(reference: Reference, root: Path, base: Path, names: Mapping[int, str]) -> YoloLayout:
    if "images" in reference.options:
        return _images_elsewhere(reference, root, base, names)
    split = reference.options.get("split")
    if split is None:
        images = base / "images"
        held = images.is_dir() and any(map(is_image, files_below(images)))
        return _layout(reference, base, names, [(images if held else base, base)], [])
    tried = [base / "images" / split, base / split / "images", base / split, base / f"obj_{split}_data"]
    tried.append(base / f"{split}.txt")
    place = next((one for one in tried if one.exists()), tried[0])
    if not place.exists():
        known = [path.name for path in sorted([*base.glob("images/*/"), *base.glob("*/")]) if _is_split(path)]
        raise DataError(
            f"{reference.text!r}: no folder at {' or '.join(map(str, tried[:-1]))}, and no list at {tried[-1]}; check "
            f"the path, or the name {split!r} after split={nearest(split, known)}"
        )
    return _layout(reference, base, names, [(confined(place, base, place), base)], [])


def _is_split(path: Path) -> bool:
    return path.is_dir() and path.name not in ("images", "labels")


def _images_elsewhere(reference: Reference, root: Path, base: Path, names: Mapping[int, str]) -> YoloLayout:
    asked, split = reference.options["images"], reference.options.get("split")
    folder = existing_folder(asked, base, root, what=f"{reference.text!r}: images={asked}")
    labels = _labels_below(base, split)
    images = {relative_id(path, folder): path for path in files_below(folder) if is_image(path)}
    if split is not None:
        images = {name: path for name, path in images.items() if path.stem in labels}
    if not images:
        raise DataError(f"{reference.text!r}: images={asked}: no image of the labels in {folder}; {held_by(folder)}")
    return YoloLayout(base, names, images, (), labels)


def _labels_below(base: Path, split: str | None) -> dict[str, tuple[Path, ...]]:
    """The text files below a folder, or below its folders of a split, by their names without ending."""
    labels: dict[str, tuple[Path, ...]] = {}
    for path in files_below(base):
        of_split = split is None or {split, f"obj_{split}_data"} & set(path.relative_to(base).parts[:-1])
        if path.suffix == ".txt" and of_split:
            labels[path.stem] = (*labels.get(path.stem, ()), path)
    return labels


# --- a YAML file, or obj.data ----------------------------------------------------------------------------------------


def _from_file(reference: Reference, root: Path, path: Path) -> YoloLayout:
    base = path.parent
    document = _darknet(path) if path.suffix == ".data" else yaml_of(path)
    if "kpt_shape" in document:
        raise DataError(f"{path}: kpt_shape: labels of poses have no outline of the object")
    home, notes = _home(document, path)
    names = _names(reference, root, document, path, notes)
    if "images" in reference.options:
        return _images_elsewhere(reference, root, base, names)
    split, stated = _part(reference, document, path, home, notes)
    each = stated if isinstance(stated, list) and stated else [stated]
    if path.suffix == ".data" and not _is_there(stated, home, base):
        notes[:] = [f"{path.name} names {stated!r} for {split!r}, where nothing is: all images below {base} were taken"]
        return _layout(reference, base, names, [(base, home)], notes)
    places = [(_place(one, home, base, f"{path}: {split}", notes), home) for one in each]
    return _layout(reference, base, names, places, notes)


def _names(
    reference: Reference, root: Path, document: Mapping[str, Any], path: Path, notes: list[str]
) -> Mapping[int, str]:
    given = reference.options.get("names")
    if given is not None:
        return names_given(given, root, path.parent, named=reference.text)
    if path.suffix == ".data":
        names = names_of_lines(_place(document["names"], path.parent, path.parent, f"{path}: names", notes))
        if document.get(_COUNT, str(len(names))) != str(len(names)):
            raise DataError(f"{path}: classes is {document[_COUNT]}, and there are {len(names)} names")
        return names
    names = names_in(document, path)
    beside = [path.parent / name for name in _NAME_FILES]
    refuse_other_names(names, path, [confined(file, path.parent, path) for file in beside if file.is_file()])
    return names


def _darknet(path: Path) -> dict[str, Any]:
    """``key = value`` on the lines of ``obj.data``."""
    lines = [line.partition("#")[0] for line in text_of(path).splitlines()]
    pairs = [line.partition("=") for line in lines if "=" in line]
    document = {key.strip(): value.strip() for key, _, value in pairs if value.strip()}
    if "names" not in document:
        raise DataError(f"{path}: has no names = file; write yolo:DIR?names=bolt,nut")
    return {key: value for key, value in document.items() if key in ("names", _COUNT) or key not in _OTHER_KEYS}


def _home(document: Mapping[str, Any], path: Path) -> tuple[Path, list[str]]:
    """The folder that the parts are relative to: ``path`` where it is there, else that of the file."""
    stated = document.get("path")
    if stated is None:
        return path.parent, []
    home = path.parent / str(stated)
    if not _exists(home):
        return path.parent, [f"{path.name} says path: {stated}, where nothing is; its own folder was taken"]
    named = f"{path}: path: {stated} (or write yolo:{stated}?names={path.name})"
    return confined(_normal(home), path.parent, named), []


def _part(
    reference: Reference, document: Mapping[str, Any], path: Path, home: Path, notes: list[str]
) -> tuple[str, Any]:
    """The part that is read, and what the file states of it; without ``?split=`` the first that is there."""
    known = [split for split in ("train", *_SPLITS[:-1]) if document.get(split)]
    known += [key for key, value in document.items() if _is_other_part(key, value)]
    listed = ", ".join(known)
    asked = reference.options.get("split")
    if asked is not None or not known:
        if asked not in known:
            wanted = f"no {asked!r}{nearest(asked or '', known)}" if asked else "no train, val or test"
            hint = f"; write ?split= with one of {listed}" if known else "; write yolo:DIR?names=bolt,nut"
            raise DataError(f"{reference.text!r}: {path} has {wanted}{hint}")
        return str(asked), document[str(asked)]
    order = [*(split for split in _SPLITS if split in known), *known]
    there = [split for split in order if _is_there(document[split], home, path.parent)]
    split = (there or order)[0]
    if split != order[0]:
        notes.append(f"{path.name} names {document[order[0]]!r} for {order[0]!r}, where nothing is")
    others = f" (?split= takes another of {listed})" if len(known) > 1 else ", its only part"
    notes.append(f"images of {split!r} in {path.name}{others}")
    return split, document[split]


def _is_other_part(key: Any, value: Any) -> bool:
    """Whether it is a part under a name of its own, which CVAT's users may give: a list of images."""
    return isinstance(key, str) and key not in (*_SPLITS, "names") and isinstance(value, str) and value.endswith(".txt")


def _is_there(stated: Any, home: Path, base: Path) -> bool:
    each = stated if isinstance(stated, list) and stated else [stated]
    return all(isinstance(one, str) and _find(one, home, base) is not None for one in each)


def _place(stated: Any, home: Path, base: Path, named: object, notes: list[str]) -> Path:
    """A folder of images, or a list of them; where a tool has written it for another place, the one that is meant."""
    if not isinstance(stated, str):
        raise DataError(f"{named}: expected a folder of images or a list of them, got {stated!r}")
    found = _find(stated, home, base)
    if found is None:
        raise DataError(
            f"{named}: nothing at {home / stated}; mend it, write ?images=DIR where only the images are elsewhere, or "
            "?root=DIR with the folder that it is in"
        )
    if _ELSEWHERE.match(stated) and found != _normal(home / stated):
        notes.append(f"{named}: nothing is at {stated}; {found} was taken")
    return file_named(str(found), home, base, str(named))[1]


def _find(stated: str, home: Path, base: Path) -> Path | None:
    """The first place that is there and in the data, else the first that is there.

    Roboflow writes ``../valid/images`` for ``valid/images``, Darknet and CVAT ``data/train.txt`` for ``train.txt``, and
    many tools the absolute path of the computer that they ran on.
    """
    text = stated.strip().replace("\\", "/")
    inner = re.sub(r"^(\.{1,2}/)+", "", text)
    texts = [text, inner, inner.removeprefix("data/")]
    if _ELSEWHERE.match(text) and not _exists(Path(text)):
        parts = [part for part in text.split("/") if part]
        texts += ["/".join(parts[start:]) for start in range(max(1, len(parts) - _PARTS), len(parts))]
    tried = [_normal(folder / one) for one in texts if one for folder in dict.fromkeys((home, base))]
    there = [path for path in tried if _exists(path)]
    return next((path for path in there if current_root(base).admits(path)), there[0] if there else None)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  (not an error for a name that no file can have)


# --- images ----------------------------------------------------------------------------------------------------------


def _layout(
    reference: Reference,
    base: Path,
    names: Mapping[int, str],
    places: list[tuple[Path, Path]],
    notes: list[str],
) -> YoloLayout:
    """The layout of images in folders, or in lists that are relative to a home folder."""
    images: dict[str, Path] = {}
    for place, home in places:
        for path in _listed(place, home, base, notes) if place.is_file() else files_below(place):
            if is_image(path):
                images[file_named(str(path), place, base, str(place))[0]] = path
    if not images:
        listed = " or ".join(str(place) for place, _ in places)
        raise DataError(
            f"{reference.text!r}: no image in {listed}: {held_by(base)}; {KNOWN}{way_out(base, 'yolo', OPTIONS)}"
        )
    layout = YoloLayout(base, names, dict(sorted(images.items())), tuple(notes))
    if any(layout.labels_of(path).is_file() for path in layout.images.values()):
        return layout
    return _by_name(layout)


def _by_name(layout: YoloLayout) -> YoloLayout:
    """Where no image has labels in the usual places: those of its name, wherever they are."""
    stems = {path.stem for path in layout.images.values()}
    labels = {stem: paths for stem, paths in _labels_below(layout.base, None).items() if stem in stems}
    if not labels:
        return layout
    first = next(iter(labels.values()))[0]
    note = f"labels are neither beside the images nor in a parallel folder, and were paired by name, e.g. {first}"
    return replace(layout, notes=(*layout.notes, note), elsewhere=labels)


def _listed(place: Path, home: Path, base: Path, notes: list[str]) -> Iterator[Path]:
    lines = {number: line.strip() for number, line in enumerate(text_of(place).splitlines(), start=1) if line.strip()}
    if not lines:
        return
    found = image_folder(lines.values(), (place.parent, home, base), what=place, option="?images=DIR")
    notes += [found.note] if found.note else []
    for number, line in lines.items():
        yield file_named(found.name(line), found.folder, base, f"{place}:{number}")[1]


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))
