"""What stored answers cannot support is given up before anything is measured, and says what is missing."""

from __future__ import annotations

from collections.abc import Mapping

from ..inference.running_model import RunningModel
from ..planning.plan import ColumnAsk
from .value_table import ValueTable


def give_up_unanswerable(table: ValueTable, models: Mapping[str, RunningModel]) -> None:
    """Give up the columns whose measure reads more than the stored answers of their model hold."""
    for ask in list(table.passes):
        model, failed = models[ask.model], {}
        for column in ask.columns:
            why = not_applicable(column, model)
            if why:
                failed[column.key] = why
        table.give_up_columns(ask, failed)


def not_applicable(column: ColumnAsk, model: RunningModel) -> str:
    """Why a column cannot be read off the answers of a model; "" where it can, and of a model that is run."""
    held, declares = model.loaded.answers, column.declares
    if declares.searches is not None and model.stored is not None:
        return (
            f"not applicable: {column.spec} chooses its pictures by what was answered to others, so they cannot be "
            f"answered beforehand, and {model.loaded.ref} is answers; take a model that runs, or one at remote:"
        )
    if held is None:
        return ""
    wanted = None if declares.labels is None else declares.labels(column.spec)
    lacking = held.lacks(declares.reads, wanted, distinct=model.fewest_meanings)
    if lacking:
        return (
            f"not applicable: {column.spec} needs {lacking}, and the answers of {model.loaded.ref} hold {held}; let "
            "the box write more into them, or take a measure of the label, such as accuracy or flip_rate"
        )
    return "" if column.map is None else model.lacks_maps(column.map)
