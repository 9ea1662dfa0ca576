"""DeepLift and LRP against captum where captum is right: no module used twice, no pooling behind an activation.

In float64, and to a millionth of the map's own size.
"""

from __future__ import annotations

import warnings

import captum.attr
import pytest
import torch
import torchvision
from attribution.relevance_nets import explain, frozen, pixels
from torch import Tensor, nn

from modelaudit.attribution import deeplift, lrp

warnings.filterwarnings("ignore", category=UserWarning, module="captum")


def plain(activation: type[nn.Module], pool: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for channels in (3, 8):
        layers += [nn.Conv2d(channels, 8, 3, padding=1), activation(), pool(2)]
    layers += [nn.Flatten(), nn.Linear(8 * 36, 16), activation(), nn.Linear(16, 5)]
    return frozen(nn.Sequential(*layers), torch.float64)


class Vgg(nn.Module):
    """VGG-11's features before a small head, without the modules that captum's LRP does not know."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = torchvision.models.vgg11(num_classes=5).features
        for module in self.features:
            if isinstance(module, nn.ReLU):
                module.inplace = False
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                nn.init.normal_(module.bias, std=0.1)  # type: ignore[arg-type]
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 5))
        frozen(self, torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.flatten(self.pool(self.features(x)), 1))  # type: ignore[no-any-return]


def close(ours: Tensor, captums: Tensor) -> None:
    largest = float(captums.detach().abs().max())
    assert largest > 0
    torch.testing.assert_close(ours, captums.detach(), rtol=0, atol=1e-6 * largest)


@pytest.mark.parametrize("baseline", ["black", "white"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.ELU, nn.LeakyReLU])
def test_deeplift(activation: type[nn.Module], baseline: str) -> None:
    model, images = plain(activation, nn.AvgPool2d), pixels(2, 24, torch.float64)
    reference = torch.full_like(images, float(baseline == "white"))
    expected = captum.attr.DeepLift(model).attribute(images.clone(), reference, target=torch.tensor([0, 3]))
    close(explain(deeplift(baseline=baseline), model, images, [0, 3]).values, expected.sum(1))


def test_deeplift_through_max_pooling_right_behind_a_convolution() -> None:
    """Behind an activation captum's hooks take the pooling's inputs for the activation's, and the shares are others."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 81, 5)]
    model, images = frozen(nn.Sequential(*layers), torch.float64), pixels(2, 24, torch.float64)
    expected = captum.attr.DeepLift(model).attribute(images.clone(), torch.zeros_like(images), target=1)
    close(explain(deeplift(), model, images, [1, 1]).values, expected.sum(1))


def test_lrp_by_the_epsilon_rule_on_vgg() -> None:
    images = pixels(2, 32, torch.float64)
    expected = captum.attr.LRP(Vgg()).attribute(images.clone(), target=torch.tensor([0, 3]))
    close(explain(lrp(rule="epsilon", epsilon=1e-9), Vgg(), images, [0, 3]).values, expected.sum(1))
