"""``path/file.py:factory``: a model built by the user's own code."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from torch import nn

from ..language.boundary import contained, described
from ..language.errors import ModelError, nearest
from ..language.sample import BuiltModel
from .code import states_audits


def run_factory(text: str, root: Path) -> tuple[BuiltModel, tuple[Any, ...]]:
    """Import the file (relative to `root`) anew under a name of its own, and call the factory in it.

    Returns the model, and the code that made it: the factory, and its file unless that states audits too.


    The file may import its neighbours; neither its folder nor their names stay behind, so two audits with a
    ``nets.py`` each do not get each other's.

    Raises:
        ModelError: no such file or factory, or what it raised, or no model returned.
    """
    with imported(text, root) as factory:
        built = call_factory(factory, text)
        module = sys.modules[_unique((root / text.rpartition(":")[0]).resolve())]
        return built, (factory,) if states_audits(vars(module)) else (factory, module)


@contextmanager
def imported(text: str, root: Path) -> Iterator[Callable[..., Any]]:
    """The callable that ``path/file.py:name`` names; its file's neighbours can be imported meanwhile.

    Raises:
        ModelError: no such file or callable, or what importing it raised.
    """
    file, _, name = text.rpartition(":")
    path = (root / file).resolve()
    if not path.is_file():
        raise ModelError(f"{text!r}: no file {path}; relative paths start at pytest's rootdir")
    with _importable(path.parent):
        yield _attribute(text, path, name)


def call_factory(factory: Callable[[], Any], text: str) -> BuiltModel:
    """The model that a callable without arguments returns.

    Raises:
        ModelError: it raised, or returned neither an ``nn.Module`` nor a ``BuiltModel``.
    """
    try:
        built = factory()
    except BaseException as raised:
        error = contained(raised)
        raise ModelError(f"{text!r}: the factory raised {described(error)}") from error
    if isinstance(built, nn.Module):
        return BuiltModel(built)
    if isinstance(built, BuiltModel):
        return built
    raise ModelError(f"{text!r}: the factory returned {type(built).__name__}; return an nn.Module or a BuiltModel")


def _attribute(text: str, path: Path, name: str) -> Callable[[], Any]:
    unique = _unique(path)
    loader = _Uncached(unique, str(path)) if path.suffix == ".py" else None
    spec = importlib.util.spec_from_file_location(unique, path, loader=loader)
    if spec is None or spec.loader is None:
        raise ModelError(f"{text!r}: {path} cannot be imported; a factory stands in a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # dataclasses and pickle look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException as raised:
        del sys.modules[unique]
        error = contained(raised)
        raise ModelError(f"{text!r}: importing {path} raised {described(error)}") from error
    found = getattr(module, name, None)
    if not callable(found):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ModelError(f"{text!r}: {path} has no callable {name!r}{nearest(name, known)}")
    return found  # type: ignore[no-any-return]


class _Uncached(SourceFileLoader):
    """Compiles the file each time: Python's cache misses an edit of the same length in the same second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _unique(path: Path) -> str:
    """The name under which a factory's file is imported."""
    return f"_modelaudit_factory_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    before, entry, writes = set(sys.modules), str(folder), sys.dont_write_bytecode
    sys.path.insert(0, entry)
    sys.dont_write_bytecode = True  # of the neighbours, for the same reason
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        sys.path.remove(entry)
        for name in [name for name in set(sys.modules) - before if _neighbour(name, folder)]:
            del sys.modules[name]


def _neighbour(name: str, folder: Path) -> bool:
    top = name.partition(".")[0]
    file = getattr(sys.modules[name], "__file__", None)
    if file is None:
        return False
    return Path(file) == folder / f"{top}.py" or Path(file).is_relative_to(folder / top)
