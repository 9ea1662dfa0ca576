"""The keys under which the plugin keeps what it knows in pytest's stash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from ..evidence.results_folder import Receipt

#: whether the process that started this one wants to know where the record is
RECEIPT: pytest.StashKey[Receipt | None] = pytest.StashKey()
#: the state of this process's audits: a :class:`~modelaudit.pytest_plugin.session.AuditSession`
SESSION = pytest.StashKey[Any]()
#: whether the session came to running its items, and to its end
STARTED = pytest.StashKey[bool]()
FINISHED = pytest.StashKey[bool]()
#: the run for which this process measures: a :class:`~modelaudit.pytest_plugin.measuring_worker.Commission`
MEASURES_FOR = pytest.StashKey[Any]()
#: what signs the evidence of the run (--audit-sign)
SIGNER: pytest.StashKey[Signer] = pytest.StashKey()
#: the node ids of all items before anything is deselected, and the items that pytest-split divides
ORDER = pytest.StashKey[list[str]]()
SPLITTABLE = pytest.StashKey[list[pytest.Item]]()


def handed_over(config: pytest.Config) -> dict[str, Any] | None:
    """What the run handed to this process: to a worker of pytest-xdist, or to one that measures for it."""
    commission = config.stash.get(MEASURES_FOR, None)
    return getattr(config, "workerinput", None) if commission is None else commission.handed
