"""Verdicts from per-image values: bounds, missing values, methods, planning."""

from .decide import decide
from .expansion import single_expectations
from .intervals import bca, betting, clopper_pearson, discordant_clopper_pearson, gaffke, tango, wilson
from .values import Clustering, Column, ColumnTable, Membership
from .verdict import Counts, Decision, Reason, Verdict, worst

__all__ = [
    "Clustering",
    "Column",
    "ColumnTable",
    "Counts",
    "Decision",
    "Membership",
    "Reason",
    "Verdict",
    "bca",
    "betting",
    "clopper_pearson",
    "decide",
    "discordant_clopper_pearson",
    "gaffke",
    "single_expectations",
    "tango",
    "wilson",
    "worst",
]
