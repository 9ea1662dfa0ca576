"""Model references that name the values of an earlier run, and no network: ``run:baselines/v1``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .reference import parse_reference

#: the scheme of such references
SCHEME = "run"


def is_recorded(reference: Any) -> bool:
    """Whether a model reference names the values of an earlier run.

    >>> is_recorded("run:baselines/v1?unpaired=0.1"), is_recorded("models/net.py:build")
    (True, False)
    """
    return isinstance(reference, str | Path) and parse_reference(str(reference)).scheme == SCHEME
