"""Changes texts of a run record, wherever they stand in it: its machine's paths, or what identifies images."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePath
from tempfile import gettempdir
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel

from ..language.machine_paths import places_of, without_folders, without_machine_paths
from .record import RunRecord, SampleRecord, record_digest

#: changes one text; it gets the class and the field that the text is in
Change = Callable[[type[BaseModel], str, str], str]
#: digests of contents, of which there are two a sample
_DIGESTS = frozenset({"image", "mask"})
Part = TypeVar("Part", bound=BaseModel)

#: messages and settings: no claim is made of them, and no model or data is opened by them
_FREE = frozenset({"message", "why", "why_not", "notes", "note", "options", "command"})


def with_texts(part: Part, change: Change) -> Part:
    """The part of a record with all of its texts changed, keys of dictionaries too."""
    changes = {}
    for name in _fields_with_text(type(part)):
        value = getattr(part, name)
        new = _changed(value, type(part), name, change)
        if new is not value:
            changes[name] = new
    return part.model_copy(update=changes) if changes else part


def shown_record(record: RunRecord) -> RunRecord:
    """The record as reports show it: no text of it has a path of a machine.

    It is for showing, and no longer what its fingerprints are of. Models and data that would read alike are numbered.
    """
    kept = {label for data in record.data for label in data.labels}
    kept.update(name for model in record.models for name in model.classes or ())
    places = places_of_references(references_of(record))
    keys = _shown_keys(record, places)
    references = _distinct(references_of(record), without_folders)

    def change(owner: type[BaseModel], field: str, text: str) -> str:
        if text in kept or (owner is SampleRecord and field in _DIGESTS):
            return text
        if text in keys:
            return keys[text]
        if field == "reference":
            return references.get(text, text)
        if field == "command":
            return shown_command(text, known=places)
        for key, new in keys.items():
            if text.startswith(f"{key}|"):
                text = f"{new}{text[len(key) :]}"
        return without_machine_paths(text, known=places)

    return with_texts(record, change).model_copy(update={"digest": record_digest(record)})


def recorded(part: Part, root: Path, references: Iterable[str] = ()) -> Part:
    """A record, or a part of one, as a run writes it: messages, settings and command without this machine's folders.

    Args:
        references: to the models and data of the part; their folders are known whole, with spaces in their names.

    What a claim is made of, and what opens models and data again, stays as the user wrote it.
    """
    places = _places_of_run(references, root)

    def change(_owner: type[BaseModel], field: str, text: str) -> str:
        if field not in _FREE:
            return text
        shorten = shown_command if field == "command" else without_machine_paths
        return shorten(text, root=str(root), known=places)

    return with_texts(part, change)


def recorded_text(text: str, root: Path, references: Iterable[str] = ()) -> str:
    """A message as a run writes it into its record."""
    return without_machine_paths(text, root=str(root), known=_places_of_run(references, root))


def _places_of_run(references: Iterable[str], root: Path) -> tuple[str, ...]:
    return (str(Path.home()), gettempdir(), *places_of_references(references, root))


def _shown_keys(record: RunRecord, places: tuple[str, ...]) -> dict[str, str]:
    """The keys of models and data that hold a path."""

    def shorten(key: str) -> str:
        kind, colon, reference = key.partition(":")
        return without_machine_paths(kind + colon + without_folders(reference), known=places)

    return _distinct([*(one.key for one in record.models), *(one.key for one in record.data)], shorten)


def places_of_references(references: Iterable[str], root: Path = Path()) -> tuple[str, ...]:
    """What references name outside of the rootdir, as written and as opened, and the folders that it is in."""
    written = [place for one in references for place in places_of(one)]
    opened = [os.path.normpath(root / Path(place).expanduser()) for place in written]
    return tuple(dict.fromkeys(str(one) for place in (*written, *opened) for one in (place, *PurePath(place).parents)))


def references_of(record: RunRecord) -> list[str]:
    """Of its models and data."""
    return [*(one.reference for one in record.models), *(one.reference for one in record.data)]


def shown_command(command: str, *, root: str = "", known: Iterable[str] = ()) -> str:
    """A command line whose words have no machine's path in them."""
    try:
        words = shlex.split(command)
    except ValueError:  # not one that a run wrote
        return without_machine_paths(command, root=root, known=known)
    known = tuple(known)
    shown = [_shown_word(word, root, known) for word in words]
    return command if shown == words else " ".join(one if one == "&&" else shlex.quote(one) for one in shown)


def _shown_word(word: str, root: str, known: tuple[str, ...]) -> str:
    option, text = re.match(r"(-\w(?=[/~])|@|)(.*)", word, re.DOTALL).groups()  # type: ignore[union-attr]
    return option + without_folders(without_machine_paths(text, root=root, known=known))


def _distinct(texts: Iterable[str], shorten: Callable[[str], str]) -> dict[str, str]:
    """Texts that hold a path, each with one that holds none; one that would read as another is numbered."""
    texts = list(dict.fromkeys(texts))
    taken = {text for text in texts if shorten(text) == text}
    found: dict[str, str] = {}
    for text in texts:
        if text not in taken:
            new, number = shorten(text), 2
            while new in taken:
                new, number = f"{shorten(text)}#{number}", number + 1
            taken.add(new)
            found[text] = new
    return found


@cache
def _fields_with_text(part: type[BaseModel]) -> tuple[str, ...]:
    return tuple(name for name, field in part.model_fields.items() if _holds_text(field.annotation))


def _holds_text(annotation: Any) -> bool:
    """Whether a field can hold text that somebody chose; choices of the record's own words are not."""
    if get_origin(annotation) is Literal:
        return False
    if arguments := get_args(annotation):
        return any(map(_holds_text, arguments))
    return not isinstance(annotation, type) or not issubclass(annotation, int | float | type(None))


def _changed(value: Any, owner: type[BaseModel], field: str, change: Change) -> Any:
    if isinstance(value, str):
        return change(owner, field, value)
    if isinstance(value, BaseModel):
        return with_texts(value, change)
    if isinstance(value, list | tuple):
        new = [_changed(one, owner, field, change) for one in value]
        same = all(one is other for one, other in zip(new, value, strict=True))
        return value if same else type(value)(new)
    if isinstance(value, dict):
        return _changed_mapping(value, owner, field, change)
    return value


def _changed_mapping(value: dict[Any, Any], owner: type[BaseModel], field: str, change: Change) -> dict[Any, Any]:
    """Keys too; of two that would become one the second is numbered."""
    new: dict[Any, Any] = {}
    for key, one in value.items():
        shown = _changed(key, owner, field, change)
        number = 2
        while shown in new:
            shown, number = f"{_changed(key, owner, field, change)}#{number}", number + 1
        new[shown] = _changed(one, owner, field, change)
    return value if new == value else new
