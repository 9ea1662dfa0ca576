"""What YOLO's files state twice: an image and its labels, and the image as the frame of its boxes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..language.contradictions import ContradictedFact
from ..language.errors import DataError
from .class_names import names_of_lines
from .files import is_image
from .objects import Region
from .root import current_root

#: a box may reach out of its image by this share of the side: rounding, and objects that the border cuts
_BEYOND = 0.05
#: a class and the numbers of a box at least; other text files are lists and names
_LABELS = re.compile(r"\s*\d+([ \t]+[-+.\deE]+){4,}[ \t\r]*(\n|\Z)")
_LONGEST = 4096
#: names in a message
_NAMED = 5


def boxes_out_of_image(regions: Iterable[Region]) -> tuple[ContradictedFact, ...]:
    """Boxes that are not in their image, as those are whose corners are read as centre and size."""
    return tuple(one for region in regions if region.shape == "box" for one in _out_of_image(region))


def _out_of_image(region: Region) -> Iterator[ContradictedFact]:
    left, top, wide, high = region.outline
    right, bottom = left + wide, top + high
    if min(left, top) < -_BEYOND or max(right, bottom) > 1 + _BEYOND:
        yield ContradictedFact(
            region.named,
            "box and image",
            f"its box spans x {left:.4g} to {right:.4g}, y {top:.4g} to {bottom:.4g}",
            "an image spans 0 to 1",
            "lines may hold x1, y1, x2, y2: write the centre, width and height",
        )


def labels_without_image(labels: Iterable[Path], images: Iterable[Path]) -> tuple[ContradictedFact, ...]:
    """Label files beside those of the images that belong to no image, not even to one that is not listed.

    Args:
        labels: where the labels of the images are.
        images: the images that are listed.
    """
    pictures = {path.stem for folder in {image.parent for image in images} for path in _files(folder) if is_image(path)}
    beside = sorted(path for folder in {path.parent for path in labels} for path in _files(folder))
    return tuple(
        ContradictedFact(
            str(path),
            "labels and images",
            "it labels an image",
            f"there is no image named {path.stem!r}",
            "images were removed or renamed and their labels were not: bring the images back, or remove the labels too",
        )
        for path in beside
        if path.suffix == ".txt" and path.stem not in pictures and _is_labels(path)
    )


def _files(folder: Path) -> list[Path]:
    root = current_root(folder)
    return [path for path in folder.iterdir() if path.is_file() and root.admits(path)] if folder.is_dir() else []


def _is_labels(path: Path) -> bool:
    """Whether the first line is that of an object; empty files label images without objects, and say nothing."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _LABELS.match(file.read(_LONGEST)) is not None
    except OSError:  # a file that nobody may read labels nothing, and no image asks for it
        return False


def refuse_other_names(names: Mapping[int, str], stated: Path, others: Iterable[Path]) -> None:
    """Raises a DataError where one of the other files that are there names other classes than `stated` does."""
    own = [names[number] for number in sorted(names)]
    for other in others:
        if other.is_file() and list(names_of_lines(other).values()) != own:
            listed = ", ".join(list(names_of_lines(other).values())[:_NAMED])
            raise DataError(
                f"{stated} names the classes {', '.join(own[:_NAMED])}, but {other} names {listed}: remove the one "
                f"that is wrong, or write ?names={stated.name} (or ?names={other.name})"
            )
