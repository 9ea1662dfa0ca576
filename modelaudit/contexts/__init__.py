"""Contexts: what is done to the surroundings of the object before the model sees the image."""

from .apply import (
    apply,
    can_lend,
    donor_rule,
    exempt,
    family,
    in_place,
    lending_context,
    needs_mask,
    stored_picture,
)
from .base import Rendered, Scene
from .camera import Perspective, Rotation, Shift, Zoom
from .camera import Perspective as perspective
from .camera import Rotation as rotation
from .camera import Shift as shift
from .camera import Zoom as zoom
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
from .light import Exposure, Flicker, Gamma, Glare, Shadow, WhiteBalance
from .light import Exposure as exposure
from .light import Flicker as flicker
from .light import Gamma as gamma
from .light import Glare as glare
from .light import Shadow as shadow
from .light import WhiteBalance as white_balance
from .no_information import MeanFill
from .no_information import MeanFill as mean_fill
from .optics import Blur, Defocus, LensDirt, Motion, Vignette
from .optics import Blur as blur
from .optics import Defocus as defocus
from .optics import LensDirt as lens_dirt
from .optics import Motion as motion
from .optics import Vignette as vignette
from .perturbation import Lighting
from .perturbation import Lighting as lighting
from .sensor import Jpeg, SensorNoise
from .sensor import Jpeg as jpeg
from .sensor import SensorNoise as sensor_noise
from .stored import Stored
from .stored import Stored as stored

__all__ = [
    "Blur",
    "Brightness",
    "Contrast",
    "Defocus",
    "DefocusBlur",
    "ElasticTransform",
    "Exposure",
    "Flicker",
    "Fog",
    "Frost",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Glare",
    "GlassBlur",
    "ImpulseNoise",
    "Jpeg",
    "JpegCompression",
    "LensDirt",
    "Lighting",
    "MeanFill",
    "Motion",
    "MotionBlur",
    "Original",
    "PasteBack",
    "Perspective",
    "Pixelate",
    "Rendered",
    "Rotation",
    "Saturate",
    "Scene",
    "SensorNoise",
    "Shadow",
    "Shift",
    "ShotNoise",
    "Snow",
    "Spatter",
    "SpeckleNoise",
    "Stored",
    "SwapBackground",
    "Vignette",
    "WhiteBalance",
    "Zoom",
    "ZoomBlur",
    "apply",
    "blur",
    "brightness",
    "can_lend",
    "contrast",
    "defocus",
    "defocus_blur",
    "donor_rule",
    "elastic_transform",
    "exempt",
    "exposure",
    "family",
    "flicker",
    "fog",
    "frost",
    "gamma",
    "gaussian_blur",
    "gaussian_noise",
    "glare",
    "glass_blur",
    "impulse_noise",
    "in_place",
    "jpeg",
    "jpeg_compression",
    "lending_context",
    "lens_dirt",
    "lighting",
    "mean_fill",
    "motion",
    "motion_blur",
    "needs_mask",
    "original",
    "paste_back",
    "perspective",
    "pixelate",
    "rotation",
    "saturate",
    "sensor_noise",
    "shadow",
    "shift",
    "shot_noise",
    "snow",
    "spatter",
    "speckle_noise",
    "stored",
    "stored_picture",
    "swap_background",
    "vignette",
    "white_balance",
    "zoom",
    "zoom_blur",
]
