"""The configurations in a folder that ``save_pretrained`` wrote, before the library builds what they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..language.errors import ModelError
from ..language.json_file import read_json
from ..language.regular_files import check_regular

PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_CONFIGURATIONS = ("config.json", *PROCESSORS)
_MOST_BYTES = 64 * 2**20
#: the largest number of a processor (sides in pixels), of a count of layers and the like, and of anything else
_MOST_SIDE, _MOST_PARTS, _MOST = 4096, 10_000, 10**7


def check_folder(folder: Path) -> None:
    """Refuses configurations that cannot be read, or that ask for more memory or time than any classifier needs.

    Raises:
        ModelError: with the file, and its line or the key.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors":
            _check_regular(path)
        if path.suffix != ".json":
            continue
        document = read_json(path, ModelError, most=_MOST_BYTES)
        if path.name not in _CONFIGURATIONS:
            continue
        if not isinstance(document, dict):
            raise ModelError(f"{path}:1: is a {type(document).__name__}, and no configuration")
        for key, value in _numbers(document, ""):
            most = _MOST_SIDE if path.name in PROCESSORS else _MOST_PARTS if key.startswith("num_") else _MOST
            if abs(value) > most:
                raise ModelError(f"{path}: {key} is {value}; at most {most} is read")


def _check_regular(path: Path) -> None:
    try:
        check_regular(path)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error


def _numbers(value: Any, key: str) -> Iterator[tuple[str, float]]:
    """The numbers of a document with the keys that lead to them."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _numbers(part, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for part in value:
            yield from _numbers(part, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value
