"""The sources ``demo:``: the inspection line as samples, and the two networks that the package ships."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load

from ..language.errors import DataError, ModelError, nearest
from ..language.reference import Reference
from ..language.registry import Entry, register
from ..language.sample import BuiltModel, DataSet, Preprocessing, Sample
from .line import PARTS, Frames, InspectionLine
from .net import InspectionNet
from .training import MANIFEST, SHIPPED

COUPLING, IMAGES, SEED = 0.95, 200, 0
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class FrameImage:
    """The image of one frame, drawn when called: [64, 64, 3] uint8."""

    line: InspectionLine
    index: int

    def __call__(self) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = _frame(self.line, self.index).pixels[0].copy()
        return pixels

    @property
    def content(self) -> str:
        """What it is drawn from; drawing it anew gives the same pixels."""
        return repr(self)


@dataclass(frozen=True)
class FrameMask:
    """The mask of one frame, drawn when called: [64, 64] uint8; 1 part, 0 surroundings, 255 outline."""

    line: InspectionLine
    index: int

    def __call__(self) -> NDArray[np.uint8]:
        mask: NDArray[np.uint8] = _frame(self.line, self.index).masks[0].copy()
        return mask

    @property
    def content(self) -> str:
        """What it is drawn from; drawing it anew gives the same pixels."""
        return repr(self)


def demo_data(reference: Reference, root: Path) -> DataSet:
    """``demo:?coupling=0.95&images=200&seed=0``, every option optional. `root` is not used: nothing is read.

    The label is the name of the part. Samples have no group: each is drawn by itself, and the kind of its surroundings
    makes two of them no less independent.

    Raises:
        DataError: an unknown option, a value that it cannot take, or a name after the colon.
    """
    if reference.body:
        raise DataError(f"{reference.text!r}: the demo has one line; write 'demo:' and options, e.g. 'demo:?seed=1'")
    reference.only(("coupling", "images", "seed"), DataError)
    images = _option(reference, "images", int, IMAGES, "an integer of at least 1")
    if images < 1:
        raise DataError(f"{reference.text!r}: images must be an integer of at least 1, got {images}")
    try:
        line = InspectionLine(
            _option(reference, "coupling", float, COUPLING, "a number from 0 to 1"),
            _option(reference, "seed", int, SEED, "an integer of at least 0"),
        )
    except ValueError as error:
        raise DataError(f"{reference.text!r}: {error}") from error
    samples = tuple(_sample(line, index) for index in range(images))
    own = sum(part == surroundings for part, surroundings in map(line.kind_of, range(images)))
    note = f"drawn by the demo: coupling {line.coupling:g}, {own} of {images} parts on the surroundings of their kind"
    return DataSet(samples, (note,))


def _sample(line: InspectionLine, index: int) -> Sample:
    part, _ = line.kind_of(index)
    return Sample(
        id=f"{PARTS[part]}/{index:04d}",
        image=FrameImage(line, index),
        label=PARTS[part],
        mask=FrameMask(line, index),
    )


def _option(reference: Reference, name: str, kind: Callable[[str], _Number], default: _Number, wanted: str) -> _Number:
    text = reference.options.get(name)
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError:
        raise DataError(f"{reference.text!r}: {name}={text!r} is not {wanted}") from None


@lru_cache(maxsize=256)
def _frame(line: InspectionLine, index: int) -> Frames:
    return line.draw([index])


register(Entry("data", "demo", None, demo_data))


WEIGHTS = Path(__file__).with_name("weights")
_WAY_OUT = "install modelaudit again, or write them anew with 'modelaudit demo train'"


def demo_model(reference: Reference, root: Path) -> BuiltModel:
    """``demo:sound``, trained where part and surroundings are independent, or ``demo:shortcut``, where they are not.

    Raises:
        ModelError: another name, any option, or weights that are missing or not those of the manifest.
    """
    if reference.body not in SHIPPED:
        raise ModelError(f"{reference.text!r}: no model of that name in the demo{nearest(reference.body, SHIPPED)}")
    reference.only((), ModelError)
    return shipped(reference.body)


def shipped(name: str, directory: Path = WEIGHTS) -> BuiltModel:
    """A network of the manifest in `directory`, in eval mode.

    Raises:
        ModelError: weights that are missing, or not those that the manifest describes.
    """
    try:
        manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        described = manifest["models"][name]
        stored = (directory / described["file"]).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the demo's weights in {directory} cannot be read ({error!r}); {_WAY_OUT}") from error
    if hashlib.sha256(stored).hexdigest() != described["sha256"]:
        raise ModelError(f"{directory / described['file']} is not the file that {MANIFEST} describes; {_WAY_OUT}")
    network = InspectionNet()
    # the counters of batch normalisation are not weights and are not stored
    network.load_state_dict({**network.state_dict(), **load(stored)})
    preprocessing = Preprocessing(
        resize=(manifest["side"], manifest["side"]), mean=tuple(manifest["mean"]), std=tuple(manifest["std"])
    )
    coupling = described["training"]["coupling"]
    note = f"shipped with the package; trained on the demo's line with coupling {coupling:g}"
    return BuiltModel(network.eval(), preprocessing, tuple(manifest["classes"]), (note,))


register(Entry("model", "demo", None, demo_model))
