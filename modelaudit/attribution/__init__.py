"""Attribution: methods that give each pixel its share in the decision, under the names users write."""

from . import captum_methods  # noqa: F401  (registers captum)
from .base import AttributionInput, Cost, Maps, attribution, check, draws_at_random
from .cam import EigenCam as eigencam
from .cam import GradCam as gradcam
from .cam import GradCamPlusPlus as gradcam_plus_plus
from .cam import LayerCam as layercam
from .cam import ScoreCam as scorecam
from .captum_classes import Captum as captum
from .fullgrad import FullGrad as fullgrad
from .given import GivenMap as given_map
from .gradient import GradientShap as gradient_shap
from .gradient import InputTimesGradient as input_x_gradient
from .gradient import Saliency as saliency
from .gradient import SmoothGrad as smoothgrad
from .gradient import SmoothGradSquared as smoothgrad_squared
from .gradient import VarGrad as vargrad
from .guided import Deconvolution as deconvolution
from .guided import GuidedBackprop as guided_backprop
from .guided import GuidedGradCam as guided_gradcam
from .integrated import IntegratedGradients as integrated_gradients
from .occlusion import Occlusion as occlusion
from .occlusion import Rise as rise
from .relevance import DeepLift as deeplift
from .relevance import Lrp as lrp
from .rollout import AttentionRollout as attention_rollout
from .superpixel_methods import FeatureAblation as feature_ablation
from .superpixel_methods import KernelShap as kernel_shap
from .superpixel_methods import ShapleySampling as shapley_sampling

__all__ = [
    "AttributionInput",
    "Cost",
    "Maps",
    "attention_rollout",
    "attribution",
    "captum",
    "check",
    "deconvolution",
    "deeplift",
    "draws_at_random",
    "eigencam",
    "feature_ablation",
    "fullgrad",
    "given_map",
    "gradcam",
    "gradcam_plus_plus",
    "gradient_shap",
    "guided_backprop",
    "guided_gradcam",
    "input_x_gradient",
    "integrated_gradients",
    "kernel_shap",
    "layercam",
    "lrp",
    "occlusion",
    "rise",
    "saliency",
    "scorecam",
    "shapley_sampling",
    "smoothgrad",
    "smoothgrad_squared",
    "vargrad",
]
