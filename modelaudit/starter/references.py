"""Turns a folder or file, as a newcomer names it, into a reference to data or a model."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.files import files_below, is_image
from ..data.voc_annotation import annotation_of
from ..language import registry
from ..language.errors import DataError, ModelError
from ..language.json_file import read_json
from ..language.reference import parse_reference
from ..language.yaml_reader import read_yaml

_YAML = (".yaml", ".yml")
_TABLES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".tar": "webdataset", ".parquet": "hf"}
_PROGRAMS = {".onnx": "onnx", ".ts": "torchscript", ".torchscript": "torchscript", ".pt2": "export"}
#: a JSON file from this size on is taken for COCO unread: nothing else in use grows so large
_LARGEST_READ = 64 * 2**20


@dataclass(frozen=True)
class Guess:
    """A reference, and by what it was recognised; ``why`` is empty where the user wrote the reference."""

    reference: str
    why: str = ""


def guessed_data(text: str, folder: Path) -> Guess:
    """The reference to data that a user named by a reference, a folder or a file.

    Args:
        text: relative paths in it start at `folder`; options may follow (``photos?masks=beside``).

    Raises:
        DataError: neither a reference nor a file or folder, or a file of an unknown kind.
    """
    parsed = parse_reference(text)
    place, query = folder / Path(parsed.body).expanduser(), text[len(parsed.body) :]
    if parsed.scheme or (parsed.body in registry.names("data") and not place.exists()):
        return Guess(text)
    if not place.exists():
        raise DataError(f"{text!r}: no file or folder {place}; give a folder, an annotation file, or a reference")
    scheme, named, why = _of_folder(parsed.body, place) if place.is_dir() else _of_file(parsed.body, place)
    if scheme == "yolo" and not query:
        query = _split(folder / named)
    return Guess(f"{scheme}:{named}{query}", why)


def guessed_model(text: str, folder: Path) -> Guess:
    """The reference to a model that a user named by a reference or a file; what is unknown is left as it is.

    Raises:
        ModelError: a file that is not there.
    """
    parsed = parse_reference(text)
    path = folder / Path(parsed.body).expanduser()
    if parsed.scheme or ".py:" in parsed.body:
        return Guess(text)
    scheme = _PROGRAMS.get(path.suffix.lower())
    if scheme is None and path.suffix.lower() in (".pt", ".pth", ".jit") and _is_torchscript(path):
        scheme = "torchscript"
    if scheme is None and (path / "config.json").is_file():
        scheme = "hf"
    if scheme is None:
        return Guess(text)
    if not path.exists():
        raise ModelError(f"{text!r}: no file {path}; give the path of the model, or a reference")
    return Guess(f"{scheme}:{text}", {"hf": "a folder of save_pretrained"}.get(scheme, f"a file for {scheme}:"))


def rebased(text: str, folder: Path, root: Path) -> str:
    """The same reference with relative paths that exist below `folder` written as they are from `root`."""
    if folder == root:
        return text
    parsed = parse_reference(text)

    def moved(value: str) -> str:
        file, colon, factory = value.rpartition(":") if ".py:" in value else (value, "", "")
        path = folder / file
        if not file or Path(file).is_absolute() or not path.exists():
            return value
        return Path(os.path.relpath(path, root)).as_posix() + colon + factory

    body = f"{parsed.scheme}:{moved(parsed.body)}" if parsed.scheme else moved(parsed.body)
    options = "&".join(f"{name}={moved(value)}" for name, value in parsed.options.items())
    return f"{body}?{options}" if options else body


def _of_file(body: str, path: Path) -> tuple[str, str, str]:
    suffix = path.suffix.lower()
    if suffix == ".json":
        if _is_coco(path):
            return "coco", body, "a JSON file with images and annotations"
        raise DataError(f"{body!r}: not a COCO file (it needs images and annotations); for LabelMe give the folder")
    if suffix in _YAML:
        return "yolo", body, "a YAML file of a YOLO data set"
    if suffix in _TABLES:
        return _TABLES[suffix], body, f"a {suffix} file"
    known = ", ".join((".json", *_YAML, *_TABLES))
    raise DataError(f"{body!r}: a file of an unknown kind; data are a folder, or a file that ends in {known}")


def _of_folder(body: str, folder: Path) -> tuple[str, str, str]:
    for recognise in (_yolo, _voc, _coco, _table, _labelme, _archives):
        found = recognise(body.rstrip("/") or body, folder)
        if found is not None:
            return found
    return "folder", body, "a folder of photos in folders named after their labels"


_Found = tuple[str, str, str] | None


def _yolo(body: str, folder: Path) -> _Found:
    described = [path for path in _direct(folder, lambda path: path.suffix.lower() in _YAML) if _names_classes(path)]
    if len(described) == 1:
        return "yolo", f"{body}/{described[0].name}", f"{described[0].name} names the classes of a YOLO data set"
    labels = folder / "labels"
    if (folder / "images").is_dir() and labels.is_dir() and any(path.suffix == ".txt" for path in files_below(labels)):
        return "yolo", body, "images and labels in text files, as YOLO has them"
    for name in _CLASS_NAMES:
        listed = next(iter(sorted(folder.glob(name))), None)
        if listed is not None and _has_labels_beside(folder):
            return "yolo", body, f"{listed.name} names the classes of labels beside the images, as YOLO has them"
    return None


#: of Darknet and CVAT, of LabelImg, of Roboflow
_CLASS_NAMES = ("*.names", "classes.txt", "*/_darknet.labels")


def _has_labels_beside(folder: Path) -> bool:
    files = list(files_below(folder))
    labels = {path.with_suffix("") for path in files if path.suffix == ".txt"}
    return any(is_image(path) and path.with_suffix("") in labels for path in files)


def _split(path: Path) -> str:
    """The option for a YAML file that names no validation images, which are the default, but others."""
    document = _yaml(path) if path.suffix.lower() in _YAML else {}
    if "val" in document:
        return ""
    return next((f"?split={name}" for name in ("test", "train") if document.get(name)), "")


def _voc(body: str, folder: Path) -> _Found:
    if (folder / "JPEGImages").is_dir() and (folder / "Annotations").is_dir():
        return "voc", body, "JPEGImages and Annotations, as Pascal VOC has them"
    for name in ("labelmap.txt", "class_names.txt"):
        if (folder / name).is_file() and any(path.is_dir() for path in folder.glob("SegmentationClass*")):
            return "voc", body, f"SegmentationClass and {name}, as Pascal VOC has them"
    first = next((path for path in files_below(folder) if path.suffix.lower() == ".xml"), None)
    if first is not None and _is_annotation(first):
        return "voc", body, f"{first.name} is an annotation of Pascal VOC"
    return None


def _is_annotation(path: Path) -> bool:
    try:
        annotation_of(path)
    except DataError:
        return False
    return True


def _coco(body: str, folder: Path) -> _Found:
    for below in ("", "annotations", "valid", "test", "train"):  # Roboflow has a folder for each split
        place = folder / below
        found = [path for path in _direct(place, lambda path: path.suffix.lower() == ".json") if _is_coco(path)]
        if len(found) > 1:
            listed = ", ".join(path.name for path in found)
            raise DataError(f"{body!r}: several COCO files ({listed}); name the one to audit, e.g. {found[0]}")
        if found:
            named = "/".join(filter(None, (body, below, found[0].name)))
            return "coco", named, f"{found[0].name} holds images and annotations"
    return None


def _table(body: str, folder: Path) -> _Found:
    for path in _direct(folder, lambda path: path.suffix.lower() == ".csv"):
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = {name.strip().strip('"').lower() for name in file.readline().replace(";", ",").split(",")}
        if {"image", "label"} <= header:
            return "csv", f"{body}/{path.name}", f"{path.name} lists images and labels"
    return None


def _labelme(body: str, folder: Path) -> _Found:
    for path in (path for path in files_below(folder) if path.suffix.lower() == ".json"):
        document = _json(path)
        if isinstance(document, dict) and "shapes" in document and "imagePath" in document:
            return "labelme", body, "JSON files with shapes, as LabelMe writes them"
        return None
    return None


def _archives(body: str, folder: Path) -> _Found:
    if (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file():
        return "hf", body, "a data set of Hugging Face"
    if (folder / "validation").is_dir() and (folder / "validation-segmentation").is_dir():
        return "imagenet_s", body, "validation and validation-segmentation, as ImageNet-S has them"
    shards = list(_direct(folder, lambda path: path.suffix.lower() == ".tar"))
    if len(shards) == 1 and not any(is_image(path) for path in files_below(folder)):
        return "webdataset", f"{body}/{shards[0].name}", f"{shards[0].name} is a shard"
    return None


def _direct(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[Path]:
    """The files in a folder itself, sorted, without hidden ones."""
    if folder.is_dir():
        files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        yield from sorted(filter(wanted, files))


def _names_classes(path: Path) -> bool:
    return "names" in _yaml(path)


def _yaml(path: Path) -> dict[Any, Any]:
    """The mapping in a YAML file; empty where there is none."""
    try:
        document = read_yaml(path, DataError, text_keys=False).value
    except DataError:  # which says so when it is opened
        return {}
    return document if isinstance(document, dict) else {}


def _is_coco(path: Path) -> bool:
    if path.stat().st_size > _LARGEST_READ:
        return True
    document = _json(path)
    return isinstance(document, dict) and {"images", "annotations"} <= document.keys()


def _json(path: Path) -> object:
    try:
        return read_json(path, DataError)
    except DataError:
        return None


def _is_torchscript(path: Path) -> bool:
    """An archive of ``torch.jit.save`` holds code; a checkpoint is an archive too, and holds none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except Exception:  # of damaged archives zipfile raises a dozen types
        return False
