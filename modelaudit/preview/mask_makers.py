"""Opens the makers of masks by the names that users write: ``grabcut``, ``torchvision:...``, ``file.py:function``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate

from ..data.mask_making import Maker, grabcut, opencv
from ..language.errors import DataError, ModelError, first_line, nearest
from ..language.reference import Reference, parse_reference
from ..models.checkpoint import fitted, load, read_checkpoint
from ..models.factory import imported

BACKGROUND = 0


def _zoo() -> Any:
    """torchvision's models; its functions are re-exported without saying so, which a strict checker refuses."""
    from torchvision import models  # takes as long as torch (language/resizing.py): not before a maker is named

    return models


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A model that gives each pixel a class; class 0 is the background.

    Args:
        classes: the names by index, None where they are not known.
        version: of the library, and of the weights.
    """

    module: nn.Module
    prepare: Callable[[Image.Image], torch.Tensor]
    classes: tuple[str, ...] | None
    version: str
    device: str

    @torch.inference_mode()
    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The class of every pixel of an image [H, W, 3]: [H, W].

        The logits are enlarged to the image (bilinear) before the largest is taken.
        """
        pixels = self.prepare(Image.fromarray(image))[None].to(self.device)
        logits = interpolate(self.module(pixels)["out"].float(), image.shape[:2], mode="bilinear", align_corners=False)
        found: NDArray[np.int64] = logits.argmax(1)[0].cpu().numpy()
        return found


def open_segmenter(reference: Reference, root: Path, *, device: str) -> Segmenter:
    """``torchvision:<name>?checkpoint=<file>`` or ``torchvision:<name>@<tag>``, of ``torchvision.models.segmentation``.

    Raises:
        ModelError: no such model or weights, or a checkpoint that does not fit.
    """
    name, at, tag = reference.body.partition("@")
    known = _zoo().list_models(module=_zoo().segmentation)
    if name not in known:
        raise ModelError(f"{reference.text!r}: torchvision has no segmentation model {name!r}{nearest(name, known)}")
    weights = _zoo().get_model_weights(name)
    checkpoint = reference.options.get("checkpoint")
    if bool(at) == (checkpoint is not None):
        raise ModelError(
            f"{reference.text!r}: write torchvision:{name}?checkpoint=<file>, or torchvision:{name}@<tag> with one of "
            f"{', '.join(weights.__members__)} (fetched by torchvision)"
        )
    if checkpoint is None:
        if tag not in weights.__members__:
            raise ModelError(f"{reference.text!r}: {name} has no weights {tag!r}{nearest(tag, weights.__members__)}")
        module = _fetched(reference, name, weights[tag])
        version, classes = f"weights {tag}", tuple(weights[tag].meta["categories"])
    else:
        path = root / Path(checkpoint).expanduser()
        module, outputs = _from_checkpoint(reference, name, path)
        usual = tuple(weights.DEFAULT.meta["categories"])
        classes = usual if outputs == len(usual) else ()
        version = f"checkpoint sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    preset = (weights.DEFAULT if checkpoint is not None else weights[tag]).transforms()
    module = module.eval().to(device)
    return Segmenter(module, preset, classes or None, f"torchvision {version_of('torchvision')}, {version}", device)


def _fetched(reference: Reference, name: str, weights: Any) -> nn.Module:
    try:
        module: nn.Module = _zoo().get_model(name, weights=weights, progress=False)
    except Exception as error:  # no network, a broken download
        raise ModelError(
            f"{reference.text!r}: {weights.url} could not be fetched or read ({first_line(error)}); write "
            f"torchvision:{name}?checkpoint=<file>"
        ) from error
    return module


def _from_checkpoint(reference: Reference, name: str, path: Path) -> tuple[nn.Module, int]:
    checkpoint = read_checkpoint(path)
    last = "classifier.low_classifier.weight" if name.startswith("lraspp") else "classifier.4.weight"
    plan = _built(name, checkpoint.names(), 21)
    state = fitted(checkpoint, plan.state_dict()).state
    if last not in state:
        raise ModelError(f"{reference.text!r}: {path} has no {last}, so it is not a checkpoint of {name}")
    outputs = int(state[last].shape[0])
    module = _built(name, state, outputs)
    found = load(module, state)
    if found:
        raise ModelError(f"{reference.text!r}: {path} does not fit {name}: {'; '.join(found)}")
    return module, outputs


def _built(name: str, weights: Iterable[str], outputs: int) -> nn.Module:
    options: dict[str, Any] = {"weights": None, "weights_backbone": None, "num_classes": outputs}
    if not name.startswith("lraspp"):
        options["aux_loss"] = any("aux_classifier." in key for key in weights)
    module: nn.Module = _zoo().get_model(name, **options)
    return module


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
    """The box round all boxes; None without boxes."""
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
    """Maps a label to the classes that are its object; None for everything that is not background.

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
    """A name without case, signs between words and a leading index: ``15_Potted-Plant`` is *pottedplant*."""
    return re.sub(r"[\s_\-]+", "", _LEADING.sub("", name)).casefold()


def _name(reference: Reference) -> str:
    """The reference without the folders of its checkpoint."""
    options = {
        key: Path(value).name if key == "checkpoint" else value for key, value in sorted(reference.options.items())
    }
    query = "&".join(f"{key}={value}" for key, value in options.items())
    return f"torchvision:{reference.body}" + (f"?{query}" if query else "")
