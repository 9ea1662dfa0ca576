"""The data's labels to the model's outputs."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..language.errors import DataError, nearest

Label = str | int
#: the label of a picture that has none
NO_LABEL = ""
_LEADING = re.compile(r"(\d+)[_\-. ]+(\S.*)\Z")
_CODE = re.compile(r"n\d{8}\Z")
_NAMED = 5


def class_indices(
    labels: Iterable[Label], *, classes: Sequence[str] | None, outputs: int, mapping: Mapping[Label, Label] | None
) -> dict[Label, int]:
    """The model's index of every label, by the first of these that meets it:

    1. the mapping (its values are names or indices), 2. the class's name, 3. the same without regard to case, ``_``,
    ``-`` and spaces, or one of several names in a class ("tench, Tinca tinca"), 4. a label that is an index, 5. the
    index that leads a folder's name ("151_chihuahua"), unless the rest of it names another class.

    Raises:
        DataError: data without labels, labels that meet nothing or more than one class, an index that the model does
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
                f"the label {label!r} means index {index}, and the model has outputs 0 to {self.outputs - 1}"
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
    """By name, else as an index."""
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
    """Indices of another numbering ("00_dog" in ImageNet-9) meet classes that have nothing to do with them."""
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
        f"{len(unknown)} of {asked} labels meet no class of the model, {known}: {listed}{more}. Name the classes "
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
