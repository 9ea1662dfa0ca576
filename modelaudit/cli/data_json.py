"""What ``modelaudit data check`` found, as data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .. import __version__
from ..language.findings import DataFacts, SampleFacts

FORMAT = "modelaudit-data-check/1"


def document(facts: DataFacts) -> dict[str, Any]:
    """Everything: totals, findings with all that show them, and every sample."""
    known = asdict(facts)
    known["samples"] = [_sample(one) for one in facts.samples]
    known["findings"] = [
        {
            "kind": one.kind.value,
            "problem": one.kind.problem,
            "count": one.count,
            "items": [asdict(i) for i in one.items],
        }
        for one in facts.findings
    ]
    return {"format": FORMAT, "modelaudit": __version__, "problems": len(facts.problems), **known}


def _sample(sample: SampleFacts) -> dict[str, Any]:
    known = asdict(sample)
    known["look"] = None if sample.look is None else sample.look.hex()
    if sample.mask is not None:
        known["mask"]["share"] = sample.mask.share
    return known
