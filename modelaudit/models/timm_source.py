"""``timm:<name>.<tag>``, ``timm:<name>?checkpoint=<file>``, ``timm:<name>@untrained``: the optional extra ``timm``."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..language.errors import ModelError, first_line, nearest
from ..language.reference import Reference
from ..language.sample import BuiltModel, Preprocessing
from .checkpoint import State, fitted, load, read_checkpoint
from .first_layer import no_preprocessing, stored_channels
from .loaded import model_source

UNTRAINED = "untrained"
_UNTRAINED_SEED = 0
_IMAGENET = 1000
_INTERPOLATIONS = ("bilinear", "bicubic", "nearest")


@model_source("timm")
def timm_model(reference: Reference, root: Path) -> BuiltModel:
    """A classifier of timm with the preprocessing of its configuration.

    Raises:
        ModelError: timm is not installed, no such model or tag, no weights named, or a checkpoint that does not fit.
    """
    timm = _timm(reference)
    body, _, at = reference.body.partition("@")
    name, dot, tag = body.partition(".")
    _check_name(timm, reference, name)
    checkpoint = reference.options.get("checkpoint")
    if checkpoint is not None:
        reference.only(("checkpoint", "key"), ModelError)
        if at or dot:
            raise ModelError(f"{reference.text!r}: names both {at or tag} and a checkpoint; keep one")
        return _from_checkpoint(timm, reference, name, root / checkpoint)
    if at == UNTRAINED and not dot:
        reference.only(("outputs", "in_chans"), ModelError)
        return _untrained(timm, reference, name)
    reference.only(("checkpoint",), ModelError)
    return _pretrained(timm, reference, name, tag, at)


def preprocessing_of(settings: Mapping[str, Any]) -> Preprocessing | str:
    """What timm's evaluation transform does with a resolved data configuration, number for number, or why it is more
    than a resize and a centre crop."""
    channels, height, width = settings["input_size"]
    mode, interpolation = settings.get("crop_mode") or "center", settings["interpolation"]
    problem = next(
        (
            said
            for wrong, said in (
                (channels != 3, f"it takes {channels} channels, not RGB"),
                (mode not in ("center", "squash"), f"its crop_mode is {mode!r}"),
                (interpolation not in _INTERPOLATIONS, f"its interpolation is {interpolation!r}"),
                (mode == "center" and height != width, f"its {height} x {width} image keeps its own proportion"),
            )
            if wrong
        ),
        None,
    )
    if problem is not None:
        return problem
    scaled = (math.floor(height / settings["crop_pct"]), math.floor(width / settings["crop_pct"]))
    return Preprocessing(
        resize=scaled if mode == "squash" else scaled[0],
        crop=(height, width) if height != width else height,
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        interpolation=interpolation,
    )


def _timm(reference: Reference) -> Any:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise ModelError(
            f"{reference.text!r}: timm cannot be imported ({first_line(error)}); pip install 'pytest-modelaudit[timm]'"
        ) from error


def _check_name(timm: Any, reference: Reference, name: str) -> None:
    if not timm.is_model(name):
        raise ModelError(f"{reference.text!r}: timm has no model {name!r}{nearest(name, timm.list_models())}")


def _pretrained(timm: Any, reference: Reference, name: str, tag: str, at: str) -> BuiltModel:
    full = f"{name}.{tag}"
    known = [one for one in timm.list_pretrained(f"{name}.*") if one.partition(".")[0] == name]
    tags = [one.partition(".")[2] for one in known]
    if at or tag not in tags:
        problem = f"{name} has no weights {at or tag!r}{nearest(tag, tags)}" if at or tag else "it names no weights"
        one_of = f"timm:{name}.<tag> with one of {', '.join(tags)}, " if tags else ""
        raise ModelError(
            f"{reference.text!r}: {problem}; write {one_of}timm:{name}?checkpoint=<file>, or timm:{name}@{UNTRAINED} "
            "for an untrained control"
        )
    try:
        module = timm.create_model(full, pretrained=True)
    except Exception as error:  # no network, a broken download, a file that is gone
        raise ModelError(
            f"{reference.text!r}: its weights could not be fetched or read ({type(error).__name__}: "
            f"{first_line(error)}); fetch them where there is a network, and write timm:{name}?checkpoint=<file>"
        ) from error
    return _built(module, ())


def _untrained(timm: Any, reference: Reference, name: str) -> BuiltModel:
    options: dict[str, int] = {}
    for option, argument, least in (("outputs", "num_classes", 2), ("in_chans", "in_chans", 1)):
        said = reference.options.get(option)
        if said is not None and (not said.isdecimal() or int(said) < least):
            raise ModelError(f"{reference.text!r}: {option} must be an integer of at least {least}, got {said!r}")
        options |= {} if said is None else {argument: int(said)}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_UNTRAINED_SEED)
        module = timm.create_model(name, pretrained=False, **options)
    built = _built(module, ("weights: none, untrained on purpose", _assumed(module)))
    channels = options.get("in_chans", 3)
    return built if channels == 3 else _without_preprocessing(built, channels)


def _from_checkpoint(timm: Any, reference: Reference, name: str, path: Path) -> BuiltModel:
    plan: nn.Module = timm.create_model(name, pretrained=False)
    chosen = fitted(read_checkpoint(path), plan.state_dict(), reference.options.get("key"))
    state = chosen.state
    outputs, channels = _outputs(plan, state), stored_channels(plan, state)
    options = {"num_classes": outputs, "in_chans": channels}
    options = {option: value for option, value in options.items() if value is not None}
    module = timm.create_model(name, pretrained=False, **options) if options else plan
    found = load(module, state)
    if found:
        raise ModelError(f"{reference.text!r}: {path} does not fit {name}: {'; '.join(found)}")
    if channels is not None:
        return _without_preprocessing(_built(module, chosen.notes), channels)
    return _built(module, (_assumed(module), *chosen.notes))


def _without_preprocessing(built: BuiltModel, channels: int) -> BuiltModel:
    notes = tuple(note for note in built.notes if not note.startswith("preprocessing:"))
    return replace(built, preprocessing=None, notes=(no_preprocessing(channels), *notes))


def _outputs(plan: nn.Module, state: State) -> int | None:
    """How many outputs the checkpoint's head has, where that is another number than the plan's."""
    settings: Any = plan.pretrained_cfg
    heads = settings.get("classifier") or ()
    for head in (heads,) if isinstance(heads, str) else heads:
        own = plan.state_dict().get(f"{head}.weight")
        stored = state.get(f"{head}.weight")
        if own is not None and stored is not None and stored.ndim == own.ndim and len(stored) != len(own):
            return len(stored)
    return None


def _built(module: nn.Module, notes: tuple[str, ...]) -> BuiltModel:
    settings = importlib.import_module("timm.data").resolve_model_data_config(module)
    outputs = int(getattr(module, "num_classes", 0))
    if outputs == _IMAGENET:
        from torchvision.models import ResNet18_Weights

        classes: tuple[str, ...] | None = tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
        named = f"classes: assumed to be the {outputs} of ImageNet, by the names of torchvision"
    else:
        classes = None
        named = f"classes: names of the {outputs} outputs are unknown; labels are indices unless classes are given"
    found = preprocessing_of(settings)
    if isinstance(found, str):
        notes = (f"preprocessing: {found}", *(note for note in notes if not note.startswith("preprocessing:")))
    return BuiltModel(module, None if isinstance(found, str) else found, classes, (*notes, named))


def _assumed(module: nn.Module) -> str:
    settings: Any = module.pretrained_cfg
    tag = ".".join(part for part in (settings.get("architecture"), settings.get("tag")) if part)
    return f"preprocessing: assumed to be that of timm's {tag}"
