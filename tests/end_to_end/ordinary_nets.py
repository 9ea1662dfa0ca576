"""One small network in the forms in which people bring theirs, and photos of two or three kinds of things."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modelaudit import Preprocessing
from modelaudit.data import Sample

SIDE = 12
AS_IT_IS = Preprocessing(crop=SIDE)
Ending = Callable[[Tensor, Tensor], Any]


class Net(nn.Module):
    """Features [B, 6], from them z [B, outputs], and what `ending` makes of (features, z)."""

    def __init__(self, outputs: int, ending: Ending = lambda features, z: z) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(13)
        self.conv = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU()
        self.head = nn.Linear(6, outputs)
        self.ending = ending
        with torch.no_grad():
            for part in self.parameters():
                part.copy_(torch.randn(part.shape, generator=draw))
            self.norm.weight.abs_()
            self.head.bias.zero_()
        self.eval()

    def forward(self, pixels: Tensor) -> Any:
        features = self.relu(self.norm(self.conv(pixels - 0.4))).mean((2, 3))
        return self.ending(features, self.head(features))


def halves(z: Tensor) -> Tensor:
    return torch.cat([-z / 2, z / 2], 1)


def photo(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Noise, with a red square in one corner and a blue one in the other."""
    image = np.random.default_rng(number).integers(40, 200, (SIDE, SIDE, 3)).astype(np.uint8)
    image[1:5, 1:5, 0] = 60 + 15 * (number % 11)
    image[7:11, 7:11, 2] = 60 + 15 * (number % 7)
    return image


def square(first: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[first : first + 4, first : first + 4] = 1
    return mask


def photos(count: int = 12) -> list[Sample]:
    return [Sample(f"{number:02d}", photo(number), "ab"[number % 2], square(1)) for number in range(count)]


def photos_of_several(count: int = 8) -> list[Sample]:
    """Two (image, label) of every photo, each with the mask of its own label, clustered by photo."""
    return [
        Sample(f"{number:02d}#{label}", photo(number), label, square(first), cluster=f"{number:02d}")
        for number in range(count)
        for label, first in (("red", 1), ("blue", 7))
    ]


def as_onnx(path: Path) -> Path:
    """``Net(2)`` with a softmax at its end, as a graph."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    net = Net(2)
    weights = {name: value.detach().numpy() for name, value in net.named_parameters()}
    weights |= {"mean": net.norm.running_mean.numpy(), "var": net.norm.running_var.numpy()}  # type: ignore[union-attr]
    weights["shift"] = np.float32(0.4)
    nodes = [
        helper.make_node("Sub", ["images", "shift"], ["given"]),
        helper.make_node("Conv", ["given", "conv.weight", "conv.bias"], ["conv"]),
        helper.make_node("BatchNormalization", ["conv", "norm.weight", "norm.bias", "mean", "var"], ["norm"]),
        helper.make_node("Relu", ["norm"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["features"]),
        helper.make_node("Gemm", ["features", "head.weight", "head.bias"], ["z"], transB=1),
        helper.make_node("Softmax", ["z"], ["scores"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
