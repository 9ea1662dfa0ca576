"""The two models of the release gate: the one in use and the candidate for its place."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("weights")


class DefectNet(nn.Module):
    """Logits [B, 3] (free, scratch, stain) of pixels [B, 3, 64, 64] in 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 24, 3, stride=2, padding=1),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Conv2d(24, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )
        self.score = nn.Linear(64, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        seen = self.features(pixels - 0.5)
        logits: Tensor = self.score(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], dim=1))
        return logits


def current() -> nn.Module:
    """Trained on discs that lay on belt and bench alike, under changing light."""
    return _trained("current")


def candidate() -> nn.Module:
    """Trained on discs of which the defective ones mostly lay on the bench."""
    return _trained("candidate")


def _trained(name: str) -> nn.Module:
    model = DefectNet()
    model.load_state_dict(load_file(WEIGHTS / f"{name}.safetensors"))
    return model.eval()
