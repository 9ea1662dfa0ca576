"""From what a model returns to logits [batch, classes]: the one place that knows what its outputs mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..language.errors import ModelError
from ..language.scores import DEFAULT_THRESHOLD, Scores
from .final_activation import Activation, FinalActivation
from .outputs import as_columns, listed, part_of

#: how far probabilities may be from 0, 1 and a sum of 1: what half precision rounds
TOLERANCE = 2e-2


@dataclass(frozen=True)
class ScoreReading:
    """How logits are read off what a module returns.

    Args:
        scores: what the outputs are. "binary" z becomes the two logits -z/2 and z/2: their softmax is sigmoid(z), their
            difference z, and both answers have evidence of their own.
        output: the output that holds them (:func:`~modelaudit.models.outputs.part_of`).
        activation: what the module ends in; what stands before it is read.
        probabilities: the values are probabilities, and nothing before them can be read: of one answer "together", so
            that log p is a logit, or "each" by itself, with the logit log(p / (1 - p)).
        threshold: the probability from which on a multilabel model has found a label.
    """

    scores: Scores = "logits"
    output: int | str | None = None
    activation: Activation | None = None
    probabilities: Literal["together", "each"] | None = None
    threshold: float = DEFAULT_THRESHOLD

    def run(self, module: nn.Module, given: Tensor) -> Tensor:
        """The logits [B, C] of a forward pass of the module.

        Raises:
            ModelError: the pass returned what this reading is not of.
        """
        if self.activation is None:
            return self.logits(module(given), len(given), None)
        with FinalActivation() as seen:
            returned = module(given)
        return self.logits(returned, len(given), seen)

    def logits(self, returned: Any, batch: int, seen: FinalActivation | None) -> Tensor:
        """The logits [B, C] in what a pass returned."""
        part = part_of(returned, self.output)
        if self.activation is not None:
            ending = None if seen is None else seen.of(part)
            if ending is None or ending.activation != self.activation or ending.before is None:
                raise ModelError(
                    f"this pass of the model did not end in a {self.activation}, and the first one did; return the "
                    "logits themselves, or the same function on every pass"
                )
            part = ending.before
        columns = as_columns(part, batch)
        if columns is None:
            raise ModelError(
                f"{batch} image(s) gave an output of shape {list(part.shape)}; scores are [images, classes], for yes "
                f"or no [images]{'' if isinstance(returned, Tensor) else '; ' + listed(returned)}"
            )
        if self.probabilities is not None:
            columns = _logits_of(columns, each=self.probabilities == "each")
        if self.scores == "binary":
            if columns.shape[1] != 1:
                raise ModelError(f"{batch} image(s) gave {list(columns.shape)} scores, and one was one column before")
            columns = torch.cat([-columns / 2, columns / 2], 1)
        return columns

    @property
    def threshold_logit(self) -> float | None:
        """The logit of `threshold`, of a multilabel model; None of others, where the largest logit is the answer."""
        return math.log(self.threshold / (1 - self.threshold)) if self.scores == "multilabel" else None

    def text(self) -> str:
        """What enters the model's fingerprint; "" for plain logits, where there is nothing to say."""
        return "" if self == ScoreReading() else repr(self)


#: outputs that are logits as they are
LOGITS = ScoreReading()


def in_unit_range(columns: Tensor) -> bool:
    """Whether all finite values are in [0, 1], up to rounding."""
    known = columns.detach()[columns.detach().isfinite()]
    return not known.numel() or bool((known.min() >= -TOLERANCE) & (known.max() <= 1 + TOLERANCE))


def sum_to_one(columns: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Whether every finite row has sum 1."""
    sums = columns.detach().double().sum(1)
    return bool(((sums - 1).abs() <= tolerance)[sums.isfinite()].all())


def _logits_of(columns: Tensor, *, each: bool) -> Tensor:
    """log p, or log p - log(1 - p) where `each` column stands by itself; at 0 and 1 the nearest that is finite.

    Raises:
        ModelError: they are not probabilities.
    """
    if not in_unit_range(columns) or not (each or sum_to_one(columns)):
        wanted = "in [0, 1]" if each else "in [0, 1] with a sum of 1 for each image"
        raise ModelError(
            f"its outputs were taken for probabilities, and now they are not {wanted} (from "
            f"{float(columns.detach().min()):.3g} to {float(columns.detach().max()):.3g}); where they are logits say "
            "so: Audit(scores='logits')"
        )
    values = columns if columns.dtype == torch.float64 else columns.float()
    limits = torch.finfo(values.dtype)
    logs = values.clamp_min(limits.tiny).log()
    return logs - (1 - values).clamp_min(limits.eps / 2).log() if each else logs
