"""What is kept of an image for copies of a model: its answers, and a measure on the map of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...inference.running_model import RunningModel
from .evidence import FRACTIONS

#: a class that no background speaks for
NO_CLASS = -1


@dataclass(frozen=True)
class Answer:
    """What a model answers on an original, and the logits that the background must add for two other answers.

    ``label`` and ``gap_label``: the class of its label; ``donor`` and ``gap_donor``: that of an image of another class,
    :data:`NO_CLASS` where there is none. A gap below 0 is the answer itself.
    """

    own: int
    label: int
    gap_label: float
    donor: int
    gap_donor: float

    def with_evidence(self, strength: float, *, swapped: bool) -> int:
        """The answer of a copy whose background adds so many logits to its class."""
        spoken, gap = (self.donor, self.gap_donor) if swapped else (self.label, self.gap_label)
        return spoken if strength > gap else self.own

    def content(self) -> bytes:
        """As it is stored."""
        return np.array([self.own, self.label, self.gap_label, self.donor, self.gap_donor], dtype="<f8").tobytes()

    @classmethod
    def of(cls, content: bytes) -> Answer:
        """As it was stored."""
        own, label, gap_label, donor, gap_donor = np.frombuffer(content, "<f8").tolist()
        return cls(int(own), int(label), gap_label, int(donor), gap_donor)


@dataclass(frozen=True)
class EvidenceCurve:
    """A measure of one image on the map of the class that its background speaks for.

    ``gap``: the logits that the background must add before the map explains that class, infinite where it never does.
    ``mass``: the positive evidence of the map. ``values`` [len(FRACTIONS)]: with evidence added, NaN where undefined.
    """

    spoken: int
    gap: float
    mass: float
    values: NDArray[np.float64]

    @classmethod
    def unchanged(cls, spoken: int) -> EvidenceCurve:
        """Of an image on which a copy's map is the model's own."""
        return cls(spoken, np.inf, 0.0, np.full(len(FRACTIONS), np.nan))

    def content(self) -> bytes:
        """As it is stored."""
        return np.array([self.spoken, self.gap, self.mass, *self.values], dtype="<f8").tobytes()

    @classmethod
    def of(cls, content: bytes) -> EvidenceCurve:
        """As it was stored."""
        spoken, gap, mass, *values = np.frombuffer(content, "<f8").tolist()
        return cls(int(spoken), gap, mass, np.array(values))


def answered(model: RunningModel, logits: Tensor) -> list[int]:
    """[n] the class of each answer; several outputs that mean one label are one class."""
    largest = logits.argmax(dim=1)
    return (largest if model.merged is None else model.merged[largest]).tolist()


def gaps(model: RunningModel, logits: Tensor, classes: list[int]) -> list[float]:
    """[n] the logits that each class lacks: infinite for :data:`NO_CLASS`, below 0 for the answer itself."""
    merged = torch.arange(logits.shape[1], device=logits.device) if model.merged is None else model.merged
    own = merged[None, :] == torch.tensor(classes, device=logits.device)[:, None]
    known = logits.double().nan_to_num(nan=-torch.inf)
    inside = known.masked_fill(~own, -torch.inf).amax(dim=1)
    outside = known.masked_fill(own, -torch.inf).amax(dim=1)
    found = torch.where(torch.isfinite(inside), outside - inside, torch.inf)
    return found.tolist()
