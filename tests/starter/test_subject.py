"""What a first audit learns of a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit import Preprocessing
from modelaudit.starter.preparing import ModelOptions
from modelaudit.starter.subject import look_at

MODELS = """
import torch
from torch import nn
from modelaudit.models import black_box

def convolutional():
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))

def flat():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))

def scores():
    return black_box(lambda images: images.mean((2, 3))[:, [0, 1, 2, 0]], outputs=4)
"""


@pytest.mark.parametrize(
    ("factory", "method"),
    [("convolutional", "gradcam"), ("flat", "integrated_gradients"), ("scores", "occlusion")],
)
def test_the_method_is_the_cheapest_that_the_model_has(tmp_path: Path, factory: str, method: str) -> None:
    (tmp_path / "nets.py").write_text(MODELS, encoding="utf-8")
    options = ModelOptions(("bracket", "gear", "nut", "washer"), Preprocessing(32, 32))
    opened = look_at("demo:?images=8", f"nets.py:{factory}", root=tmp_path, options=options)
    assert opened.subject.method == method
