"""Masks made where there are none."""

from .grabcut import grabcut
from .making import Maker, Policy, make_masks

__all__ = ["Maker", "Policy", "grabcut", "make_masks"]
