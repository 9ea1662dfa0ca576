"""Every rule of LRP against zennit's composites, in float64, with an epsilon too small to matter.

zennit divides by sqrt(1 + eps) where it has merged a batch norm, so eps is 0 here for all purposes.
"""

from __future__ import annotations

import pytest
import torch
import torchvision
from attribution.relevance_nets import explain, frozen, pixels
from torch import nn

from modelaudit.attribution import lrp

zennit = pytest.importorskip("zennit.composites", reason="zennit is not installed")
EPSILON, GAMMA = 1e-12, 0.25


def model(name: str) -> nn.Module:
    torch.manual_seed(0)
    made = torchvision.models.resnet18(num_classes=5) if name == "resnet18" else small_vgg()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-30
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return frozen(made, torch.float64)


def small_vgg() -> nn.Module:
    features = torchvision.models.vgg.make_layers([8, "M", 16, 16, "M"], batch_norm=True)
    return nn.Sequential(features, nn.Flatten(), nn.Linear(16 * 64, 32), nn.ReLU(), nn.Linear(32, 5))


def composite(rule: str, name: str, size: torch.Size) -> object:
    from zennit import rules, types
    from zennit import torchvision as canonizers
    from zennit.canonizers import SequentialMergeBatchNorm

    merged = [canonizers.ResNetCanonizer() if name == "resnet18" else SequentialMergeBatchNorm()]
    same = {"epsilon": EPSILON, "stabilizer": EPSILON, "canonizers": merged}
    if rule == "epsilon_gamma_box":
        ends = {"low": torch.zeros(size).double(), "high": torch.ones(size).double()}
        return zennit.EpsilonGammaBox(**ends, gamma=GAMMA, **same)
    if rule in ("epsilon_plus", "epsilon_alpha2_beta1"):
        return {"epsilon_plus": zennit.EpsilonPlus, "epsilon_alpha2_beta1": zennit.EpsilonAlpha2Beta1}[rule](**same)
    hook = rules.Epsilon(epsilon=EPSILON) if rule == "epsilon" else rules.Gamma(GAMMA, stabilizer=EPSILON)
    layers = [(types.Convolution, hook), (nn.Linear, hook), *zennit.layer_map_base(EPSILON)]
    return zennit.LayerMapComposite(layers, canonizers=merged)


@pytest.mark.parametrize("name", ["resnet18", "vgg_bn"])
@pytest.mark.parametrize("rule", ["epsilon", "gamma", "epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box"])
def test_lrp(rule: str, name: str) -> None:
    from zennit.attribution import Gradient

    images, ours, twin = pixels(2, 32, torch.float64), model(name), model(name)
    with torch.no_grad():
        logits = twin(images)
    outputs = nn.functional.one_hot(torch.tensor([0, 3]), 5) * logits
    with Gradient(model=twin, composite=composite(rule, name, images.shape)) as attributor:
        _, relevance = attributor(images.clone(), outputs)
    expected = relevance.sum(1)
    found = explain(lrp(rule=rule, epsilon=EPSILON, gamma=GAMMA), ours, images, [0, 3]).values
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))
