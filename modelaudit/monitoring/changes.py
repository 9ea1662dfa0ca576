"""What differs between the images since a change and those of the reference, in terms that have a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .alarm_record import Change
from .monitor_file import MonitorFile, StatisticName, WatchedColumn
from .state import RecentImage

#: so many images before a change tell what a group without reference images was like
LEAST_BEFORE = 10
#: so many classes are kept, those whose share has changed most
_MOST_CLASSES = 20


@dataclass(frozen=True)
class _Reference:
    """Mean and standard deviation of every column, the mean confidence, and the share of every predicted class."""

    columns: Mapping[tuple[StatisticName, str], tuple[float, float]]
    confidence: float
    shares: Mapping[str, float]
    images: int


def changes(
    monitor: MonitorFile, since: Sequence[RecentImage], before: Sequence[RecentImage] | None, *, masked: bool
) -> list[Change]:
    """Every named column, the confidence and the predicted classes, the clearest change first.

    A difference d of means is told in standard deviations of single images, d / s, and in standard errors,
    z = d / (s / sqrt(n)), where n counts units: images of one lot depend on each other. The start of the change was
    estimated from the same images, so z orders the changes and is no test.

    Args:
        since: the images since the change.
        before: of a group that the reference images do not have: its images before the change, with which it is
            compared. Fewer than 10 of them tell nothing, and no change is named.
        masked: the surroundings are those outside of the object.
    """
    if not since or (before is not None and len(before) < LEAST_BEFORE):
        return []
    reference = _of_monitor(monitor, masked) if before is None else _of_images(monitor, before, masked)
    units = len({one.unit for one in since})
    found = [*_columns(reference, since, units), *_confidence(reference, since, units)]
    found += sorted(_classes(reference, since, units), key=lambda one: -abs(one.z))[:_MOST_CLASSES]
    return sorted(found, key=lambda one: -abs(one.z))


def _watched(monitor: MonitorFile, masked: bool) -> list[WatchedColumn]:
    return [one for one in monitor.columns if one.masked == (masked and one.statistic == "surroundings")]


def _of_monitor(monitor: MonitorFile, masked: bool) -> _Reference:
    columns: dict[tuple[StatisticName, str], tuple[float, float]] = {
        (one.statistic, one.name): (one.mean, one.spread) for one in _watched(monitor, masked)
    }
    shares = {one.name: one.share for one in monitor.class_shares}
    return _Reference(columns, monitor.confidence, shares, monitor.reference.images)


def _of_images(monitor: MonitorFile, images: Sequence[RecentImage], masked: bool) -> _Reference:
    columns: dict[tuple[StatisticName, str], tuple[float, float]] = {}
    for one in _watched(monitor, masked):
        values = [image.columns[one.name] for image in images if one.name in image.columns]
        if len(values) >= LEAST_BEFORE:
            columns[one.statistic, one.name] = (float(np.mean(values)), float(np.std(values, ddof=1)))
    shares = {one.name: 0.0 for one in monitor.class_shares}
    shares |= _shares(images)
    return _Reference(columns, float(np.mean([one.confidence for one in images])), shares, len(images))


def _columns(reference: _Reference, since: Sequence[RecentImage], units: int) -> Iterator[Change]:
    for (statistic, name), (mean, spread) in reference.columns.items():
        values = [one.columns[name] for one in since if name in one.columns]
        if not values:
            continue
        recent = float(np.mean(values))
        deviations = (recent - mean) / spread if spread > 0 else None
        z = _standard_errors(recent - mean, spread or float(np.std(values)), units)
        yield Change(
            kind=statistic, name=name, reference=mean, recent=recent, spread=spread, deviations=deviations, z=z,
            images=len(values),
        )  # fmt: skip


def _confidence(reference: _Reference, since: Sequence[RecentImage], units: int) -> Iterator[Change]:
    values = [one.confidence for one in since]
    recent = float(np.mean(values))
    z = _standard_errors(recent - reference.confidence, float(np.std(values)), units)
    yield Change(
        kind="confidence", name="confidence", reference=reference.confidence, recent=recent, z=z, images=len(values)
    )


def _classes(reference: _Reference, since: Sequence[RecentImage], units: int) -> Iterator[Change]:
    recent = _shares(since)
    for name in reference.shares.keys() | recent.keys():
        before, now = reference.shares.get(name, 0.0), recent.get(name, 0.0)
        usual = min(max(before, 0.5 / reference.images), 1 - 0.5 / reference.images)  # a share of 0 is of few images
        z = _standard_errors(now - before, (usual * (1 - usual)) ** 0.5, units)
        yield Change(kind="classes", name=name, reference=before, recent=now, z=z, images=len(since))


def _shares(images: Sequence[RecentImage]) -> dict[str, float]:
    names, counts = np.unique([one.predicted for one in images], return_counts=True)
    return {str(name): int(count) / len(images) for name, count in zip(names, counts, strict=True)}


def _standard_errors(difference: float, spread: float, units: int) -> float:
    """The difference in standard errors; a spread of 0 leaves it as it is."""
    return float(difference / (spread / units**0.5)) if spread > 0 else float(difference)
