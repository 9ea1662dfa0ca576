"""What a worker answers to the run that started it, until it is let go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

from ...language.boundary import contained, failure_text
from ...language.progress import Silent
from ..assembly import measure
from ..planning.plan import PlanGroup
from ..results.device_name import device_name
from ..results.measured import Measured, PassCounts
from ..results.settings import Settings
from .messages import Finish, FromWorker, ImagesStored, MeasureShard, Ready, TaskDone, TaskFailed
from .remote_store import RemoteStore
from .shard_work import GroupWork


def serve(connection: Connection, groups: Mapping[str, PlanGroup], settings: Settings) -> None:
    """Do the tasks of a run one after the other; every message of ours is answered by one of the run's.

    Args:
        connection: to the run; it is the run's part to close it.
        groups: by the digests of their keys.

    Raises:
        EOFError, OSError: the run is gone.
    """

    def ask(message: FromWorker) -> object:
        connection.send(message)
        return connection.recv()

    store = RemoteStore(ask)
    with _Opened() as opened:
        task = ask(_ready(settings))
        while task is not None:
            assert isinstance(task, MeasureShard | Finish)
            try:
                measured = _done(task, groups[task.group], settings, store, opened, ask)
            except (EOFError, OSError) as error:
                if connection.closed or isinstance(error, EOFError | ConnectionError):
                    raise
                task = ask(TaskFailed(failure_text(error)))
            except BaseException as error:  # whatever code under audit raises
                task = ask(TaskFailed(failure_text(contained(error))))
            else:
                task = ask(TaskDone(measured))


class _Opened(contextlib.ExitStack):
    """The group that this worker has open: one at a time, since models take memory."""

    key = ""
    work: GroupWork

    def group(self, group: PlanGroup, settings: Settings, store: RemoteStore) -> GroupWork:
        if self.key != group.digest:
            self.close()
            self.key = ""
            self.work = GroupWork(group, settings, store)
            self.callback(self.work.close)
            self.key = group.digest
        return self.work


def _done(
    task: MeasureShard | Finish,
    group: PlanGroup,
    settings: Settings,
    store: RemoteStore,
    opened: _Opened,
    ask: Callable[[FromWorker], object],
) -> Measured | None:
    if isinstance(task, Finish):
        opened.close()
        opened.key = ""
        return measure(group, settings, Silent(), store, lost=task.lost)

    def report(done: int, counts: PassCounts) -> None:
        ask(ImagesStored(done, counts))

    opened.group(group, settings, store).measure(task.positions, report)
    return None


def _ready(settings: Settings) -> Ready:
    import torch

    device = settings.device_or_asked()
    return Ready(device, device_name(device), torch.get_num_threads(), settings.resolved_micro_batch())
