"""Reads files of weights without running anything in them."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ..language.errors import ModelError, after, first_line
from ..language.regular_files import open_file

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_SAVE = "save it with torch.save(model.state_dict(), path) or safetensors.torch.save_model"
_LFS = b"version https://git-lfs"
#: what a pickle names for a dict of its own type; anything else than weights is read as an empty stand-in
_DICTS = ("AttributeDict",)


class Inert:
    """Stands in for an object of a type that a pickle names, so that nothing of that type's code runs."""

    #: the qualified name of the type
    of = ""

    def __new__(cls, *arguments: object, **named: object) -> Inert:
        """An empty one, whatever it is built from."""
        return super().__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        """Nothing of what the pickle gives is kept."""

    def __setstate__(self, state: object) -> None:
        """Nothing of what the pickle gives is kept."""


def content_of(path: Path) -> Any:
    """What a file of weights holds; objects of other types than torch's own and Python's plain ones are :class:`Inert`.

    Raises:
        ModelError: not there, of another kind, or not readable without running code.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint file; relative paths start at pytest's rootdir")
    if path.suffix not in SUFFIXES:
        raise ModelError(f"{path}: a checkpoint ends in {', '.join(SUFFIXES)}, not {path.suffix!r}")
    _refuse_others(path)
    if path.suffix == ".safetensors":
        try:
            return load_file(path, device="cpu")
        except Exception as error:  # safetensors raises its own type, OSError or ValueError
            raise ModelError(
                f"{path}: cannot be read as plain weights: not a safetensors file, or cut off; {_SAVE}"
            ) from error
    return _unpickled(path)


def conversion(path: Path, taken: str) -> str:
    """The three lines that make plain weights of a file, where its code can be imported."""
    return (
        "convert it once, where its code can be imported and if you trust it:\n"
        f"    content = torch.load({str(path)!r}, map_location='cpu', weights_only=False)\n"
        f"    state = {taken}\n"
        f"    torch.save(state, {str(path.with_name(path.stem + '_weights.pt'))!r})"
    )


def _unpickled(path: Path) -> Any:
    named: list[str] = []
    try:
        named = _other_types(path)
        with _stand_ins(named):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen types for unreadable files
        if not named:
            named = _types_in_message(error)
        if not named:
            raise ModelError(
                f"{path}: cannot be read as plain weights: not a file of torch.save, or cut off; {_SAVE}"
            ) from error
        lines = conversion(path, "content['state_dict']  # or where its weights are")
        start = (
            f"{path}: cannot be read as plain weights, since it holds objects of {_some(named)}, whose code would run; "
            f"{_SAVE}, or "
        )
        raise ModelError(*after(start, lines)) from error


def _other_types(path: Path) -> list[str]:
    """The types that the pickle names and torch does not build by itself; None if it is not known."""
    named = getattr(torch.serialization, "get_unsafe_globals_in_checkpoint", None)
    return [] if named is None or not zipfile.is_zipfile(path) else list(named(path))


@contextmanager
def _stand_ins(named: Iterable[str]) -> Iterator[None]:
    """Lets torch build stand-ins for these types while it reads with ``weights_only=True``."""
    safe = getattr(torch.serialization, "safe_globals", None)
    stand_ins: list[Any] = [(_stand_in(name), name) for name in named]
    if safe is None or not stand_ins:
        yield
        return
    with safe(stand_ins):
        yield


def _stand_in(name: str) -> type[Any]:
    return OrderedDict if name.rpartition(".")[2] in _DICTS else type("_Inert", (Inert,), {"of": name})


def _types_in_message(error: Exception) -> list[str]:
    """The type that torch names where it refuses a pickle."""
    words = str(error).split("GLOBAL ")
    return [words[1].split()[0]] if len(words) > 1 else []


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more types" if len(names) > 3 else "")


def _refuse_others(path: Path) -> None:
    """Refuse files that are known to be something else.

    Raises:
        ModelError: says what it is, and what to do.
    """
    try:
        with open_file(path) as file:
            start = file.read(len(_LFS))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    if start == _LFS:
        raise ModelError(f"{path}: is a pointer of Git LFS, not the weights themselves; run git lfs pull")
    try:
        names: list[str] = []
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
    except Exception as error:  # of damaged archives zipfile raises a dozen types
        raise ModelError(f"{path}: a damaged archive ({first_line(error)}); {_SAVE}") from error
    if any(name.endswith("constants.pkl") for name in names):
        raise ModelError(f"{path}: is a TorchScript archive, not a checkpoint; write torchscript:{path}")


def without_code(path: Path, content: Mapping[Any, Any] | Any) -> None:
    """Refuse a whole pickled model, at the top of a file or in a dict of it.

    Raises:
        ModelError: with the three lines that convert it.
    """
    if isinstance(content, Inert):
        start = (
            f"{path}: holds a whole pickled object ({content.of}) instead of weights, and loading it would run its "
            "code; "
        )
        raise ModelError(*after(start, conversion(path, "content.state_dict()")))
    if isinstance(content, Mapping):
        pickled = next((key for key, value in content.items() if isinstance(value, Inert)), None)
        if pickled is not None:
            start = (
                f"{path}: no state dict in it, and under {pickled!r} a whole pickled object ({content[pickled].of}), "
                "whose code would run; "
            )
            raise ModelError(*after(start, conversion(path, f"content[{pickled!r}].state_dict()")))
