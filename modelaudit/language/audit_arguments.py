"""Arguments of ``Audit`` and ``expect`` as users type them, refused where they can mean nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import ExpressionError
from .expression import Expectation, Expression
from .parser import parse

if TYPE_CHECKING:
    from .audit import Audit

_PLAIN = (str, bytes, bool, int, float)


def check_arguments(audit: Audit) -> None:
    """Refuse arguments of an audit that can mean nothing.

    Raises:
        ExpressionError: names the argument, its value and what to write.
    """
    models = audit.model if isinstance(audit.model, Mapping) else {"": audit.model}
    for name, model in models.items():
        where = f"model={{{name!r}: ...}}" if isinstance(audit.model, Mapping) else "model"
        if not isinstance(name, str):
            raise ExpressionError(f"model={{{name!r}: ...}}: the name of a model must be text")
        _check_model(where, model)
    _check_data(audit.data)
    by_model = isinstance(audit.classes, Mapping)
    for classes in audit.classes.values() if by_model else (audit.classes,):
        _check_classes(classes)
    if audit.labels is not None and not isinstance(audit.labels, Mapping | str):
        raise ExpressionError(
            f"labels={audit.labels!r}: give a dict of the data's labels to the model's classes, e.g. {{'cat': 3}}, or "
            "the name of a CSV or JSON file"
        )
    if isinstance(audit.preprocessing, _PLAIN):
        raise ExpressionError(
            f"preprocessing={audit.preprocessing!r}: give Preprocessing(...), e.g. Preprocessing(resize=256, crop=224)"
        )


def as_expectation(value: Any) -> Expectation:
    """The expectation that ``expect`` was handed, or the one that a text states.

    Raises:
        ExpressionError: neither.
    """
    if isinstance(value, Expectation):
        return value
    if isinstance(value, str):
        return parse(value)
    if isinstance(value, Expression):
        raise ExpressionError(
            f"expect() got the measure '{value}' and no threshold; compare it with a number, e.g. {value} > 0.9"
        )
    if isinstance(value, bool):
        raise ExpressionError(
            f"expect() got {value}, which is what == and != give; an expectation compares by <, <=, > or >=, e.g. "
            "accuracy > 0.9"
        )
    raise ExpressionError(
        f"expect() got {value!r} of type {type(value).__name__}; compare a measure with a number, e.g. accuracy > 0.9"
    )


def _check_model(where: str, model: Any) -> None:
    if callable(model) or (isinstance(model, str) and model.strip()):
        return
    if isinstance(model, os.PathLike):
        raise ExpressionError(f"{where}={model!r}: write the reference as text, e.g. {os.fspath(model)!r}")
    raise ExpressionError(
        f"{where}={model!r}: give a reference such as 'torchvision:resnet50@IMAGENET1K_V2' or 'models/net.py:build', a "
        "torch module, a function that returns one, or a dict of these by name"
    )


def _check_data(data: Any) -> None:
    if isinstance(data, os.PathLike):
        raise ExpressionError(f"data={data!r}: write the source before the path, e.g. 'folder:{os.fspath(data)}'")
    if isinstance(data, str) and data.strip():
        return
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise ExpressionError(
            f"data={data!r}: give a reference such as 'folder:data/line_a', or an iterable of Sample(...)"
        )


def _check_classes(classes: Any) -> None:
    if isinstance(classes, str):
        names = [name.strip() for name in classes.split(",")]
        raise ExpressionError(f"classes={classes!r} is one text; give the names by the model's outputs: {names}")
    if classes is not None and (isinstance(classes, _PLAIN) or not isinstance(classes, Iterable)):
        raise ExpressionError(f"classes={classes!r}: give the names by the model's outputs, e.g. ['bolt', 'nut']")
