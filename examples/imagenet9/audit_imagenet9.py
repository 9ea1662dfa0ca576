"""The gap of ImageNet-9 (Xiao et al., *Noise or Signal*, ICLR 2021) of torchvision's first ResNet-50.

Needs the images of the backgrounds challenge: ``IMAGENET9_ROOT=path/to/bg_challenge pytest examples/imagenet9``.
"""

import os

import pytest

from modelaudit import Audit, Preprocessing
from modelaudit.contexts import stored, swap_background
from modelaudit.measures import accuracy, adversarial_background_rate

if "IMAGENET9_ROOT" not in os.environ:
    pytest.skip("IMAGENET9_ROOT does not say where ImageNet-9 is", allow_module_level=True)

resnet50 = Audit(
    model="torchvision:resnet50@IMAGENET1K_V1",
    data=f"imagenet9:{os.environ['IMAGENET9_ROOT']}",
    # the images are 224 x 224 already, and the authors resize and crop nothing
    preprocessing=Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
)

# published: 95.6 %, 86.2 %, 78.9 %
right_on_the_originals = resnet50.expect(accuracy > 0.93)
right_before_its_own_class = resnet50.expect(accuracy.under(stored("mixed_same")) > 0.83)
background_gap = resnet50.expect(
    accuracy.under(stored("mixed_same")) - accuracy.under(stored("mixed_rand")) < 0.10,
    says="A background of any class costs less than ten points against one of the same class.",
)

# published, with all 4,050 backgrounds of the challenge: 22.3 % of the images stay right
few_flip_before_some_of_fifty_backgrounds = resnet50.expect(
    adversarial_background_rate(50).under(swap_background("other_class")) < 0.80
)
