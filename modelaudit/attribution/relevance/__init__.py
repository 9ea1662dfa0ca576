"""Relevance that is handed back layer by layer: DeepLift and layer-wise relevance propagation."""

from .deeplift import DeepLift

__all__ = ["DeepLift"]
