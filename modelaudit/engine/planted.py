"""A copy of a model with a dependence on the background planted into it, as a table of its values.

Into logits: ``z' = z + w A phi``, phi the background's pixels averaged over cells, A the least linear readout by which
the background of every image speaks for a class: an ordinary model, which has memorised backgrounds. Into maps:
evidence on the background, proportional to its brightness.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..language import registry
from ..language.errors import AuditError
from ..language.expression import Measure
from ..language.reasons import Missing
from ..measures.base import Seen, tries_backgrounds
from .measured import ColumnData, Measured
from .models import RunningModel
from .plan import ColumnAsk, PassAsk, PlannedCase, column_key, original_context
from .plant_directions import ColumnName, columns_read, directions
from .planting import FEATURES, STRENGTHS, Answer, Planting, reads_logits
from .readout import Readout, readout
from .restricted import restricted
from .rows import Place, place_of
from .table import CaseTable

Array = NDArray[np.float64]
#: fewer images than this are not taken for the sake of a readout that is exact on each of them
LEAST_IMAGES = 128


class NotPlantable(AuditError):
    """Why nothing can be planted; the message stands in the record."""


class PlantedCopy:
    """The values of one case for a copy of one of its models.

    Args:
        images: at most so many.
        measured: the audit's own values; what nothing is planted into stays as it is.

    Raises:
        NotPlantable: for what it reads.
    """

    def __init__(
        self,
        case: PlannedCase,
        passes: Sequence[PassAsk],
        models: Mapping[str, RunningModel],
        planting: Planting,
        measured: Measured,
        samples: Sequence[str],
    ) -> None:
        self._case, self._models, self._planting = case, models, planting
        self.expectation = case.asked.expectation
        self._reads = dict(columns_read(case, passes))
        self._own = {(one.model, one.key): one for one in measured.columns}
        self._place = {name: at for at, name in enumerate(samples)}
        everywhere = CaseTable(case, measured)
        signs = dict(directions(self.expectation, everywhere, case.asked.case.confidence))
        self.model = self._chosen(signs)
        self._logits = self._judged(
            {read for leaf in self.expectation.expression.measures() for read in everywhere.key(leaf)}
        )
        self._maps = [read for read, (_, one) in self._of_model() if one.map is not None]
        self._check()
        self.kept = self._kept(measured)
        self._base = restricted(measured, self.kept, self._reads)
        self._at = [self._place[sample.id] for sample in self._base.samples]
        self._columns = {(one.model, one.key): one for one in self._base.columns}
        self._directions = self._directed(signs, CaseTable(case, self._base))

    @property
    def kind(self) -> Literal["logits", "map", "both"]:
        """What is planted into: "logits", "map" or "both".

        Raises:
            NotPlantable: neither.
        """
        logits = any(self._directions[place].any() for place in self._logit_places)
        maps = any((self._directions["map", read] < 0).any() for read in self._maps)
        if not logits and not maps:
            raise NotPlantable("no dependence on the background would speak against this expectation")
        return "both" if logits and maps else "logits" if logits else "map"

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.kept)

    @cached_property
    def notes(self) -> str:
        """What a reader should know of the planted values."""
        zero = {
            at
            for read in self._maps
            for at, reason in self._columns[read].missing.items()
            if reason is Missing.ZERO_ATTRIBUTION
        }
        return f"{len(zero)} maps without positive evidence get that of the plant alone" if zero else ""

    @cached_property
    def same_background(self) -> bool:
        """Whether what should speak for different classes is the very same background."""
        passes = [(self._directions[place], self.background(place)) for place in self._logit_places]
        opposed = [
            (first, second) for (one, first), (other, second) in combinations(passes, 2) if (one * other < 0).any()
        ]
        return bool(opposed) and all(np.array_equal(first, second) for first, second in opposed)

    @cached_property
    def unit(self) -> float:
        """The logits that a strength of 1 adds: the median over images of the largest logit above their mean."""
        answers = [self.logits(place) for place in self._logit_places]
        if not answers:
            return 1.0
        distances = np.concatenate([one.max(1) - one.mean(1) for one in answers if one.size])
        known = distances[np.isfinite(distances) & (distances > 0)]
        return float(np.median(known)) if known.size else 1.0

    def table(self, strength: float) -> CaseTable:
        """The case's values for a plant of this strength; 0 are the audit's own."""
        columns = [self._planted(read, strength) if strength else one for read, one in self._columns.items()]
        return CaseTable(self._case, self._base.model_copy(update={"columns": columns}))

    def logits(self, place: Place) -> Array:
        """[m, C] the model's own logits under a pass, NaN where there are none."""
        found = self._planting.answers.get(place, {})
        outputs = max((len(one.logits) for one in found.values()), default=1)
        nothing = Answer(np.full(outputs, np.nan, np.float32), np.zeros(FEATURES, np.float32))
        return np.stack([found.get(at, nothing).logits for at in self._at]).astype(np.float64)

    def background(self, place: Place) -> Array:
        """[m, 768] what was seen of the background under a pass."""
        found = self._planting.answers.get(place, {})
        nothing = np.zeros(FEATURES, np.float32)
        return np.stack([found[at].background if at in found else nothing for at in self._at]).astype(np.float64)

    @cached_property
    def readout(self) -> Readout:
        """A: the backgrounds of all passes that the case reads, each for the class that its direction says.

        For values to become worse that is the next label's class, for better ones the image's own; for none where the
        image plays no part.

        Raises:
            NotPlantable: no class to speak for, or no background.
        """
        own = np.array([self._model.indices[self._label(sample.label)] for sample in self._base.samples])
        classes, outputs = sorted({*own.tolist()}), self.logits(self._logit_places[0]).shape[1]
        if len(classes) < 2:
            classes = sorted({*classes, (classes[0] + 1) % outputs})
        if len(classes) < 2:
            raise NotPlantable("the model has one output, so the background cannot speak for another class")
        number = np.searchsorted(classes, own)
        rows, wanted = [], []
        for place in self._logit_places:
            direction = self._directions[place]
            spoken = np.where(direction < 0, (number + 1) % len(classes), number)
            rows.append(self.background(place))
            wanted.append(np.eye(len(classes))[spoken] * (direction != 0)[:, None])
        features, targets = np.concatenate(rows), np.concatenate(wanted)
        seen = np.abs(features).max(1) > 0
        if not seen.any():
            raise NotPlantable("no image has a background that is known (a mask) and not black")
        return Readout(readout(features[seen], targets[seen]), tuple(classes))

    @property
    def _model(self) -> RunningModel:
        return self._models[self.model]

    def _label(self, name: str) -> str | int:
        """The label as the data have it; samples leave the measurement with its text."""
        return next(label for label in self._model.indices if str(label) == name)

    def _of_model(self) -> Iterator[tuple[ColumnName, tuple[PassAsk, ColumnAsk]]]:
        return ((read, found) for read, found in self._reads.items() if read[0] == self.model)

    @cached_property
    def _logit_places(self) -> list[Place]:
        """The passes of the copied model whose logits the case judges, the original first."""
        places = [place_of(self._reads[read][0]) for read in self._logits]
        original = (self.model, str(original_context()))
        if any(_needs_original(self._reads[read][1]) for read in self._logits):
            places.append(original)
        return sorted(set(places), key=lambda place: (place != original, place))

    def _chosen(self, signs: Mapping[Measure, float]) -> str:
        """The first model of the case whose background can speak against it; else the first that it matters for."""
        against = [self._case.models[measure.model] for measure, sign in signs.items() if sign < 0]
        moved = [self._case.models[measure.model] for measure, sign in signs.items() if sign]
        if not moved:
            raise NotPlantable("the left side has no value that any measure moves")
        return (against or moved)[0]

    def _judged(self, leaves: Collection[ColumnName]) -> list[ColumnName]:
        """The columns of logits; what only a stratum reads is planted into where the left side is too."""
        found = [read for read, (_, column) in self._of_model() if reads_logits(column)]
        return found if any(read in leaves for read in found) else []

    def _check(self) -> None:
        for (model, key), (_, column) in self._of_model():
            if (model, key) in self._planting.failed:
                raise NotPlantable(f"'{key}': {self._planting.failed[model, key]}")
            if tries_backgrounds(column.spec) or (column.map is None and not reads_logits(column)):
                raise NotPlantable(f"'{key}' is read off neither one pass's logits nor a map that is kept")

    def _kept(self, measured: Measured) -> list[int]:
        """Which images, in the order of their ids: those of which all is there, or known to be missing.

        Of logits no more than the readout can tell apart, so that it is exact on each of them.
        """
        pool = self._planting.map_positions if self._maps else self._planting.positions
        if self._logits:
            room = max(FEATURES // max(1, len(self._logit_places)), LEAST_IMAGES)
            pool = {at: None for at in self._planting.first(room) if at in pool}
        order = {self._place[sample.id]: at for at, sample in enumerate(measured.samples)}
        chosen = [order[at] for at in pool if at in order and self._there(at, order[at])]
        if not chosen:
            raise NotPlantable("of no image there is what a plant needs")
        return sorted(chosen, key=lambda at: measured.samples[at].id)

    def _there(self, position: int, at: int) -> bool:
        answers = all(position in self._planting.answers.get(place, {}) for place in self._logit_places)
        maps = all(
            position in self._planting.planted.get(read, {}) or at in self._own[read].missing for read in self._maps
        )
        return maps and (answers or all(at in self._own[read].missing for read in self._logits))

    def _directed(self, signs: Mapping[Measure, float], table: CaseTable) -> dict[object, Array]:
        """For every pass (and column of maps) and image: -1 where values must become worse for the left side to move
        against the expectation, 1 where better, 0 where nothing moves it."""
        found: dict[object, Array] = {place: np.zeros(self.images) for place in self._logit_places}
        found |= {("map", read): np.zeros(self.images) for read in self._maps}
        for measure, sign in signs.items():
            read = (self._case.models[measure.model], column_key(measure.spec, measure.context))
            if read[0] == self.model:
                where = np.ones(self.images, bool)
                if measure.stratum is not None:
                    members = table.members(measure.stratum, measure.model)
                    where = members.inside | members.unknown
                key: object = ("map", read) if read in self._maps else place_of(self._reads[read][0])
                found[key] = found[key] + sign * where
        for place in self._logit_places:  # what is only compared with speaks for the own class
            if not found[place].any() and place[1] == str(original_context()):
                found[place] = np.ones(self.images)
        return {key: np.sign(one) for key, one in found.items()}

    def _planted(self, read: ColumnName, strength: float) -> ColumnData:
        own = self._columns[read]
        if read in self._maps:
            values, missing = self._planted_maps(read, strength)
        elif read in self._logits:
            values, missing = self._planted_answers(read, strength)
        else:
            return own
        for at in missing:
            values[at] = np.nan
        return ColumnData.model_construct(
            model=own.model, key=own.key, scale=own.scale, values=values.tolist(), missing=missing, steps={}
        )

    def _planted_answers(self, read: ColumnName, strength: float) -> tuple[Array, dict[int, Missing]]:
        ask, column = self._reads[read]
        original = (self.model, str(original_context()))
        seen = Seen(
            self.planted_logits(place_of(ask), strength),
            torch.tensor([self._model.indices[self._label(sample.label)] for sample in self._base.samples]),
            original_logits=self.planted_logits(original, strength) if _needs_original(column) else None,
            merged=None if self._model.labels.merged is None else torch.tensor(self._model.labels.merged),
        )
        reading = self._model.read(column, seen)
        missing = dict(self._columns[read].missing)
        for reason, flags in reading.undefined.items():
            for at in torch.nonzero(flags).flatten().tolist():
                missing.setdefault(at, reason)
        return reading.values.double().numpy().copy(), missing

    def planted_logits(self, place: Place, strength: float) -> torch.Tensor:
        """[m, C] float32: what the planted copy answers under a pass."""
        logits = self.logits(place)
        if self._directions[place].any():
            logits = logits + strength * self.unit * self.readout.added(self.background(place), logits.shape[1])
        return torch.from_numpy(logits.astype(np.float32))

    def _planted_maps(self, read: ColumnName, strength: float) -> tuple[Array, dict[int, Missing]]:
        """Between strengths that were read the values lie on a line; a measure of 0 and 1 keeps the weaker's."""
        own, found = self._columns[read], self._planting.planted.get(read, {})
        zero = {at for at, reason in own.missing.items() if reason is Missing.ZERO_ATTRIBUTION}
        missing = {at: reason for at, reason in own.missing.items() if at not in zero}
        nothing = np.full(len(STRENGTHS), np.nan)
        curves = np.column_stack([own.array(), np.stack([found.get(at, nothing) for at in self._at])])
        for at in zero:
            curves[at, 0] = curves[at, 1]
        steps, against = np.array([0.0, *STRENGTHS]), self._directions["map", read] < 0
        values = curves[:, 0].copy()
        right = int(np.clip(np.searchsorted(steps, strength), 1, len(STRENGTHS)))
        part = min(1.0, (strength - steps[right - 1]) / (steps[right] - steps[right - 1]))
        if own.scale == "proportion":
            part = math.floor(part)
        line = (1 - part) * curves[:, right - 1] + part * curves[:, right]
        values[against] = line[against]
        for at in np.flatnonzero(np.isnan(values)).tolist():
            missing.setdefault(at, own.missing.get(at, Missing.ZERO_ATTRIBUTION))
        return values, missing


def _needs_original(column: ColumnAsk) -> bool:
    return bool(registry.entry_of(column.spec).declares.needs_original)
