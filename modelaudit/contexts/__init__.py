"""Contexts: what is done to the surroundings of the object before the model sees the image."""

from .apply import apply, can_lend, donor_rule, exempt, family, needs_mask
from .base import Rendered, Scene
from .change import SwapBackground
from .change import SwapBackground as swap_background
from .control import Original, PasteBack
from .control import Original as original
from .control import PasteBack as paste_back
from .no_information import MeanFill
from .no_information import MeanFill as mean_fill
from .perturbation import GaussianNoise, Lighting
from .perturbation import GaussianNoise as gaussian_noise
from .perturbation import Lighting as lighting

__all__ = [
    "GaussianNoise",
    "Lighting",
    "MeanFill",
    "Original",
    "PasteBack",
    "Rendered",
    "Scene",
    "SwapBackground",
    "apply",
    "can_lend",
    "donor_rule",
    "exempt",
    "family",
    "gaussian_noise",
    "lighting",
    "mean_fill",
    "needs_mask",
    "original",
    "paste_back",
    "swap_background",
]
