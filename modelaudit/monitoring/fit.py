"""Fits a monitor: learns from the reference images of a run what the line is like.

Half of the units fix the score functions and the edges of the bins; the other half gives the first scores. So the
scores of the second half and of the stream are exchangeable as long as the stream is like the reference images.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import __version__
from ..data.appearance import LIGHT, SURROUNDINGS
from ..evidence.measured_record import LayerRecord, ModelRecord
from ..evidence.record import RunRecord, record_digest
from ..language.draws import order
from ..language.errors import ModelError, MonitorError
from ..language.merkle import merkle_root
from ..language.sample import DataSet, Sample
from ..models import LoadedModel
from .autocorrelation import LEAST_SCORES, autocorrelation
from .bins import Bins
from .claims import audited_claims
from .distance import Distance, fit_distance
from .features import FrameFeatures, FrameReader, watched_layers
from .monitor_file import (
    STATISTICS,
    UNGROUPED,
    ClassShare,
    DistanceRecord,
    MonitoredModel,
    MonitoredRun,
    MonitorFile,
    OrderRecord,
    PromiseRecord,
    ReferenceImages,
    ReferencePicture,
    StatisticName,
    StatisticRecord,
    UnitRule,
    WatchedColumn,
)
from .reference_units import Unit, split, unit_scores, units_of
from .scorer import ScoreFunctions, class_name, columns_of

#: units in each half; of fewer, neither the score functions nor the first p-values tell much
LEAST_UNITS = 20
#: lots in the calibrated half, from which on a lot is scored by the mean of its images
LOTS_FOR_MEANS = 20
#: parts of the fitted half, each scored by a distance that was fitted to the others, for the edges of the bins
_FOLDS = 5
_CHUNK = 32
_PICTURES = 12
_QUALITY = 80
#: of all tests of the order together
_LEVEL = 0.05


@dataclass(frozen=True)
class ReferenceSet:
    """The images that a monitor is fitted to.

    Args:
        what: images of the audit, or normal images of the line itself.
        reference: of the data, as it was written.
        ordered: the order of their names is the order in which they were taken.
    """

    what: Literal["audited", "normal"]
    reference: str
    data: DataSet
    ordered: bool = False


@dataclass(frozen=True)
class FitSettings:
    """How a monitor is fitted.

    Args:
        unit: what is taken for exchangeable; None: stated lots where the images have clusters, else each image.
        group_by: the rule that gave the images their groups, for the record.
        pictures: keep small pictures of reference images.
    """

    promise: PromiseRecord
    unit: UnitRule | None = None
    group_by: str | None = None
    seed: int = 0
    pictures: bool = True


@dataclass(frozen=True, eq=False)
class _Seen:
    """The reference images that could be read, their features, and the classes predicted.

    ``outputs``: the names of all classes, by output.
    """

    samples: Sequence[Sample]
    features: Sequence[FrameFeatures]
    outputs: Sequence[str]
    root: str
    unusable: int
    masked: bool

    @property
    def kinds(self) -> tuple[bool, ...]:
        """Which surroundings were measured: of whole images, and with masks also those without the object."""
        return (False, True) if self.masked else (False,)

    def predicted(self, row: int) -> str:
        """The class of one image."""
        return self.outputs[self.features[row].index]


def fit_monitor(
    loaded: LoadedModel,
    reference: ReferenceSet,
    run: RunRecord,
    settings: FitSettings,
    *,
    created: datetime,
    device: str = "cpu",
    advance: Callable[[int], None] = lambda _: None,
) -> MonitorFile:
    """Fit a monitor to reference images.

    Args:
        loaded: the model of the run.
        run: the record whose claims the monitor lists.
        advance: is told how many images more were read.

    Raises:
        MonitorError: too few images or lots.
        ModelError: the model cannot be run, or is not one of the run.
    """
    model = _model_of(loaded, run)
    layers = watched_layers(loaded)
    with FrameReader(loaded, layers, device) as reader:
        seen = _seen(reader, loaded, reference, advance)
    rule = settings.unit or UnitRule(kind="stated" if any(one.cluster for one in seen.samples) else "each")
    units, in_lots = units_of(rule, seen.samples, ordered=reference.ordered)
    fitted, calibrated = split(units, settings.seed)
    _check_count(reference, seen, len(fitted), len(calibrated), in_lots)
    score: Literal["mean", "drawn"] = "mean" if in_lots and len(calibrated) >= LOTS_FOR_MEANS else "drawn"
    rule = rule.model_copy(update={"score": score})
    shares = _class_shares(seen, fitted)
    work = _Fit(seen, rule, settings.seed, {one.name: at for at, one in enumerate(shares)})
    groups = {name: sum(unit.group == name for unit in calibrated) for name in sorted({one.group for one in units})}
    return MonitorFile(
        modelaudit=__version__,
        created=created,
        model=MonitoredModel(
            reference=model.reference,
            fingerprint=loaded.fingerprint,
            classes=model.classes,
            outputs=loaded.outputs,
            preprocessing=model.preprocessing,
            scores=model.scores,
        ),
        run=MonitoredRun(id=run.id, digest=record_digest(run), overall=run.overall),
        reference=ReferenceImages(
            what=reference.what,
            data=reference.reference,
            root=seen.root,
            images=len(seen.samples),
            units=len(units),
            fitted=len(fitted),
            calibrated=len(calibrated),
            groups=groups,
            lots=len(units) if in_lots else None,
            masked=seen.masked,
            unusable=seen.unusable,
        ),
        promise=settings.promise,
        unit=rule,
        group_by=settings.group_by,
        seed=settings.seed,
        layers=[LayerRecord(**vars(layer)) for layer in layers],
        statistics=work.statistics(fitted, calibrated, list(groups)),
        columns=[column for masked in seen.kinds for column in _columns(seen, masked)],
        class_shares=shares,
        confidence=float(np.mean([one.confidence for one in seen.features])),
        order=work.order(units) if reference.ordered and not in_lots else [],
        claims=audited_claims(run, [model.key]),
        pictures=_pictures(seen, settings.seed) if settings.pictures else [],
    )


def _model_of(loaded: LoadedModel, run: RunRecord) -> ModelRecord:
    for model in run.models:
        if model.fingerprint == loaded.fingerprint:
            return model
    known = ", ".join(f"{model.reference} ({model.fingerprint[:12]})" for model in run.models) or "none"
    raise ModelError(
        f"{loaded.ref} ({loaded.fingerprint[:12]}): is no model of the run, which has {known}; audit the model as it "
        "is now, and fit the monitor to that run"
    )


def _seen(reader: FrameReader, loaded: LoadedModel, reference: ReferenceSet, advance: Callable[[int], None]) -> _Seen:
    samples = reference.data.samples
    masked = all(one.mask is not None or one.without_object for one in samples)
    kept: list[tuple[Sample, FrameFeatures]] = []
    for first in range(0, len(samples), _CHUNK):
        chunk = samples[first : first + _CHUNK]
        found = reader.read(chunk, (False, True) if masked else (False,))
        kept += [(sample, one) for sample, one in zip(chunk, found, strict=True) if isinstance(one, FrameFeatures)]
        advance(len(chunk))
    return _Seen(
        samples=[sample for sample, _ in kept],
        features=[one for _, one in kept],
        outputs=[class_name(loaded, index) for index in range(loaded.outputs)],
        root=merkle_root(reader.digests),
        unusable=len(samples) - len(kept),
        masked=masked,
    )


def _check_count(reference: ReferenceSet, seen: _Seen, fitted: int, calibrated: int, in_lots: bool) -> None:
    if min(fitted, calibrated) >= LEAST_UNITS:
        return
    unread = f" ({seen.unusable} more cannot be used)" if seen.unusable else ""
    what, way_out = "images", "give more of them, or normal images of the line with --normal"
    if in_lots:
        what, way_out = "lots", "give more of them, or take each image for a unit of its own with --lot each"
    raise MonitorError(
        f"{reference.reference}: has {fitted + calibrated} {what}{unread}, and a monitor needs {2 * LEAST_UNITS}: half "
        f"of them fix what is measured, the other half what it is compared with; {way_out}"
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """The score functions of reference images, and the scores that they give."""

    seen: _Seen
    rule: UnitRule
    seed: int
    positions: Mapping[str, int]

    def statistics(
        self, fitted: Sequence[Unit], calibrated: Sequence[Unit], groups: Sequence[str]
    ) -> list[StatisticRecord]:
        """Every statistic, with masks the surroundings twice."""
        records = self._distances(fitted)
        functions = self._functions(records)
        found = []
        for masked in self.seen.kinds:
            crossed = self._crossed(fitted, masked)
            scores = [self._unit_scores(functions, unit, masked) for unit in calibrated]
            for name in ("surroundings",) if masked else STATISTICS:
                bins = Bins.of([one[name] for one in crossed])
                if name == "classes":
                    bins = Bins.of_positions(len(self.positions))
                counts = {
                    group: bins.counts(
                        one[name] for unit, one in zip(calibrated, scores, strict=True) if unit.group == group
                    ).tolist()
                    for group in groups
                }
                record = records.get((name, masked))
                edges = list(bins.edges)
                found.append(StatisticRecord(name=name, masked=masked, distance=record, edges=edges, counts=counts))
        return found

    def order(self, units: Sequence[Unit]) -> list[OrderRecord]:
        """The statistics by which images that follow each other are alike."""
        groups = {unit.group: [one for one in units if one.group == unit.group] for unit in units}
        largest = max(groups.values(), key=len)
        if len(largest) < LEAST_SCORES:
            return []
        scores = self._crossed(largest, masked=False)
        found = []
        for name in STATISTICS:
            told = autocorrelation([one[name] for one in scores], self.seed)
            if told.found(_LEVEL / len(STATISTICS)):
                found.append(
                    OrderRecord(statistic=name, p_value=told.p_value, correlation=told.correlation, lot=told.lot)
                )
        return found

    def _distances(self, units: Sequence[Unit]) -> dict[tuple[StatisticName, bool], DistanceRecord]:
        rows = [row for unit in units for row in unit.rows]
        chosen = [self.seen.features[row] for row in rows]
        found: dict[tuple[StatisticName, bool], DistanceRecord] = {
            ("light", False): fit_distance(np.stack([one.light for one in chosen]))
        }
        for masked in self.seen.kinds:
            found["surroundings", masked] = fit_distance(np.stack([one.surroundings[masked] for one in chosen]))
        return found

    def _functions(self, records: Mapping[tuple[StatisticName, bool], DistanceRecord]) -> ScoreFunctions:
        return ScoreFunctions({key: Distance.of(one) for key, one in records.items()}, self.positions)

    def _crossed(self, units: Sequence[Unit], masked: bool) -> list[Mapping[str, float]]:
        """The scores of units, each by distances that were fitted to others: those of a unit that was itself fitted to
        are smaller than those of new ones."""
        places = sorted(
            range(len(units)), key=lambda at: order(self.seed, f"{units[at].group}\0{units[at].name}", "fold")
        )
        found: dict[int, Mapping[str, float]] = {}
        for fold in range(_FOLDS):
            functions = self._functions(
                self._distances([units[at] for n, at in enumerate(places) if n % _FOLDS != fold])
            )
            for at in places[fold::_FOLDS]:
                found[at] = self._unit_scores(functions, units[at], masked)
        return [found[at] for at in range(len(units))]

    def _unit_scores(self, functions: ScoreFunctions, unit: Unit, masked: bool) -> Mapping[str, float]:
        frames = [
            {
                str(name): score
                for name, score in functions(self.seen.features[row], self.seen.predicted(row), masked).items()
            }
            for row in unit.rows
        ]
        return unit_scores(self.rule, self.seed, unit, frames)


def _class_shares(seen: _Seen, fitted: Sequence[Unit]) -> list[ClassShare]:
    """Of the fitted images, so that the order in which classes are counted is fixed before the first score."""
    counts = Counter(seen.predicted(row) for unit in fitted for row in unit.rows)
    total = counts.total()
    places = {name: at for at, name in enumerate(seen.outputs)}
    names = sorted(seen.outputs, key=lambda name: (-counts[name], places[name]))
    return [ClassShare(name=name, share=counts[name] / total) for name in names]


def _columns(seen: _Seen, masked: bool) -> list[WatchedColumn]:
    rows = [columns_of(one, masked) for one in seen.features]
    found = []
    for names, statistic in ((LIGHT, "light"), (SURROUNDINGS, "surroundings")):
        if statistic == "light" and masked:
            continue
        for name in names:
            values = np.array([row[name] for row in rows])
            found.append(
                WatchedColumn(
                    statistic="light" if statistic == "light" else "surroundings",
                    name=name,
                    masked=masked,
                    mean=float(values.mean()),
                    spread=float(values.std()),
                )
            )
    return found


def _pictures(seen: _Seen, seed: int) -> list[ReferencePicture]:
    """Some images, drawn by the seed, in the order of their names."""
    rows = sorted(range(len(seen.samples)), key=lambda row: order(seed, seen.samples[row].id, "picture"))[:_PICTURES]
    return [
        ReferencePicture(
            sample=seen.samples[row].id,
            group=seen.samples[row].group or UNGROUPED,
            jpeg=_jpeg(seen.features[row].thumbnail),
        )
        for row in sorted(rows)
    ]


def _jpeg(image: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=_QUALITY)
    return base64.b64encode(stream.getvalue()).decode("ascii")
