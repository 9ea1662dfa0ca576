"""Beside each plugin, in an environment of its own, an audit has the statuses, counts and exit status of the page."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_plugin.plugin_matrix import PLUGINS, Plugin, PluginNotInstalledError, documented, measure

VERSION = 1


def test_every_plugin_has_its_row() -> None:
    assert list(documented()) == [plugin.name for plugin in PLUGINS]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
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
