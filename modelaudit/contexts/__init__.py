"""Contexts: what is done to the surroundings of the object before the model sees the image.

>>> print(swap_background("other_class") | blur(2))
swap_background(other_class) | blur(2)
>>> fade(each=[0, 0.5, 1]).doses
(0.0, 0.5, 1.0)
"""

from .apply import (
    apply,
    can_lend,
    donor_rule,
    exempt,
    family,
    in_place,
    largest_donor,
    lending,
    lending_context,
    needs_mask,
    skips_same_picture,
    stored_picture,
)
from .base import ContextInput, ContextOutput
from .camera import Perspective, Rotation, Shift, Zoom
from .camera import Perspective as perspective
from .camera import Rotation as rotation
from .camera import Shift as shift
from .camera import Zoom as zoom
from .change import Identity, Original, PasteBack, Stored, SwapBackground, SwapIdentical
from .change import Identity as identity
from .change import Original as original
from .change import PasteBack as paste_back
from .change import Stored as stored
from .change import SwapBackground as swap_background
from .change import SwapIdentical as swap_identical
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
from .imagenet9 import MixedNext, MixedRand, MixedSame, NoFg, OnlyBgB, OnlyBgT, OnlyForeground
from .imagenet9 import MixedNext as mixed_next
from .imagenet9 import MixedRand as mixed_rand
from .imagenet9 import MixedSame as mixed_same
from .imagenet9 import NoFg as no_fg
from .imagenet9 import OnlyBgB as only_bg_b
from .imagenet9 import OnlyBgT as only_bg_t
from .imagenet9 import OnlyForeground as only_foreground
from .light import Exposure, Flicker, Gamma, Glare, Lighting, Shadow, WhiteBalance
from .light import Exposure as exposure
from .light import Flicker as flicker
from .light import Gamma as gamma
from .light import Glare as glare
from .light import Lighting as lighting
from .light import Shadow as shadow
from .light import WhiteBalance as white_balance
from .moving import Mirror, MirrorObject, MoveObject, RescaleObject, ShrinkObject
from .moving import Mirror as mirror
from .moving import MirrorObject as mirror_object
from .moving import MoveObject as move_object
from .moving import RescaleObject as rescale_object
from .moving import ShrinkObject as shrink_object
from .no_information import Fade, LowResolution, MeanFill, OccludeObject, RemoveBackground, RemoveObject
from .no_information import Fade as fade
from .no_information import LowResolution as low_resolution
from .no_information import MeanFill as mean_fill
from .no_information import OccludeObject as occlude_object
from .no_information import RemoveBackground as remove_background
from .no_information import RemoveObject as remove_object
from .optics import Blur, Defocus, Jpeg, LensDirt, Motion, SensorNoise, Vignette
from .optics import Blur as blur
from .optics import Defocus as defocus
from .optics import Jpeg as jpeg
from .optics import LensDirt as lens_dirt
from .optics import Motion as motion
from .optics import SensorNoise as sensor_noise
from .optics import Vignette as vignette
from .surroundings import BackgroundPatch, DonorPatch, Surroundings
from .surroundings import BackgroundPatch as background_patch
from .surroundings import DonorPatch as donor_patch
from .surroundings import Surroundings as surroundings

__all__ = [
    "BackgroundPatch",
    "Blur",
    "Brightness",
    "ContextInput",
    "ContextOutput",
    "Contrast",
    "Defocus",
    "DefocusBlur",
    "DonorPatch",
    "ElasticTransform",
    "Exposure",
    "Fade",
    "Flicker",
    "Fog",
    "Frost",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Glare",
    "GlassBlur",
    "Identity",
    "ImpulseNoise",
    "Jpeg",
    "JpegCompression",
    "LensDirt",
    "Lighting",
    "LowResolution",
    "MeanFill",
    "Mirror",
    "MirrorObject",
    "MixedNext",
    "MixedRand",
    "MixedSame",
    "Motion",
    "MotionBlur",
    "MoveObject",
    "NoFg",
    "OccludeObject",
    "OnlyBgB",
    "OnlyBgT",
    "OnlyForeground",
    "Original",
    "PasteBack",
    "Perspective",
    "Pixelate",
    "RemoveBackground",
    "RemoveObject",
    "RescaleObject",
    "Rotation",
    "Saturate",
    "SensorNoise",
    "Shadow",
    "Shift",
    "ShotNoise",
    "ShrinkObject",
    "Snow",
    "Spatter",
    "SpeckleNoise",
    "Stored",
    "Surroundings",
    "SwapBackground",
    "SwapIdentical",
    "Vignette",
    "WhiteBalance",
    "Zoom",
    "ZoomBlur",
    "apply",
    "background_patch",
    "blur",
    "brightness",
    "can_lend",
    "contrast",
    "defocus",
    "defocus_blur",
    "donor_patch",
    "donor_rule",
    "elastic_transform",
    "exempt",
    "exposure",
    "fade",
    "family",
    "flicker",
    "fog",
    "frost",
    "gamma",
    "gaussian_blur",
    "gaussian_noise",
    "glare",
    "glass_blur",
    "identity",
    "impulse_noise",
    "in_place",
    "jpeg",
    "jpeg_compression",
    "largest_donor",
    "lending",
    "lending_context",
    "lens_dirt",
    "lighting",
    "low_resolution",
    "mean_fill",
    "mirror",
    "mirror_object",
    "mixed_next",
    "mixed_rand",
    "mixed_same",
    "motion",
    "motion_blur",
    "move_object",
    "needs_mask",
    "no_fg",
    "occlude_object",
    "only_bg_b",
    "only_bg_t",
    "only_foreground",
    "original",
    "paste_back",
    "perspective",
    "pixelate",
    "remove_background",
    "remove_object",
    "rescale_object",
    "rotation",
    "saturate",
    "sensor_noise",
    "shadow",
    "shift",
    "shot_noise",
    "shrink_object",
    "skips_same_picture",
    "snow",
    "spatter",
    "speckle_noise",
    "stored",
    "stored_picture",
    "surroundings",
    "swap_background",
    "swap_identical",
    "vignette",
    "white_balance",
    "zoom",
    "zoom_blur",
]
