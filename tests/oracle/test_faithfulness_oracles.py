"""Infidelity and sensitivity against captum with the same perturbations; deletion against Quantus' pixel flipping."""

from __future__ import annotations

import captum.attr
import captum.metrics
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modelaudit.measures.deletion import area_under, deletion_curve
from modelaudit.measures.faithfulness import infidelity, sensitivity_max

COUNT = 6
SIDE = 8


def network(channels: int = 3) -> nn.Module:
    torch.manual_seed(3)
    layers = nn.Sequential(nn.Conv2d(channels, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(4 * (SIDE - 2) ** 2, 5))
    return layers.double().eval().requires_grad_(False)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


PIXELS, CLASSES, NOISE = drawn(3, 3, SIDE, SIDE), torch.tensor([0, 4, 2]), 0.1 * drawn(COUNT, 3, 3, SIDE, SIDE, seed=1)


def as_captum_lays_it_out() -> Tensor:
    """All perturbations of the first image, then all of the second."""
    return NOISE.transpose(0, 1).flatten(0, 1)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("kind", ["gradient", "random", "zero"])
def test_infidelity_is_captums(kind: str, normalize: bool) -> None:
    model = network()
    gradient = captum.attr.Saliency(model).attribute(PIXELS.clone().requires_grad_(), CLASSES, abs=False)
    shares = {"gradient": gradient, "random": drawn(*PIXELS.shape, seed=2), "zero": torch.zeros_like(PIXELS)}[kind]
    expected = captum.metrics.infidelity(
        model, lambda inputs: (as_captum_lays_it_out(), inputs - as_captum_lays_it_out()), PIXELS, shares,
        target=CLASSES, n_perturb_samples=COUNT, normalize=normalize,
    )  # fmt: skip
    found = infidelity(shares.detach(), PIXELS, NOISE, model, CLASSES, normalize=normalize)
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-8, atol=1e-14)


def test_sensitivity_is_captums() -> None:
    model = network()

    def explain(pixels: Tensor) -> Tensor:
        several = CLASSES.repeat_interleave(len(pixels) // len(CLASSES))
        with torch.enable_grad():
            return captum.attr.InputXGradient(model).attribute(pixels.clone().requires_grad_(), several).detach()

    expected = captum.metrics.sensitivity_max(
        lambda inputs: (explain(inputs[0] if isinstance(inputs, tuple) else inputs),),
        PIXELS,
        perturb_func=lambda inputs: inputs + as_captum_lays_it_out(),
        n_perturb_samples=COUNT,
    )
    found = sensitivity_max(explain(PIXELS), PIXELS, NOISE, explain)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_deletion_is_quantus_pixel_flipping() -> None:
    """On one channel: Quantus flips channels one by one. It has no first point, and asks in float32."""
    quantus = pytest.importorskip("quantus", reason="Quantus is not installed (pip install pytest-modelaudit[test])")
    model, pixels, maps = network(1).float(), drawn(3, 1, SIDE, SIDE).float(), drawn(3, SIDE, SIDE, seed=5).float()
    flipping = quantus.PixelFlipping(
        features_in_step=4, normalise=False, perturb_baseline="black", disable_warnings=True
    )
    theirs = flipping(model, pixels.numpy(), CLASSES.numpy(), a_batch=maps[:, None].numpy(), softmax=True)
    black = pixels.amin(dim=(1, 2, 3), keepdim=True)  # Quantus' black is the least value of each image
    ours = deletion_curve(maps, pixels, model, CLASSES, 4, fill=black)
    np.testing.assert_allclose(ours[:, 1:], np.array(theirs), atol=1e-5)
    assert area_under(ours).shape == (3,)
