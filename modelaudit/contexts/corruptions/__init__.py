"""The 15 + 4 corruptions of ImageNet-C (Hendrycks and Dietterich 2019), on the device, by region."""

from .blur import DefocusBlur, GaussianBlur, GlassBlur, MotionBlur, ZoomBlur
from .digital import Contrast, Pixelate, Saturate
from .elastic import ElasticTransform
from .jpeg import JpegCompression
from .noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise
from .spatter import Spatter
from .weather import Brightness, Fog, Frost, Snow

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
    "MotionBlur",
    "Pixelate",
    "Saturate",
    "ShotNoise",
    "Snow",
    "Spatter",
    "SpeckleNoise",
    "ZoomBlur",
]
