"""Arguments of ``Audit`` and ``expect`` as users type them, refused where they can mean nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from .errors import ExpressionError, nearest
from .expression import Expectation, Expression
from .languages import LANGUAGES
from .parser import parse
from .reference import ADDRESS_ALONE, may_hold_secret

#: what hangs on an expectation: critical ones cannot be waived, advisory ones never fail a run
Importance = Literal["critical", "major", "advisory"]
IMPORTANCES: tuple[Importance, ...] = get_args(Importance)
#: the most people that a requirement can ask to review it
MOST_REVIEWERS = 9
_PLAIN = (str, bytes, bool, int, float)


def check_arguments(*, model: Any, data: Any, classes: Any, labels: Any, preprocessing: Any) -> None:
    """Refuse arguments of an audit that can mean nothing.

    Raises:
        ExpressionError: names the argument, its value and what to write.
    """
    several = isinstance(model, Mapping)
    for name, one in model.items() if several else (("", model),):
        where = f"model={{{name!r}: ...}}" if several else "model"
        if not isinstance(name, str):
            raise ExpressionError(f"model={{{name!r}: ...}}: the name of a model must be text")
        _check_model(where, one)
    _check_data(data)
    for names in classes.values() if isinstance(classes, Mapping) else (classes,):
        _check_classes(names)
    if labels is not None and not isinstance(labels, Mapping | str):
        raise ExpressionError(
            f"labels={labels!r}: give a dict of the data's labels to the model's classes, e.g. {{'cat': 3}}, or "
            "the name of a CSV or JSON file"
        )
    if isinstance(preprocessing, _PLAIN):
        raise ExpressionError(
            f"preprocessing={preprocessing!r}: give Preprocessing(...), e.g. Preprocessing(resize=256, crop=224)"
        )


def check_details(clause: Any, says: Any, must_fail: Any, importance: Any) -> None:
    """Refuse what goes with an expectation and is of the wrong type.

    Raises:
        ExpressionError: names the argument and its value.
    """
    if clause is not None and not isinstance(clause, str):
        raise ExpressionError(f"clause={clause!r} must be text, e.g. clause='{clause}'")
    _check_says(says)
    if not isinstance(must_fail, bool):
        raise ExpressionError(f"must_fail={must_fail!r} must be True or False")
    if importance not in IMPORTANCES:
        raise ExpressionError(f"importance={importance!r}{nearest(str(importance), IMPORTANCES)}")
    if must_fail and importance == "advisory":
        raise ExpressionError(
            "importance='advisory' with must_fail=True: a known-bad model shows that the audit can fail, and advice "
            "cannot; leave one of them out"
        )


def check_reviewed_by(reviewed_by: Any) -> None:
    """Refuse a number of reviewers that is none.

    Raises:
        ExpressionError: names the value and what to write.
    """
    if reviewed_by is None:
        return
    if isinstance(reviewed_by, bool) or not isinstance(reviewed_by, int) or not 1 <= reviewed_by <= MOST_REVIEWERS:
        raise ExpressionError(
            f"reviewed_by={reviewed_by!r} must be an integer from 1 to {MOST_REVIEWERS}, the number of people who "
            "review the pictures, or left out"
        )


def check_can_be_reviewed(expectation: Expectation, reviewed_by: int) -> None:
    """Refuse an expectation of which people have nothing to judge: it reads no heat map and changes no image.

    Raises:
        ExpressionError: names the expectation and what to do.
    """
    leaves = expectation.expression.measures()
    if not any(leaf.spec.methods or leaf.context is not None for leaf in leaves):
        raise ExpressionError(
            f"reviewed_by={reviewed_by}: '{expectation}' reads no heat map and changes no image, so there is nothing "
            "to review; leave reviewed_by out, or state it of an expectation with a heat map or a context"
        )


def _check_says(says: Any) -> None:
    if not isinstance(says, Mapping):
        if says is not None and not isinstance(says, str):
            raise ExpressionError(f"says={says!r} must be text, or a text for each language: {{'en': ..., 'ja': ...}}")
        return
    if not says:
        raise ExpressionError("says={} holds no text; leave it out, or give a text for each language")
    for language, text in says.items():
        if language not in LANGUAGES:
            hint = nearest(str(language), LANGUAGES) or f"; the report has {' and '.join(LANGUAGES)}"
            raise ExpressionError(f"says={{{language!r}: ...}}: unknown language {language!r}{hint}")
        if not isinstance(text, str):
            raise ExpressionError(f"says={{{language!r}: {text!r}}}: must be text")


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
    if isinstance(model, str) and model.strip():
        if may_hold_secret(model):
            raise ExpressionError(f"{where}: {ADDRESS_ALONE}")
        return
    if isinstance(model, os.PathLike):
        raise ExpressionError(f"{where}={model!r}: write the reference as text, e.g. {os.fspath(model)!r}")
    if model is not None and not isinstance(model, (*_PLAIN, list, tuple)):
        return
    raise ExpressionError(
        f"{where}={model!r}: give a reference such as 'torchvision:resnet50@IMAGENET1K_V2' or 'models/net.py:build', a "
        "torch module, a function that returns one, or a dict of these by name"
    )


def _check_data(data: Any) -> None:
    if isinstance(data, os.PathLike):
        raise ExpressionError(f"data={data!r}: write the source before the path, e.g. 'folder:{os.fspath(data)}'")
    if isinstance(data, str) and data.strip():
        return
    if data is None or isinstance(data, (*_PLAIN, Mapping)):
        raise ExpressionError(
            f"data={data!r}: give a reference such as 'folder:data/line_a', or an iterable of Sample(...)"
        )


def _check_classes(classes: Any) -> None:
    if isinstance(classes, str):
        names = [name.strip() for name in classes.split(",")]
        raise ExpressionError(f"classes={classes!r} is one text; give the names by the model's outputs: {names}")
    if classes is not None and (isinstance(classes, _PLAIN) or not isinstance(classes, Iterable)):
        raise ExpressionError(f"classes={classes!r}: give the names by the model's outputs, e.g. ['bolt', 'nut']")
