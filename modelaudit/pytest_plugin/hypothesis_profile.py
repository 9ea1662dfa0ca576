"""The defaults of Hypothesis for the tests of audit files, by its own public profiles."""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Iterator

import pytest

#: what Hypothesis allows an example where nobody says otherwise
_OWN_DEADLINE = datetime.timedelta(milliseconds=200)
_PROFILE = "modelaudit-audit-file"
#: what is loaded after it, where Hypothesis does not tell the name of what was loaded before
_OUTSIDE = "modelaudit-elsewhere"


@contextlib.contextmanager
def hypothesis_profile(module: pytest.Module) -> Iterator[None]:
    """While an audit file is imported, Hypothesis's defaults are such that a test may ask a model.

    No deadline, where the user's profile keeps Hypothesis's own; slow examples, large ones, and the fixtures of audit
    files are no failed health check. What a test states by ``@settings(...)`` holds. Hypothesis is not imported for a
    file that does not name it.
    """
    if "hypothesis" not in sys.modules and b"hypothesis" not in module.path.read_bytes():
        yield
        return
    try:
        from hypothesis import HealthCheck, settings
    except ImportError:
        yield
        return
    own = settings.default or settings.get_profile("default")
    if hasattr(settings, "get_current_profile_name"):
        before = settings.get_current_profile_name()
    else:
        before = _OUTSIDE
        settings.register_profile(_OUTSIDE, own)
    deadline = None if own.deadline == _OWN_DEADLINE else own.deadline
    passed_over = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)
    settings.register_profile(
        _PROFILE, own, deadline=deadline, suppress_health_check={*own.suppress_health_check, *passed_over}
    )
    settings.load_profile(_PROFILE)
    try:
        yield
    finally:
        if settings.default == settings.get_profile(_PROFILE):  # else the file loaded one of its own
            settings.load_profile(before)
