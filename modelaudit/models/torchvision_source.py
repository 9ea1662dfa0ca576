"""``torchvision:<name>@<weights tag>``, ``torchvision:<name>?checkpoint=<file>``, ``torchvision:<name>@untrained``."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..language.errors import ModelError, first_line, nearest
from ..language.reference import Reference
from ..language.sample import BuiltModel, Preprocessing
from .checkpoint import Checkpoint, State, fitted, load, read_checkpoint
from .first_layer import no_preprocessing, stored_channels, with_channels
from .loaded import model_source

UNTRAINED = "untrained"
_UNTRAINED_SEED = 0
#: their pretrained builders renormalise the input inside forward, and a checkpoint does not say whether it needs that
_RENORMALISING = ("googlenet", "inception_v3")
#: torchvision's DenseNet files still say norm.1 where its modules say norm1
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


@model_source("torchvision")
def torchvision_model(reference: Reference, root: Path) -> BuiltModel:
    """A classifier of torchvision, with its own preprocessing and classes.

    Raises:
        ModelError: no such model or tag, no weights named, or a checkpoint that does not fit.
    """
    name, at, tag = reference.body.partition("@")
    _check_name(reference, name)
    checkpoint = reference.options.get("checkpoint")
    if at and checkpoint is not None:
        raise ModelError(f"{reference.text!r}: names both @{tag} and a checkpoint; keep one")
    if checkpoint is not None:
        reference.only(("checkpoint", "key", *(("transform_input",) if name in _RENORMALISING else ())), ModelError)
        return _from_checkpoint(reference, name, root / checkpoint)
    if tag == UNTRAINED:
        reference.only(("outputs",), ModelError)
        return _untrained(reference, name)
    reference.only(("checkpoint",), ModelError)
    return _pretrained(reference, name, tag)


def preprocessing_of(weights: Any) -> Preprocessing:
    """The preprocessing of a torchvision weights entry, number for number.

    Raises:
        ModelError: its transforms are not torchvision's ``ImageClassification``.
    """
    from torchvision.transforms._presets import ImageClassification

    transforms = weights.transforms()
    if not isinstance(transforms, ImageClassification):
        raise ModelError(
            f"{weights}: its transforms are {type(transforms).__name__}, no image classification preset; give "
            "Audit(preprocessing=Preprocessing(...))"
        )
    preset: Any = transforms
    return Preprocessing(
        resize=_side(preset.resize_size),
        crop=_side(preset.crop_size),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
        antialias=preset.antialias is not False,
    )


def _zoo() -> Any:
    """torchvision's models; its functions are re-exported without saying so, which a strict checker refuses."""
    from torchvision import models  # takes as long as torch (language/resizing.py): not before a reference names it

    return models


def _side(size: list[int]) -> int | tuple[int, int]:
    return size[0] if len(size) == 1 else (size[0], size[1])


def _check_name(reference: Reference, name: str) -> None:
    known = _zoo().list_models(module=_zoo())
    if name not in known:
        hint = nearest(name, known) or "; torchvision.models.list_models(module=torchvision.models) lists them"
        raise ModelError(f"{reference.text!r}: torchvision has no classifier {name!r}{hint}")


def _pretrained(reference: Reference, name: str, tag: str) -> BuiltModel:
    known = _zoo().get_model_weights(name).__members__
    if tag not in known:
        problem = f"{name} has no weights {tag!r}{nearest(tag, known)}" if tag else "it names no weights"
        raise ModelError(
            f"{reference.text!r}: {problem}; write torchvision:{name}@<tag> with one of {', '.join(known)}, "
            f"torchvision:{name}?checkpoint=<file>, or torchvision:{name}@{UNTRAINED} for an untrained control"
        )
    weights = known[tag]
    try:
        module = _zoo().get_model(name, weights=weights, progress=False)
    except Exception as error:  # no network, a broken download, another torchvision's names
        file = weights.url.rpartition("/")[2]
        raise ModelError(
            f"{reference.text!r}: {weights.url} could not be fetched or read ({first_line(error)}); put {file} into "
            f"{Path(torch.hub.get_dir()) / 'checkpoints'}, or write torchvision:{name}?checkpoint=<file>"
        ) from error
    notes = (f"weights: {tag} is {weights.name}",) if tag != weights.name else ()
    return BuiltModel(module, preprocessing_of(weights), tuple(weights.meta["categories"]), notes)


def _untrained(reference: Reference, name: str) -> BuiltModel:
    default = _default_weights(name)
    outputs = reference.options.get("outputs", str(len(default.meta["categories"])))
    if not outputs.isdecimal() or int(outputs) < 2:
        raise ModelError(f"{reference.text!r}: outputs must be an integer of at least 2, got {outputs!r}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_UNTRAINED_SEED)
        module = _build(name, num_classes=int(outputs))
    classes, class_notes = _classes(default, int(outputs))
    notes = ("weights: none, untrained on purpose", _assumed(default), *class_notes)
    return BuiltModel(module, preprocessing_of(default), classes, notes)


def _from_checkpoint(reference: Reference, name: str, path: Path) -> BuiltModel:
    checkpoint = read_checkpoint(path)
    options = _renormalising(reference, name, checkpoint)
    plan = _build(name, **options)
    renamed = checkpoint.renamed(lambda key: _OLD_DENSENET.sub(r"\1\2", key))
    chosen = fitted(renamed, plan.state_dict(), reference.options.get("key"))
    state = chosen.state
    default = _default_weights(name)
    outputs = _outputs(plan, state)
    usual = outputs == len(default.meta["categories"])
    module = plan if usual else _build(name, **options, num_classes=outputs)
    channels = stored_channels(plan, state)
    module = module if channels is None else with_channels(module, channels)
    found = load(module, state)
    if found:
        raise ModelError(f"{reference.text!r}: {path} does not fit {name}: {'; '.join(found)}")
    classes, notes = _classes(default, outputs)
    if channels is not None:
        return BuiltModel(module, None, classes, (no_preprocessing(channels), *notes, *chosen.notes))
    return BuiltModel(module, preprocessing_of(default), classes, (_assumed(default), *notes, *chosen.notes))


def _renormalising(reference: Reference, name: str, checkpoint: Checkpoint) -> dict[str, Any]:
    if name not in _RENORMALISING:
        return {}
    said = reference.options.get("transform_input")
    if said not in ("true", "false"):
        raise ModelError(
            f"{reference.text!r}: {name} was trained either with or without torchvision's transform_input, and the "
            "checkpoint does not say which; add &transform_input=true (torchvision's own weights, and models "
            "fine-tuned from them) or &transform_input=false"
        )
    auxiliary = any(part.lower().startswith("aux") for key in checkpoint.names() for part in key.split("."))
    return {"transform_input": said == "true", "aux_logits": auxiliary}


def _outputs(plan: nn.Module, state: State) -> int:
    """The size of the checkpoint's head, which torchvision's classifiers register last."""
    name, head = list(plan.state_dict().items())[-1]
    return len(state[name]) if name in state and state[name].ndim == head.ndim else len(head)


def _build(name: str, **options: Any) -> nn.Module:
    if name in _RENORMALISING:
        options["init_weights"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module: nn.Module = _zoo().get_model(name, weights=None, **options)
    return module


def _default_weights(name: str) -> Any:
    return _zoo().get_model_weights(name)["DEFAULT"]


def _assumed(weights: Any) -> str:
    return f"preprocessing: assumed to be that of torchvision's {weights!r}"


def _classes(weights: Any, outputs: int) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    categories = tuple(weights.meta["categories"])
    if outputs == len(categories):
        return categories, (f"classes: assumed to be the {outputs} of torchvision's {weights!r}",)
    return None, (f"classes: names of the {outputs} outputs are unknown; labels are indices unless classes are given",)
