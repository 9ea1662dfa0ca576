"""The language users write: audits, measures, expectations, their canonical text, and the YAML form."""

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
