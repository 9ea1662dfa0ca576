"""A pytest session that measures for another one: it collects the same audits, decides nothing and writes no record."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from multiprocessing.connection import Client, Connection
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from .stash import MEASURES_FOR

if TYPE_CHECKING:
    from ..engine.planning.plan import PlanGroup
    from ..engine.results.settings import Settings

#: never 0, however it ends: what started pytest with the variable by mistake has no verdict
_EXIT = 10


class Commission:
    """What the run that started this session said of itself.

    ``handed``: as plain data, what pytest-xdist hands to its workers.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.handed = {name: told[name] for name in ("modelaudit_run", "modelaudit_start", "modelaudit_typed")}
        host, port = told["address"]
        self._connection: Connection = Client((str(host), int(port)), authkey=bytes.fromhex(told["secret"]))

    def fulfil(self, groups: Mapping[str, PlanGroup], settings: Settings) -> NoReturn:
        """Measure for the run until it lets go, then end the process at once: no hook of any plugin writes a file."""
        from ..engine.executors.serving import serve

        with contextlib.suppress(EOFError, ConnectionError):  # the run is gone
            serve(self._connection, groups, settings)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_EXIT)


def take_commission(config: pytest.Config, variable: str, environment: MutableMapping[str, str]) -> None:
    """Become a worker where the environment says so; child processes do not inherit that."""
    told = environment.pop(variable, None)
    if told is not None:
        config.stash[MEASURES_FOR] = Commission(json.loads(told))
