"""One opened model while a group is measured: forward passes, attributions, measures, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..attribution import Cost, Question, check
from ..language import registry
from ..language.errors import ModelError
from ..language.reasons import Missing
from ..measures.base import Reading, Seen
from ..models import LoadedModel, SpatialLayer, layer_named, spatial_layer
from .measured import Passes
from .plan import ColumnAsk, MapAsk


@dataclass(frozen=True)
class Explained:
    """A map of one batch and where it is no honest number."""

    values: Tensor
    invalid: Mapping[Missing, Tensor]


@dataclass
class RunningModel:
    """A borrowed model on its device.

    Args:
        indices: the model's class index of every label of the data.
        batch: the micro-batch size; every pass has exactly this many images, the last padded with its last image.
    """

    loaded: LoadedModel
    device: str
    indices: Mapping[str | int, int]
    batch: int
    passes: Passes
    layer: SpatialLayer | None = None
    original: Tensor | None = field(default=None, repr=False)
    named: dict[str, nn.Module] = field(default_factory=dict, repr=False)
    pixel_model: nn.Module = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.pixel_model = self.loaded.pixel_model

    def logits(self, pixels: Tensor) -> Tensor:
        """[n, C] for [n, 3, H, W], in one padded pass.

        Raises:
            ModelError: the forward pass failed.
        """
        self.passes.forward += len(pixels)
        try:
            with torch.no_grad():
                output: Tensor = self.pixel_model(self._padded(pixels))
        except Exception as error:
            raise ModelError(
                f"{self.loaded.ref}: the forward pass on {tuple(pixels.shape)} failed with {type(error).__name__}: "
                f"{error}; check the model and its preprocessing"
            ) from error
        if output.ndim != 2 or output.shape[1] != self.loaded.outputs:
            raise ModelError(f"{self.loaded.ref}: logits have shape {tuple(output.shape)}, not [images, classes]")
        return output[: len(pixels)].float()

    def explain(self, ask: MapAsk, pixels: Tensor, logits: Tensor, labels: Tensor) -> Explained:
        """The attribution of one batch, with its validity checks.

        Raises:
            AttributionError: the method refuses this architecture.
            ModelError: the target names no class of the model.
        """
        entry = registry.entry_of(ask.method)
        selector = self._selector(ask.target, logits, labels)
        explained = (logits * selector).sum(1)
        question = Question(
            self.pixel_model,
            self._padded(pixels),
            self._padded(selector),
            self._padded(explained),
            self._layer(ask, pixels) if entry.declares.spatial_layer else None,
        )
        cost: Cost = entry.declares.cost(ask.method)
        self.passes.forward += cost.forward * len(pixels)
        self.passes.backward += cost.backward * len(pixels)
        maps = entry.function(ask.method, question)
        invalid = check(maps, question.pixels, question.explained)
        return Explained(
            maps.values[: len(pixels)], {reason: flags[: len(pixels)] for reason, flags in invalid.items()}
        )

    def read(self, column: ColumnAsk, seen: Seen) -> Reading:
        """The values of one measure on one batch."""
        reading: Reading = registry.entry_of(column.spec).function(column.spec, seen)
        return reading

    def _padded(self, batch: Tensor) -> Tensor:
        short = self.batch - len(batch)
        return torch.cat([batch, batch[-1:].expand(short, *batch.shape[1:])]) if short > 0 else batch

    def _layer(self, ask: MapAsk, pixels: Tensor) -> Any:
        size = (pixels.shape[2], pixels.shape[3])
        named = getattr(ask.method, "layer", None)
        if named is not None:
            if named not in self.named:
                self.named[named] = layer_named(self.pixel_model, named, size)
            return self.named[named]
        if self.layer is None:
            self.layer = spatial_layer(self.pixel_model, size)
        return layer_named(self.pixel_model, self.layer.name)

    def _selector(self, target: str | int, logits: Tensor, labels: Tensor) -> Tensor:
        """[n, C]: what of the logits is explained."""
        ranked = logits.nan_to_num(nan=-torch.inf).topk(min(2, logits.shape[1]), dim=1).indices
        selector = torch.zeros_like(logits)
        if target == "prediction":
            return selector.scatter(1, ranked[:, :1], 1.0)
        if target == "label":
            return selector.scatter(1, labels[:, None], 1.0)
        if target == "margin":
            if logits.shape[1] < 2:
                raise ModelError(f"{self.loaded.ref}: has one output, so no runner-up; use target='prediction'")
            return selector.scatter(1, ranked[:, :1], 1.0).scatter(1, ranked[:, 1:2], -1.0)
        selector[:, self.loaded.index_of(target)] = 1.0
        return selector

    def class_name(self, index: int) -> str:
        """The name of a class, its index where the names are unknown."""
        return self.loaded.classes[index] if self.loaded.classes else str(index)
