"""Fixtures for test suites of code that writes audits."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def allow_expect() -> None:
    """Let tests state expectations that nothing measures, which is an error otherwise.

    It is for tests of the language, or of code that writes audits. Import it in ``conftest.py``, and name it with
    ``@pytest.mark.usefixtures("allow_expect")``, or in a fixture with ``autouse=True``.
    """
