"""Verdicts from per-image values: bounds, missing values, methods, planning."""

from .betting import betting
from .decide import decide, singles
from .intervals import bca, clopper_pearson, gaffke, wilson
from .paired import discordant_clopper_pearson, tango
from .values import Clustering, Column, Membership, Table
from .verdict import Counts, Decision, Reason, Verdict, worst

__all__ = [
    "Clustering",
    "Column",
    "Counts",
    "Decision",
    "Membership",
    "Reason",
    "Table",
    "Verdict",
    "bca",
    "betting",
    "clopper_pearson",
    "decide",
    "discordant_clopper_pearson",
    "gaffke",
    "singles",
    "tango",
    "wilson",
    "worst",
]
