"""Segmentation models of torchvision, which make masks; they are not audited."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate

from ..language.errors import ModelError, nearest
from ..language.reference import Reference
from .checkpoint import State, fitted, load, read_checkpoint

BACKGROUND = 0
_zoo: Any = torchvision.models  # its functions are re-exported without saying so, which a strict checker refuses


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
    known = _zoo.list_models(module=torchvision.models.segmentation)
    if name not in known:
        raise ModelError(f"{reference.text!r}: torchvision has no segmentation model {name!r}{nearest(name, known)}")
    weights = _zoo.get_model_weights(name)
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
        module: nn.Module = _zoo.get_model(name, weights=weights, progress=False)
    except Exception as error:  # no network, a broken download
        raise ModelError(
            f"{reference.text!r}: {weights.url} could not be fetched or read ({error}); write "
            f"torchvision:{name}?checkpoint=<file>"
        ) from error
    return module


def _from_checkpoint(reference: Reference, name: str, path: Path) -> tuple[nn.Module, int]:
    state = read_checkpoint(path)
    last = "classifier.low_classifier.weight" if name.startswith("lraspp") else "classifier.4.weight"
    plan = _built(name, state, 21)
    state = fitted(state, plan.state_dict())
    if last not in state:
        raise ModelError(f"{reference.text!r}: {path} has no {last}; it is no checkpoint of {name}")
    outputs = int(state[last].shape[0])
    module = _built(name, state, outputs)
    found = load(module, state)
    if found:
        raise ModelError(f"{reference.text!r}: {path} does not fit {name}: {'; '.join(found)}")
    return module, outputs


def _built(name: str, state: State, outputs: int) -> nn.Module:
    options: dict[str, Any] = {"weights": None, "weights_backbone": None, "num_classes": outputs}
    if not name.startswith("lraspp"):
        options["aux_loss"] = any("aux_classifier." in key for key in state)
    module: nn.Module = _zoo.get_model(name, **options)
    return module
