"""Decisions as the record keeps them."""

from __future__ import annotations

import dataclasses

from ..statistics import Decision
from .record import CountsRecord, DecisionRecord, PointRecord


def decision_record(decision: Decision) -> DecisionRecord:
    """A decision as the record keeps it."""
    counts = decision.counts
    return DecisionRecord(
        verdict=decision.verdict.value,
        reason=None if decision.reason is None else decision.reason.value,
        estimate=decision.estimate,
        lower=decision.lower,
        upper=decision.upper,
        confidence=decision.confidence,
        rule=decision.rule,
        guaranteed=decision.guaranteed,
        counts=CountsRecord(
            asked=counts.asked,
            measured=counts.measured,
            undefined=counts.undefined,
            errored=counts.errored,
            by_reason=dict(counts.by_reason),
        ),
        more_images=decision.more_images,
        method=decision.method,
        dose=decision.dose,
        curve=[PointRecord(**dataclasses.asdict(point)) for point in decision.curve],
        parts=[decision_record(part) for part in decision.parts],
        note=decision.note,
        group=decision.group,
        p=decision.p,
    )
