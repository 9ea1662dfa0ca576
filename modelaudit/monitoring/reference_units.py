"""The units of the reference images: each image, or the lots that they came in, half of them to fit and half to
calibrate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

from ..language.draws import order
from ..language.errors import MonitorError
from ..language.sample import Sample
from .lots import LotFrame, close, gather
from .monitor_file import UNGROUPED, UnitRule


@dataclass(frozen=True)
class Unit:
    """An image, or a lot of images.

    Args:
        group: of its images.
        name: unique within the group.
        rows: where its images stand among the samples.
    """

    group: str
    name: str
    rows: tuple[int, ...]


def units_of(rule: UnitRule, samples: Sequence[Sample], *, ordered: bool) -> tuple[list[Unit], bool]:
    """The units of reference images, and whether they came in lots.

    Lots by number or time are those of images in the order in which they were taken; images of an audit, which have no
    such order, are then units of their own, and so are all where no lot is stated.

    Args:
        ordered: the order of the names is that order.

    Raises:
        MonitorError: lots by time of images that are no files.
    """
    rows = sorted(range(len(samples)), key=lambda row: (_group(samples[row]), samples[row].id))
    names = [_lot(rule, samples[row]) for row in rows]
    if any(names):
        return _named_lots(rows, samples, names), True
    if ordered and rule.kind == "frames" and rule.size is not None:
        return _in_order(rows, samples, int(rule.size)), True
    if ordered and rule.kind == "minutes" and rule.size is not None:
        return _by_time(rows, samples, 60 * rule.size), True
    return [Unit(_group(samples[row]), samples[row].id, (row,)) for row in rows], False


def split(units: Sequence[Unit], seed: int) -> tuple[list[Unit], list[Unit]]:
    """A half of each group's units to fit, drawn by the seed, and the other half, not the smaller one, to calibrate."""
    fitted, calibrated = [], []
    for _, group in groupby(units, lambda unit: unit.group):
        drawn = sorted(group, key=lambda unit: order(seed, f"{unit.group}\0{unit.name}", "fitted"))
        fitted += drawn[: len(drawn) // 2]
        calibrated += drawn[len(drawn) // 2 :]
    return fitted, calibrated


def unit_scores(rule: UnitRule, seed: int, unit: Unit, frames: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """The scores of one unit by statistic, made of those of its images as the watch makes them."""
    lots = rule.model_copy(update={"kind": "stated", "size": None})
    lot = None
    for scores in frames:
        lot = gather(lots, seed, lot, 0, LotFrame(f"reference\0{unit.group}\0{unit.name}", unit.name, 0.0, scores)).lot
    assert lot is not None
    return close(lots, lot).scores


def _group(sample: Sample) -> str:
    return UNGROUPED if sample.group is None else sample.group


def _lot(rule: UnitRule, sample: Sample) -> str | None:
    """The name of a sample's lot, where lots have names."""
    if rule.kind == "folder":
        return str(PurePosixPath(sample.id).parent)
    return sample.cluster if rule.kind == "stated" else None


def _named_lots(rows: Sequence[int], samples: Sequence[Sample], names: Sequence[str | None]) -> list[Unit]:
    lots: dict[tuple[str, str], list[int]] = {}
    for row, name in zip(rows, names, strict=True):
        lots.setdefault((_group(samples[row]), name or f"image {samples[row].id}"), []).append(row)
    return [Unit(group, name, tuple(lot)) for (group, name), lot in sorted(lots.items())]


def _in_order(rows: Sequence[int], samples: Sequence[Sample], size: int) -> list[Unit]:
    units = []
    for group, found in groupby(rows, lambda row: _group(samples[row])):
        own = tuple(found)
        for first in range(0, len(own) - size + 1, size):  # a last one that is not full would scatter more
            units.append(Unit(group, f"{first:09d}", own[first : first + size]))
    return units


def _by_time(rows: Sequence[int], samples: Sequence[Sample], seconds: float) -> list[Unit]:
    lots: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        image = samples[row].image
        if not isinstance(image, Path):
            raise MonitorError(
                f"{samples[row].id}: lots by minutes need the times of files, and this image is none; use --lot "
                "frames=N, or --lot stated with ?cluster=exif:DateTimeOriginal[:13] in the reference"
            )
        number = int(image.stat().st_mtime // seconds)
        lots.setdefault((_group(samples[row]), f"{number:016d}"), []).append(row)
    return [Unit(group, name, tuple(lot)) for (group, name), lot in sorted(lots.items())]
