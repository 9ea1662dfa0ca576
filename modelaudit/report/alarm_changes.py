"""What an alarm says has changed: columns of the appearance gathered into properties that people see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..monitoring.alarm_record import AlarmRecord, Change
from .words import Words

#: a change is named from so many standard errors and, where images differ by themselves, so many of their standard
#: deviations on
_SURE, _VISIBLE = 4.0, 0.3
#: so many properties are named of the statistic that alarmed, and of each other one
_NAMED, _NAMED_BESIDE = 5, 2
#: a bar is full at so many standard deviations
_WIDEST = 6.0
_CHANNELS = ("red", "green", "blue")
#: the property that columns of the surroundings belong to; the longer lags are the coarser structure
_PROPERTIES = (
    (re.compile(r"brightness_\d+"), "brightness_spread"),
    (re.compile(r"red_green_\d+"), "colours"),
    (re.compile(r"yellow_blue_\d+"), "colours"),
    (re.compile(r"texture_[124]_\w+"), "fine_structure"),
    (re.compile(r"texture_\d+_\w+"), "coarse_structure"),
)
#: properties that are another one rather than more or less; a structure is, where it is more in one direction and less
#: in another
_OTHER = ("brightness_spread", "colours", "fine_structure", "coarse_structure")
_MORE_OR_LESS = (
    *("brightness", "contrast", "dark", "bright", "underexposed", "overexposed", "warmth", "green_cast"),
    *("colourfulness", "light_from_right", "light_from_below", "sharpness", "noise"),
    *(*_CHANNELS, "fine_structure", "coarse_structure"),
)
#: every property that the catalogue names
PROPERTIES = (*_OTHER, *(f"{name}_{way}" for name in _MORE_OR_LESS for way in ("more", "less")))


@dataclass(frozen=True)
class ChangeView:
    """One property: what it is of, what is different, by how much, and the length of its bar in per cent."""

    of: str
    text: str
    size: str
    bar: float


@dataclass(frozen=True)
class Swatches:
    """The mean colour of the surroundings before and since, as ``#rrggbb``."""

    before: str
    since: str


def change_views(record: AlarmRecord, words: Words) -> tuple[ChangeView, ...]:
    """The properties that differ, those of the statistic that alarmed first, the clearest first."""
    kinds = sorted({one.kind for one in record.changes}, key=lambda kind: kind != record.statistic)
    found: list[ChangeView] = []
    for kind in kinds:
        most = _NAMED if kind == record.statistic else _NAMED_BESIDE
        found += list(_of_kind([one for one in record.changes if one.kind == kind], record, words))[:most]
    return tuple(found)


def swatches(record: AlarmRecord) -> Swatches | None:
    """The mean colours of the surroundings; None where their columns are not in the record."""
    by_name = {one.name: one for one in record.changes if one.kind == "surroundings"}
    if not set(_CHANNELS) <= set(by_name):
        return None
    before, since = (
        "#" + "".join(f"{round(255 * min(max(getattr(by_name[name], when), 0.0), 1.0)):02x}" for name in _CHANNELS)
        for when in ("reference", "recent")
    )
    return Swatches(before, since)


def _of_kind(changes: Sequence[Change], record: AlarmRecord, words: Words) -> Iterator[ChangeView]:
    clear: dict[str, list[Change]] = {}
    for one in sorted((one for one in changes if _is_clear(one)), key=lambda one: -abs(one.z)):
        clear.setdefault(_property(one, changes), []).append(one)
    for name, alike in clear.items():
        yield _view(alike, name, record, words)


def _is_clear(change: Change) -> bool:
    return abs(change.z) >= _SURE and (change.deviations is None or abs(change.deviations) >= _VISIBLE)


def _property(change: Change, others: Sequence[Change]) -> str:
    """What a column is a part of; a class or the confidence by its own name."""
    if change.kind != "surroundings":
        return change.name
    if change.name in _CHANNELS:
        channels = [one for one in others if one.name in _CHANNELS and _is_clear(one)]
        together = len(channels) == len(_CHANNELS) and len({one.recent > one.reference for one in channels}) == 1
        return "brightness" if together else change.name
    return next((name for form, name in _PROPERTIES if form.fullmatch(change.name)), change.name)


def _view(alike: Sequence[Change], name: str, record: AlarmRecord, words: Words) -> ChangeView:
    """A property by its columns, the clearest first."""
    change = alike[0]
    of = words.named("alarm_statistic", subject_of(change.kind, masked=record.masked))
    if change.kind in ("classes", "confidence"):
        before, since = (words.quantity(value, "percent", 0) for value in (change.reference, change.recent))
        if change.kind == "classes":
            return ChangeView(of, words._("alarm_class_share", label=change.name, before=before, since=since), "", 0)
        return ChangeView(of, words._("alarm_confidence", before=before, since=since), "", 0)
    text = _said(alike, name, words)
    if change.deviations is None:
        return ChangeView(of, text, "", 0)
    size = abs(change.deviations)
    bar = 100 * min(size / _WIDEST, 1.0)
    return ChangeView(of, text, words._("alarm_times_spread", size=words.quantity(size, "number", 1)), bar)


def _said(alike: Sequence[Change], name: str, words: Words) -> str:
    ways = {"more" if one.recent > one.reference else "less" for one in alike}
    key = f"{name}_{ways.pop()}" if name in _MORE_OR_LESS and len(ways) == 1 else name
    if key not in PROPERTIES:  # a column of a monitor that a later version made
        return words._("alarm_other_column", name=alike[0].name)
    return words.named("alarm_change", key)


def subject_of(statistic: str, *, masked: bool) -> str:
    """What a statistic is about: the surroundings where the object is left out of them, else the whole image."""
    return "whole_image" if statistic == "surroundings" and not masked else statistic
