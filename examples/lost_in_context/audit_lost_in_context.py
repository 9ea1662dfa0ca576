"""The four findings of Adhikari et al., *Lost in Context* (ICVGIP 2024, arXiv 2411.02833), as expectations.

Needs photos with masks and SqueezeNet's weights: ``MODELAUDIT_ASSETS=path/to/assets pytest
examples/lost_in_context``. What to expect, and what the numbers were, is in README.md next to this file.
"""

import os
from pathlib import Path

import pytest

from modelaudit import Audit, correct
from modelaudit.attribution import gradcam, integrated_gradients
from modelaudit.contexts import fog, gaussian_noise, mean_fill, motion_blur, pixelate, swap_background
from modelaudit.measures import accuracy, background_dependence, background_share

if "MODELAUDIT_ASSETS" not in os.environ:
    pytest.skip("MODELAUDIT_ASSETS does not say where photos and weights are", allow_module_level=True)

assets = Path(os.environ["MODELAUDIT_ASSETS"])
pets = Audit(
    model=f"torchvision:squeezenet1_0?checkpoint={assets / 'models' / 'squeezenet1_0-imagenet1k.safetensors'}",
    data=f"folder:{assets / 'pets'}",
    object_kept=0,  # also the one photo of whose animal the crop leaves less than half
)
few_steps = integrated_gradients(steps=16)
# the donor's object tiled away and a hard edge: the swap that the numbers of the README were measured with
change = swap_background("other_class", feather=0, fill="tile")
dependence = background_dependence(gradcam())

# (a) images that are classified correctly have more attribution on the object than on the context
a_gradcam_is_on_the_object = pets.expect(dependence.where(correct) < 0.5)
a_gradients_are_on_the_object = pets.expect(background_dependence(few_steps).where(correct) < 0.5)

# (b) the dependence on context stays about stable, whatever is done to it
b_changed_not_higher = pets.expect(dependence.under(change) - dependence < 0.1)
b_changed_not_lower = pets.expect(dependence - dependence.under(change) < 0.1)
b_pixelated_not_higher = pets.expect(dependence.under(pixelate(4)) - dependence < 0.1)
b_pixelated_not_lower = pets.expect(dependence - dependence.under(pixelate(4)) < 0.1)

# (c) another context hurts more than a perturbed one, at the severity of the paper
c_more_than_noise = pets.expect(accuracy.under(gaussian_noise(4)) - accuracy.under(change) > 0)
c_more_than_pixelate = pets.expect(accuracy.under(pixelate(4)) - accuracy.under(change) > 0)
c_more_than_motion_blur = pets.expect(accuracy.under(motion_blur(4)) - accuracy.under(change) > 0)
c_more_than_fog = pets.expect(accuracy.under(fog(4)) - accuracy.under(change) > 0)

# (d) a context without information still has a tenth of all attribution, or more
d_gradcam_in_mean_fill = pets.expect(background_share(gradcam()).under(mean_fill("background")) > 0.1)
d_gradients_in_mean_fill = pets.expect(background_share(few_steps).under(mean_fill("background")) > 0.1)
