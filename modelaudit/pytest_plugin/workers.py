"""Who measures the groups of a run, as ``--audit-executor`` and ``--audit-workers`` say."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..engine.executors.scheduler import MeasuringWorkers, Workers
from ..engine.executors.worker_processes import (
    WorkerCommand,
    WorkerProcesses,
    own_devices,
    usable_cores,
    visible_devices,
)

if TYPE_CHECKING:
    from ..engine.store.store import Store
    from .options import Options

#: cores of a worker without a GPU, unless it is said how many workers there are
_CORES = 4


def measuring_workers(
    config: pytest.Config, options: Options, handed: dict[str, Any], store: Store, folder: Path
) -> MeasuringWorkers | None:
    """The workers of a run; None where this process measures.

    Args:
        handed: what each of them is told of the run.
        folder: of the run.

    Raises:
        AuditError: Ray is asked for and is not installed, or does not answer.
    """
    devices = visible_devices(os.environ, options.device)
    executor = options.executor
    if executor == "auto":
        executor = "processes" if len(devices) > 1 and not _shares_process(config) else "local"
    if executor == "local":
        return None
    given = config.invocation_params
    command = WorkerCommand([sys.executable, "-m", "pytest", *map(str, given.args)], str(given.dir), handed)
    workers: Workers
    if executor.startswith("ray"):
        from ..engine.executors.ray_workers import RayWorkers

        gpus = options.device in ("auto", "cuda")
        workers = RayWorkers(command, executor.removeprefix("ray").removeprefix(":"), options.workers, gpus=gpus)
    else:
        count = options.workers or len(devices) or max(1, usable_cores() // _CORES)
        workers = WorkerProcesses(command, own_devices(devices, count, os.environ))
    return MeasuringWorkers(workers, store, folder)


def _shares_process(config: pytest.Config) -> bool:
    """Whether pytest-xdist already runs several processes, each of which takes a device of its own."""
    return hasattr(config, "workerinput")
