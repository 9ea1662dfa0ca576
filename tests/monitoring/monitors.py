"""A monitor to be written and read, without a model."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from modelaudit.monitoring.monitor_file import (
    ArrayRecord,
    AuditedClaim,
    ClassShare,
    DistanceRecord,
    MonitoredModel,
    MonitoredRun,
    MonitorFile,
    PromiseRecord,
    ReferenceImages,
    StatisticRecord,
    UnitRule,
    WatchedColumn,
)


def small_monitor() -> MonitorFile:
    distance = DistanceRecord(
        mean=ArrayRecord.of(np.zeros(3)),
        scale=ArrayRecord.of(np.ones(3)),
        components=ArrayRecord.of(np.eye(3)[:, :2]),
        variances=ArrayRecord.of(np.ones(2)),
        residual=1.0,
    )
    edges = [0.5, 1.0, 2.0]
    counts = {"": [10, 20, 15, 5]}
    return MonitorFile(
        modelaudit="0",
        created=datetime(2026, 3, 1, tzinfo=UTC),
        model=MonitoredModel(
            reference="demo:sound", fingerprint="f" * 64, classes=["bolt", "nut"], outputs=2, preprocessing={}
        ),
        run=MonitoredRun(id="run", digest="d" * 64, overall="PASS"),
        reference=ReferenceImages(
            what="audited",
            data="demo:",
            root="a" * 64,
            images=100,
            units=100,
            fitted=50,
            calibrated=50,
            groups={"": 50},
            masked=False,
        ),
        promise=PromiseRecord(kind="false_alarms", value=0.05),
        unit=UnitRule(kind="each"),
        seed=0,
        statistics=[
            StatisticRecord(name="surroundings", distance=distance, edges=edges, counts=counts),
            StatisticRecord(name="light", distance=distance, edges=edges, counts=counts),
            StatisticRecord(name="confidence", edges=edges, counts=counts),
            StatisticRecord(name="classes", edges=edges, counts=counts),
        ],
        columns=[WatchedColumn(statistic="light", name="brightness", mean=0.5, spread=0.1)],
        class_shares=[ClassShare(name="bolt", share=0.6), ClassShare(name="nut", share=0.4)],
        confidence=0.9,
        claims=[
            AuditedClaim(
                node_id="audits/audit_a.py::right",
                text="accuracy > 0.9",
                verdict="PASS",
                estimate=0.95,
                threshold=0.9,
                needs=["labels"],
            )
        ],
    )
