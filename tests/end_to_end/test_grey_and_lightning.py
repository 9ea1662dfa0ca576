"""A model of grey images and a Lightning checkpoint have the values of the same weights given as a plain model."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import torchvision

LINE = """
import numpy as np, torch, torchvision
from torch import nn
from modelaudit import Audit, Preprocessing
from modelaudit.contexts import swap_background
from modelaudit.data import Sample
from modelaudit.measures import accuracy, background_dependence, confidence

RED, GREEN, BLUE = 0.299, 0.587, 0.114

def images():
    for number in range(12):
        image = np.random.RandomState(number).randint(90, 160, (32, 32, 3)).astype(np.uint8)
        image[8:20, 8:20] = (250, 240, 30) if number % 2 else (10, 20, 60)
        mask = np.zeros((32, 32), bool)
        mask[8:20, 8:20] = True
        yield Sample(f"{number:02d}", image, "bright" if number % 2 else "dark", mask)
"""

STATED = """
audit = Audit(
    model=model, data=images(), classes=["dark", "bright"], preprocessing=preprocessing, checks="off", seed=0
)
swap = swap_background("other_class")
right = audit.expect(accuracy > 0.01)
sure = audit.expect(confidence.under(swap) > 0.01)
by_layer = audit.expect(background_dependence("gradcam") < 0.99)
by_pixels = audit.expect(background_dependence("integrated_gradients").under(swap) < 0.99)
"""

GREY = """
class Net(nn.Module):
    def __init__(self, channels):
        super().__init__()
        torch.manual_seed(0)
        grey, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 2)
        self.conv = nn.Conv2d(channels, 4, 3)
        with torch.no_grad():  # a model of RGB that computes the luminance in its first layer
            weights = torch.tensor([RED, GREEN, BLUE]).view(1, 3, 1, 1) if channels == 3 else 1
            self.conv.weight.copy_(grey.weight * weights)
            self.conv.bias.copy_(grey.bias)
    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))

model, preprocessing = Net(CHANNELS), Preprocessing(crop=32, channels=CHANNELS, mean=0.4, std=0.25)
"""

LIGHTNING = """
model, preprocessing = MODEL, Preprocessing(resize=64, crop=64)
"""


def values(pytester: pytest.Pytester, name: str, text: str) -> list[list[float]]:
    """The values of every image, by what was measured."""
    pytester.makepyfile(**{f"audit_{name}": LINE + text + STATED})
    result = pytester.runpytest_inprocess(f"audit_{name}.py", "-p", "no:randomly", "--audit-results", f"results_{name}")
    assert result.ret in (0, 1), result.stdout.str()
    record: dict[str, Any] = json.loads((pytester.path / f"results_{name}" / "latest" / "run.json").read_text())
    assert not [case["id"] for case in record["cases"] if case["verdict"] == "ERROR"], record["cases"]
    found = {column["measure"]: column["values"] for column in record["tables"][0]["columns"]}
    return [found[name] for name in sorted(found)]


def test_a_grey_model_has_the_values_of_one_that_makes_the_luminance_itself(pytester: pytest.Pytester) -> None:
    grey = values(pytester, "grey", GREY.replace("CHANNELS", "1"))
    colour = values(pytester, "colour", GREY.replace("CHANNELS", "3"))
    assert len(grey) == len(colour) >= 4
    for one, other in zip(grey, colour, strict=True):
        assert one == pytest.approx(other, abs=1e-5, nan_ok=True)


def test_a_lightning_checkpoint_has_the_values_of_the_plain_model(pytester: pytest.Pytester) -> None:
    net = torchvision.models.squeezenet1_1(num_classes=2)
    state = {f"model.{name}": value for name, value in net.state_dict().items()}
    content = {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {**state, "criterion.weight": torch.ones(2), "val_acc.tp": torch.zeros(2)},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}],
        "hyper_parameters": {"lr": 0.1, "arch": "squeezenet1_1"},
    }
    torch.save(content, pytester.path / "epoch=3.ckpt")
    torch.save(net, pytester.path / "plain.pt")
    loaded = values(
        pytester, "loaded", LIGHTNING.replace("MODEL", repr("torchvision:squeezenet1_1?checkpoint=epoch=3.ckpt"))
    )
    plain = values(pytester, "plain", LIGHTNING.replace("MODEL", "torch.load('plain.pt', weights_only=False)"))
    assert loaded == plain and len(loaded) >= 4
