"""The network of the demo: four convolutions, a mean over the places, one linear layer."""

from __future__ import annotations

from torch import Tensor, nn

from .line import PARTS


class InspectionNet(nn.Module):
    """Logits [B, 4] of normalised pixels [B, 3, 64, 64].

    The last spatial layer, ``features``, has 16 x 16 places, each of which sees 25 x 25 pixels. Only its mean reaches
    the linear layer, which has no bias and whose scores are centred over the classes (what all classes share decides
    nothing). So the logit of a predicted class is positive, it is the mean of what the places argue for it, and
    Grad-CAM at ``features`` is the positive part of exactly that: never empty, up to interpolation.
    """

    def __init__(self, classes: int = len(PARTS), width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(3, width // 2, side=5, stride=2),
            *_block(width // 2, width, side=3, stride=2),
            *_block(width, width, side=3, stride=1),
            *_block(width, width, side=3, stride=1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.score = nn.Linear(width, classes, bias=False)
        # the mean over places is small and differs little between images: from torch's own scale (0.1) training waits
        # for a thousand steps before it moves
        nn.init.normal_(self.score.weight, std=0.6)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [B, C], with sum 0 over C."""
        scores: Tensor = self.score(self.pool(self.features(pixels)).flatten(1))
        return scores - scores.mean(dim=1, keepdim=True)


def _block(inward: int, outward: int, *, side: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inward, outward, side, stride=stride, padding=side // 2, bias=False)
    return convolution, nn.BatchNorm2d(outward), nn.ReLU()
