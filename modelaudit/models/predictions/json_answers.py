"""Answers as JSON lines: an object a picture."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...language.errors import ModelError, first_line
from .answers import NOT_NUMBERS, WRITE_NUMBERS, AnswerKind, StoredAnswers, label_of, numbers_of, text_of
from .damage import Damage

_FORMS = '{"picture": …, "scores": {"good": 0.9, …}}, {"picture": …, "label": "good"} or {"picture": …, "top": […]}'


class _Twice(ValueError):
    """A key that an object holds twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise _Twice(f"{twice!r} is there twice")
    return found


def from_json_lines(path: Path, file: io.BufferedReader, damage: Damage) -> StoredAnswers:
    found: StoredAnswers | None = None
    for number, line in enumerate(file, start=1):
        place = f"line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=_once)
        except _Twice as error:
            damage.count("row(s) with a key that is there twice", f"{place}: {error}", "write each once")
            continue
        except (ValueError, RecursionError) as error:
            damage.count(
                "line(s) that are not JSON", f"{place}: {first_line(error)}", "see whether the file was cut off"
            )
            continue
        read = _json_row(row)
        if isinstance(read, str):
            damage.count("row(s) that hold no answer", f"{place}: {read}", f"write {_FORMS}")
            continue
        if found is None:
            found = StoredAnswers(path, read.kind, read.names, len(read.labels or read.cells), bool(read.cells))
        if not _alike(found, read, place, damage):
            found.refused.append(read.picture)
            continue
        cells = read.cells
        names = read.names or tuple(map(str, range(len(cells))))
        if read.names is not None and found.names is not None:
            order = {name: at for at, name in enumerate(read.names)}
            cells, names = tuple(cells[order[name]] for name in found.names), found.names
        strange = [cell for cell in cells if cell is not None and isinstance(cell, str | list | dict)]
        if strange:
            damage.count(NOT_NUMBERS, f"{place}: {strange[0]!r}", WRITE_NUMBERS)
            found.refused.append(read.picture)
            continue
        numbers = numbers_of(cells, names, place, damage)
        if numbers is None:
            found.refused.append(read.picture)
        else:
            found.add(place, read.picture, read.digest, numbers, read.labels)
    if found is None:
        damage.refuse()
        raise ModelError(f"{path}: is empty; write one object a line: {_FORMS}")
    return found


@dataclass(frozen=True)
class _JsonRow:
    kind: AnswerKind
    picture: str
    digest: str
    names: tuple[str, ...] | None
    labels: tuple[str, ...]
    cells: tuple[Any, ...]


def _json_row(row: Any) -> _JsonRow | str:
    """An object as a row, or what is wrong with it."""
    if not isinstance(row, dict) or "picture" not in row:
        return "no object with 'picture'"
    kinds = [key for key in ("scores", "label", "top") if key in row]
    if len(kinds) != 1:
        return "neither scores, label nor top" if not kinds else f"both {kinds[0]} and {kinds[1]}"
    known = {"picture", "sha256", kinds[0], *(("score",) if kinds[0] == "label" else ())}
    others = [key for key in row if key not in known]
    if others:
        return f"{others[0]!r} means nothing here"
    picture, digest, held = text_of(row["picture"]), text_of(row.get("sha256")), row[kinds[0]]
    if kinds[0] == "scores":
        if isinstance(held, dict) and held:
            return _JsonRow("scores", picture, digest, tuple(held), (), tuple(held.values()))
        if isinstance(held, list) and held:
            return _JsonRow("scores", picture, digest, None, (), tuple(held))
        return "scores must be an object or a list that is not empty"
    if kinds[0] == "label":
        label, cells = label_of(held), (row["score"],) if "score" in row else ()
        return _JsonRow("top", picture, digest, None, (label,), cells) if label else "an empty label"
    return _json_top(picture, digest, held)


def _json_top(picture: str, digest: str, held: Any) -> _JsonRow | str:
    if not isinstance(held, list) or not held:
        return 'top must be a list such as [["good", 0.9], ["scratch", 0.1]]'
    pairs = [one if isinstance(one, list) else [one] for one in held]
    widths = {len(pair) for pair in pairs}
    labels = tuple(label_of(pair[0]) if pair else "" for pair in pairs)
    if not all(labels) or widths not in ({1}, {2}):
        return 'top must be a list such as [["good", 0.9], ["scratch", 0.1]]'
    return _JsonRow("top", picture, digest, None, labels, tuple(pair[1] for pair in pairs if len(pair) == 2))


def _alike(found: StoredAnswers, read: _JsonRow, place: str, damage: Damage) -> bool:
    """Whether a row is of the kind of those before it."""
    width = len(read.labels or read.cells)
    if read.kind == "scores" and found.kind == "scores" and read.names is not None and found.names is not None:
        absent, more = set(found.names) - set(read.names), set(read.names) - set(found.names)
        if absent:
            damage.count("row(s) without a class that others have", f"{place}: {min(absent)!r}", WRITE_NUMBERS)
        elif more:
            damage.count("row(s) with a class that others have not", f"{place}: {min(more)!r}", WRITE_NUMBERS)
        return not absent and not more
    same = (read.kind, width, read.names is None, bool(read.cells))
    if same == (found.kind, found.width, found.names is None, found.scored):
        return True
    damage.count(
        "row(s) of another kind than the first",
        f"{place}: {_kind_text(read.kind, width, bool(read.cells))} after "
        f"{_kind_text(found.kind, found.width, found.scored)}",
        "write all rows alike",
    )
    return False


def _kind_text(kind: AnswerKind, width: int, scored: bool) -> str:
    if kind == "scores":
        return f"{width} scores"
    return f"{width} label(s) {'with' if scored else 'without'} scores"
