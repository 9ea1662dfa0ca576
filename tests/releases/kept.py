"""Results folders of hand-made runs: one requirement or more, on the days of one month."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from report.sample_record import LIGHTING, OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.record import ArithmeticNode, CaseRecord, RunRecord, record_digest, write_record

HALF_WIDTH = 0.03


def requirement(name: str = "survives_lighting", value: float | None = 0.92, **changed: Any) -> CaseRecord:
    """A requirement on accuracy with a value, undecided or not as its bounds say; without a value an ERROR."""
    threshold = changed.pop("threshold", 0.9)
    node = changed.pop("left", measure("accuracy", LIGHTING))
    if value is None:
        return case(name, node, ">", threshold, "ERROR", message="ModelError: not loaded", **changed)
    low, high = value - HALF_WIDTH, min(1.0, value + HALF_WIDTH)
    verdict = "PASS" if low > threshold else "FAIL" if high <= threshold else "INCONCLUSIVE"
    reason = {"reason": "too_few_images"} if verdict == "INCONCLUSIVE" else {}
    found = decision(verdict, value, low, high, **reason)
    return case(name, node, ">", threshold, verdict, decision=found, **reason, **changed)


def drop(name: str = "survives_layout_change", value: float = 0.02, **changed: Any) -> CaseRecord:
    """A requirement on a drop of accuracy, in points."""
    node = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))
    verdict = "PASS" if value + HALF_WIDTH < 0.1 else "INCONCLUSIVE"
    reason = {"reason": "too_few_images"} if verdict == "INCONCLUSIVE" else {}
    found = decision(verdict, value, value - HALF_WIDTH, value + HALF_WIDTH, rule="tango", **reason)
    return case(name, node, "<", 0.1, verdict, decision=found, **reason, **changed)


def run(day: int, *cases: CaseRecord, model: str = "b7", data: str = "c1", seed: int = 0, **changed: Any) -> RunRecord:
    """A run of that day of November."""
    base = record(cases=list(cases) or [requirement()])
    fields: dict[str, Any] = {
        "id": f"202611{day:02}-091402-{day:04x}",
        "started": f"2026-11-{day:02}T09:14:02+00:00",
        "finished": f"2026-11-{day:02}T09:21:47+00:00",
        "models": [base.models[0].model_copy(update={"fingerprint": model * 32})],
        "data": [base.data[0].model_copy(update={"fingerprint": data * 32, "seed": seed})],
    }
    return base.model_copy(update={**fields, **changed})


def unmeasured(day: int, **changed: Any) -> RunRecord:
    """A run of an ERROR alone, which does not contradict itself: the others have decisions without tables."""
    return run(day, requirement(value=None, data=None), **{"data": "c1", **changed}).model_copy(update={"data": []})


def kept(results: Path, *runs: RunRecord) -> Path:
    """The folder that keeps these runs, each with the evidence that names its record."""
    results.mkdir(exist_ok=True)
    for one in runs:
        write_record(one, results / one.id)
        vouch(results / one.id, record_digest(one))
    return results


def vouch(folder: Path, digest: str) -> None:
    """Write the evidence that names a record of this sha256."""
    subject = [{"name": "run.json", "digest": {"sha256": digest}}]
    (folder / "evidence.json").write_text(json.dumps({"subject": subject}))
