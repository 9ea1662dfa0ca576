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
    found = _scheme(folder)
    if found is not None and found[0] != scheme:
        return f"; it looks like {found[1]}: write {found[0]}:{found[2]}"
    return f"; the options {', '.join(options)} name what is elsewhere" if options else ""


def _scheme(folder: Path) -> tuple[str, str, Path] | None:
    """The scheme, what it is in words, and the body of a reference."""
    try:
        files = list(islice(files_below(folder), _FILES))
    except (DataError, OSError):
        return None
    endings = {path.suffix.lower() for path in files}
    for path in files:
        if path.suffix.lower() == ".json":
            start = _start(path)
            if '"shapes"' in start:
                return "labelme", "LabelMe's JSON", folder
            if '"images"' in start or '"annotations"' in start or '"categories"' in start:
                return "coco", "COCO", path
    if any(path.suffix.lower() == ".xml" and "<annotation" in _start(path) for path in files):
        return "voc", "Pascal VOC", folder
    if any(path.name in ("data.yaml", "dataset.yaml", "obj.names", "classes.txt") for path in files):
        return "yolo", "YOLO", folder
    if any(path.name == "labelmap.txt" for path in files):
        return "voc", "segmentations of CVAT", folder
    if endings and all(is_image(path) for path in files):
        return "folder", "images in folders of their labels", folder
    return None


def _start(path: Path) -> str:
    try:
        with open_file(path) as file:
            return file.read(_BYTES).decode("utf-8", "ignore")
    except OSError:
        return ""
