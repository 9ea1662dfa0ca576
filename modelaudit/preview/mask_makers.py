"""Who makes masks, as users name them: ``grabcut``, ``torchvision:...``, ``file.py:function``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.mask_making import Maker, grabcut
from ..data.mask_making.grabcut import opencv
from ..language.errors import DataError, ModelError, nearest
from ..language.reference import Reference, parse_reference
from ..models.factory import imported
from ..models.segmentation import BACKGROUND, open_segmenter

Mask = NDArray[np.uint8]
#: (left, top, right, bottom) in pixels, right and bottom just outside
Box = tuple[int, int, int, int]
_WAYS = "grabcut, torchvision:<segmentation model>?checkpoint=<file>, or path/file.py:function"
_LEADING = re.compile(r"^\d+[\s_.\-]+")


@contextmanager
def maker_of(text: str, *, root: Path, device: str | None = None) -> Iterator[Maker]:
    """The maker that a text names, ready to run.

    Raises:
        DataError, ModelError: no such maker, or it cannot be opened.
    """
    reference = parse_reference(text)
    if text == "grabcut":
        yield Maker("grabcut", f"OpenCV {opencv().__version__}", lambda image, boxes, label: grabcut(image, boxes))
    elif reference.scheme == "torchvision":
        yield _by_segmentation(reference, root, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    elif not reference.scheme and re.search(r"\.py:\w+\Z", text):
        with _by_code(text, root) as maker:
            yield maker
    else:
        raise DataError(f"--by {text}: write {_WAYS}{nearest(text, ('grabcut',)) if ':' not in text else ''}")


def box_of(boxes: Mask | None) -> Box | None:
    """The box round all boxes; None where there is none."""
    if boxes is None or not boxes.any():
        return None
    rows, columns = np.flatnonzero(boxes.any(1)), np.flatnonzero(boxes.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@contextmanager
def _by_code(text: str, root: Path) -> Iterator[Maker]:
    file = (root / text.rpartition(":")[0]).resolve()
    if not file.is_file():
        raise ModelError(f"--by {text}: no file {file}")
    version = f"sha256 {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}"
    with imported(text, root) as function:
        yield Maker(Path(text).name, version, lambda image, boxes, label: function(image, box_of(boxes), label))


def _by_segmentation(reference: Reference, root: Path, device: str) -> Maker:
    """Pixels of the wanted classes, inside of the boxes where there are some."""
    reference.only(("checkpoint", "object"), ModelError)
    segmenter = open_segmenter(reference, root, device=device)
    wanted = wanted_classes(reference, segmenter.classes)

    def function(image: Mask, boxes: Mask | None, label: str | int) -> Any:
        found = segmenter(image)
        indices = wanted(label)
        mask = found != BACKGROUND if indices is None else np.isin(found, indices)
        return mask if boxes is None else mask & (boxes != 0)

    return Maker(_name(reference), segmenter.version, function)


def wanted_classes(
    reference: Reference, classes: tuple[str, ...] | None
) -> Callable[[str | int], tuple[int, ...] | None]:
    """From a label to the classes that are its object; None for everything that is not background.

    ``object=label`` (the default) is the class with the label's name, where there is one, else everything;
    ``object=any`` is everything; ``object=dog,cat`` are these classes, by name or by index.

    Raises:
        ModelError: a class that the model does not have.
    """
    asked = reference.options.get("object", "label")
    names = {_plain(name): at for at, name in enumerate(classes or ()) if at != BACKGROUND}
    if asked == "any":
        return lambda label: None
    if asked == "label":
        return lambda label: None if _plain(str(label)) not in names else (names[_plain(str(label))],)
    indices = []
    for part in asked.split(","):
        index = int(part) if part.isascii() and part.isdigit() else names.get(_plain(part))
        if index is None:
            hint = nearest(part, names) if names else "; its class names are not known, give indices"
            raise ModelError(f"{reference.text!r}: the model has no class {part!r}{hint}")
        indices.append(index)
    return lambda label: tuple(indices)


def _plain(name: str) -> str:
    """Without case, signs between words and a leading index: ``15_Potted-Plant`` is *pottedplant*."""
    return re.sub(r"[\s_\-]+", "", _LEADING.sub("", name)).casefold()


def _name(reference: Reference) -> str:
    """The reference without the folders of its checkpoint."""
    options = {
        key: Path(value).name if key == "checkpoint" else value for key, value in sorted(reference.options.items())
    }
    query = "&".join(f"{key}={value}" for key, value in options.items())
    return f"torchvision:{reference.body}" + (f"?{query}" if query else "")
