"""Expectations checked without pytest, in a notebook or a shell: ``audit.check(accuracy > 0.9)``."""

from .check import check

__all__ = ["check"]
