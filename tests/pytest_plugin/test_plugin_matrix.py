"""Beside each plugin, in an environment of its own, an audit has the statuses, counts and exit status of the page."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_plugin.plugin_matrix import PLUGINS, Plugin, PluginNotInstalledError, documented, measure

VERSION = 1
#: by day what divides, reorders, repeats or traces a session, and what reads its reports in a page or a file; these run
#: again at one of those hooks: rerunfailures stands for retry, html for instafail and sugar, json-report for ctrf
AT_NIGHT = ("pytest-retry", "pytest-timeout", "pytest-json-ctrf", "pytest-sugar", "pytest-instafail")
EACH = [pytest.param(one, id=one.name, marks=[pytest.mark.nightly] if one.name in AT_NIGHT else []) for one in PLUGINS]


def test_every_plugin_has_its_row() -> None:
    assert list(documented()) == [plugin.name for plugin in PLUGINS]


@pytest.mark.parametrize("plugin", EACH)
def test_statuses_counts_and_exit_status(
    plugin: Plugin, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    try:
        row = list(measure(plugin, tmp_path).cells)
    except PluginNotInstalledError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    record_property("beside_plugin", "|".join(row))  # for the table at the end: see tests/conftest.py
    expected = list(documented()[plugin.name])
    del row[VERSION], expected[VERSION]
    assert row == expected
