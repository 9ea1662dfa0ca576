"""Models: where they come from, who they are, and how they are run without being changed."""

from ..language.spatial import SpatialLayer
from .base import model_source
from .borrow import borrowed
from .layers import layer_named, spatial_layer
from .loaded import LoadedModel, PixelModel
from .opening import open_model, runs_code
from .torchvision_source import torchvision_model

__all__ = [
    "LoadedModel",
    "PixelModel",
    "SpatialLayer",
    "borrowed",
    "layer_named",
    "model_source",
    "open_model",
    "runs_code",
    "spatial_layer",
    "torchvision_model",
]
