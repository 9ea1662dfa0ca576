"""Which files a data set of the ``datasets`` library may name: its own, and those that the library has unpacked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..language.errors import DataError
from ..language.regular_files import MOST_BYTES_BY_HAND, check_regular, read_file
from .files import confined, file_named
from .root import also_admit

#: the kinds of files that hold pictures in their rows or beside them; others may name catalogues and places elsewhere
_KINDS = ("arrow", "csv", "imagefolder", "json", "parquet", "webdataset")
_HEAD = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)
#: files with ``configs``, whose patterns say where the data are
_CARDS = ("README.md", ".huggingface.yaml")


def check_saved(folder: Path) -> None:
    """Looks at the files that a data set names which ``save_to_disk`` wrote, before the library opens them.

    Raises:
        DataError: one leads out of the root, or is not a regular file.
    """
    splits = _json(folder / "dataset_dict.json").get("splits")
    parts = [file_named(one, folder, folder, f"{folder / 'dataset_dict.json'}: splits")[1] for one in _list(splits)]
    for part in parts or [folder]:
        state = part / "state.json"
        for entry in _list(_json(confined(state, folder, state)).get("_data_files")):
            named = entry.get("filename") if isinstance(entry, Mapping) else entry
            _check_regular(file_named(named, part, folder, f"{state}: _data_files")[1])
        confined(part / "dataset_info.json", folder, part / "dataset_info.json")


def check_patterns(folder: Path) -> None:
    """Looks at the patterns of a folder's card, before the library asks a network or another folder for them.

    Raises:
        DataError: one is a URL, or leads out of the root.
    """
    for name in _CARDS:
        path = folder / name
        if not path.is_file():
            continue
        card = _card(confined(path, folder, path))
        for config in _list(card.get("configs") if isinstance(card, Mapping) else None):
            stated = config if isinstance(config, Mapping) else {}
            for pattern in (*_texts(stated.get("data_files")), *_texts(stated.get("data_dir"))):
                file_named(pattern, folder, folder, f"{path}: configs")


def check_files(builder: Any, folder: Path, named: str) -> None:
    """Looks at the files that the library has found in a folder, before it reads them.

    Raises:
        DataError: a link that leads out of the root, a file that is not regular, or a kind that names others.
    """
    kind = type(builder).__module__.split(".")[-1]
    if kind not in _KINDS:
        raise DataError(f"{named}: holds files of the kind {kind!r}; read are {', '.join(_KINDS)}")
    for files in (getattr(builder.config, "data_files", None) or {}).values():
        for file in files:
            if "://" in str(file):
                raise DataError(f"{named}: names {str(file)!r}, and files are read from this machine alone")
            _check_regular(confined(Path(file), folder, file))


def admit_caches(datasets: Any, *, hub: bool) -> None:
    """Admits the folders into which the library unpacks archives, and of data sets of the Hub downloads."""
    also_admit(Path(datasets.config.EXTRACTED_DATASETS_PATH))
    if hub:
        from huggingface_hub import constants

        for folder in (constants.HF_HUB_CACHE, datasets.config.HF_DATASETS_CACHE, datasets.config.HF_CACHE_HOME):
            also_admit(Path(folder))


def _check_regular(path: Path) -> None:
    try:
        check_regular(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _card(path: Path) -> Any:
    """What a card states: between the lines of a README's head, or in the whole of a YAML file."""
    try:
        text = read_file(path, most=MOST_BYTES_BY_HAND).decode("utf-8", "replace")
        if path.name == _CARDS[0]:
            head = _HEAD.match(text)
            text = "" if head is None else head[1]
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise DataError(f"{path}: aliases are not read; a few nested ones expand to gigabytes")
        return yaml.safe_load(text)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid YAML: {error}") from error


def _json(path: Path) -> Mapping[str, Any]:
    """What a file of the library holds; nothing where it has none, or is broken: the library says so."""
    try:
        found = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> Iterator[str]:
    """The texts in a pattern, a list of patterns, or patterns by split."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([one for key, one in value.items() if key != "split"])
    elif isinstance(value, Iterable):
        for one in value:
            yield from _texts(one)
