"""Measures: one number per image, from logits, label, attribution map and mask."""

from ..language.expression import Measure
from .adversarial import AdversarialBackgroundRate, adversarial_background_rate
from .behaviour import Accuracy, Confidence, FlipRate
from .localisation import BackgroundDependence, BackgroundShare, background_dependence, background_share

accuracy = Measure(Accuracy())
confidence = Measure(Confidence())
flip_rate = Measure(FlipRate())

__all__ = [
    "Accuracy",
    "AdversarialBackgroundRate",
    "BackgroundDependence",
    "BackgroundShare",
    "Confidence",
    "FlipRate",
    "accuracy",
    "adversarial_background_rate",
    "background_dependence",
    "background_share",
    "confidence",
    "flip_rate",
]
