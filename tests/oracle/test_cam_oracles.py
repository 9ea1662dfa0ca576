"""Our maps over a layer against pytorch-grad-cam, in float64 and up to its normalisation of each map to [0, 1].

pytorch-grad-cam keeps Score-CAM's scores and its final maps in float32, and adds 1e-6 or 1e-7 where it divides; what
our definitions leave out of that is stated at each test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

pytest.importorskip("pytorch_grad_cam", reason="pytorch-grad-cam is the oracle: pip install grad-cam")
import pytorch_grad_cam
from pytorch_grad_cam import base_cam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection, get_2d_projection_with_sign_correction

from modelaudit.attribution import (
    AttributionInput,
    eigencam,
    fullgrad,
    gradcam,
    gradcam_plus_plus,
    layercam,
    scorecam,
)
from modelaudit.language import registry
from modelaudit.language.spec import Method

SIDE = 64


@pytest.fixture(scope="module", params=["resnet18", "squeezenet1_1"])
def question(request: pytest.FixtureRequest) -> AttributionInput:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = getattr(torchvision.models, request.param)(num_classes=7).double().eval().requires_grad_(False)
    layer = dict(module.named_modules())[{"resnet18": "layer3", "squeezenet1_1": "features.9"}[request.param]]
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        logits = module(images)
    selector = functional.one_hot(logits.argmax(1), 7).double()
    return AttributionInput(module, images, selector, (logits * selector).sum(1), layer)


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[np.ndarray[Any, Any]]]:
    """The peer's maps before it normalises them and brings them to the image's size with OpenCV."""
    found: list[np.ndarray[Any, Any]] = []

    def kept(maps: np.ndarray[Any, Any], size: tuple[int, int] | None = None) -> np.ndarray[Any, Any]:
        found.append(maps)
        return np.zeros((len(maps), SIDE, SIDE), np.float32)

    monkeypatch.setattr(base_cam, "scale_cam_image", kept)
    yield found


def ours(method: Method, question: AttributionInput) -> Tensor:
    maps = registry.entry_of(method).function(method, question)
    assert maps.coarse is not None
    return maps.coarse  # type: ignore[no-any-return]


def theirs(peer: Callable[..., Any], question: AttributionInput, coarse: list[np.ndarray[Any, Any]]) -> Tensor:
    targets = [ClassifierOutputTarget(index) for index in question.selector.argmax(1).tolist()]
    model = question.model.requires_grad_(True)  # the peer's hooks see gradients only then
    try:
        with peer(model, [question.layer]) as cam:
            cam(question.pixels.clone(), targets)
    finally:
        model.zero_grad()
        model.requires_grad_(False)
    return torch.from_numpy(coarse[0])


def assert_alike(found: Tensor, expected: Tensor, tolerance: float = 1e-6) -> None:
    """Up to a factor an image: both are divided by their own largest cell."""
    assert found.shape == expected.shape and bool((found.amax((1, 2)) > 0).all())
    scaled = [maps.double() / maps.double().amax((1, 2), keepdim=True) for maps in (found, expected)]
    torch.testing.assert_close(scaled[0], scaled[1], rtol=0, atol=tolerance)
    assert float(scaled[0].flatten(1).std(1).min()) > 0.01, "a flat map compares nothing"


def test_gradcam(question: AttributionInput, coarse: list[np.ndarray[Any, Any]]) -> None:
    assert_alike(ours(gradcam(), question), theirs(pytorch_grad_cam.GradCAM, question, coarse))


def test_layercam(question: AttributionInput, coarse: list[np.ndarray[Any, Any]]) -> None:
    assert_alike(ours(layercam(), question), theirs(pytorch_grad_cam.LayerCAM, question, coarse))


def test_gradcam_plus_plus_of_a_large_score(question: AttributionInput, coarse: list[np.ndarray[Any, Any]]) -> None:
    """The peer adds 1e-6 to a denominator of the size of g^2, which a score a million times as large makes nothing."""
    large = Scaled(question.model, 1e6)
    asked = AttributionInput(large, question.pixels, question.selector, question.explained * 1e6, question.layer)
    expected = theirs(pytorch_grad_cam.GradCAMPlusPlus, asked, coarse)
    assert_alike(ours(gradcam_plus_plus(), asked), expected)


class Scaled(nn.Module):
    def __init__(self, module: nn.Module, factor: float) -> None:
        super().__init__()
        self.module, self.factor = module, factor
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x) * self.factor  # type: ignore[no-any-return]


def test_eigencam_centred(question: AttributionInput) -> None:
    """What the peer's EigenCAM is the positive part of, with the sign that it can correct and otherwise leaves open."""
    values = values_of(question).numpy()
    corrected = torch.from_numpy(get_2d_projection_with_sign_correction(values))
    torch.testing.assert_close(torch.from_numpy(get_2d_projection(values)).abs(), corrected.abs())
    assert_alike(ours(eigencam(centred=True), question), corrected.relu())


def test_eigencam_of_the_paper(question: AttributionInput) -> None:
    """U S of LAPACK's singular value decomposition of the values by cell, not centred."""
    expected = []
    for values in values_of(question).numpy():
        left, singular, _ = np.linalg.svd(values.reshape(len(values), -1).T)
        cells = left[:, 0] * singular[0]
        expected.append(cells.reshape(values.shape[1:]) * np.sign(cells[np.abs(cells).argmax()]))
    torch.testing.assert_close(ours(eigencam(), question), torch.from_numpy(np.stack(expected)).relu())


def values_of(question: AttributionInput) -> Tensor:
    assert question.layer is not None
    kept: list[Tensor] = []
    handle = question.layer.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    question.model(question.pixels)
    handle.remove()
    return kept[0]


class HalfPixel(nn.Module):
    """The authors' upsampling (align_corners=False) in place of the peer's align_corners=True."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, self.size, mode="bilinear", align_corners=False)


def test_scorecam(
    question: AttributionInput, coarse: list[np.ndarray[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score is a hundred times the logit, so that the weights differ; of 6 channels, for time."""
    assert question.layer is not None
    narrow = Narrow(question.model, question.layer)
    asked = AttributionInput(narrow, question.pixels, question.selector, question.explained, narrow.few)
    monkeypatch.setattr(nn, "UpsamplingBilinear2d", HalfPixel)
    monkeypatch.setattr("pytorch_grad_cam.score_cam.tqdm.tqdm", lambda steps: steps)
    assert_alike(ours(scorecam(), asked), theirs(pytorch_grad_cam.ScoreCAM, asked, coarse), 1e-5)


class Narrow(nn.Module):
    """The first 6 channels of the layer as a layer of its own, behind which the model goes on as before."""

    def __init__(self, module: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.module, self.few = module, nn.Identity()
        self.layer = [layer]
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        handle = self.layer[0].register_forward_hook(
            lambda _, __, output: torch.cat([self.few(output[:, :6]), output[:, 6:]], 1)
        )
        try:
            return self.module(x) * 100  # type: ignore[no-any-return]
        finally:
            handle.remove()


def test_fullgrad_by_channel() -> None:
    """Where the peer is right: plain layers with biases, no constants elsewhere. It works in float32, with OpenCV.

    It adds 1e-7 to what it divides by, which a large score makes nothing.
    """
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6)
    for values in (norm.running_mean, norm.bias.data):
        values.uniform_(-1, 1)
    layers = [nn.Conv2d(3, 6, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 5, 3, padding=1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).eval().double()
    model[-1].weight.data.mul_(1e4)
    images = torch.rand(3, 3, 24, 24).double()
    targets = [ClassifierOutputTarget(index) for index in range(3)]
    with pytorch_grad_cam.FullGrad(model, []) as cam:
        expected = torch.from_numpy(cam(images.clone(), targets)).double()
    selector = torch.eye(3).double()
    question = AttributionInput(model.requires_grad_(False), images, selector, model(images).diag())
    found = registry.entry_of(fullgrad()).function(fullgrad(rescale="channel"), question).values
    low, high = found.amin((1, 2), keepdim=True), found.amax((1, 2), keepdim=True)
    torch.testing.assert_close((found - low) / (high - low), expected, rtol=0, atol=1e-5)
