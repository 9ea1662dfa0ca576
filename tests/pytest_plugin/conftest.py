from __future__ import annotations

import pytest
from pytest_plugin.runs import Line


@pytest.fixture
def line(pytester: pytest.Pytester) -> Line:
    return Line(pytester)
