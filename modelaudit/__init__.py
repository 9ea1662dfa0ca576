"""modelaudit: decide with pytest whether an image classifier may be deployed.

The names that users import stand here and are loaded when first used: ``import modelaudit`` imports no torch.

>>> from modelaudit import Audit, parse
>>> line_a = Audit(model="demo:sound", data="demo:")
>>> str(line_a.expect(parse("accuracy > 0.90"), clause="PoC agreement 4.1").expectation)
'accuracy > 0.9'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from .language import (
        AttributionError,
        Audit,
        AuditCase,
        AuditError,
        AuditFileError,
        BuiltModel,
        CheckedExpectation,
        CheckSettings,
        ContextError,
        DataError,
        DataSet,
        Expectation,
        Expression,
        ExpressionError,
        Measure,
        Missing,
        ModelError,
        Preprocessing,
        ResultsError,
        Sample,
        UnknownNameError,
        column,
        correct,
        group,
        label,
        misclassified,
        object_area,
        parse,
        parse_context,
        parse_expression,
    )
    from .monitoring.monitor import Monitor

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
    "Monitor",
    "Preprocessing",
    "ResultsError",
    "Sample",
    "UnknownNameError",
    "__version__",
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


#: names of earlier versions, by their names today
_RENAMED = {"Checks": "CheckSettings"}


def __getattr__(name: str) -> Any:
    name = _RENAMED.get(name, name)
    if name == "strategies":  # needs Hypothesis, so that `import *` does not ask for it
        return importlib.import_module(".strategies", __name__)
    if name == "Monitor":
        from .monitoring.monitor import Monitor

        return Monitor
    if name in __all__:
        from . import language

        return getattr(language, name)
    raise AttributeError(f"module 'modelaudit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
