"""An alarm as a camera of the demo's line would raise it, without a monitor."""

from __future__ import annotations

from datetime import UTC, datetime

from modelaudit.monitoring.alarm_record import (
    AlarmPicture,
    AlarmRecord,
    AuditNext,
    Began,
    Change,
    ChartState,
    ClaimStanding,
)
from modelaudit.monitoring.monitor_file import PromiseRecord

BEGAN = datetime(2026, 3, 2, 6, 41, tzinfo=UTC)


def sample_alarm(**changed: object) -> AlarmRecord:
    """The alarm, with some of its fields changed."""
    fields: dict[str, object] = {
        "modelaudit": "0.2.0",
        "id": "20260302-071500-camera-2-surroundings",
        "created": datetime(2026, 3, 2, 7, 15, tzinfo=UTC),
        "monitor": "ab" * 32,
        "monitor_file": "monitor.json",
        "run": "20260110-090000",
        "run_digest": "cd" * 32,
        "model": "demo:shortcut",
        "data": "demo:",
        "group": "camera 2",
        "statistic": "surroundings",
        "masked": True,
        "units": 541,
        "evidence": 412.7,
        "threshold": 320.0,
        "promise": PromiseRecord(kind="false_alarms", value=0.05),
        "began": Began(unit=501, image="camera_2/00501.png", at=BEGAN),
        "compared_with": "audited_images",
        "charts": [
            ChartState(group="camera 2", statistic="surroundings", units=541, evidence=412.7, threshold=320.0),
            ChartState(group="camera 2", statistic="light", units=541, evidence=0.4, threshold=320.0),
            ChartState(group="camera 2", statistic="confidence", units=541, evidence=38.0, threshold=320.0),
            ChartState(group="camera 2", statistic="classes", units=541, evidence=1.1, threshold=320.0),
        ],
        "changes": [
            Change(
                kind="surroundings",
                name="hue_green",
                reference=0.2,
                recent=0.7,
                spread=0.1,
                deviations=5.0,
                z=31.6,
                images=41,
            ),
            Change(
                kind="confidence",
                name="confidence",
                reference=0.99,
                recent=0.91,
                spread=0.04,
                deviations=-2.0,
                z=-12.8,
                images=41,
            ),
            Change(kind="classes", name="gear", reference=0.25, recent=0.56, z=4.6, images=41),
        ],
        "ordinary": [AlarmPicture(id="img_0001.png", file="images/then_1.jpg")],
        "recent": [
            AlarmPicture(
                id="camera_2/00533.png",
                file="images/now_1.jpg",
                score=21.0,
                predicted="gear",
                confidence=0.71,
                at=BEGAN,
            )
        ],
        "audit_next": AuditNext(images=41, available=41),
        "claims": [
            ClaimStanding(
                node_id="audits/audit_line.py::looks_at_the_part",
                found={"en": "Background dependence is 0.17; below 0.40 is required.", "ja": "背景依存度は0.17です。"},
                text="background_dependence(gradcam) < 0.4",
                verdict="PASS",
                estimate=0.17,
                threshold=0.4,
                needs=["masks"],
                standing="unknown_needs_masks",
            ),
            ClaimStanding(
                node_id="audits/audit_line.py::survives_layout_change",
                found={"en": "Accuracy falls by 2.0 points.", "ja": "正解率は2.0ポイント下がります。"},
                text="accuracy - accuracy.under(swap_background(random)) < 0.05",
                verdict="PASS",
                estimate=0.02,
                threshold=0.05,
                kinds=["background"],
                needs=["labels", "masks"],
                standing="unknown_both",
                touched=True,
            ),
        ],
    }
    return AlarmRecord.model_validate(fields | changed)
