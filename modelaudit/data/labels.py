"""Which outputs of a model mean which label of the data: by name, by index, or by a map."""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.json_file import read_json
from ..language.sample import DataSet
from .files import text_of

Label = str | int
#: the label of a picture that has none
NO_LABEL = ""
_LEADING = re.compile(r"(\d+)[_\-. ]+(\S.*)\Z")
_CODE = re.compile(r"n\d{8}\Z")
_NAMED = 5


def class_indices(
    labels: Iterable[Label], *, classes: Sequence[str] | None, outputs: int, mapping: Mapping[Label, Label] | None
) -> dict[Label, int]:
    """The model's index of every label, by the first of these that matches:

    1. the mapping (its values are names or indices), 2. the class's name, 3. the same without regard to case, ``_``,
    ``-`` and spaces, or one of several names in a class ("tench, Tinca tinca"), 4. a label that is an index, 5. the
    index that leads a folder's name ("151_chihuahua"), unless the rest of it names another class.

    Raises:
        DataError: data without labels, labels that match no class or more than one, an index that the model does
            not have, or leading indices whose names have not a word in common with the classes that stand there.
    """
    wanted = list(dict.fromkeys(labels))
    if NO_LABEL in wanted:
        raise DataError(
            "there are samples without a label (photos: reads pictures that lend their backgrounds; those of an audit "
            "need labels); use folder:, coco: or another source with labels"
        )
    names = _Names(classes, outputs)
    found: dict[Label, int] = {}
    unknown: list[Label] = []
    led: dict[str, int] = {}
    for label in wanted:
        index = _by_mapping(label, mapping, names)
        if index is None:
            index = _by_itself(label, names)
        if index is None and isinstance(label, str):
            index = _by_leading_index(label, names)
            if index is not None:
                led[label] = index
        if index is None:
            unknown.append(label)
        else:
            found[label] = index
    if unknown:
        raise DataError(_unknown_message(unknown, len(wanted), names))
    _check_leading(led, names)
    return found


class _Names:
    """The model's classes by name."""

    def __init__(self, classes: Sequence[str] | None, outputs: int) -> None:
        self.classes = None if classes is None else tuple(classes)
        self.outputs = outputs
        self.exact: dict[str, list[int]] = defaultdict(list)
        self.loose: dict[str, list[int]] = defaultdict(list)
        for index, name in enumerate(self.classes or ()):
            self.exact[unicodedata.normalize("NFC", name)].append(index)
            for part in {_loose(name), *(_loose(part) for part in name.split(","))} - {""}:
                self.loose[part].append(index)

    def candidates(self, text: str) -> list[int]:
        return self.exact.get(unicodedata.normalize("NFC", text)) or self.loose.get(_loose(text), [])

    def index(self, index: int, label: Label) -> int:
        if not 0 <= index < self.outputs:
            raise DataError(
                f"the label {label!r} means index {index}, and the model has outputs 0 to {self.outputs - 1}; map it "
                f"(Audit(labels={{{label!r}: class name or index}})), or leave its images out"
            )
        return index

    def one(self, candidates: list[int], label: Label) -> int | None:
        if len(candidates) > 1:
            where = ", ".join(map(str, candidates))
            raise DataError(f"the label {label!r} names the classes {where} alike; map it: labels={{{label!r}: index}}")
        return self.index(candidates[0], label) if candidates else None


def _by_mapping(label: Label, mapping: Mapping[Label, Label] | None, names: _Names) -> int | None:
    if mapping is None:
        return None
    other: Label | None = str(label) if isinstance(label, int) else int(label) if _is_number(label) else None
    key = label if label in mapping else other
    if key is None or key not in mapping:
        return None
    value = mapping[key]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"labels={{{key!r}: {value!r}}}: give the class by name or by index")
    index = _by_itself(value, names)
    if index is None:
        raise DataError(
            f"labels={{{key!r}: {value!r}}}: the model has no class {value!r}{nearest(str(value), names.classes or ())}"
        )
    return index


def _by_itself(label: Label, names: _Names) -> int | None:
    """The class that a label names, else the label as an index."""
    if isinstance(label, int):
        return names.index(label, label)
    candidates = names.candidates(label)
    if candidates:
        return names.one(candidates, label)
    return names.index(int(label), label) if _is_number(label) else None


def _by_leading_index(label: str, names: _Names) -> int | None:
    match = _LEADING.match(label)
    if match is None:
        return None
    index, rest = names.index(int(match[1]), label), match[2]
    candidates = names.candidates(rest)
    if candidates and index not in candidates:
        raise DataError(
            f"the label {label!r} leads with index {index}, and {rest!r} is the name of class {candidates[0]}; "
            f"map it: labels={{{label!r}: index}}"
        )
    return index


def _check_leading(led: Mapping[str, int], names: _Names) -> None:
    """Refuses leading indices of another numbering ("00_dog" in ImageNet-9), which match unrelated classes."""
    if names.classes is None or not led:
        return
    pairs = [(label, names.classes[index]) for label, index in led.items() if index < len(names.classes)]
    if any(_CODE.match(name) or _words(name) & _words(label) for label, name in pairs) or not pairs:
        return
    listed = ", ".join(f"{label!r} would be {name!r}" for label, name in pairs[:_NAMED])
    raise DataError(
        f"the leading indices of the labels belong to another numbering: {listed}; "
        "map them: labels={label: class name or index}"
    )


def _unknown_message(unknown: list[Label], asked: int, names: _Names) -> str:
    listed = "; ".join(repr(label) + _hint(label, names) for label in unknown[:_NAMED])
    more = f"; and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    known = "whose class names are not known" if names.classes is None else f"of {names.outputs} outputs"
    return (
        f"{len(unknown)} of {asked} labels match no class of the model, {known}: {listed}{more}. Name the classes "
        "(Audit(classes=[...])), map the labels (Audit(labels={label: class name or index})), or let the label or its "
        "folder lead with the index (151_chihuahua)"
    )


def _hint(label: Label, names: _Names) -> str:
    hint = nearest(str(label), names.classes or ())
    return " (" + hint.removeprefix("; ").removesuffix("?") + "?)" if hint.startswith("; did") else ""


def _loose(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()


def _words(name: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]+", _loose(name)) if len(word) > 2}


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdigit()


#: the class of outputs that mean no label of the data ("none of these"): a prediction of it is an error of the model
NONE = -1
_COLUMNS = ("label", "class")


@dataclass(frozen=True)
class LabelMap:
    """Maps labels of the data to outputs of a model.

    Args:
        indices: for each label the class that an answer must have to be right: the output's index, and where several
            outputs mean one label the lowest of them.
        merged: [outputs] the class of every output, ``NONE`` where it means no label; None where every output is a
            class of its own.
    """

    indices: Mapping[Label, int]
    merged: tuple[int, ...] | None = None

    def code(self, label: Label) -> str:
        """The meaning of a label as a text, with everything that a value can depend on."""
        return str(self.indices[label]) if self.merged is None else f"{self.indices[label]} of {self._merging}"

    def means(self, label: Label, output: int) -> bool:
        """Whether a prediction of that output is right for the label."""
        return (output if self.merged is None else self.merged[output]) == self.indices[label]

    def named(self, classes: Sequence[str] | None, outputs: int) -> dict[Label, int]:
        """The class that a name means: a label of the data (as text), else a class of the model by name or index.

        Of several outputs that mean one label only the first stands for it; the others name no right answer.
        """
        own = [index for index in range(outputs) if self.merged is None or self.merged[index] == index]
        found: dict[Label, int] = {index: index for index in own}
        found.update({classes[index]: index for index in reversed(own)} if classes is not None else {})
        found.update({str(label): index for label, index in self.indices.items()})
        return found

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
    is about a model of so many outputs, else labels match classes as in
    :func:`~modelaudit.data.labels.class_indices`.

    Raises:
        DataError: labels that match no class, a class that two labels would mean.
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


def class_count(data: DataSet, given: Mapping[Label, Any] | None) -> int | None:
    """How many classes the data speak of; None where their labels are mapped to a model's, so that nobody knows.

    Labels that are numbers are indices: 0, 3 and 9 speak of ten classes.
    """
    if given is not None:
        return None
    if data.label_map is not None:
        return data.outputs
    labels = {sample.label for sample in data.samples}
    numbers = [int(label) for label in labels if isinstance(label, int) or _is_number(label)]
    return max(len(labels), *(number + 1 for number in numbers)) if numbers else len(labels)


def read_labels(path: Path) -> dict[Label, tuple[Label, ...]]:
    """A label map from a file: JSON ``{label: class or [classes]}``, or CSV with the columns label and class.

    In CSV a label stands on as many lines as it has classes.

    Raises:
        DataError: with file and line.
    """
    return _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path)


def _from_json(path: Path) -> dict[Label, tuple[Label, ...]]:
    document = read_json(path, DataError)
    if not isinstance(document, dict) or not document:
        raise DataError(f"{path}: give an object of labels, each with a class or a list of classes")
    return {key: _several(key, value) for key, value in document.items()}


def _from_csv(path: Path) -> dict[Label, tuple[Label, ...]]:
    rows = csv.DictReader(text_of(path).splitlines())
    try:
        return _mapped(path, rows)
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}: is not valid CSV: {error}") from error


def _mapped(path: Path, rows: csv.DictReader[str]) -> dict[Label, tuple[Label, ...]]:
    if rows.fieldnames is None or not set(_COLUMNS) <= set(rows.fieldnames):
        raise DataError(f"{path}:1: the columns are {rows.fieldnames}; a label map has the columns label and class")
    found: dict[Label, list[Label]] = defaultdict(list)
    for row in rows:
        label, meant = row["label"], row["class"]
        if not label or not meant or None in row:
            raise DataError(f"{path}:{rows.line_num}: give one label and one class, and quote what has commas in it")
        if meant in found[label]:
            raise DataError(f"{path}:{rows.line_num}: the class {meant!r} occurs twice for {label!r}")
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
