"""The language users write: audits, measures, expectations, their canonical text, and the YAML form.

Its names are loaded when first used: a pytest session without audits pays for none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit import Audit, AuditCase
    from .checks import CheckSettings
    from .errors import (
        AttributionError,
        AuditError,
        AuditFileError,
        ContextError,
        DataError,
        ExpressionError,
        ModelError,
        ResultsError,
        UnknownNameError,
    )
    from .expression import Expectation, Expression, Measure
    from .looked import CheckedExpectation
    from .parser import parse, parse_context, parse_expression
    from .reasons import Missing
    from .sample import BuiltModel, DataSet, Preprocessing, Sample
    from .strata import column, correct, group, label, misclassified, object_area

#: a module, and the names of it that stand here
_HOMES = {
    "audit": (
        "Audit",
        "AuditCase",
    ),
    "checks": ("CheckSettings",),
    "errors": (
        "AttributionError",
        "AuditError",
        "AuditFileError",
        "ContextError",
        "DataError",
        "ExpressionError",
        "ModelError",
        "ResultsError",
        "UnknownNameError",
    ),
    "expression": (
        "Expectation",
        "Expression",
        "Measure",
    ),
    "looked": ("CheckedExpectation",),
    "parser": (
        "parse",
        "parse_context",
        "parse_expression",
    ),
    "reasons": ("Missing",),
    "sample": (
        "BuiltModel",
        "DataSet",
        "Preprocessing",
        "Sample",
    ),
    "strata": (
        "column",
        "correct",
        "group",
        "label",
        "misclassified",
        "object_area",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AttributionError",
    "Audit",
    "AuditCase",
    "AuditError",
    "AuditFileError",
    "BuiltModel",
    "CheckSettings",
    "CheckedExpectation",
    "ContextError",
    "DataError",
    "DataSet",
    "Expectation",
    "Expression",
    "ExpressionError",
    "Measure",
    "Missing",
    "ModelError",
    "Preprocessing",
    "ResultsError",
    "Sample",
    "UnknownNameError",
    "column",
    "correct",
    "group",
    "label",
    "misclassified",
    "object_area",
    "parse",
    "parse_context",
    "parse_expression",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
