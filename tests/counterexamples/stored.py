"""A stored counterexample for tests."""

from __future__ import annotations

from typing import Any

from modelaudit.counterexamples.stored_case import CaseChange, CaseImage, CaseModel, CasePictures, StoredCase

CASE = "audits/audit_line.py::keeps_its_answer"


def stored(**changed: Any) -> StoredCase:
    fields: dict[str, Any] = {
        "case": CASE,
        "measure": "worst_change().where(correct)",
        "image": CaseImage(
            data="demo:line", sample="bolt/1.png", label="bolt", image="a" * 64, mask="b" * 64, donor=None
        ),
        "change": CaseChange(
            context="exposure(1, region='background')",
            long_form="exposure/1(...)",
            area=0.04,
            dose=1.0,
            size=0.04,
            calls=12,
        ),
        "model": CaseModel(
            reference="demo:shortcut",
            fingerprint="c" * 64,
            before="bolt",
            after="nut",
            before_probability=0.99,
            after_probability=0.97,
        ),
        "seed": 0,
        "run": "20261130-120000-aaaa",
        "versions": {"python": "3.12"},
        "pictures": CasePictures(original="data:image/webp;base64,AA==", changed="data:image/webp;base64,AA=="),
    }
    return StoredCase(**{**fields, **changed}).sealed()
