"""Workers in a Ray cluster: an actor for each, which keeps a process of its own on its node.

Ray gives each actor its GPU or its cores, and says when a node is gone; what was measured lies in the store of the run,
so that nothing but references and numbers travels. Ray itself restarts and repeats nothing: what a worker left is
given out anew.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from dataclasses import replace
from typing import Any

from ...language.errors import AuditError, ResultsError
from .messages import FromWorker, WorkerEnded
from .worker_processes import WorkerCommand, WorkerProcess, usable_cores

_CONNECT_SECONDS = 5.0
_STARTS_WITHIN_SECONDS = 60.0


class Supervisor:
    """What an actor does: it keeps the process of a worker, and passes on what both sides say."""

    def __init__(self, command: WorkerCommand, threads: int | None) -> None:
        if not os.path.isdir(command.folder):  # noqa: PTH112 (the class is sent to the node as it is)
            raise FileNotFoundError(
                f"{command.folder}: is not on this node; audits, data and results have to lie in a folder that all "
                "nodes share, at one place"
            )
        limit = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
        # the interpreter of this node, whose environment Ray started with
        self._process = WorkerProcess(replace(command, arguments=[sys.executable, *command.arguments[1:]]), limit)

    def exchange(self, reply: object) -> FromWorker:
        """Answer the worker's last message and wait for the next one."""
        return self._process.exchange(reply)

    def pid(self) -> int:
        """The process of the worker."""
        return self._process.pid


class RayWorkers:
    """Workers in a cluster.

    Args:
        address: of a cluster, "auto" for the one of this node; empty: one is started here, and ended with the run.
        count: of workers; None: one a GPU, without GPUs one for every four cores.

    Raises:
        AuditError: Ray is not installed, or no cluster answers there.
        ResultsError: the cluster has no room for one worker.
    """

    kind = "ray"

    def __init__(self, command: WorkerCommand, address: str, count: int | None, *, gpus: bool) -> None:
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise AuditError(
                "--audit-executor=ray: Ray is not installed; pip install 'pytest-modelaudit[ray]', or use processes"
            ) from error
        ray = self._ray
        self._ours = not ray.is_initialized()
        if self._ours:
            _connect(ray, address)
        has = ray.cluster_resources()
        devices, cores = int(has.get("GPU", 0)) if gpus else 0, int(has.get("CPU", 0))
        self.count = count or devices or max(1, cores // 4)
        share = max(1, cores // self.count)
        self._threads = None if devices or "OMP_NUM_THREADS" in os.environ else share
        needs = {"num_gpus": min(1.0, devices / self.count)} if devices else {"num_cpus": min(share, max(1, cores))}
        if not devices and self.count > cores:
            self.stop()
            raise ResultsError(f"--audit-workers={self.count}: the cluster has {cores} cores; ask for fewer workers")
        self._actor = ray.remote(**needs, max_restarts=0, max_task_retries=0)(Supervisor)
        self._command = command
        self._running: dict[int, Any] = {}
        self._awaited: dict[Any, int] = {}

    def start(self, place: int) -> None:
        old = self._running.pop(place, None)
        if old is not None:
            self._ray.kill(old)
        self._running[place] = self._actor.remote(self._command, self._threads)
        self.send(place, None)

    def send(self, place: int, reply: object) -> None:
        self._awaited[self._running[place].exchange.remote(reply)] = place

    def wait(self) -> tuple[int, FromWorker]:
        ray = self._ray
        (first, *_), _ = ray.wait(list(self._awaited), num_returns=1)
        place = self._awaited.pop(first)
        try:
            message: FromWorker = ray.get(first)
        except ray.exceptions.RayActorError as error:
            return place, WorkerEnded("with its actor or its node", str(error).splitlines()[0])
        except ray.exceptions.RayTaskError as error:
            return place, WorkerEnded("with an error of its supervisor", str(error.cause or error))
        return place, message

    def stop(self) -> None:
        for actor in getattr(self, "_running", {}).values():
            self._ray.kill(actor)
        if self._ours:
            self._ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    """Join a cluster, or start one on this machine.

    Raises:
        AuditError: nothing answers at the address.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
    if not address:
        ray.init(address="local", num_cpus=usable_cores(), **quiet)
        return
    del quiet["include_dashboard"]
    try:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if host and port.isdigit():  # Ray itself waits for minutes
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        ray.init(address=address, **quiet)
    except (OSError, ConnectionError, ValueError, RuntimeError) as error:
        raise AuditError(
            f"--audit-executor=ray:{address}: no cluster of Ray answers there ({error}); start one with ray start "
            "--head, or leave the address out: one is then started for the run"
        ) from error
