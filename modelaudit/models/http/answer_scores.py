"""The scores in a server's answer: those of every image that was asked, or an error; never a guess."""

from __future__ import annotations

from typing import Any

from ...language.errors import ModelError
from .answer_path import AnswerPath, shortened
from .remote_file import AnswerFields

_LARGEST = 3.4028234663852886e38


def scores_of(
    answer: Any, asked: int, fields: AnswerFields, classes: tuple[str, ...] | None, known: int | None
) -> list[list[float]]:
    """The scores of each image, in the order in which the images were asked.

    Args:
        asked: how many images were asked.
        classes: the names of the classes, where they are stated.
        known: how many scores an image has, where that is known: from `classes`, or an earlier answer.

    Raises:
        ModelError: another number of answers or of scores, names of other classes, something that is not a finite
            number, ids that do not fit.
    """
    known = known if classes is None else len(classes)
    path = AnswerPath(fields.scores)
    rows = _rows(path, path.find(answer), asked, fields.label is not None, known)
    if len(rows) != asked:
        raise ModelError(f"{asked} images were sent, and {fields.scores!r} has {len(rows)} answers")
    if fields.ids is not None:
        rows = _in_order(rows, AnswerPath(fields.ids).find(answer), fields.ids)
    made = [_scores(row, number, fields, classes) for number, row in enumerate(rows)]
    for number, scores in enumerate(made):
        wanted = len(made[0]) if known is None else known
        if len(scores) != wanted:
            raise ModelError(f"image {number} of the request got {len(scores)} scores instead of {wanted}")
    return made


def _rows(path: AnswerPath, value: Any, asked: int, labelled: bool, known: int | None) -> list[Any]:
    """What stands there for each image."""
    if path.each:
        return list(value)
    if not isinstance(value, list):
        return [value]
    if not value:
        raise ModelError(f"{path.text!r} is an empty list")
    inner = {type(part) for part in value}
    if inner <= {list} or (inner <= {dict} and not labelled):
        return value
    if asked == 1:
        return [value]
    if known is None or len(value) != asked * known:
        each = "an unknown number of" if known is None else str(known)
        raise ModelError(
            f"{path.text!r} is one list of {len(value)} values for {asked} images of {each} scores; name the place of "
            "each image's scores with [*], or state classes"
        )
    return [value[first : first + known] for first in range(0, len(value), known)]


def _in_order(rows: list[Any], ids: Any, text: str) -> list[Any]:
    """Rows in the order of the numbers that the server sent back with them."""
    given = [str(one) for one in (ids if isinstance(ids, list) else [ids])]
    wanted = [str(number) for number in range(len(rows))]
    if sorted(given) != sorted(wanted):
        shown = ", ".join(given[:5])
        raise ModelError(f"{text!r} has {shown}, and the images 0 to {len(rows) - 1} were sent; each must come once")
    return [rows[given.index(number)] for number in wanted]


def _scores(row: Any, number: int, fields: AnswerFields, classes: tuple[str, ...] | None) -> list[float]:
    where = f"image {number} of the request"
    if fields.label is not None:
        row = _by_label(row, where, fields.label, fields.score)
    if isinstance(row, dict):
        if classes is None:
            raise ModelError(f"{where}: the scores are named ({shortened(row)}); state classes, in the order you want")
        lost, more = [name for name in classes if name not in row], [name for name in row if name not in classes]
        if lost or more:
            raise ModelError(
                f"{where}: the scores are of other classes than stated: {_named('missing', lost)}"
                f"{'; ' if lost and more else ''}{_named('not stated', more)}"
            )
        row = [row[name] for name in classes]
    values = row if isinstance(row, list) else [row]
    if not values:
        raise ModelError(f"{where}: no scores")
    return [_number(value, where) for value in values]


def _by_label(row: Any, where: str, label: str, score: str) -> dict[str, Any]:
    if not isinstance(row, list) or not all(isinstance(part, dict) and {label, score} <= set(part) for part in row):
        raise ModelError(f"{where}: {shortened(row)} must be a list of objects with {label!r} and {score!r}")
    found: dict[str, Any] = {}
    for part in row:
        if str(part[label]) in found:
            raise ModelError(f"{where}: the class {part[label]!r} stands twice")
        found[str(part[label])] = part[score]
    return found


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ModelError(f"{where}: a score is {shortened(value)}; scores are finite numbers")
    if abs(number := float(value)) > _LARGEST:
        raise ModelError(f"{where}: a score is {number:g}; scores are finite numbers of float32")
    return number


def _named(what: str, names: list[str]) -> str:
    return f"{what} {', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}" if names else ""
