"""Attribution: methods that give each pixel its share in the decision, under the names users write."""

from .base import Cost, Maps, Question, attribution
from .cam import GradCam as gradcam
from .feature_ablation import FeatureAblation as feature_ablation
from .gradient import InputTimesGradient as input_x_gradient
from .gradient import Saliency as saliency
from .integrated import IntegratedGradients as integrated_gradients
from .kernel_shap import KernelShap as kernel_shap
from .occlusion import Occlusion as occlusion
from .rise import Rise as rise
from .shapley import ShapleySampling as shapley_sampling
from .validity import check

__all__ = [
    "Cost",
    "Maps",
    "Question",
    "attribution",
    "check",
    "feature_ablation",
    "gradcam",
    "input_x_gradient",
    "integrated_gradients",
    "kernel_shap",
    "occlusion",
    "rise",
    "saliency",
    "shapley_sampling",
]
