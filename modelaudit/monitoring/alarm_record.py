"""The record of an alarm: what changed on the line since when, and how the audited claims stand with it.

Pictures are in the same folder (``images/``), and it names them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from ..evidence.json_record import read_json_record
from ..evidence.part import Part
from ..language.errors import MonitorError
from .monitor_file import AuditedClaim, PromiseRecord, StatisticName

ALARM_NAME, PAGE_NAME, LIST_NAME = "alarm.json", "alarm.html", "audit_next.csv"
#: what the images are compared with
ComparedWith = Literal["audited_images", "normal_images", "own_beginning"]
#: whether a claim can be measured on the images of the line as they come, and what is missing where it cannot
Measurability = Literal["can_be_measured", "unknown_needs_labels", "unknown_needs_masks", "unknown_both"]


class ClaimStanding(AuditedClaim):
    """An audited claim after an alarm. ``touched``: it was audited under a change of the kind that the alarm found."""

    standing: Measurability
    touched: bool = False


class Began(Part):
    """The first unit that looks changed, as estimated; counted from 1 within the group.

    ``image`` and ``at``: of that unit, where they are still known.
    """

    unit: Annotated[int, Field(ge=1)]
    image: str | None = None
    at: AwareDatetime | None = None


class Change(Part):
    """One thing that is different since the change began: means over ``images`` against those of the reference.

    ``name``: a column of the surroundings or of the light, the class that is predicted, or "confidence". Of a class
    ``reference`` and ``recent`` are shares. ``spread``: the standard deviation of single images in the reference.
    ``deviations``: (recent - reference) / spread. ``z``: the difference in standard errors, by which changes are
    ordered.
    """

    kind: StatisticName
    name: str
    reference: float
    recent: float
    spread: float | None = None
    deviations: float | None = None
    z: float
    images: int


class AlarmPicture(Part):
    """A picture on the page. ``file``: relative to the folder of the alarm. ``score``: of the statistic that alarmed;
    none of reference images whose score was not kept."""

    id: str
    file: str
    score: float | None = None
    predicted: str | None = None
    confidence: float | None = None
    at: AwareDatetime | None = None


class ChartState(Part):
    """The evidence of one statistic of one group at the time of the alarm."""

    group: str
    statistic: StatisticName
    units: int
    evidence: float
    threshold: float


class AuditNext(Part):
    """The list of images for the next audit: ``images`` of the ``available`` that were still kept since the change
    began, drawn at random where they are more.

    ``gone``: images that were drawn and whose files are no longer there, or which never were files. ``root``: the
    folder that the paths of the list are relative to; none: that of the list, which holds copies. ``masks``: every
    image has one.
    """

    file: str = LIST_NAME
    images: int
    available: int
    gone: int = 0
    root: str | None = None
    masks: bool = False


class AlarmRecord(Part):
    """An alarm of a monitor.

    ``number``: by which it is acknowledged. ``monitor``: sha256 of the content of the monitor. ``run``: its id,
    and ``run_digest`` the sha256 of its ``run.json``. ``model``: its reference. ``group``: "" where there is none.
    ``unit``: what is taken for exchangeable. ``units``: of the group, seen until the alarm. ``evidence`` and
    ``threshold``: odds, "340 to 1"; what is over 1e300 stands as 1e300. ``ordinary`` and ``recent``: pictures of the
    reference and, the least usual first, of the images since the change began. ``charts``: all statistics of the group.
    """

    format: Literal["modelaudit-alarm/1"] = "modelaudit-alarm/1"
    modelaudit: str
    id: str
    number: Annotated[int, Field(ge=1)] = 1
    created: AwareDatetime
    monitor: str
    monitor_file: str
    run: str
    run_digest: str
    model: str
    data: str
    group: str = ""
    statistic: StatisticName
    masked: bool = False
    unit: Literal["image", "lot"] = "image"
    units: Annotated[int, Field(ge=1)]
    evidence: float
    threshold: float
    promise: PromiseRecord
    began: Began
    compared_with: ComparedWith
    charts: list[ChartState] = []
    changes: list[Change] = []
    ordinary: list[AlarmPicture] = []
    recent: list[AlarmPicture] = []
    audit_next: AuditNext | None = None
    claims: list[ClaimStanding] = []


def read_alarm(file: Path) -> AlarmRecord:
    """The record of an alarm.

    Args:
        file: ``alarm.json``, or the folder that holds it.

    Raises:
        MonitorError: it cannot be read as one.
    """
    file = file / ALARM_NAME if file.is_dir() else file
    return read_json_record(
        file, AlarmRecord, MonitorError, called="the record of an alarm", way_out="give the folder of an alarm"
    )
