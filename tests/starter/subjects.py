"""Subjects of first audits, without data or models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelaudit.starter.preparing import ModelOptions
from modelaudit.starter.subject import Subject

PARTS = Subject(
    data="folder:photos",
    model="torchscript:models/parts.ts",
    options=ModelOptions(("bolt", "nut")),
    labels={"bolt": 30, "nut": 30},
    objects="mask",
    without_object=(),
    groups=0,
    outputs=2,
    method="gradcam",
)


def subject(**changes: Any) -> Subject:
    """Photos of bolts and nuts with masks, changed."""
    return replace(PARTS, **changes)
