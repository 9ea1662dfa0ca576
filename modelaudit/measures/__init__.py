"""Measures: one number per image, from logits, label, attribution map and mask."""

from ..language.expression import Measure
from .behaviour import (
    Accuracy,
    AdversarialBackgroundRate,
    Confidence,
    FlipRate,
    Margin,
    TopKAccuracy,
    adversarial_background_rate,
    top_k_accuracy,
)
from .composites import mean_corruption_error, relative_foreground_sensitivity, worst_group_accuracy
from .localisation import (
    BackgroundDependence,
    BackgroundEnrichment,
    BackgroundShare,
    ConceptAttribution,
    DensityDifference,
    EnergyPointingGame,
    PointingGame,
    background_dependence,
    background_enrichment,
    background_share,
    concept_attribution,
    density_difference,
    energy_pointing_game,
    pointing_game,
)
from .predictions import FalseAlarmRate, MissRate, Predicted, false_alarm_rate, miss_rate, predicted
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
from .worst_change import WorstChange, worst_change

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
    "ConceptAttribution",
    "Confidence",
    "DensityDifference",
    "EnergyPointingGame",
    "FalseAlarmRate",
    "FlipRate",
    "Margin",
    "MaskIou",
    "MissRate",
    "PointingGame",
    "Predicted",
    "RelevanceRankAccuracy",
    "TopKAccuracy",
    "TopKIntersection",
    "WorstChange",
    "accuracy",
    "adversarial_background_rate",
    "attribution_auc",
    "background_dependence",
    "background_enrichment",
    "background_share",
    "concept_attribution",
    "confidence",
    "density_difference",
    "energy_pointing_game",
    "false_alarm_rate",
    "flip_rate",
    "margin",
    "mask_iou",
    "mean_corruption_error",
    "miss_rate",
    "pointing_game",
    "predicted",
    "relative_foreground_sensitivity",
    "relevance_rank_accuracy",
    "top_k_accuracy",
    "top_k_intersection",
    "worst_change",
    "worst_group_accuracy",
]
