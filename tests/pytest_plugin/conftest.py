from __future__ import annotations

import pytest
from pytest_plugin.runs import Line


@pytest.fixture
def line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv("COLUMNS", "250")  # a line of prose stays one line
    return Line(pytester)
