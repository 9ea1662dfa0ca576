"""Contexts: what is done to the surroundings of the object before the model sees the image."""

from .apply import apply, can_lend, donor_rule, exempt, family, needs_mask
from .base import Rendered, Scene
from .change import SwapBackground
from .change import SwapBackground as swap_background
from .control import Original, PasteBack
from .control import Original as original
from .control import PasteBack as paste_back
from .corruptions import (
    Brightness,
    Contrast,
    DefocusBlur,
    ElasticTransform,
    Fog,
    Frost,
    GaussianBlur,
    GaussianNoise,
    GlassBlur,
    ImpulseNoise,
    JpegCompression,
    MotionBlur,
    Pixelate,
    Saturate,
    ShotNoise,
    Snow,
    Spatter,
    SpeckleNoise,
    ZoomBlur,
)
from .corruptions import Brightness as brightness
from .corruptions import Contrast as contrast
from .corruptions import DefocusBlur as defocus_blur
from .corruptions import ElasticTransform as elastic_transform
from .corruptions import Fog as fog
from .corruptions import Frost as frost
from .corruptions import GaussianBlur as gaussian_blur
from .corruptions import GaussianNoise as gaussian_noise
from .corruptions import GlassBlur as glass_blur
from .corruptions import ImpulseNoise as impulse_noise
from .corruptions import JpegCompression as jpeg_compression
from .corruptions import MotionBlur as motion_blur
from .corruptions import Pixelate as pixelate
from .corruptions import Saturate as saturate
from .corruptions import ShotNoise as shot_noise
from .corruptions import Snow as snow
from .corruptions import Spatter as spatter
from .corruptions import SpeckleNoise as speckle_noise
from .corruptions import ZoomBlur as zoom_blur
from .no_information import MeanFill
from .no_information import MeanFill as mean_fill
from .perturbation import Lighting
from .perturbation import Lighting as lighting

__all__ = [
    "Brightness",
    "Contrast",
    "DefocusBlur",
    "ElasticTransform",
    "Fog",
    "Frost",
    "GaussianBlur",
    "GaussianNoise",
    "GlassBlur",
    "ImpulseNoise",
    "JpegCompression",
    "Lighting",
    "MeanFill",
    "MotionBlur",
    "Original",
    "PasteBack",
    "Pixelate",
    "Rendered",
    "Saturate",
    "Scene",
    "ShotNoise",
    "Snow",
    "Spatter",
    "SpeckleNoise",
    "SwapBackground",
    "ZoomBlur",
    "apply",
    "brightness",
    "can_lend",
    "contrast",
    "defocus_blur",
    "donor_rule",
    "elastic_transform",
    "exempt",
    "family",
    "fog",
    "frost",
    "gaussian_blur",
    "gaussian_noise",
    "glass_blur",
    "impulse_noise",
    "jpeg_compression",
    "lighting",
    "mean_fill",
    "motion_blur",
    "needs_mask",
    "original",
    "paste_back",
    "pixelate",
    "saturate",
    "shot_noise",
    "snow",
    "spatter",
    "speckle_noise",
    "swap_background",
    "zoom_blur",
]
