"""Measures: one number per image, from logits, label, attribution map and mask."""

from ..language.expression import Measure
from .adversarial import AdversarialBackgroundRate, adversarial_background_rate
from .behaviour import Accuracy, Confidence, FlipRate, Margin, TopKAccuracy, top_k_accuracy
from .composites import mean_corruption_error, relative_foreground_sensitivity, worst_group_accuracy
from .densities import DensityDifference, EnergyPointingGame, density_difference, energy_pointing_game
from .localisation import (
    BackgroundDependence,
    BackgroundEnrichment,
    BackgroundShare,
    background_dependence,
    background_enrichment,
    background_share,
)
from .pointing import PointingGame, pointing_game
from .ranks import (
    AttributionAuc,
    MaskIou,
    RelevanceRankAccuracy,
    TopKIntersection,
    attribution_auc,
    mask_iou,
    relevance_rank_accuracy,
    top_k_intersection,
)

accuracy = Measure(Accuracy())
confidence = Measure(Confidence())
flip_rate = Measure(FlipRate())
margin = Measure(Margin())

__all__ = [
    "Accuracy",
    "AdversarialBackgroundRate",
    "AttributionAuc",
    "BackgroundDependence",
    "BackgroundEnrichment",
    "BackgroundShare",
    "Confidence",
    "DensityDifference",
    "EnergyPointingGame",
    "FlipRate",
    "Margin",
    "MaskIou",
    "PointingGame",
    "RelevanceRankAccuracy",
    "TopKAccuracy",
    "TopKIntersection",
    "accuracy",
    "adversarial_background_rate",
    "attribution_auc",
    "background_dependence",
    "background_enrichment",
    "background_share",
    "confidence",
    "density_difference",
    "energy_pointing_game",
    "flip_rate",
    "margin",
    "mask_iou",
    "mean_corruption_error",
    "pointing_game",
    "relative_foreground_sensitivity",
    "relevance_rank_accuracy",
    "top_k_accuracy",
    "top_k_intersection",
    "worst_group_accuracy",
]
