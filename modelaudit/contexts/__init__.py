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
from .perturbation import Lighting, Noise
from .perturbation import Lighting as lighting
from .perturbation import Noise as noise

__all__ = [
    "Lighting",
    "MeanFill",
    "Noise",
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
    "lighting",
    "mean_fill",
    "needs_mask",
    "noise",
    "original",
    "paste_back",
    "swap_background",
]
