"""An alarm becomes a record in a folder of its own, with pictures and the list of images to audit next."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..language.errors import MonitorError
from ..language.whole_file import write_whole
from .alarm_record import (
    ALARM_NAME,
    LIST_NAME,
    AlarmPicture,
    AlarmRecord,
    AuditNext,
    Began,
    ChartState,
    ClaimStanding,
    Measurability,
    read_alarm,
)
from .audit_list import check_unlabelled, write_list
from .changes import changes
from .group_state import odds
from .monitor_file import STATISTICS, AuditedClaim, MonitorFile
from .state import RecentImage, StoredAlarm
from .status import moment

#: pictures on each side of the page
MOST_PICTURES = 8
#: the kind of change under which a claim was audited that a statistic finds on the line
_KINDS: Mapping[str, str] = {"surroundings": "background", "light": "light"}
#: by whether labels and masks are missing
_STANDINGS: Mapping[tuple[bool, bool], Measurability] = {
    (False, False): "can_be_measured",
    (True, False): "unknown_needs_labels",
    (False, True): "unknown_needs_masks",
    (True, True): "unknown_both",
}


def write_alarm(
    monitor: MonitorFile, alarm: StoredAlarm, images: Sequence[RecentImage], alarms: Path, *, monitor_file: str
) -> Path:
    """Write an alarm: its record, pictures, and the list of images to audit next with copies of them.

    ``alarm.json`` is written last. An alarm that is written again is written over what there is of it.

    Args:
        images: the latest of the group at the time of the alarm, the oldest first.
        alarms: the folder that gets a folder for each alarm.
        monitor_file: of the monitor, as commands name it.

    Returns:
        The folder of the alarm.

    Raises:
        MonitorError: something cannot be written.
    """
    folder, since = alarms / alarm_id(alarm), images_since(alarm, images)
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MonitorError(f"{folder}: cannot be made ({error.strerror}); give another folder with --alarms") from error
    listed = _listed(monitor, alarm.group, since, folder)
    record, pictures = alarm_record(monitor, alarm, images, listed, monitor_file=monitor_file)
    for file, content in pictures.items():
        write_whole(folder / file, content, MonitorError)
    write_whole(folder / ALARM_NAME, record.model_dump_json(indent=1) + "\n", MonitorError)
    return folder


def renew_list(monitor: MonitorFile, images: Sequence[RecentImage], folder: Path) -> AlarmRecord:
    """Write the list of an alarm anew, with the images that have come since.

    Args:
        images: the latest of the group, the oldest first.
        folder: of the alarm.

    Raises:
        MonitorError: it is no alarm of this monitor, its list has labels already, or something cannot be written.
    """
    record = read_alarm(folder)
    if record.monitor != monitor.digest:
        raise MonitorError(f"{folder}: is an alarm of another monitor ({record.monitor[:12]}); name its own")
    check_unlabelled(folder / LIST_NAME)
    since = [one for one in images if one.unit >= record.began.unit]
    listed = _listed(monitor, record.group, since, folder)
    standings = {one.node_id: claim_standing(one, record.statistic, listed) for one in monitor.claims}
    claims = [standings[one.node_id] for one in record.claims]
    renewed = record.model_copy(update={"audit_next": listed, "claims": claims})
    write_whole(folder / ALARM_NAME, renewed.model_dump_json(indent=1) + "\n", MonitorError)
    return renewed


def _listed(monitor: MonitorFile, group: str, since: Sequence[RecentImage], folder: Path) -> AuditNext:
    lots = monitor.unit.kind != "each"
    return write_list(folder, group, since, seed=monitor.seed, lots=lots, copies=bool(monitor.pictures))


def alarm_id(alarm: StoredAlarm) -> str:
    """The name of an alarm: when, its number in the state, the group and the statistic."""
    group = re.sub(r"\W+", "-", alarm.group).strip("-")[:40]
    parts = (f"{moment(alarm.created):%Y%m%d-%H%M%S}", str(alarm.number), group, alarm.statistic)
    return "-".join(part for part in parts if part)


def images_since(alarm: StoredAlarm, images: Sequence[RecentImage]) -> list[RecentImage]:
    """Those since the change, as it is estimated."""
    return [one for one in images if one.unit > alarm.content["started"]]


def alarm_record(
    monitor: MonitorFile,
    alarm: StoredAlarm,
    images: Sequence[RecentImage],
    listed: AuditNext,
    *,
    monitor_file: str,
) -> tuple[AlarmRecord, dict[str, bytes]]:
    """The record of an alarm, and its pictures by their files."""
    content, since = alarm.content, images_since(alarm, images)
    before = [one for one in images if one.unit <= content["started"]]
    own = content["compared_with"] == "own_beginning"
    ordinary = _small(before[-MOST_PICTURES:], "then") if own else _of_reference(monitor, alarm.group)
    unusual = sorted(since, key=lambda one: -one.scores[alarm.statistic])
    recent = _small([one for one in unusual if one.picture is not None][:MOST_PICTURES], "now")
    first = next((one for one in since if one.unit == content["started"] + 1), None)
    threshold = odds(content["log_threshold"])
    record = AlarmRecord.model_validate(
        {
            "modelaudit": __version__,
            "id": alarm_id(alarm),
            "number": alarm.number,
            "created": moment(alarm.created),
            "monitor": monitor.digest,
            "monitor_file": monitor_file,
            "run": monitor.run.id,
            "run_digest": monitor.run.digest,
            "model": monitor.model.reference,
            "data": monitor.reference.data,
            "group": alarm.group,
            "statistic": alarm.statistic,
            "masked": content["masked"],
            "unit": "image" if monitor.unit.kind == "each" else "lot",
            "units": content["units"],
            "evidence": odds(content["log_evidence"]),
            "threshold": threshold,
            "promise": monitor.promise,
            "began": Began(
                unit=content["started"] + 1,
                image=None if first is None else first.id,
                at=None if first is None else moment(first.time),
            ),
            "compared_with": content["compared_with"],
            "charts": [
                ChartState(
                    group=alarm.group, statistic=name, units=units, evidence=odds(log_evidence), threshold=threshold
                )
                for name in STATISTICS
                for units, log_evidence in [content["charts"][name]]
            ],
            "changes": changes(monitor, since, before if own else None, masked=content["masked"]),
            "ordinary": [picture for picture, _ in ordinary],
            "recent": [picture for picture, _ in recent],
            "audit_next": listed,
            "claims": [claim_standing(one, alarm.statistic, listed) for one in monitor.claims if not one.must_fail],
        }
    )
    return record, {picture.file: jpeg for picture, jpeg in (*ordinary, *recent)}


def claim_standing(claim: AuditedClaim, statistic: str, listed: AuditNext) -> ClaimStanding:
    """How an audited claim stands with the images since the change: known only once it is measured on them."""
    missing = ("labels" in claim.needs, "masks" in claim.needs and not listed.masks)
    touched = _KINDS.get(statistic) in claim.kinds
    return ClaimStanding(**claim.model_dump(), standing=_STANDINGS[missing], touched=touched)


def _of_reference(monitor: MonitorFile, group: str) -> list[tuple[AlarmPicture, bytes]]:
    """Pictures of the reference images, of the same group where there are some."""
    own = [one for one in monitor.pictures if one.group == group] or monitor.pictures
    return [
        (AlarmPicture(id=one.sample, file=f"images/then_{at}.jpg"), base64.b64decode(one.jpeg))
        for at, one in enumerate(own[:MOST_PICTURES], start=1)
    ]


def _small(images: Sequence[RecentImage], name: str) -> list[tuple[AlarmPicture, bytes]]:
    """The small pictures of images of the line."""
    found = []
    for at, one in enumerate((one for one in images if one.picture is not None), start=1):
        assert one.picture is not None
        picture = AlarmPicture(
            id=one.id,
            file=f"images/{name}_{at}.jpg",
            predicted=one.predicted,
            confidence=one.confidence,
            at=moment(one.time),
        )
        found.append((picture, one.picture))
    return found
