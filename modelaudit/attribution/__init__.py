"""Attribution: methods that give each pixel its share in the decision, under the names users write."""

from .base import Cost, Maps, Question, attribution
from .cam import GradCam as gradcam
from .gradient import InputTimesGradient as input_x_gradient
from .gradient import Saliency as saliency
from .integrated import IntegratedGradients as integrated_gradients
from .validity import check

__all__ = [
    "Cost",
    "Maps",
    "Question",
    "attribution",
    "check",
    "gradcam",
    "input_x_gradient",
    "integrated_gradients",
    "saliency",
]
