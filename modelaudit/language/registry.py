"""The registry of the names that users write.

The registry imports no room. It loads the room that owns a kind of name when such a name is first used, and the
entry points of third parties (group ``modelaudit``) after it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from .errors import UnknownNameError, nearest

_ROOMS: Mapping[str, tuple[str, ...]] = {
    "context": ("modelaudit.contexts",),
    "search": ("modelaudit.contexts",),
    "attribution": ("modelaudit.attribution",),
    "measure": ("modelaudit.measures",),
    "composite": ("modelaudit.measures",),
    "data": ("modelaudit.data", "modelaudit.demo"),
    "model": ("modelaudit.models", "modelaudit.demo"),
    "interactive": ("modelaudit.interactive",),
    "transform": ("modelaudit.models",),
}
#: names whose module stands above those who ask for them, and is loaded with no other
_APART: Mapping[tuple[str, str], str] = {("model", "run"): "modelaudit.releases.run_source"}
ENTRY_POINT_GROUP = "modelaudit"
#: kinds as messages call them, where that is another word
_SPOKEN = {
    "attribution": "attribution method",
    "composite": "measure",
    "data": "data source",
    "model": "model source",
    "search": "space of changes",
}


@dataclass(frozen=True)
class Entry:
    """One registered name.

    ``spec`` is the frozen dataclass that users construct (None for data and model sources), ``function`` the pure
    function that does the work, ``declares`` its needs and costs as data, ``version`` the number of its definition:
    it changes whenever the numbers would.
    """

    kind: str
    name: str
    spec: type[Any] | None
    function: Callable[..., Any]
    declares: Any = None
    version: int = 1


@dataclass
class _Registry:
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    by_spec: dict[type[Any], Entry] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)


_registry = _Registry()


_readers: dict[str, Callable[[str], Any]] = {}


def register(entry: Entry) -> None:
    """Add an entry; a name taken by another definition is an error, a module imported again is not."""
    key = (entry.kind, entry.name)
    taken = _registry.entries.get(key)
    if taken is not None and taken.function.__module__ != entry.function.__module__:
        raise UnknownNameError(
            f"{entry.kind} {entry.name!r} of {entry.function.__module__} is already registered by "
            f"{taken.function.__module__}; register it under another name"
        )
    _registry.entries[key] = entry
    if entry.spec is not None:
        _registry.by_spec[entry.spec] = entry


def find(kind: str, name: str) -> Entry:
    """The entry of that kind and name.

    Raises:
        UnknownNameError: names the nearest registered names.
    """
    entry = _registry.entries.get((kind, name))
    if entry is None and (kind, name) in _APART:
        importlib.import_module(_APART[kind, name])
        entry = _registry.entries.get((kind, name))
    if entry is None:
        _load(kind)
        entry = _registry.entries.get((kind, name))
    if entry is None:
        raise _unknown((kind,), name)
    return entry


def find_any(kinds: tuple[str, ...], name: str) -> Entry:
    """The entry of that name in the first of `kinds` that has it."""
    for kind in kinds:
        if name in names(kind):
            return find(kind, name)
    raise _unknown(kinds, name)


def _unknown(kinds: tuple[str, ...], name: str) -> UnknownNameError:
    """The error of a name that is of none of these kinds, or of another one that users write in expressions."""
    wanted = " or ".join(dict.fromkeys(_SPOKEN.get(kind, kind) for kind in kinds))
    for kind in ("context", "attribution", "measure", "composite"):
        if kind not in kinds and {"context", "attribution", "measure"} & set(kinds) and name in names(kind):
            other = _SPOKEN.get(kind, kind)
            return UnknownNameError(f"{name!r} is {_article(other)} {other}, and {_article(wanted)} {wanted} is needed")
    known = [known for kind in kinds for known in names(kind)]
    return UnknownNameError(f"unknown {wanted} {name!r}{nearest(name, known)}")


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def reads(kind: str, reader: Callable[[str], Any]) -> None:
    """Register what reads the canonical texts of a kind: the parser, which stands above the specs that need it."""
    _readers[kind] = reader


def read(kind: str, text: str) -> Any:
    """What a canonical text of a kind says."""
    if kind not in _readers:
        importlib.import_module("modelaudit.language.parser")
    return _readers[kind](text)


def entry_of(spec: object) -> Entry:
    """The entry whose dataclass `spec` is an instance of."""
    try:
        return _registry.by_spec[type(spec)]
    except KeyError:
        raise UnknownNameError(
            f"{type(spec).__qualname__} is not registered; decorate its function with the registry of its room"
        ) from None


def names(kind: str) -> tuple[str, ...]:
    """All names of one kind, sorted; loads the owning rooms."""
    _load(kind)
    return tuple(sorted({name for owner, name in (*_registry.entries, *_APART) if owner == kind}))


def _load(kind: str) -> None:
    if kind in _registry.loaded:
        return
    for room in _ROOMS[kind]:
        importlib.import_module(room)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        point.load()
    _registry.loaded.add(kind)
