"""Where the images, annotations, segmentations and lists of Pascal VOC are, as the tools that write it have them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from .files import confined, existing_folder, file_named, files_below, is_image, relative_id, text_of
from .other_layouts import held_by, way_out
from .voc_annotation import annotation_of

#: VOC's own folder of images first; the others are those of Label Studio, FiftyOne and of hand-made sets
_IMAGES = ("JPEGImages", "images", "Images", "image", "img", "imgs", "data")
#: labelme2voc has arrays in SegmentationClass, and the pictures of them in SegmentationClassPNG
CLASS_FOLDERS = ("SegmentationClassPNG", "SegmentationClass")
OBJECT_FOLDERS = ("SegmentationObjectPNG", "SegmentationObject")
KNOWN = (
    "known are JPEGImages with Annotations or SegmentationClass (VOC, CVAT, labelme2voc), images with Annotations "
    "(Label Studio), data with labels (FiftyOne), and annotations beside the images (Roboflow, LabelImg)"
)
OPTIONS = ("?images=", "?split=", "?names=")


@dataclass(frozen=True)
class VocImage:
    """An image of the data.

    Args:
        id: its path below the images' folder in VOC's own layout, else below the root.
        stem: the path of its segmentations below their folders, without ending.
        annotation: None where there is none.
        where: the annotation, or the line of the list that names it, for messages.
    """

    id: str
    image: Path
    stem: str
    annotation: Path | None
    where: str


@dataclass(frozen=True)
class Layout:
    """The folder of the data, its images, whether they are in VOC's own folders, and remarks."""

    base: Path
    images: tuple[VocImage, ...]
    own: bool
    notes: tuple[str, ...] = ()

    def segmentations(self, names: Iterable[str]) -> Path | None:
        """The first folder of these that holds a picture."""
        return _folder_of_pictures(self.base, names)


def layout_of(reference: Reference, root: Path) -> Layout:
    """The layout at a reference.

    Raises:
        DataError: none that is known, a list or a split that is not there, no image at all.
    """
    base = existing_folder(reference.body, root, what=reference.text)
    if _is_own(base):
        layout = _own(reference, root, base)
    else:
        inner = [path.name for path in sorted(base.iterdir()) if path.is_dir() and _is_own(path)]
        if inner:
            hint = f"{reference.text.partition('?')[0].rstrip('/')}/{inner[0]}"
            raise DataError(f"{reference.text!r}: no folder JPEGImages in {base}; did you mean {hint}?")
        layout = _anywhere(reference, root, base)
    if layout.images and not any(one.image.is_file() for one in layout.images):
        first = layout.images[0]
        raise DataError(
            f"{reference.text!r}: none of {len(layout.images)} images is there, e.g. {first.image}; {held_by(base)}; "
            f"{KNOWN}; write ?images= with the folder of the images"
        )
    return layout


def _is_own(base: Path) -> bool:
    annotated = (base / "JPEGImages").is_dir() and (base / "Annotations").is_dir()
    return annotated or _folder_of_pictures(base, CLASS_FOLDERS) is not None


def _folder_of_pictures(base: Path, names: Iterable[str]) -> Path | None:
    for name in names:
        folder = base / name
        if folder.is_dir() and any(is_image(path) for path in files_below(confined(folder, base, folder))):
            return folder
    return None


# --- VOC's own folders -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Own:
    """What VOC's own folders hold: images and annotations by their paths without ending, the classes' segmentations."""

    images_folder: Path
    images: Mapping[str, Path]
    annotations_folder: Path
    annotations: Mapping[str, Path]
    classes: Path | None

    def stem(self, line: str) -> str:
        """The path without ending that a line of a list means; some tools write the image with its folder or ending,
        and its annotation or segmentation behind it."""
        for text in (line, line.split()[0]):
            name = text.replace("\\", "/").rpartition(f"{self.images_folder.name}/")[2]
            for stem in (name, name.rpartition(".")[0]):
                if stem in self.images or stem in self.annotations:
                    return stem
        return line

    def image(self, stem: str) -> Path | None:
        """The image at the same path as an annotation, else the one of its name, else the one that it states."""
        if stem in self.images:
            return self.images[stem]
        names = [stem.rpartition("/")[2]]
        if stem in self.annotations:
            file_name = annotation_of(self.annotations[stem]).file_name
            names.append(unicodedata.normalize("NFC", file_name.rpartition(".")[0]))
        found = [self._by_name[name] for name in names if len(self._by_name.get(name, ())) == 1]
        return found[0][0] if found else None

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        index: dict[str, list[Path]] = defaultdict(list)
        for stem, path in self.images.items():
            index[stem.rpartition("/")[2]].append(path)
        return dict(index)


def _own(reference: Reference, root: Path, base: Path) -> Layout:
    (folder, images, on_images), annotations = _own_images(reference, root, base), base / "Annotations"
    by_stem = {relative_id(path, annotations)[:-4]: path for path in _xml_below(annotations, base)}
    own = _Own(folder, images, annotations, by_stem, _folder_of_pictures(base, CLASS_FOLDERS))
    listed, notes = _listed(reference, base, own)
    if listed is None:
        stems = {stem: str(path) for stem, path in own.annotations.items()}
        for path in files_below(own.classes) if own.classes is not None else ():
            if is_image(path):
                stems.setdefault(relative_id(path, own.classes or base).rpartition(".")[0], str(path))
        listed = sorted(stems.items())
    return Layout(base, tuple(_own_image(stem, where, own) for stem, where in listed), True, (*on_images, *notes))


def _own_image(line: str, where: str, own: _Own) -> VocImage:
    stem = own.stem(line)
    looked_for = file_named(f"{stem}.xml", own.annotations_folder, own.annotations_folder, where)[1]
    annotation, image = own.annotations.get(stem), own.image(stem)
    segmented = own.classes is not None and (own.classes / f"{stem}.png").is_file()
    if annotation is None and own.annotations and not segmented:
        raise DataError(f"{where}: {stem!r} has no annotation at {looked_for}")
    if image is None:  # a missing image stays a sample, and is unreadable
        name, image = file_named(f"{stem}.jpg", own.images_folder, own.images_folder, where)
        return VocImage(name, image, stem, annotation, where)
    return VocImage(relative_id(image, own.images_folder), image, stem, annotation, where)


def _own_images(reference: Reference, root: Path, base: Path) -> tuple[Path, dict[str, Path], tuple[str, ...]]:
    """The folder of the images, these by their paths without ending, and a remark where it is not the usual one."""
    asked = reference.options.get("images")
    if asked is not None:
        folder = existing_folder(asked, base, root, what=f"{reference.text}: images={asked}")
        return folder, _by_stem(folder), ()
    for folder in (base / name for name in _IMAGES if (base / name).is_dir()):
        images = _by_stem(confined(folder, base, folder))
        if images:
            return folder, images, () if folder.name == "JPEGImages" else (f"images are those in {folder.name}",)
    images = {
        stem: path
        for stem, path in _by_stem(base).items()
        if not any(part.startswith(("Segmentation", "Annotations")) for part in stem.split("/")[:-1])
    }
    if not images:
        raise DataError(
            f"{reference.text!r}: no image in {base / 'JPEGImages'}, nor in another folder: {held_by(base)}; export it "
            "with its images, or write ?images= with their folder"
        )
    return base, images, (f"images are those below {base} that have the names of annotations or segmentations",)


def _by_stem(folder: Path) -> dict[str, Path]:
    """The images by their paths without ending."""
    images: dict[str, Path] = {}
    for path in filter(is_image, files_below(folder)):
        stem = relative_id(path, folder).rpartition(".")[0]
        if stem in images:
            raise DataError(f"{images[stem]} and {path} would share an annotation; rename one of them")
        images[stem] = path
    return images


def _xml_below(folder: Path, base: Path) -> Iterator[Path]:
    if folder.is_dir():
        below = files_below(folder if folder == base else confined(folder, base, folder))
        yield from (path for path in below if path.suffix.lower() == ".xml")


def _listed(reference: Reference, base: Path, own: _Own) -> tuple[list[tuple[str, str]] | None, tuple[str, ...]]:
    """The images that a list names, each with its place there; None where no list is meant."""
    split, masks, sets = reference.options.get("split"), reference.options.get("masks"), base / "ImageSets"
    if split is None and not sets.is_dir():
        return None, ()
    boxes = masks == "box" or (masks is None and own.classes is None)
    places = (*((sets / "Main", sets / "Segmentation") if boxes else (sets / "Segmentation", sets / "Main")), base)
    path = next(filter(None, (_list_in(place, split or "val") for place in places)), None)
    known = {path.stem: path for place in reversed(places[:2]) for path in sorted(place.glob("*.txt"))}
    notes: tuple[str, ...] = ()
    if path is None and split is None:
        lists = sorted(name for name, one in known.items() if not _of_one_class(one, base, own))
        if len(lists) != 1:
            held = f"?split= takes one of {', '.join(lists)}" if lists else "ImageSets has no list of all images"
            return None, (f"all images, for there is no list val.txt in ImageSets ({held})",)
        path = known[lists[0]]
        notes = (f"images of the only list, {path.relative_to(base).as_posix()}",)
    if path is None:
        tried = " or ".join(str(place / f"{split}.txt") for place in places[:2])
        raise DataError(
            f"{reference.text!r}: no list at {tried}{nearest(split or '', sorted(known))}; write ?split= with the name "
            f"of one ({', '.join(sorted(known)) or 'there is none'})"
        )
    if _of_one_class(path, base, own):
        raise DataError(f"{path}:1: is the list of one class (with 1 and -1); name one of all images")
    return [(stem, f"{path}:{number}") for number, stem in _lines(path, base)], notes


def _list_in(place: Path, name: str) -> Path | None:
    """The list of a name; CVAT's users write ``Val`` too."""
    found = [path for path in sorted(place.glob("*.txt")) if path.stem.lower() == name.lower()]
    return next((path for path in found if path.stem == name), found[0] if found else None)


def _lines(path: Path, base: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty; CVAT writes names with blanks in quotes."""
    for number, line in enumerate(text_of(confined(path, base, path)).splitlines(), start=1):
        stem = line.strip()
        if len(stem) > 1 and stem[0] == stem[-1] == '"':
            stem = stem[1:-1]
        if stem:
            yield number, stem


def _of_one_class(path: Path, base: Path, own: _Own) -> bool:
    first = next((line for _, line in _lines(path, base)), "")
    return first not in own.images and len(first.split()) > 1 and first.split()[-1] in ("1", "-1", "0")


# --- annotations anywhere --------------------------------------------------------------------------------------------


def _anywhere(reference: Reference, root: Path, base: Path) -> Layout:
    """Annotations beside their images, or in folders parallel to them: paired by name, the nearest image first."""
    annotations = list(_xml_below(base, base))
    if not annotations:
        raise DataError(
            f"{reference.text!r}: no layout of Pascal VOC: {held_by(base)}; {KNOWN}{way_out(base, 'voc', OPTIONS)}"
        )
    asked = reference.options.get("images")
    folder = base if asked is None else existing_folder(asked, base, root, what=f"{reference.text}: images={asked}")
    images = [path for path in files_below(folder) if is_image(path)]
    if not images:
        raise DataError(
            f"{reference.text!r}: {len(annotations)} annotations, and no image: {held_by(folder)}; write ?images= with "
            "the folder of the images"
        )
    splits = _splits(annotations, base)
    split = reference.options.get("split")
    notes: tuple[str, ...] = ()
    if split is not None:
        if split not in splits:
            raise DataError(
                f"{reference.text!r}: no folder or list {split!r}{nearest(split, sorted(splits))}; "
                + (f"there are {', '.join(sorted(splits))}" if splits else f"{base} has no splits; leave ?split= out")
            )
        annotations = splits[split]
    elif len(splits) > 1:
        notes = (f"images of all of {', '.join(sorted(splits))} (?split= takes one)",)
    index: dict[str, list[Path]] = defaultdict(list)
    for path in images:
        index[relative_id(path, folder).rpartition("/")[2].rpartition(".")[0]].append(path)
    entries = tuple(_paired(path, base, folder, index) for path in annotations)
    return Layout(base, entries, False, notes)


def _splits(annotations: list[Path], base: Path) -> dict[str, list[Path]]:
    """The annotations by the first folder of their paths that tells them apart; and by the lists of ImageSets."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in annotations:
        folders = relative_id(path, base).split("/")[:-1]
        for name in folders:
            if name.lower() in _SPLITS:
                found[name].append(path)
                break
    for file in sorted((base / "ImageSets").glob("*/*.txt")) if (base / "ImageSets").is_dir() else ():
        stems = {stem for _, stem in _lines(file, base)}
        found.setdefault(file.stem, [path for path in annotations if path.stem in stems])
    return dict(found)


_SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing", "trainval", "default")


def _paired(annotation: Path, base: Path, folder: Path, index: Mapping[str, list[Path]]) -> VocImage:
    stem = relative_id(annotation, base).rpartition(".")[0]
    dirs, _, name = stem.rpartition("/")
    found = index.get(name, [])
    if not found:  # some tools name the annotation otherwise than the image that it states
        stated = unicodedata.normalize("NFC", annotation_of(annotation).file_name)
        found = index.get(stated.rpartition(".")[0], [])
    if not found:  # a missing image stays a sample, and is unreadable
        beside = annotation.with_suffix(".jpg")
        return VocImage(relative_id(beside, base), beside, stem, annotation, str(annotation))
    if len(found) > 1:
        distances = {path: _distance(relative_id(path, folder).rpartition("/")[0], dirs) for path in found}
        least = min(distances.values())
        found = [path for path, distance in distances.items() if distance == least]
    if len(found) > 1:
        raise DataError(
            f"{annotation}: its image may be {found[0]} or {found[1]}; write ?images= with the folder of those that "
            "are meant, or rename"
        )
    return VocImage(relative_id(found[0], folder), found[0], stem, annotation, str(annotation))


def _distance(images: str, annotations: str) -> int:
    """0 for one folder, else in how many names the paths of two differ."""
    one, other = images.split("/"), annotations.split("/")
    return sum(a != b for a, b in zip_longest(one, other))
