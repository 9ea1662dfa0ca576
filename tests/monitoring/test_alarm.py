"""An alarm keeps what it was raised on: the record, the pictures, and images that the next audit can name."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitoring.lines import brightness_monitor, camera, opened
from PIL import Image

from modelaudit.data import open_data
from modelaudit.language.errors import DataError, MonitorError
from modelaudit.monitoring.alarm import alarm_id, claim_standing, renew_list, write_alarm
from modelaudit.monitoring.alarm_record import AuditNext, read_alarm
from modelaudit.monitoring.audit_list import MOST_LISTED, write_list
from modelaudit.monitoring.changes import changes
from modelaudit.monitoring.monitor import NewImage
from modelaudit.monitoring.monitor_file import MonitorFile, Need, ReferencePicture, UnitRule
from modelaudit.monitoring.state import RecentImage, StoredAlarm

QUIET, CHANGED = 60, 60


def jpeg() -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 90, dtype=np.uint8)).save(written, "JPEG")
    return written.getvalue()


def monitor_with_pictures() -> MonitorFile:
    small = ReferencePicture(sample="0001.png", jpeg=base64.b64encode(jpeg()).decode())
    return brightness_monitor().model_copy(update={"pictures": [small], "digest": ""}).sealed()


def raised(folder: Path, monitor: MonitorFile, *, group: str = "camera 1") -> tuple[StoredAlarm, list[RecentImage]]:
    """The first alarm of a line that becomes bright after 60 images, with the latest images of its group."""
    lights = [*np.random.default_rng(1).uniform(0.2, 0.6, QUIET), *np.linspace(0.8, 0.95, CHANGED)]
    with opened(folder, monitor) as watch:
        watch.update_many([NewImage(path, group) for path in camera(folder / "line", lights)])
        with watch.state.reading() as tables:
            alarm = tables.alarms()[0]
            return alarm, tables.alarm_images(alarm.number)


def recent(frame: int, light: float, predicted: str = "bolt", *, unit: int | None = None) -> RecentImage:
    scores = dict.fromkeys(("surroundings", "light", "confidence", "classes"), light)
    unit = frame if unit is None else unit
    return RecentImage(
        frame, unit, f"{frame}.png", None, None, 0.0, scores, predicted, 1 - light, {"brightness": light}, None
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "audit_next.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_an_alarm_names_the_change_and_since_when(tmp_path: Path) -> None:
    monitor = monitor_with_pictures()
    alarm, images = raised(tmp_path, monitor)
    folder = write_alarm(monitor, alarm, images, tmp_path / "alarms", monitor_file="monitor.json")
    record = read_alarm(folder)
    assert folder.name == record.id == alarm_id(alarm) and record.number == alarm.number
    assert QUIET - 5 <= record.began.unit <= QUIET + 5 and QUIET < record.units < QUIET + CHANGED
    assert record.evidence >= record.threshold and record.compared_with == "audited_images"
    assert {one.statistic for one in record.charts} == {"surroundings", "light", "confidence", "classes"}
    (light,) = [one for one in record.changes if one.kind == "light"]
    assert light.deviations == pytest.approx((light.recent - 0.5) / 0.1) and light.deviations > 2
    assert (record.ordinary[0].id, len(record.recent)) == ("0001.png", min(8, record.units - record.began.unit + 1))
    for picture in (*record.ordinary, *record.recent):
        assert (folder / picture.file).read_bytes().startswith(b"\xff\xd8\xff")


def test_the_next_audit_reads_the_list_when_the_images_of_the_line_are_gone(tmp_path: Path) -> None:
    monitor = monitor_with_pictures()
    alarm, images = raised(tmp_path, monitor)
    since = [one for one in images if one.unit > alarm.content["started"]]
    Path(since[0].path or "").unlink()
    folder = write_alarm(monitor, alarm, images, tmp_path / "alarms", monitor_file="monitor.json")
    listed = read_alarm(folder).audit_next
    assert listed == AuditNext(images=len(since) - 1, available=len(since), gone=1)
    for path in (tmp_path / "line").iterdir():
        path.unlink()

    with pytest.raises(DataError, match="has no label"):
        open_data("csv:audit_next.csv", root=folder)
    rows = rows_of(folder)
    assert [row["source"] for row in rows] == [one.id for one in since[1:]]
    with (folder / "audit_next.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(row | {"label": "nut"} for row in rows)
    data = open_data("csv:audit_next.csv", root=folder)
    assert {sample.group for sample in data.samples} == {"camera 1"}
    assert data.samples[0].attributes["predicted"] == "nut"
    assert all(isinstance(one.image, Path) and one.image.is_file() for one in data.samples)


def test_an_alarm_that_is_written_again_is_the_same(tmp_path: Path) -> None:
    monitor = monitor_with_pictures()
    alarm, images = raised(tmp_path, monitor)

    def written() -> dict[str, bytes]:
        folder = write_alarm(monitor, alarm, images, tmp_path / "alarms", monitor_file="monitor.json")
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    first = written()
    half = tmp_path / "alarms" / alarm_id(alarm)
    (half / "alarm.json").unlink()
    (half / "audit_next.csv").write_bytes(b"image,la")
    assert written() == first


def test_the_list_takes_in_later_images_until_somebody_has_labelled_it(tmp_path: Path) -> None:
    monitor = monitor_with_pictures()
    alarm, images = raised(tmp_path, monitor)
    folder = write_alarm(monitor, alarm, images, tmp_path / "alarms", monitor_file="monitor.json")
    first = rows_of(folder)
    with opened(tmp_path, monitor) as watch, watch.state.reading() as tables:
        latest = tables.recent("camera 1")
    renewed = renew_list(monitor, latest, folder)
    assert renewed == read_alarm(folder) and renewed.audit_next is not None
    assert renewed.audit_next.images == QUIET + CHANGED + 1 - renewed.began.unit > len(first)
    assert {row["source"] for row in first} < {row["source"] for row in rows_of(folder)}

    table = (folder / "audit_next.csv").read_text(encoding="utf-8-sig").replace(".png,,", ".png,nut,", 1)
    (folder / "audit_next.csv").write_text(table, encoding="utf-8")
    with pytest.raises(MonitorError, match="has labels already; move it away"):
        renew_list(monitor, latest, folder)
    (folder / "audit_next.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(MonitorError, match="cannot be read"):
        renew_list(monitor, latest, folder)
    (folder / "audit_next.csv").unlink()
    assert renew_list(monitor, latest, folder) == renewed
    with pytest.raises(MonitorError, match="alarm of another monitor"):
        renew_list(brightness_monitor(seed=5), latest, folder)


def test_a_monitor_without_pictures_lists_images_where_they_are(tmp_path: Path) -> None:
    monitor = brightness_monitor().model_copy(update={"pictures": [], "digest": ""}).sealed()
    alarm, images = raised(tmp_path, monitor)
    folder = write_alarm(monitor, alarm, images, tmp_path / "alarms", monitor_file="monitor.json")
    record = read_alarm(folder)
    assert (record.ordinary, record.recent) == ([], []) and not list((folder / "images").iterdir())
    assert record.audit_next is not None and record.audit_next.root == str(tmp_path / "line")
    assert all((tmp_path / "line" / row["image"]).is_file() for row in rows_of(folder))


def test_a_long_change_is_listed_by_a_draw_that_no_other_image_moves(tmp_path: Path) -> None:
    files = camera(tmp_path / "line", np.full(MOST_LISTED + 50, 0.5))
    since = [replace(recent(at, 0.5), path=str(file)) for at, file in enumerate(files, start=1)]
    drawn = []
    for name, images in (("all", since), ("fewer", since[:-20])):
        (tmp_path / name).mkdir()
        listed = write_list(tmp_path / name, "", images, seed=3, lots=False, copies=True)
        assert (listed.images, listed.available) == (MOST_LISTED, len(images))
        drawn.append({row["source"] for row in rows_of(tmp_path / name)})
    assert drawn[0] - {one.id for one in since[-20:]} <= drawn[1]


def test_images_of_a_lot_are_a_cluster_and_their_masks_come_along(tmp_path: Path) -> None:
    (image, mask) = camera(tmp_path / "line", [0.5, 1.0])
    one = replace(recent(7, 0.5, unit=3), path=str(image), mask=str(mask))
    (tmp_path / "alarm").mkdir()
    listed = write_list(tmp_path / "alarm", "カメラ 2", [one], seed=0, lots=True, copies=True)
    (row,) = rows_of(tmp_path / "alarm")
    assert listed.masks and (tmp_path / "alarm" / row["mask"]).read_bytes() == mask.read_bytes()
    assert (row["group"], row["cluster"]) == ("カメラ 2", "カメラ 2/3")


def test_a_group_without_reference_images_is_told_against_its_own_beginning() -> None:
    monitor = brightness_monitor()
    before = [recent(at, 0.9 + 0.01 * (at % 3)) for at in range(1, 13)]
    since = [recent(at, 0.5, "nut") for at in range(13, 30)]
    found = {(one.kind, one.name): one for one in changes(monitor, since, before, masked=False)}
    assert found["light", "brightness"].reference == pytest.approx(0.91) and found["light", "brightness"].z < 0
    assert (found["classes", "nut"].reference, found["classes", "nut"].recent) == (0, 1)
    assert changes(monitor, since, before[:5], masked=False) == []


def test_images_of_one_lot_count_once_in_standard_errors() -> None:
    monitor = brightness_monitor().model_copy(update={"unit": UnitRule(kind="frames", size=5)})
    alone = changes(monitor, [recent(at, 0.8) for at in range(20)], None, masked=False)
    in_lots = changes(monitor, [recent(at, 0.8, unit=at // 5) for at in range(20)], None, masked=False)
    z = [next(one.z for one in found if one.kind == "light") for found in (alone, in_lots)]
    assert z == [pytest.approx(0.3 / (0.1 / 20**0.5)), pytest.approx(0.3 / (0.1 / 4**0.5))]


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)))
def test_changes_do_not_depend_on_the_order_of_the_images(order: list[int]) -> None:
    monitor = brightness_monitor()
    images = [recent(at, 0.2 + at / 20, "bolt" if at % 3 else "nut") for at in range(12)]
    shown = [
        {(one.kind, one.name): (one.recent, one.z) for one in changes(monitor, of, None, masked=False)}
        for of in (images, [images[at] for at in order])
    ]
    assert shown[0].keys() == shown[1].keys()
    assert all(shown[1][name] == pytest.approx(value) for name, value in shown[0].items())


@pytest.mark.parametrize(
    ("needs", "masks", "standing"),
    [
        ([], False, "can_be_measured"),
        (["labels"], False, "unknown_needs_labels"),
        (["masks"], False, "unknown_needs_masks"),
        (["masks"], True, "can_be_measured"),
        (["labels", "masks"], False, "unknown_both"),
        (["labels", "masks"], True, "unknown_needs_labels"),
    ],
)
def test_a_claim_is_unknown_until_what_it_needs_is_there(needs: list[Need], masks: bool, standing: str) -> None:
    claim = brightness_monitor().claims[0].model_copy(update={"needs": needs, "kinds": ["light"]})
    listed = AuditNext(images=3, available=3, masks=masks)
    found = claim_standing(claim, "light", listed)
    assert (found.standing, found.touched) == (standing, True)
    assert not claim_standing(claim, "surroundings", listed).touched
