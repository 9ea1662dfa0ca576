"""Relevance that is handed back layer by layer: DeepLift and layer-wise relevance propagation."""

from .deeplift import DeepLift
from .lrp import Lrp

__all__ = ["DeepLift", "Lrp"]
