"""What the network's docstring promises about its logits and its last spatial layer."""

from __future__ import annotations

import torch

from modelaudit.attribution.base import AttributionInput
from modelaudit.attribution.cam import GradCam, gradcam_maps
from modelaudit.demo.net import InspectionNet
from modelaudit.models import spatial_layer


def network() -> InspectionNet:
    torch.manual_seed(0)
    return InspectionNet().eval()


def test_logits_sum_to_zero_over_the_classes() -> None:
    logits = network()(torch.randn(5, 3, 64, 64))
    assert logits.shape == (5, 4)
    torch.testing.assert_close(logits.sum(dim=1), torch.zeros(5), atol=1e-5, rtol=0)


def test_the_last_spatial_layer_is_the_one_that_is_documented() -> None:
    found = spatial_layer(network(), (64, 64))
    assert (found.name, found.height, found.width) == ("features", 16, 16)


def test_a_place_of_the_last_layer_sees_25_by_25_pixels() -> None:
    model = network()
    pixels = torch.randn(1, 3, 64, 64, requires_grad=True)
    model.features(pixels)[0, :, 8, 8].sum().backward()
    assert pixels.grad is not None
    rows = (pixels.grad[0].abs().sum(dim=(0, 2)) > 0).nonzero()
    assert int(rows.max() - rows.min()) + 1 <= 25


def test_the_gradcam_of_a_prediction_is_never_empty() -> None:
    model = network()
    pixels = torch.rand(64, 3, 64, 64)
    logits = model(pixels).detach()
    selector = torch.nn.functional.one_hot(logits.argmax(dim=1), 4).float()
    maps = gradcam_maps(
        GradCam(), AttributionInput(model, pixels, selector, (selector * logits).sum(dim=1), model.features)
    )
    assert (maps.values.flatten(1).amax(dim=1) > 0).all()
