"""Checkpoint files: which of their weights are the model's, and loading them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..language.errors import ModelError, nearest
from .weight_files import SUFFIXES, content_of, without_code

__all__ = ["SUFFIXES", "Checkpoint", "Fitted", "State", "fitted", "load", "read_checkpoint"]

#: parts of names that wrappers add: DataParallel, DDP and AveragedModel, torch.compile, FSDP, activation checkpointing
_WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
#: what the file keeps for training on, never weights of a model
_TRAINING = (
    "optimizer",
    "optimizers",
    "optimizer_states",
    "lr_schedulers",
    "scheduler",
    "callbacks",
    "loops",
    "scaler",
)
_DEPTH = 3
_SHOWN = 5
#: the number that counts a batch norm's batches, which older files lack
_COUNTER = "num_batches_tracked"
State = dict[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Args:
        states: state dicts by the keys that lead to them, with dots; "" is the top of the file.
    """

    path: Path
    states: Mapping[str, State]

    def names(self) -> Iterator[str]:
        """The names of all weights."""
        for state in self.states.values():
            yield from state

    def renamed(self, rename: Callable[[str], str]) -> Checkpoint:
        """The same with other names."""
        states = {key: {rename(name): value for name, value in state.items()} for key, state in self.states.items()}
        return replace(self, states=states)


@dataclass(frozen=True)
class Fitted:
    """The weights of a checkpoint under a model's names; `notes` say what was left aside."""

    state: State
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """The weights of one state dict behind one prefix."""

    key: str
    prefix: str
    state: Mapping[str, Tensor]
    covers: int

    @property
    def label(self) -> str:
        """The keys in the file and the parts of the prefix, with dots."""
        return ".".join(part for part in (self.key, self.prefix.rstrip(".")) if part) or "."


def read_checkpoint(path: Path) -> Checkpoint:
    """The state dicts in a file, nested or not; nothing in the file is run (``weights_only=True`` or safetensors).

    Values that are not tensors (the number of the epoch, settings) are left out.

    Raises:
        ModelError: not there, not readable, or without a state dict.
    """
    content = content_of(path)
    states = dict(_states(content)) if isinstance(content, Mapping) else {}
    if states:
        return Checkpoint(path, states)
    without_code(path, content)
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: holds {type(content).__name__}, not a state dict; save model.state_dict()")
    keys = ", ".join(repr(key) for key in list(content)[:8]) or "nothing"
    raise ModelError(f"{path}: no state dict in it; it holds {keys}; save model.state_dict()")


def fitted(checkpoint: Checkpoint, wanted: Iterable[str], key: str | None = None) -> Fitted:
    """The weights under the names of `wanted`, without what wrappers and nesting put before them.

    The prefix is taken off behind which all wanted names are found; what stands elsewhere is left aside, and noted.
    Where no prefix leads to all of them the weights behind the one that leads to most are returned, so that an error
    can list what differs.

    Args:
        key: which weights are meant where several sets fit: the key or the prefix, or both with a dot between.

    Raises:
        ModelError: several sets of weights fit and no key says which, or the key names none.
    """
    names = set(wanted)
    candidates = [one for label, state in checkpoint.states.items() for one in _candidates(label, state, names)]
    if key is not None:
        candidates = _keyed(checkpoint.path, candidates, key)
    needed = sum(not name.endswith(_COUNTER) for name in names)
    whole = [one for one in candidates if one.covers == needed]
    if len(whole) > 1:
        raise ModelError(f"{checkpoint.path}: {_several(whole)}")
    if not whole:
        best = max(candidates, key=lambda one: one.covers, default=None)
        return Fitted({} if best is None else _behind(best))
    found = _behind(whole[0])
    tops = {name.partition(".")[0] for name in names}
    state = {name: value for name, value in found.items() if name in names or name.partition(".")[0] in tops}
    kept = {whole[0].prefix + name for name in state}
    aside = [name for name in whole[0].state if name not in kept]
    return Fitted(state, _noted(whole[0], aside, key is not None))


def load(module: nn.Module, state: State) -> list[str]:
    """Copies `state` into the module; returns what does not fit as sentences, empty when all of it does.

    Names that older versions of an architecture used are renamed by its own loading code, as in ``load_state_dict``.
    """
    own = module.state_dict()
    shapes = [name for name, value in own.items() if name in state and state[name].shape != value.shape]
    if shapes:
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
    else:
        # MNASNet refuses a state dict that does not say its version, and safetensors cannot
        versioned = OrderedDict(state)
        versioned._metadata = OrderedDict({"": {"version": module._version}})  # type: ignore[attr-defined]
        result = module.load_state_dict(versioned, strict=False)
        missing, unexpected = list(result.missing_keys), list(result.unexpected_keys)
    differing = [f"{name} is {list(state[name].shape)}, the model has {list(own[name].shape)}" for name in shapes]
    found = (("other shape", differing), ("missing", missing), ("unexpected", unexpected))
    return [f"{title}: {_listed(names)}" for title, names in found if names] + _advice(shapes, own, state, missing)


def _advice(shapes: list[str], own: Mapping[str, Tensor], state: State, missing: list[str]) -> list[str]:
    """What would make it fit, where that can be told from what does not."""
    if missing:
        return [
            "if its architecture was changed (another head, say), name a factory that builds it and loads the file: "
            "models/net.py:build"
        ]
    rest = {name: (own[name].shape[1:], state[name].shape[1:]) for name in shapes}
    if shapes and len(shapes) <= 2 and all(mine == stored for mine, stored in rest.values()):
        return [f"build the model with num_classes={state[shapes[0]].shape[0]}, as it was trained"]
    return []


def _states(content: Mapping[Any, Any], key: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """The state dicts in a mapping: its own tensors, and those of the mappings in it."""
    own = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if own:
        yield key, own
    if depth < _DEPTH:
        for name, value in content.items():
            if isinstance(name, str) and isinstance(value, Mapping) and name not in _TRAINING:
                yield from _states(value, f"{key}.{name}" if key else name, depth + 1)


def _candidates(key: str, state: State, wanted: set[str]) -> list[_Candidate]:
    """The prefixes behind which wanted names are found, with names as they are and without the parts of wrappers."""
    found = _behind_prefixes(key, state, wanted)
    needed = sum(not name.endswith(_COUNTER) for name in wanted)
    if any(one.covers == needed for one in found):
        return found
    bare = {_without_wrappers(name): value for name, value in state.items()}
    if len(bare) < len(state) or bare.keys() == state.keys():
        return found
    return found + _behind_prefixes(key, bare, wanted)


def _behind_prefixes(key: str, state: Mapping[str, Tensor], wanted: set[str]) -> list[_Candidate]:
    counts: Counter[str] = Counter()
    for name in state:
        if name.endswith(_COUNTER):
            continue
        start = 0
        while start >= 0:
            if name[start:] in wanted:
                counts[name[:start]] += 1
            start = name.find(".", start) + 1 or -1
    found = [_Candidate(key, prefix, state, count) for prefix, count in counts.items()]
    return found or [_Candidate(key, "", state, 0)]


def _keyed(path: Path, candidates: list[_Candidate], key: str) -> list[_Candidate]:
    labels = {one.label for one in candidates}
    exact = [one for one in candidates if one.label == key]
    found = exact or [one for one in candidates if f".{key}." in f".{one.label}."]
    if not found:
        raise ModelError(f"{path}: no weights under key={key!r}{nearest(key, labels)}")
    return found


def _several(whole: list[_Candidate]) -> str:
    labels = [one.label for one in whole]
    ways = " or ".join(f"key={label}" for label in labels)
    return (
        f"holds {len(whole)} sets of weights that fit ({', '.join(map(repr, labels))}; an EMA is a moving average over "
        f"the training); say which of them is deployed: add &{ways}"
    )


def _behind(candidate: _Candidate) -> State:
    prefix = candidate.prefix
    return {name[len(prefix) :]: value for name, value in candidate.state.items() if name.startswith(prefix)}


def _noted(candidate: _Candidate, aside: list[str], asked: bool) -> tuple[str, ...]:
    if not aside and not asked:
        return ()
    left = f"; left aside: {_listed(aside)}" if aside else ""
    return (f"checkpoint: the weights under {candidate.label!r}{left}",)


def _without_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
