"""What makes passes faster changes no number beyond what float32 itself does, measured against captum in float64.

The yardstick is captum's own error in float32, image by image: on every fast path the median image may be three times
as far from captum's float64 map. The median, because at a kink of ReLU or max pooling rounding gives single images
another gradient, captum's as well as ours: there no pixel may move by more than 3 % of the map's maximum. Background
dependence stays within 1e-3 on every image, kinks or not.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path

import captum.attr
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms import Normalize

from modelaudit.attribution import AttributionInput, gradcam, input_x_gradient, integrated_gradients, saliency
from modelaudit.language import registry
from modelaudit.language.sample import Preprocessing
from modelaudit.language.spec import Method
from modelaudit.measures import background_dependence
from modelaudit.measures.base import MeasureInput
from modelaudit.models import PixelModel, open_model, prepare_model
from modelaudit.models.acceleration import PreparedModel
from modelaudit.models.folding import folded

ASSETS = Path(os.environ.get("MODELAUDIT_ASSETS", Path(__file__).resolve().parents[2].parent / "shared" / "assets"))
SQUEEZENET = ASSETS / "models" / "squeezenet1_0-imagenet1k.safetensors"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGES, STEPS = 5, 4
#: of a map's norm: below that, captum's own error is a matter of luck
FLOOR = 1e-6
METHODS: dict[str, Method] = {
    "saliency": saliency(),
    "input_x_gradient": input_x_gradient(),
    "integrated_gradients": integrated_gradients(steps=STEPS),
    "gradcam": gradcam(),
}
PATHS = ("folded", "channels last", "both")


def as_trained(module: nn.Module) -> nn.Module:
    """Batch norms whose statistics are those of some images: with 0 and 1 there would be little to fold."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
            with torch.no_grad():
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.3, 0.3)
    with torch.no_grad():
        module.train()(Normalize(MEAN, STD)(noise(16, 64)))
    return module.eval().requires_grad_(False)


def noise(count: int, side: int) -> Tensor:
    """No photo: where it is flat, patches tie in max pooling, and rounding decides which one has the gradient."""
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count))


class Case:
    """One model, what captum makes of it in float64 and in float32, and our fast paths."""

    def __init__(self, module: nn.Module, side: int, layer: str) -> None:
        self.pixels, self.layer = noise(IMAGES, side), layer
        self.mask = torch.zeros(IMAGES, side, side, dtype=torch.uint8)
        self.mask[:, side // 4 : side // 2, side // 4 : 3 * side // 4] = 1
        double = copy.deepcopy(module).double()
        with torch.no_grad():
            self.target = nn.Sequential(Normalize(MEAN, STD), double)(self.pixels.double()).argmax(1)
        self.exact = self._captums(double, self.pixels.double())
        self.single = self._captums(module, self.pixels)
        self.paths = self._paths(module, side)
        self._maps: dict[tuple[str, str], Tensor] = {}

    def _paths(self, module: nn.Module, side: int) -> dict[str, PixelModel]:
        preprocessing = Preprocessing(side, side, MEAN, STD)
        plain = PixelModel(module, preprocessing)
        everything = [name for name, _ in module.named_modules()]
        both: PreparedModel = prepare_model(plain, (side, side))
        unfolded = prepare_model(plain, (side, side), keep=everything)
        assert unfolded.folded == 0
        assert both.memory_format == unfolded.memory_format == torch.channels_last
        norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
        assert both.folded == len(norms)
        alone = folded(module, noise(1, side)).module
        return {
            "folded": PixelModel(alone, preprocessing),
            "channels last": unfolded.model,
            "both": both.model,
        }

    def _captums(self, module: nn.Module, pixels: Tensor) -> dict[str, Tensor]:
        """As captum's manual has it, on the user's own module."""
        plain = nn.Sequential(Normalize(MEAN, STD), module)
        leaf, target = pixels.clone().requires_grad_(), self.target
        cam = captum.attr.LayerGradCam(plain, dict(module.named_modules())[self.layer])
        coarse = cam.attribute(leaf, target, relu_attributions=True)
        full = nn.functional.interpolate(coarse, pixels.shape[2:], mode="bilinear", align_corners=False)[:, 0]
        shares = captum.attr.IntegratedGradients(plain).attribute(
            leaf, 0.0, target, n_steps=STEPS, internal_batch_size=IMAGES
        )
        return {
            "saliency": captum.attr.Saliency(plain).attribute(leaf, target).sum(1).detach(),
            "input_x_gradient": captum.attr.InputXGradient(plain).attribute(leaf, target).sum(1).detach(),
            "integrated_gradients": shares.sum(1).detach(),
            "gradcam": full.detach(),
        }

    def ours(self, path: str, name: str) -> Tensor:
        if (path, name) not in self._maps:
            self._maps[path, name] = self._explained(path, name)
        return self._maps[path, name]

    def _explained(self, path: str, name: str) -> Tensor:
        model, method = self.paths[path], METHODS[name]
        with torch.no_grad():
            logits = model(self.pixels)
        assert torch.equal(logits.argmax(1), self.target)
        selector = nn.functional.one_hot(self.target, logits.shape[1]).float()
        layer = dict(model.module.named_modules())[self.layer]
        question = AttributionInput(model, self.pixels, selector, (logits * selector).sum(1), layer)
        values: Tensor = registry.entry_of(method).function(method, question).values
        return values

    def dependence(self, name: str, maps: Tensor) -> Tensor:
        spec = background_dependence(name).spec
        seen = MeasureInput(torch.zeros(IMAGES, 2), torch.zeros(IMAGES).long(), attribution=maps, mask=self.mask)
        reading = registry.entry_of(spec).function(spec, seen)
        assert not any(bool(flags.any()) for flags in reading.undefined.values())
        values: Tensor = reading.values
        return values


def resnet() -> Case:
    block = torchvision.models.resnet.BasicBlock
    return Case(as_trained(torchvision.models.ResNet(block, [1, 1, 1, 1], num_classes=10)), 64, "layer4")


def smooth() -> Case:
    """Without kinks nothing is left to luck."""
    module = torchvision.models.mobilenet_v3_small(num_classes=10)
    for part in list(module.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.ReLU | nn.Hardswish):
                setattr(part, name, nn.SiLU(inplace=True))
            if isinstance(child, nn.Hardsigmoid):
                setattr(part, name, nn.Sigmoid())
    return Case(as_trained(module), 64, "features")


def squeezenet() -> Case:
    if not SQUEEZENET.is_file():
        pytest.skip(f"{SQUEEZENET} is not there; MODELAUDIT_ASSETS says where it is")
    module = open_model(f"torchvision:squeezenet1_0?checkpoint={SQUEEZENET}", root=Path()).module
    return Case(module.eval().requires_grad_(False), 96, "features")


@pytest.fixture(scope="module", params=[resnet, smooth, squeezenet], ids=lambda build: build.__name__)
def case(request: pytest.FixtureRequest) -> Case:
    build: Callable[[], Case] = request.param
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def errors(maps: Tensor, exact: Tensor) -> Tensor:
    """[B], relative to the map's norm."""
    return (maps.double() - exact).flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_maps_are_as_near_to_float64_as_float32_can_be(case: Case, path: str, name: str) -> None:
    exact, ours = case.exact[name], case.ours(path, name)
    captums = float(errors(case.single[name], exact).median())
    assert float(errors(ours, exact).median()) <= 3 * max(captums, FLOOR)
    assert float((ours - exact).abs().max()) <= 0.03 * float(exact.abs().max())


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_dependence_is_that_of_float64(case: Case, path: str, name: str) -> None:
    expected = case.dependence(name, case.exact[name])
    found = case.dependence(name, case.ours(path, name))
    assert float((found - expected).abs().max()) < 1e-3
