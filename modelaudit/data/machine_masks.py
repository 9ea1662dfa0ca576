"""Masks that were made by a machine and not edited since, according to a file next to them.

``modelaudit-masks.json`` names every mask that was written below its folder, by whom and when, with the sha256 of its
bytes. A mask with other bytes has been edited, and counts as any other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..language.errors import DataError
from ..language.json_file import read_json
from ..language.regular_files import read_file
from ..language.sample import Sample
from ..language.whole_file import way_to_write
from .files import relative_id
from .masks import ReadMask

FILE = "modelaudit-masks.json"
FORMAT = "modelaudit-masks/1"


@dataclass
class MadeMasks:
    """The machine-made masks of one folder, as its file lists them.

    Args:
        makers: by whom: name, version, date, the version of this package.
        files: by path below the folder: sha256, and the position of the maker.
    """

    folder: Path
    makers: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)

    def maker_of(self, mask: Path) -> str | None:
        """The maker of an unedited machine-made mask; None for any other mask."""
        made = self.files.get(relative_id(mask, self.folder))
        if made is None or made[0] != _digest(mask):
            return None
        return self.makers[made[1]]["by"]

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            DataError: it cannot be written.
        """
        document = {
            "format": FORMAT,
            "makers": self.makers,
            "files": {name: {"sha256": sha, "maker": at} for name, (sha, at) in sorted(self.files.items())},
        }
        target = self.folder / FILE
        draft = target.with_name(f".{FILE}.{os.getpid()}")
        try:
            draft.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            draft.replace(target)
        except OSError as error:
            raise DataError(f"{target}: cannot be written ({error.strerror}); {way_to_write(target)}") from error


def read_made_masks(folder: Path) -> MadeMasks | None:
    """Reads the file of a folder; None where it has no such file.

    Raises:
        DataError: the file is broken. Without it nobody knows which masks a machine made.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return _made_masks(read_json(path, DataError), folder)
    except (DataError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}); it says which masks a machine made: restore it, "
            "or make the masks again with modelaudit masks --overwrite-edited"
        ) from error


def mark_machine_masks(samples: Iterable[Sample]) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Marks masks made by a machine as kind "machine"; returns the samples and a note on these.

    Raises:
        DataError: a file that says so is broken.
    """
    known: dict[Path, MadeMasks | None] = {}
    found: list[Sample] = []
    makers: Counter[str] = Counter()
    for sample in samples:
        source: Any = sample.mask.path if isinstance(sample.mask, ReadMask) else sample.mask
        made = _responsible(source.parent, known) if isinstance(source, Path) else None
        by = None if made is None else made.maker_of(source)
        if by is not None:
            makers[by] += 1
            sample = replace(sample, mask_kind="machine")
        found.append(sample)
    notes = tuple(f"{count} masks were made by a machine ({by})" for by, count in sorted(makers.items()))
    return tuple(found), notes


def _responsible(folder: Path, known: dict[Path, MadeMasks | None]) -> MadeMasks | None:
    """The nearest such file, from a folder upwards; each folder is looked into once."""
    if folder not in known:
        own = read_made_masks(folder)
        known[folder] = own if own is not None or folder.parent == folder else _responsible(folder.parent, known)
    return known[folder]


def _made_masks(document: Mapping[str, Any], folder: Path) -> MadeMasks:
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}, known is {FORMAT}")
    makers = [{key: str(value) for key, value in maker.items()} for maker in document["makers"]]
    files = {str(name): (str(entry["sha256"]), int(entry["maker"])) for name, entry in document["files"].items()}
    if not all("by" in maker for maker in makers) or not all(0 <= at < len(makers) for _, at in files.values()):
        raise ValueError("a mask of an unknown maker")
    return MadeMasks(folder, makers, files)


def _digest(mask: Path) -> str | None:
    try:
        return hashlib.sha256(read_file(mask)).hexdigest()
    except OSError:  # reported where it is decoded
        return None
