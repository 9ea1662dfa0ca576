"""Every method on a model that ends in a softmax, a sigmoid or other outputs: the maps of the same plain logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelaudit import Preprocessing
from modelaudit.data import LabelMap
from modelaudit.engine.inference.running_model import ModelOutput, RunningModel
from modelaudit.engine.planning.plan import MapAsk
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language import registry
from modelaudit.language.scores import ScoreSettings
from modelaudit.models import open_model

SIDE = 16
PIXELS = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
#: small versions of what takes many passes; the others run as they are
FEWER = {
    "rise": {"masks": 20},
    "shapley_sampling": {"samples": 1, "segments": 9},
    "kernel_shap": {"samples": 40, "segments": 9},
    "feature_ablation": {"segments": 9},
    "smoothgrad": {"samples": 4},
    "gradient_shap": {"samples": 4},
    "integrated_gradients": {"steps": 8},
    "blur_integrated_gradients": {"steps": 4},
    "guided_integrated_gradients": {"steps": 4},
}


class Convolutional(nn.Module):
    def __init__(self, columns: int, last: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, columns), last)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.head(self.body(x))
        return made


class Halves(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([-z / 2, z / 2], 1)


def asks() -> list[MapAsk]:
    names = [name for name in registry.names("attribution") if name not in ("attention_rollout", "captum", "given_map")]
    captum: Any = registry.find("attribution", "captum").spec
    made: list[Any] = [captum(name) for name in ("DeepLift", "GuidedBackprop", "Saliency")]
    for name in names:
        spec: Any = registry.find("attribution", name).spec
        fields = getattr(spec, "__dataclass_fields__", {})
        made.append(spec(**{key: value for key, value in FEWER.get(name, {}).items() if key in fields}))
    return [MapAsk(method, "prediction") for method in made]


def output(module: nn.Module, **said: Any) -> ModelOutput:
    preprocessing = Preprocessing(resize=SIDE, crop=SIDE)
    loaded = open_model(module.eval(), root=Path(), preprocessing=preprocessing, scores=ScoreSettings(**said))
    for parameter in loaded.module.parameters():
        parameter.requires_grad_(False)
    model = RunningModel(loaded, "cpu", LabelMap({"a": 0, "b": 1}), 3, PassCounts(), seed=4)
    return model.run(PIXELS, torch.tensor([0, 1, 1]), asks(), ["1", "2", "3"])


@pytest.mark.parametrize(
    ("ending", "plain"),
    [
        (Convolutional(3, nn.Softmax(1)), Convolutional(3, nn.Identity())),
        (Convolutional(1, nn.Sigmoid()), Convolutional(1, Halves())),
    ],
    ids=["softmax", "sigmoid"],
)
def test_maps_are_those_of_the_plain_logits_for_every_method(ending: nn.Module, plain: nn.Module) -> None:
    found, expected = output(ending), output(plain)
    torch.testing.assert_close(found.logits, expected.logits, rtol=0, atol=1e-6)
    assert found.failed.keys() == expected.failed.keys(), found.failed
    assert len(found.maps) > 20
    for ask, maps in found.maps.items():
        wanted = expected.maps[ask].values
        scale = float(wanted.abs().max()) or 1.0
        assert float((maps.values - wanted).abs().max()) <= 1e-4 * scale, ask.text
