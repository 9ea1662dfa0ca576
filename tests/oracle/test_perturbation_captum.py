"""Methods without gradients against captum's, in float64, on the same windows, superpixels and permutations."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, feature_ablation, kernel_shap, occlusion, shapley_sampling
from modelaudit.attribution.baselines import BASELINES
from modelaudit.attribution.occlusion import _spans
from modelaudit.attribution.superpixel_methods import _orders
from modelaudit.attribution.superpixels import SEGMENTATIONS, Segmentation, Superpixels
from modelaudit.language import registry
from modelaudit.language.spec import Method

CLASSES = torch.tensor([1, 3])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv, self.head = nn.Conv2d(3, 8, 5, stride=2), nn.Linear(8, 4)
        for parameter in self.parameters():
            parameter.requires_grad_(False).copy_(torch.randn(parameter.shape, generator=generator) / 3)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        features = self.conv(x).relu()
        return self.head(features.mean((2, 3)) * features.amax((2, 3)))


def question(height: int = 24, width: int = 24) -> AttributionInput:
    pixels = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    selector = torch.eye(4, dtype=torch.float64)[CLASSES]
    model = Net()
    return AttributionInput(model, pixels, selector, (model(pixels) * selector).sum(1), ids=("a", "b"), rows=7)


def ours(method: Method, asked: AttributionInput) -> Tensor:
    return registry.entry_of(method).function(method, asked).values  # type: ignore[no-any-return]


def colour(fill: str) -> Tensor:
    return torch.tensor(BASELINES[fill], dtype=torch.float64).view(1, 3, 1, 1)


def close(found: Tensor, captums: Tensor) -> None:
    largest = float(captums.abs().max())
    assert largest > 0
    # the scores are float64; captum collects their differences in float32
    torch.testing.assert_close(found, captums.double(), rtol=0, atol=1e-6 * largest)


def spread(parts: Superpixels, captums: Tensor) -> Tensor:
    """captum gives a superpixel's value to each of its pixels and channels; a map of ours sums to it."""
    assert torch.equal(captums[0, 0], captums[0, 1])
    return captums[0, 0] / parts.labels.flatten().bincount()[parts.labels]


@pytest.mark.parametrize(("height", "width"), [(24, 24), (30, 17)])
@pytest.mark.parametrize(
    "method",
    [
        occlusion(),
        occlusion(window=0.25, stride=0.25, fill="black"),
        occlusion(window=0.3, stride=0.11, fill="white"),
        occlusion(window=0.5, stride=0.2),
    ],
    ids=str,
)
def test_occlusion(method: occlusion, height: int, width: int) -> None:
    asked = question(height, width)
    spans = _spans(method, height), _spans(method, width)
    windows = [across[0].stop for across in spans]
    strides = [across[1].start if len(across) > 1 else windows[at] for at, across in enumerate(spans)]
    expected = captum.attr.Occlusion(asked.model).attribute(
        asked.pixels,
        sliding_window_shapes=(3, *windows),
        strides=(3, *strides),
        baselines=colour(method.fill).expand_as(asked.pixels),
        target=CLASSES,
    )
    assert torch.equal(expected[:, 0], expected[:, 2])
    close(ours(method, asked), expected[:, 0])


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("fill", ["mean", "white"])
def test_feature_ablation(segmentation: Segmentation, fill: str) -> None:
    asked = question()
    method = feature_ablation(segments=16, segmentation=segmentation, fill=fill)
    found = ours(method, asked)
    for image in range(2):
        parts = Superpixels.of(asked, image, method)
        expected = captum.attr.FeatureAblation(asked.model).attribute(
            asked.pixels[image, None],
            baselines=colour(fill).expand(1, 3, 24, 24),
            target=int(CLASSES[image]),
            feature_mask=parts.labels[None, None],
        )
        close(found[image], spread(parts, expected))


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("samples", [1, 5])
def test_shapley_sampling_on_the_same_permutations(segmentation: Segmentation, samples: int) -> None:
    asked = question()
    method = shapley_sampling(samples=samples, segments=9, segmentation=segmentation)
    found = ours(method, asked)
    for image in range(2):
        parts = Superpixels.of(asked, image, method)
        captums = captum.attr.ShapleyValueSampling(asked.model)
        orders = _orders(asked, image, samples, parts.count).tolist()
        captums.permutation_generator = lambda features, count, orders=orders: iter(orders[:count])
        expected = captums.attribute(
            asked.pixels[image, None],
            baselines=colour("mean").expand(1, 3, 24, 24),
            target=int(CLASSES[image]),
            feature_mask=parts.labels[None, None],
            n_samples=samples,
        )
        close(found[image], spread(parts, expected))


def test_kernel_shap_with_every_coalition_gives_captums_exact_shapley_values() -> None:
    asked = question()
    method = kernel_shap(samples=14, segments=4)
    found = ours(method, asked)
    for image in range(2):
        parts = Superpixels.of(asked, image, method)
        expected = captum.attr.ShapleyValues(asked.model).attribute(
            asked.pixels[image, None],
            baselines=colour("mean").expand(1, 3, 24, 24),
            target=int(CLASSES[image]),
            feature_mask=parts.labels[None, None],
        )
        close(found[image], spread(parts, expected))


def test_kernel_shap_of_captum_tends_to_ours() -> None:
    asked = question()
    method = kernel_shap(samples=14, segments=4)
    found = ours(method, asked)[0]
    parts = Superpixels.of(asked, 0, method)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # captum draws from the global generator
        expected = captum.attr.KernelShap(asked.model).attribute(
            asked.pixels[:1],
            baselines=colour("mean").expand(1, 3, 24, 24),
            target=int(CLASSES[0]),
            feature_mask=parts.labels[None, None],
            n_samples=200,
        )
    difference = (found - spread(parts, expected)).abs().max()
    assert float(difference) < 0.1 * float(found.abs().max())
