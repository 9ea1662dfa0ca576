"""The 15 + 4 corruptions of ImageNet-C (Hendrycks and Dietterich 2019), on the device, by region."""

from .blur import DefocusBlur, ElasticTransform, GaussianBlur, GlassBlur, MotionBlur, ZoomBlur
from .digital import Contrast, JpegCompression, Pixelate, Saturate
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
