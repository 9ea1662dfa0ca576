"""Measures: one number per image, from logits, label, attribution map and mask."""

from ..language.expression import Measure
from .adversarial import AdversarialBackgroundRate, adversarial_background_rate
from .behaviour import Accuracy, Confidence, FlipRate, Margin, TopKAccuracy, top_k_accuracy
from .composites import mean_corruption_error, relative_foreground_sensitivity, worst_group_accuracy
from .localisation import BackgroundDependence, BackgroundShare, background_dependence, background_share

accuracy = Measure(Accuracy())
confidence = Measure(Confidence())
flip_rate = Measure(FlipRate())
margin = Measure(Margin())

__all__ = [
    "Accuracy",
    "AdversarialBackgroundRate",
    "BackgroundDependence",
    "BackgroundShare",
    "Confidence",
    "FlipRate",
    "Margin",
    "TopKAccuracy",
    "accuracy",
    "adversarial_background_rate",
    "background_dependence",
    "background_share",
    "confidence",
    "flip_rate",
    "margin",
    "mean_corruption_error",
    "relative_foreground_sensitivity",
    "top_k_accuracy",
    "worst_group_accuracy",
]
