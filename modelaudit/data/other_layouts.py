"""What a folder holds, and which reference reads it: for messages on a layout that is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ..language.errors import DataError
from ..language.regular_files import open_file
from .files import files_below, is_image

#: files that are looked at, and bytes of each; a message is worth no more
_FILES, _BYTES = 5_000, 4_096


def held_by(folder: Path) -> str:
    """The kinds of files below a folder, and the folders in it."""
    try:
        files = list(islice(files_below(folder), _FILES))
        folders = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except (DataError, OSError):
        return f"{folder} cannot be listed"
    kinds = Counter(path.suffix.lower() or "no ending" for path in files)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5)) or "no file"
    inside = f" in the folders {', '.join(folders[:8])}{', ...' if len(folders) > 8 else ''}" if folders else ""
    return f"{folder} holds {listed}{inside}"


def way_out(folder: Path, scheme: str, options: Sequence[str]) -> str:
    """The reference that reads what is in a folder, where another than `scheme` does; else the options that help."""
    found = _schemes(folder)
    if found and scheme not in found:
        known, (kind, body) = next(iter(found.items()))
        return f"; it looks like {kind}: write {known}:{body}"
    return f"; the options {', '.join(options)} name what is elsewhere" if options else ""


def _schemes(folder: Path) -> dict[str, tuple[str, Path]]:
    """The schemes that may read a folder: what it looks like in words, and the body of a reference."""
    try:
        files = list(islice(files_below(folder), _FILES))
    except (DataError, OSError):
        return {}
    found: dict[str, tuple[str, Path]] = {}
    for path in files:
        start = _start(path) if path.suffix.lower() in (".json", ".xml") else ""
        if '"shapes"' in start:
            found.setdefault("labelme", ("LabelMe's JSON", folder))
        elif '"images"' in start or '"annotations"' in start:
            found.setdefault("coco", ("COCO", path))
        elif "<annotation" in start:
            found.setdefault("voc", ("Pascal VOC", folder))
        if path.name in _YOLO:
            found.setdefault("yolo", ("YOLO", folder))
        elif path.name == "labelmap.txt":
            found.setdefault("voc", ("segmentations of CVAT", folder))
    if not found and files and all(is_image(path) for path in files):
        found["folder"] = ("images in folders of their labels", folder)
    return found


_YOLO = ("data.yaml", "dataset.yaml", "obj.data", "obj.names", "classes.txt")


def _start(path: Path) -> str:
    try:
        with open_file(path) as file:
            return file.read(_BYTES).decode("utf-8", "ignore")
    except OSError:
        return ""
