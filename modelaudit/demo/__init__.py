"""The built-in demo: an inspection line with a shortcut of known strength, and two networks that learned from it.

``demo:`` is a data source and a model source. The line is drawn, frame by frame; the networks are shipped as weights,
which ``modelaudit demo train`` writes anew.
"""

from .line import PARTS, SURROUNDINGS, Frames, InspectionLine
from .net import InspectionNet
from .source_data import demo_data
from .source_models import demo_model
from .training import SHIPPED, Progress, Training, accuracy, regenerate, train

__all__ = [
    "PARTS",
    "SHIPPED",
    "SURROUNDINGS",
    "Frames",
    "InspectionLine",
    "InspectionNet",
    "Progress",
    "Training",
    "accuracy",
    "demo_data",
    "demo_model",
    "regenerate",
    "train",
]
