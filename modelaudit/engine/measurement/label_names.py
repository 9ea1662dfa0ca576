"""The labels that measures name (``miss_rate(good=free)``) are looked up before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping

from ...language.errors import ExpressionError, nearest
from ...language.spec import MeasureSpec
from ..inference.running_model import RunningModel
from .value_table import ValueTable


def give_up_unknown_labels(table: ValueTable, models: Mapping[str, RunningModel]) -> None:
    """Give up the columns whose measure names a label that means nothing, with the nearest names in their failure."""
    for ask in list(table.passes):
        failed = {}
        for column in ask.columns:
            try:
                check_label_names(column.spec, models[ask.model])
            except ExpressionError as error:
                failed[column.key] = str(error)
        table.give_up_columns(ask, failed)


def check_label_names(spec: MeasureSpec, model: RunningModel) -> None:
    """Check that every label that a measure names means a class of the model.

    Raises:
        ExpressionError: a name that neither the data nor the model have, or, of a measure over some of the images,
            a label that shares its class with another one that is not named.
    """
    labels = {str(label): index for label, index in model.indices.items()}
    for name in spec.label_names:
        if name not in model.named:
            known = dict.fromkeys([*labels, *(key for key in model.named if isinstance(key, str))])
            raise ExpressionError(
                f"{spec}: {name!r} means no label of the data and no output of the model{nearest(str(name), known)}"
            )
    classes = {model.named[name] for name in spec.label_names}
    alike = [label for label, index in labels.items() if index in classes and label not in map(str, spec.label_names)]
    named_by_label = [name for name in spec.label_names if name in labels]
    if spec.stratum is not None and alike and named_by_label:
        raise ExpressionError(
            f"{spec}: {alike[0]!r} and {named_by_label[0]!r} are one class of the model, and only one of them is named "
            f"as good; name all: good={[*map(str, spec.label_names), *alike]}"
        )
