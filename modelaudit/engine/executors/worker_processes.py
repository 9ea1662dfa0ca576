"""Workers that are processes of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

from ...language.plain_text import plain
from . import MEASURES_FOR_VARIABLE
from .messages import FromWorker, WorkerEnded

#: how often it is looked whether a process that was started is still there
_LOOK_SECONDS = 0.2
#: what a process that lost its connection has to end by itself
_END_SECONDS = 10.0
#: characters that are kept of what a worker wrote
_SAID = 2_000


@dataclass(frozen=True)
class WorkerCommand:
    """How a worker is started: a pytest session with the arguments of the run.

    Args:
        arguments: of the process.
        folder: where it is started, and where relative paths of the arguments begin.
        handed: what it has to know of the run, as plain data.
    """

    arguments: Sequence[str]
    folder: str
    handed: Mapping[str, Any]


class WorkerProcess:
    """A process that measures for a run; it speaks first, and each side answers the other in turn.

    Args:
        environment: of the process, beside that of this one.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(self, command: WorkerCommand, environment: Mapping[str, str]) -> None:
        secret = secrets.token_bytes(32)
        self._secret = secret
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LOOK_SECONDS)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        self._connection: Connection | None = None
        handed = {"address": list(self._listener.getsockname()), "secret": secret.hex(), **command.handed}
        self._process = subprocess.Popen(
            [*command.arguments],
            cwd=command.folder,
            env={**os.environ, **environment, MEASURES_FOR_VARIABLE: json.dumps(handed)},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal is for the run, which ends its workers itself
        )

    @property
    def pid(self) -> int:
        """The process, for the system."""
        return self._process.pid

    def exchange(self, reply: object) -> FromWorker:
        """Answer the worker's last message and wait for the next one.

        Args:
            reply: not sent before the first message.
        """
        try:
            if self._connection is None:
                self._connection = self._accepted()
            else:
                self._connection.send(reply)
            message: FromWorker = self._connection.recv()
        except (EOFError, OSError) as error:
            return self._ended(error)
        return message

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._listener.close()
        self._output.close()

    def _accepted(self) -> Connection:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except TimeoutError:
                if self._process.poll() is not None:
                    raise EOFError("it ended before it had connected") from None
                continue
            accepted.setblocking(True)
            connection = Connection(accepted.detach())
            deliver_challenge(connection, self._secret)
            answer_challenge(connection, self._secret)
            return connection

    def _ended(self, error: BaseException) -> WorkerEnded:
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return WorkerEnded(f"lost its connection ({error})", self._said())
        return WorkerEnded(f"by signal {-code}" if code < 0 else f"with exit status {code}", self._said())

    def _said(self) -> str:
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _SAID))
        return plain(self._output.read().decode("utf-8", "replace").strip())


class WorkerProcesses:
    """Workers on this machine, each with its own device or its share of the cores.

    Args:
        environments: of each worker, beside that of this process.
    """

    kind = "processes"

    def __init__(self, command: WorkerCommand, environments: Sequence[Mapping[str, str]]) -> None:
        self.count = len(environments)
        self._command, self._environments = command, environments
        self._running: dict[int, WorkerProcess] = {}
        self._threads = ThreadPoolExecutor(self.count, "worker")
        self._awaited: dict[Future[FromWorker], int] = {}

    def start(self, place: int) -> None:
        with contextlib.suppress(KeyError):
            self._running.pop(place).end()
        self._running[place] = WorkerProcess(self._command, self._environments[place])
        self.send(place, None)

    def send(self, place: int, reply: object) -> None:
        self._awaited[self._threads.submit(self._running[place].exchange, reply)] = place

    def wait(self) -> tuple[int, FromWorker]:
        done, _ = wait(self._awaited, return_when=FIRST_COMPLETED)
        first = done.pop()
        return self._awaited.pop(first), first.result()

    def stop(self) -> None:
        for process in self._running.values():
            process.end()
        self._running.clear()
        self._threads.shutdown(cancel_futures=True)

    @property
    def pids(self) -> list[int]:
        """Those that run now."""
        return [process.pid for process in self._running.values()]


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_devices(environment: Mapping[str, str], asked: str) -> list[str]:
    """The CUDA devices that a run may use, as ``CUDA_VISIBLE_DEVICES`` names them; where that is unset, the system's.

    Args:
        asked: of ``--audit-device``; one that names a device alone, or the CPU, leaves nothing to share out.
    """
    if asked not in ("auto", "cuda"):
        return []
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    known = Path("/proc/driver/nvidia/gpus")
    return [str(at) for at in range(len(list(known.iterdir())))] if known.is_dir() else []


def own_devices(devices: Sequence[str], count: int, environment: Mapping[str, str]) -> list[dict[str, str]]:
    """What each of `count` workers finds in its environment: one device in turn, or an equal share of the cores."""
    if devices:
        return [{"CUDA_VISIBLE_DEVICES": devices[place % len(devices)]} for place in range(count)]
    if "OMP_NUM_THREADS" in environment:
        return [{} for _ in range(count)]
    return [{"OMP_NUM_THREADS": str(max(1, usable_cores() // count))} for _ in range(count)]
