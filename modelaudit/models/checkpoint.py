"""Reading checkpoint files, and fitting what they hold to a module's names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..language.errors import ModelError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_NESTED = ("state_dict", "model_state_dict", "model_state", "model", "net")
_WRAPPERS = ("module", "_orig_mod")
_SHOWN = 5
State = dict[str, Tensor]


def read_checkpoint(path: Path) -> State:
    """The state dict in a file, nested or not; nothing in the file is run (``weights_only=True`` or safetensors).

    Raises:
        ModelError: not there, not readable, or without a state dict.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint file; relative paths start at pytest's rootdir")
    if path.suffix not in SUFFIXES:
        raise ModelError(f"{path}: a checkpoint ends in {', '.join(SUFFIXES)}, not {path.suffix!r}")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path, device="cpu")
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise a dozen types for unreadable files
        raise ModelError(
            f"{path}: cannot be read as plain weights ({type(error).__name__}: {_first_line(error)}); save it with "
            "torch.save(model.state_dict(), path) or safetensors.torch.save_model, or name a factory: file.py:build"
        ) from error
    return _state_dict(path, content)


def fitted(state: State, wanted: Iterable[str]) -> State:
    """`state` under the names of `wanted`: wrapper parts (``module.``) and a common prefix are taken away if that fits.

    Where nothing fits, the wording that shares most names is returned, so that an error can list what differs.
    """
    names = set(wanted)
    best = max(_wordings(state), key=lambda wording: len(names & wording.keys()))
    return state if not names & best.keys() else best


def load(module: nn.Module, state: State) -> list[str]:
    """Copies `state` into the module; returns what does not fit as sentences, empty when all of it does.

    Names that older versions of an architecture used are renamed by its own loading code, as in ``load_state_dict``.
    """
    shapes = [
        f"{name} is {list(state[name].shape)}, the model has {list(value.shape)}"
        for name, value in module.state_dict().items()
        if name in state and state[name].shape != value.shape
    ]
    if shapes:
        wanted = module.state_dict().keys()
        missing = [name for name in wanted if name not in state]
        unexpected = [name for name in state if name not in wanted]
    else:
        # MNASNet refuses a state dict that does not say its version, and safetensors cannot
        versioned = OrderedDict(state)
        versioned._metadata = OrderedDict({"": {"version": module._version}})  # type: ignore[attr-defined]
        result = module.load_state_dict(versioned, strict=False)
        missing, unexpected = list(result.missing_keys), list(result.unexpected_keys)
    found = (("other shape", shapes), ("missing", missing), ("unexpected", unexpected))
    return [f"{title}: {_listed(names)}" for title, names in found if names]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _state_dict(path: Path, content: Any) -> State:
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: holds {type(content).__name__}, not a state dict; save model.state_dict()")
    if _is_state(content):
        return dict(content)
    nested = [key for key in _NESTED if isinstance(content.get(key), Mapping) and _is_state(content[key])]
    if not nested:
        keys = ", ".join(repr(key) for key in list(content)[:8]) or "nothing"
        raise ModelError(
            f"{path}: no state dict at its top or under {', '.join(_NESTED)}; it holds {keys}; save model.state_dict()"
        )
    return dict(content[nested[0]])


def _is_state(content: Mapping[Any, Any]) -> bool:
    return (
        bool(content)
        and all(isinstance(key, str) for key in content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


def _wordings(state: State) -> Iterator[State]:
    yield state
    bare = {_without_wrappers(name): value for name, value in state.items()}
    if len(bare) == len(state):
        yield bare
        while len(heads := {name.partition(".")[0] for name in bare}) == 1 and all("." in name for name in bare):
            bare = {name[len(next(iter(heads))) + 1 :]: value for name, value in bare.items()}
            yield bare


def _without_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]
