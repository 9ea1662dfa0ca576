"""Measures of the worst of several backgrounds: images are shown on one after the other until one flips them.

A micro-batch always holds as many pairs of image and background as it has rows: images that are settled leave, and the
others get several backgrounds at once. What stands behind the first flip of an image is not looked at, so that neither
value nor count depends on the other images in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contexts import exempt
from ...language.boundary import contained, failure_text
from ...language.reasons import Missing
from ...language.sample import Sample
from ...measures.base import MeasureInput, MeasureOutput
from ...measures.behaviour import is_correct, non_finite
from ..images.batches import BatchBuilder, Chunk
from ..images.donor_selector import Donor
from ..planning.plan import ColumnAsk, PassAsk
from .running_model import RunningModel
from .values import PassValues, labels_of, measured_by, pass_wide


@dataclass
class _Image:
    """One image while its backgrounds are tried; the first one is that of the pass.

    ``asked``: backgrounds that were shown; ``tried``: those of them that count, up to the first flip.
    """

    row: int
    donors: Sequence[Sample]
    asked: int = 0
    tried: int = 0
    flipped: bool = False
    broken: bool = False
    changed: bool = False

    @property
    def open(self) -> bool:
        """Whether anything is left to be tried."""
        return not self.flipped and self.tried < len(self.donors)

    def take(self, value: float, broken: bool, changed: bool) -> None:
        """What came of the next background."""
        if self.open:
            self.tried += 1
            self.changed |= changed
            self.broken |= broken
            self.flipped = value == 1 and not broken


def with_worst(
    found: PassValues, ask: PassAsk, model: RunningModel, part: Chunk, builder: BatchBuilder, original: Tensor
) -> PassValues:
    """What a pass found, and with it the columns of `ask`, all of which try several backgrounds.

    Args:
        original: [n, C] the logits of the original images.
    """
    columns, steps, donors, failed = dict(found.columns), dict(found.steps), dict(found.donors), dict(found.failed)
    for column in ask.columns:
        try:
            search = _Search(column, ask, model, part, builder, found, original)
            columns[column.key], steps[column.key] = search.run()
            donors[column.key] = search.known
        except BaseException as error:  # one measure's failure is not the others'
            failed[column.key] = failure_text(contained(error))
    return replace(found, columns=columns, steps=steps, donors=donors, failed=failed)


class _Search:
    """One column on one chunk.

    Args:
        found: what the pass found on the first background of each image.
        original: [n, C] the logits of the original images.
    """

    def __init__(
        self,
        column: ColumnAsk,
        ask: PassAsk,
        model: RunningModel,
        part: Chunk,
        builder: BatchBuilder,
        found: PassValues,
        original: Tensor,
    ) -> None:
        self._column, self._ask, self._model, self._builder, self._found = column, ask, model, builder, found
        self._original = original
        self._labels = labels_of(model, part.samples, found.logits.device)
        preprocessing, wanted = model.loaded.preprocessing, column.declares.backgrounds
        assert wanted is not None
        count = wanted(column.spec)
        several = builder.donors.backgrounds(part.samples, part.prepared, ask.context, preprocessing, count)
        self._images = [_Image(row, donors) for row, donors in enumerate(several)]
        self.known: list[Donor] = [builder.donors.known(donors, ask.context, preprocessing) for donors in several]

    def run(self) -> tuple[MeasureOutput, NDArray[np.int64]]:
        """Values, and how many backgrounds were tried of each image."""
        missing = self._without_search()
        originally_right = is_correct(self._seen(self._original), self._original).tolist()
        left = [one for one in self._images if one.row not in missing and originally_right[one.row]]
        for one in left:
            one.asked = 1
        changed = self._found.shown.validity.changed.tolist()
        self._read(left, self._found.logits[[one.row for one in left]], [changed[one.row] for one in left])
        while left := [one for one in left if one.open]:
            self._show(_next_pairs(left, self._model.batch))
        for one in self._images:
            if one.tried and not one.flipped and (reason := self._undefined(one)) is not None:
                missing[one.row] = reason
        values = torch.tensor([float(one.flipped) for one in self._images], dtype=torch.float64)
        undefined = {
            reason: torch.tensor([missing.get(one.row) is reason for one in self._images])
            for reason in dict.fromkeys(missing.values())
        }
        return MeasureOutput(values, undefined), np.array([one.tried for one in self._images], dtype=np.int64)

    def _without_search(self) -> dict[int, Missing]:
        """Images that have no value whatever the backgrounds are."""
        reasons = [
            one for one in pass_wide(self._ask.context, self._found.shown) if one[0] is not Missing.CONTEXT_UNCHANGED
        ]
        missing: dict[int, Missing] = {}
        for reason, flags in [*reasons, (self._broken, non_finite(self._original))]:
            for row in torch.nonzero(flags).flatten().tolist():
                missing.setdefault(row, reason)
        return missing

    @property
    def _broken(self) -> Missing:
        """What logits that are not finite mean: stored answers are finite where there are any."""
        return Missing.NON_FINITE_LOGITS if self._model.loaded.answers is None else Missing.NO_ANSWER

    def _undefined(self, one: _Image) -> Missing | None:
        """Why an image that nothing flipped may yet have been flipped."""
        if one.broken:
            return self._broken
        return None if one.changed or exempt(self._ask.context) else Missing.CONTEXT_UNCHANGED

    def _show(self, pairs: Sequence[tuple[_Image, Sample]]) -> None:
        """One micro-batch of images, each on its next background."""
        images, donors = [one for one, _ in pairs], [donor for _, donor in pairs]
        rows, preprocessing = [one.row for one in images], self._model.loaded.preprocessing
        shown = self._found.shown
        pixels, changed, origins = self._builder.show_on(shown, rows, donors, self._ask.context, preprocessing)
        ids = [shown.scene.ids[row] for row in rows]
        output = self._model.run(pixels, self._labels[rows], (), ids, origins)
        self._read(images, output.logits, changed.tolist())

    def _read(self, images: Sequence[_Image], logits: Tensor, changed: Sequence[bool]) -> None:
        """What came of the next background of each image, in the order in which they were shown."""
        reading = measured_by(self._column, self._seen(logits, [one.row for one in images]))
        broken = torch.zeros(len(images), dtype=torch.bool, device=logits.device)
        for flags in reading.undefined.values():
            broken = broken | flags
        for one, value, no_value, other in zip(images, reading.values.tolist(), broken.tolist(), changed, strict=True):
            one.take(value, no_value, other)

    def _seen(self, logits: Tensor, rows: Sequence[int] | slice = slice(None)) -> MeasureInput:
        return MeasureInput(
            logits, self._labels[rows], self._original[rows], merged=self._model.merged, threshold=self._model.threshold
        )


def _next_pairs(left: Sequence[_Image], batch: int) -> list[tuple[_Image, Sample]]:
    """As many pairs as a micro-batch has rows: each image on its next background, then on the one after it, ..."""
    pairs: list[tuple[_Image, Sample]] = []
    while len(pairs) < batch and (more := [one for one in left if one.asked < len(one.donors)]):
        for one in more[: batch - len(pairs)]:
            pairs.append((one, one.donors[one.asked]))
            one.asked += 1
    return pairs
