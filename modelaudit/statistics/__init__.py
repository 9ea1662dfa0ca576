"""Verdicts from per-image values: bounds, missing values, methods, planning."""

from .decide import decide
from .expansion import single_expectations
from .intervals import bca, betting, clopper_pearson, discordant_clopper_pearson, gaffke, tango, wilson
from .values import Clustering, Column, Membership, ValueTable
from .verdict import Counts, Decision, Reason, Verdict, worst

__all__ = [
    "Clustering",
    "Column",
    "Counts",
    "Decision",
    "Membership",
    "Reason",
    "ValueTable",
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
