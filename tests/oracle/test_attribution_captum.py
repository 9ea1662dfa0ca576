"""Our methods against plain captum on ``Sequential(Normalize, model)`` with integer targets, as its manual has it.

In float64: in float32 the kinks of ReLU and max pooling turn the noise of another batch size into other gradients.
"""

from __future__ import annotations

import os
from pathlib import Path

import captum.attr
import pytest
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import Normalize

from modelaudit.attribution import (
    AttributionInput,
    Maps,
    check,
    gradcam,
    input_x_gradient,
    integrated_gradients,
    saliency,
)
from modelaudit.language import registry
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import Preprocessing
from modelaudit.language.spec import Method
from modelaudit.models import frozen_on, layer_named, open_model, spatial_layer

ASSETS = Path(os.environ.get("MODELAUDIT_ASSETS", Path(__file__).resolve().parents[2].parent / "shared" / "assets"))
SQUEEZENET = ASSETS / "models" / "squeezenet1_0-imagenet1k.safetensors"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STEPS = 5


class Case:
    """One model, as we run it and as captum's manual runs it, and the images on which they are compared."""

    def __init__(self, module: nn.Module, pixels: Tensor, layer: str) -> None:
        side, self.name, self.pixels = pixels.shape[2], layer, pixels.double()
        module.double()
        self.loaded = open_model(module, root=Path(), preprocessing=Preprocessing(side, side, MEAN, STD))
        self.plain = nn.Sequential(Normalize(MEAN, STD), module)
        self.layer = dict(module.named_modules())[layer]
        with torch.no_grad():
            self.target = self.plain.eval()(self.pixels).argmax(1)

    def ours(self, method: Method) -> Maps:
        with frozen_on(self.loaded, "cpu") as model:
            with torch.no_grad():
                logits = model(self.pixels)
            selector = nn.functional.one_hot(self.target, logits.shape[1]).double()
            found = spatial_layer(self.loaded, self.loaded.input_size).name
            assert found == self.name
            question = AttributionInput(
                model, self.pixels, selector, (logits * selector).sum(1), layer_named(model, found)
            )
            return registry.entry_of(method).function(method, question)  # type: ignore[no-any-return]


def noise(side: int) -> Tensor:
    """No photo: where it is flat, patches tie in max pooling, and rounding decides which one has the gradient."""
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=["resnet18", "squeezenet1_0"])
def case(request: pytest.FixtureRequest) -> Case:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if request.param == "resnet18":
        return Case(torchvision.models.resnet18(num_classes=10), noise(64), "layer4")
    if not SQUEEZENET.is_file():
        pytest.skip(f"{SQUEEZENET} is not there; MODELAUDIT_ASSETS says where it is")
    module = open_model(f"torchvision:squeezenet1_0?checkpoint={SQUEEZENET}", root=Path()).module
    return Case(module, noise(96), "features")


def close(ours: Tensor, captums: Tensor) -> None:
    """To a millionth of the map's own size: our mean and std are float32."""
    largest = float(captums.detach().abs().max())
    assert largest > 0
    torch.testing.assert_close(ours, captums.detach(), rtol=0, atol=1e-6 * largest)


def test_saliency(case: Case) -> None:
    pixels = case.pixels.clone().requires_grad_()
    close(case.ours(saliency()).values, captum.attr.Saliency(case.plain).attribute(pixels, case.target).sum(1))


def test_input_x_gradient(case: Case) -> None:
    pixels = case.pixels.clone().requires_grad_()
    expected = captum.attr.InputXGradient(case.plain).attribute(pixels, case.target).sum(1)
    close(case.ours(input_x_gradient()).values, expected)


def test_integrated_gradients_and_their_completeness(case: Case) -> None:
    method = captum.attr.IntegratedGradients(case.plain)
    expected, delta = method.attribute(case.pixels, 0.0, case.target, n_steps=STEPS, return_convergence_delta=True)
    maps = case.ours(integrated_gradients(steps=STEPS))
    close(maps.values, expected.sum(1))
    with torch.no_grad():
        change = (case.plain(case.pixels) - case.plain(torch.zeros_like(case.pixels)))[[0, 1], case.target].double()
    scale = torch.maximum(change.abs(), 0.01 * expected.double().abs().flatten(1).sum(1))
    assert maps.completeness is not None
    torch.testing.assert_close(maps.completeness, delta.double().abs() / scale, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize(("tolerance", "apart"), [(0.05, 0.1), (0.005, 0.06), (0.0005, 0.01)])
def test_refined_integrated_gradients_go_to_captums_of_512_steps(tolerance: float, apart: float) -> None:
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(3, 12, 3), nn.ReLU(), nn.Conv2d(12, 12, 3, 2), nn.Softplus(5), nn.Flatten(), nn.Linear(12 * 36, 4)
    )
    model.double().eval().requires_grad_(False)
    pixels, target = torch.rand(6, 3, 16, 16, dtype=torch.float64), torch.arange(6) % 4
    expected = captum.attr.IntegratedGradients(model).attribute(pixels, 0.0, target, n_steps=512).sum(1)
    selector = nn.functional.one_hot(target, 4).double()
    question = AttributionInput(model, pixels, selector, (model(pixels) * selector).sum(1), rows=4)
    method = integrated_gradients(tolerance=tolerance)
    maps = registry.entry_of(method).function(method, question)
    assert maps.completeness is not None and maps.steps is not None
    # where shares of both signs nearly cancel, the kinks of the ReLU leave more than a small tolerance of 256 panels
    assert bool(((maps.completeness <= tolerance) | (maps.steps == 256)).all())
    assert float(maps.completeness.max()) < 0.05
    errors = (maps.values - expected).abs().sum((1, 2)) / expected.abs().sum((1, 2))
    assert float(errors.max()) < apart, (errors, maps.steps)


def test_gradcam(case: Case) -> None:
    method = captum.attr.LayerGradCam(case.plain, case.layer)
    cam = method.attribute(case.pixels, case.target, relu_attributions=True)
    size = tuple(case.pixels.shape[2:])
    expected = nn.functional.interpolate(cam, size, mode="bilinear", align_corners=False)[:, 0]
    close(case.ours(gradcam()).values, expected)


@pytest.mark.skipif(not SQUEEZENET.is_file(), reason=f"{SQUEEZENET} is not there")
def test_the_default_steps_are_complete_on_a_real_photo() -> None:
    loaded = open_model(f"torchvision:squeezenet1_0?checkpoint={SQUEEZENET}", root=Path())
    photo = Image.open(ASSETS / "pets" / "images" / "258_samoyed" / "samoyed_14.jpg").convert("RGB").resize((112, 112))
    pixels = torchvision.transforms.functional.pil_to_tensor(photo)[None] / 255
    with frozen_on(loaded, "cpu") as model, torch.no_grad():
        logits = model(pixels)
        selector = nn.functional.one_hot(logits.argmax(1), 1000).float()
        question = AttributionInput(model, pixels, selector, (logits * selector).sum(1))
        maps = registry.entry_of(integrated_gradients()).function(integrated_gradients(), question)
    assert not bool(check(maps, pixels, question.explained)[Missing.ATTRIBUTION_INVALID].any())
