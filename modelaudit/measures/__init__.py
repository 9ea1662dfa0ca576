"""Measures: one number per image, from logits, label, attribution map and mask."""

from ..language.expression import Measure
from .behaviour import Accuracy, Confidence, FlipRate
from .localisation import BackgroundDependence, BackgroundShare, background_dependence, background_share

accuracy = Measure(Accuracy())
confidence = Measure(Confidence())
flip_rate = Measure(FlipRate())

__all__ = [
    "Accuracy",
    "BackgroundDependence",
    "BackgroundShare",
    "Confidence",
    "FlipRate",
    "accuracy",
    "background_dependence",
    "background_share",
    "confidence",
    "flip_rate",
]
