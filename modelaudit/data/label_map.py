"""Which outputs of a model mean which label of the data: one each, or many to one."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..language.errors import DataError
from ..language.sample import DataSet
from .labels import Label, class_indices

#: the class of outputs that mean no label of the data ("none of these"): a prediction of it is an error of the model
NONE = -1
_COLUMNS = ("label", "class")


@dataclass(frozen=True)
class LabelMap:
    """What a prediction is compared with.

    Args:
        indices: for each label the class that an answer must have to be right: the output's index, and where several
            outputs mean one label the lowest of them.
        merged: [outputs] the class of every output, ``NONE`` where it means no label; None where every output is a
            class of its own.
    """

    indices: Mapping[Label, int]
    merged: tuple[int, ...] | None = None

    def code(self, label: Label) -> str:
        """All that a value can depend on of what a label means, as a text."""
        return str(self.indices[label]) if self.merged is None else f"{self.indices[label]} of {self._merging}"

    def means(self, label: Label, output: int) -> bool:
        """Whether a prediction of that output is right for the label."""
        return (output if self.merged is None else self.merged[output]) == self.indices[label]

    @cached_property
    def _merging(self) -> str:
        return hashlib.sha256(repr(self.merged).encode()).hexdigest()


def label_map(
    data: DataSet,
    *,
    classes: Sequence[str] | None,
    outputs: int,
    given: Mapping[Label, Any] | None,
) -> LabelMap:
    """The map of an audit's data to a model.

    An audit's own `given` (a class, or a list of classes, for each label) comes first, then the data set's map where it
    is about a model of so many outputs, else labels meet classes as in
    :func:`~modelaudit.data.labels.class_indices`.

    Raises:
        DataError: labels that meet no class, a class that two labels would mean.
    """
    labels: list[Label] = list(dict.fromkeys(sample.label for sample in data.samples))
    meant: dict[Label, tuple[Any, ...]] = {key: _several(key, value) for key, value in (given or {}).items()}
    if given is None and data.label_map is not None and data.outputs == outputs:
        meant = dict(data.label_map)
    if all(len(several) == 1 for several in meant.values()):
        single = {label: several[0] for label, several in meant.items()}
        return LabelMap(class_indices(labels, classes=classes, outputs=outputs, mapping=single or None))
    sets = {label: _indices_of(label, meant, classes, outputs) for label in labels}
    # what no sample has keeps its classes too: a dog for a fish is wrong, and another dog for it no flip
    others = {label: _indices_of(label, meant, classes, outputs) for label in meant if label not in sets}
    _refuse_shared({**sets, **others})
    merged = [NONE] * outputs
    for several in [*sets.values(), *others.values()]:
        for index in several:
            merged[index] = several[0]
    return LabelMap({label: several[0] for label, several in sets.items()}, tuple(merged))


def read_labels(path: Path) -> dict[Label, tuple[Label, ...]]:
    """A label map from a file: JSON ``{label: class or [classes]}``, or CSV with the columns label and class.

    In CSV a label stands on as many lines as it has classes.

    Raises:
        DataError: with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"labels={str(path)!r} cannot be read: {error}") from error
    return _from_json(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text)


def _from_json(path: Path, text: str) -> dict[Label, tuple[Label, ...]]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for at, (key, _) in enumerate(pairs):
            if key in dict(pairs[:at]):
                raise DataError(f"{path}: the label {key!r} stands twice; give it a list of classes")
        return dict(pairs)

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict) or not document:
        raise DataError(f"{path}: give an object of labels, each with a class or a list of classes")
    return {key: _several(key, value) for key, value in document.items()}


def _from_csv(path: Path, text: str) -> dict[Label, tuple[Label, ...]]:
    rows = csv.DictReader(text.splitlines())
    if rows.fieldnames is None or not set(_COLUMNS) <= set(rows.fieldnames):
        raise DataError(f"{path}:1: the columns are {rows.fieldnames}; a label map has the columns label and class")
    found: dict[Label, list[Label]] = defaultdict(list)
    for row in rows:
        label, meant = row["label"], row["class"]
        if not label or not meant or None in row:
            raise DataError(f"{path}:{rows.line_num}: give one label and one class, and quote what has commas in it")
        if meant in found[label]:
            raise DataError(f"{path}:{rows.line_num}: the class {meant!r} stands twice for {label!r}")
        found[label].append(meant)
    if not found:
        raise DataError(f"{path} maps no label")
    return {label: tuple(several) for label, several in found.items()}


def _several(label: Label, value: Any) -> tuple[Any, ...]:
    several = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not several:
        raise DataError(f"labels={{{label!r}: []}}: give at least one class")
    return several


def _indices_of(
    label: Label, meant: Mapping[Label, tuple[Any, ...]], classes: Sequence[str] | None, outputs: int
) -> tuple[int, ...]:
    """The outputs that mean a label, in rising order."""
    other: Label | None = str(label) if isinstance(label, int) else int(label) if label.isdecimal() else None
    several = meant.get(label, () if other is None else meant.get(other, ()))
    if not several:
        found = class_indices([label], classes=classes, outputs=outputs, mapping=None)
        return (found[label],)
    each = [class_indices([label], classes=classes, outputs=outputs, mapping={label: one})[label] for one in several]
    return tuple(sorted(set(each)))


def _refuse_shared(sets: Mapping[Label, tuple[int, ...]]) -> None:
    owner: dict[int, Label] = {}
    for label, several in sets.items():
        for index in several:
            first = owner.setdefault(index, label)
            if sets[first] != several:
                raise DataError(
                    f"class {index} of the model would mean both {first!r} and {label!r}; give it to one of them"
                )


def labels_of(given: Mapping[Label, Any] | str | None, root: Path) -> Mapping[Label, Any] | None:
    """An audit's ``labels``: itself, or what the file holds that it names (relative to `root`).

    Raises:
        DataError: the file cannot be read as a label map.
    """
    return read_labels(root / Path(given).expanduser()) if isinstance(given, str) else given
