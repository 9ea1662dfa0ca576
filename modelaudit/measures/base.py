"""The input and the output of a measure, its declaration, and the regions of a mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from ..language import registry
from ..language.answer_levels import Reads
from ..language.reasons import Missing
from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import MeasureSpec
from ..language.upsampling import adjoint_of_upsampling
from ..language.wording import Worded

#: the class of an answer that means no label
NOT_FOUND = -1
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Regions:
    """The masks [B, H, W] of a batch, ready to be summed over; made once for all measures of a pass.

    Ignored pixels belong to neither region.
    """

    def __init__(self, mask: Tensor) -> None:
        self.object = mask == OBJECT
        self.background = mask == BACKGROUND
        self._on_cells: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    @cached_property
    def object_area(self) -> Tensor:
        """[B] float64, in pixels."""
        return self.object.flatten(1).sum(1).double()

    @cached_property
    def background_area(self) -> Tensor:
        """[B] float64, in pixels."""
        return self.background.flatten(1).sum(1).double()

    def sums(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B] float64 each: the sum of P = max(A, 0) on the object and on the background, and its largest value.

        The sums are those of P divided by its largest value over both regions: a share does not depend on the scale
        of the map, and a map of 1e-320 or 1e308 would lose its sum. Not finite values count as 0.
        """
        positive = maps.nan_to_num(0.0, 0.0, 0.0).clamp_min(0) * self._valid
        largest = positive.flatten(1).amax(1)
        positive = positive / torch.where(largest > 0, largest, 1.0)[:, None, None]
        on_object = (positive * self.object).flatten(1).sum(1, dtype=torch.float64)
        on_background = (positive * self.background).flatten(1).sum(1, dtype=torch.float64)
        return on_object, on_background, largest.double()

    def sums_of_cells(self, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`sums`, for maps that are `cells` [B, h, w], values >= 0, upsampled: <U c, M> = <c, U^T M>.

        The third value is the largest one of the cells that reach into a region, not of the pixels.
        """
        size = (cells.shape[1], cells.shape[2])
        if size not in self._on_cells:
            self._on_cells[size] = (
                adjoint_of_upsampling(self.object, size).double(),
                adjoint_of_upsampling(self.background, size).double(),
            )
        on_object, on_background = self._on_cells[size]
        values = cells.nan_to_num(0.0, 0.0, 0.0) * ((on_object + on_background) > 0)
        largest = values.flatten(1).amax(1)
        values = (values / torch.where(largest > 0, largest, 1.0)[:, None, None]).double()
        return (values * on_object).flatten(1).sum(1), (values * on_background).flatten(1).sum(1), largest.double()

    @cached_property
    def _valid(self) -> Tensor:
        return self.object | self.background


@dataclass(frozen=True)
class MeasureInput:
    """One batch under one context, as a measure sees it.

    Args:
        logits: [B, C] under the context.
        labels: [B] long, the class of each label: the index of the model's output that means it.
        original_logits: [B, C] on the original images, where declared as needed.
        attribution: [B, H, W] signed map of one method, where declared as needed.
        mask: [B, H, W] uint8 (1 object, 0 background, 255 ignore), where declared as needed.
        cells: [B, h, w], values >= 0, where the map is these upsampled (bilinear, align_corners=False) and the measure
            reads cells; `attribution` is then None.
        merged: [C] long, the class of every output where several mean one label: the lowest index of those, -1 where it
            means none of the labels; None: every output is a class of its own.
        regions: the mask, prepared once for all measures of a pass; None: prepared when asked for.
        named: the class that a name means: a label of the data, a class of the model, or the index of one.
        threshold: of a multilabel model: the logit from which on an output has found its label. Every row is then one
            (image, label), and asks whether its label was found; None: the largest logit is the answer.
    """

    logits: Tensor
    labels: Tensor
    original_logits: Tensor | None = None
    attribution: Tensor | None = None
    mask: Tensor | None = None
    cells: Tensor | None = None
    regions: Regions | None = None
    merged: Tensor | None = None
    named: Mapping[str | int, int] = field(default_factory=dict)
    threshold: float | None = None

    def classes_of(self, logits: Tensor) -> Tensor:
        """[B] long: the class that logits [B, C] predict: the largest's, merged. Equal logits count for the lowest.

        Of a multilabel model the row's own label where it was found, else -1.
        """
        if self.threshold is not None:
            return torch.where(self.own_logit(logits) >= self.threshold, self.labels.to(logits.device), NOT_FOUND)
        largest = logits.argmax(dim=1)
        return largest if self.merged is None else self.merged.to(logits.device)[largest]

    def predicts(self, logits: Tensor, classes: Sequence[int]) -> Tensor:
        """[B] bool: one of these classes is predicted; of a multilabel model: at least one of them was found."""
        wanted = torch.tensor(sorted(set(classes)), device=logits.device)
        if self.threshold is None:
            return torch.isin(self.classes_of(logits), wanted)
        means = torch.arange(logits.shape[1]) if self.merged is None else self.merged
        return ((logits >= self.threshold) & torch.isin(means.to(logits.device), wanted)).any(dim=1)

    def own_logit(self, logits: Tensor) -> Tensor:
        """[B]: the logit of each row's label, the largest of the outputs that mean it."""
        labels = self.labels.to(logits.device)
        if self.merged is None:
            return logits.gather(1, labels[:, None])[:, 0]
        own = self.merged.to(logits.device)[None, :] == labels[:, None]
        return logits.masked_fill(~own, -torch.inf).amax(dim=1)


@dataclass(frozen=True)
class MeasureOutput:
    """One value an image, [B] float64, and where it is undefined, [B] bool by reason (values there are ignored)."""

    values: Tensor
    undefined: Mapping[Missing, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasureDeclaration:
    """The properties of a measure that the statistics and the engine read.

    ``scale``: "proportion" (0 or 1 an image) or "mean". ``low``/``high``: its range, None where it has no bound.
    ``better``: "low" or "high". ``needs_context``: without ``.under`` it says nothing. ``reads_cells``: a coarse map
    need not be upsampled for it. ``backgrounds``: of a measure of the worst of several backgrounds, how many, from its
    spec, None for all there are: the engine shows one after the other and keeps the first value that is 1.
    ``searches``: of a measure of the worst of many changes, which chooses its contexts itself, how many passes one
    image takes at most, from its spec. ``percent``: its mean reads in per cent (a proportion always does). ``wording``:
    its words in reports; without them the canonical text stands there. ``reads``: what it reads of a model's answer;
    where stored answers hold less it is not applicable. ``labels``: of a measure that reads a ranking, how many of the
    strongest labels, from its spec; None for all of them.
    """

    scale: Literal["proportion", "mean"]
    better: Literal["low", "high"]
    low: float | None = 0.0
    high: float | None = 1.0
    needs_mask: bool = False
    needs_attribution: bool = False
    needs_original: bool = False
    needs_context: bool = False
    reads_cells: bool = False
    backgrounds: Callable[[Any], int | None] | None = None
    searches: Callable[[Any], int] | None = None
    percent: bool = False
    wording: Worded = None
    reads: Reads = "logits"
    labels: Callable[[Any], int] | None = None


def tries_backgrounds(spec: MeasureSpec) -> bool:
    """Whether a measure is of the worst of several backgrounds."""
    return registry.entry_of(spec).declares.backgrounds is not None


def searches_changes(spec: MeasureSpec) -> bool:
    """Whether a measure searches for the worst change of an image itself."""
    return registry.entry_of(spec).declares.searches is not None


def measure(
    name: str, spec: type[MeasureSpec], declares: MeasureDeclaration, *, version: int = 1
) -> Callable[[_Function], _Function]:
    """Register a pure function ``(spec, inputs) -> MeasureOutput`` under the name users write."""

    def decorate(function: _Function) -> _Function:
        registry.register(registry.Entry("measure", name, spec, function, declares, version))
        return function

    return decorate
