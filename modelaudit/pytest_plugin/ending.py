"""The exit status of a session whose audits never came to their verdicts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from .folders import audit_files, roots
from .typed import typed_arguments

if TYPE_CHECKING:
    from .session import AuditSession

#: see evidence.states, which is not loaded where there are no audits
_NO_VERDICT = 10


def overlooked(config: pytest.Config) -> bool:
    """Whether audit files below the folders of the run were not collected though nobody typed that they be left out."""
    return bool(_asked_for(config))


def _asked_for(config: pytest.Config) -> list[str]:
    typed = typed_arguments(config)
    return [str(path) for path in audit_files(roots(config, typed)) if typed.leaves_out(path) is None]


def last_word(config: pytest.Config, status: int, state: AuditSession | None, *, finished: bool) -> int:
    """The exit status of the process.

    Args:
        status: what pytest and the other plugins made of it.
        finished: whether the session came to its end, so that `state` knows what was missing.
    """
    if state is not None and finished:
        return state.final(status)
    if finished or status != pytest.ExitCode.OK:
        return status
    files = _asked_for(config)
    if not files:
        return status
    sys.stderr.write(
        f"error: the session ended before its audits were run ({len(files)} audit files, e.g. {files[0]}); "
        "something in a conftest.py or a plugin ended it\n"
    )
    return _NO_VERDICT
