"""The last layer of a model: found in the heads of the field, proven, and refused where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from modelaudit.language.errors import ModelError
from modelaudit.language.sample import BuiltModel, Preprocessing
from modelaudit.language.scores import ScoreSettings
from modelaudit.models import LoadedModel, open_model
from modelaudit.models.fingerprint import probe_pixels
from modelaudit.models.last_layer import differs, features_of, last_layer


def opened(module: nn.Module, side: int = 64, **how: Any) -> LoadedModel:
    torch.manual_seed(0)
    return open_model(BuiltModel(module.eval(), Preprocessing(resize=(side, side))), root=Path(), **how)


class Tail(nn.Module):
    """Features [B, 12], a linear layer, and what a function makes of it."""

    def __init__(self, then: Callable[[Tensor], Any], outputs: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.score = nn.Linear(12, outputs)
        self.then = then

    def forward(self, pixels: Tensor) -> Any:
        return self.then(self.score(self.body(pixels)))


class Tokens(nn.Module):
    """A linear layer on every place, then the mean over them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 16, stride=16)
        self.score = nn.Linear(6, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        scores: Tensor = self.score(self.patches(pixels).flatten(2).transpose(1, 2))
        return scores.mean(dim=1)


HEADS = {
    "fc": lambda: torchvision.models.resnet18(num_classes=5),
    "classifier.1": lambda: torchvision.models.squeezenet1_1(num_classes=5),
    "classifier.3": lambda: torchvision.models.mobilenet_v3_small(num_classes=5),
    "heads.head": lambda: torchvision.models.VisionTransformer(64, 32, 1, 2, 16, 32, num_classes=5),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_of_torchvision_are_found(name: str) -> None:
    torch.manual_seed(1)
    loaded = opened(HEADS[name]())
    layer = last_layer(loaded)
    assert layer.name == name
    assert layer.rectified == (name == "classifier.1")
    with features_of(loaded, layer, "cpu") as run:
        features, logits = run(probe_pixels((64, 64), 3))
    assert features.dtype == logits.dtype == torch.float64
    if not layer.rectified:
        assert torch.allclose(layer.logits(features), logits, atol=1e-4)
    assert not differs(layer, features, logits)


def test_an_efficient_net_is_found() -> None:
    layer = last_layer(opened(torchvision.models.efficientnet_b0(num_classes=5)))
    assert layer.name == "classifier.1"


@pytest.mark.parametrize(
    "then",
    [
        lambda scores: scores - scores.mean(1, keepdim=True),
        lambda scores: scores.log_softmax(1),
        lambda scores: scores.softmax(1),
        lambda scores: {"logits": scores},
        lambda scores: (scores, scores.sum()),
    ],
    ids=["centred", "log_softmax", "softmax", "dict", "tuple"],
)
def test_what_decides_alike_is_the_same(then: Callable[[Tensor], Any]) -> None:
    assert last_layer(opened(Tail(then))).name == "score"


def test_one_output_for_yes_or_no_becomes_two_rows() -> None:
    loaded = opened(Tail(lambda scores: scores, outputs=1), scores=ScoreSettings(scores="binary"))
    layer = last_layer(loaded)
    with features_of(loaded, layer, "cpu") as run:
        features, logits = run(probe_pixels((64, 64), 2))
    assert torch.allclose(layer.logits(features), logits, atol=1e-5)


def test_places_are_averaged() -> None:
    assert last_layer(opened(Tokens())).name == "score"


@pytest.mark.parametrize(
    "module",
    [
        Tail(lambda scores: 3 * scores),
        Tail(lambda scores: scores.tanh()),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ],
    ids=["temperature", "bounded", "no linear layer"],
)
def test_a_model_without_one_is_refused(module: nn.Module) -> None:
    with pytest.raises(ModelError, match=r"no last layer that yields its logits.*nn\.Linear"):
        last_layer(opened(module))


def test_labels_that_are_answered_one_by_one_are_refused() -> None:
    loaded = opened(Tail(lambda scores: scores), scores=ScoreSettings(scores="multilabel"))
    with pytest.raises(ModelError, match="each label by itself"):
        last_layer(loaded)


def test_a_layer_of_other_images_differs() -> None:
    loaded = opened(Tail(lambda scores: scores))
    layer = last_layer(loaded)
    features = torch.rand(4, 12, dtype=torch.float64)
    assert differs(layer, features, 2 * layer.logits(features))
