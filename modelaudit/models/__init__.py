"""Models: where they come from, who they are, and how they are run without being changed."""

from ..language.spatial import SpatialLayer
from .acceleration import Fidelity, PreparedModel, fidelity, precision_context, precisions, prepare_model
from .black_box import black_box
from .exported_source import exported_model, torchscript_model
from .http import remote, remote_model
from .hugging_face_source import hugging_face_model
from .layers import early_layer, layer_named, module_named, resolve_layer, spatial_layer
from .loaded import LoadedModel, PixelModel, frozen_on, model_source
from .onnx_source import onnx_model
from .opening import open_model, runs_code
from .predictions.source import predicted_model
from .repeatability import check_repeatable, deterministic
from .timm_source import timm_model
from .torchvision_source import torchvision_model

__all__ = [
    "Fidelity",
    "LoadedModel",
    "PixelModel",
    "PreparedModel",
    "SpatialLayer",
    "black_box",
    "check_repeatable",
    "deterministic",
    "early_layer",
    "exported_model",
    "fidelity",
    "frozen_on",
    "hugging_face_model",
    "layer_named",
    "model_source",
    "module_named",
    "onnx_model",
    "open_model",
    "precision_context",
    "precisions",
    "predicted_model",
    "prepare_model",
    "remote",
    "remote_model",
    "resolve_layer",
    "runs_code",
    "spatial_layer",
    "timm_model",
    "torchscript_model",
    "torchvision_model",
]
