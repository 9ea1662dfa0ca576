"""Opens the model that a monitor was fitted with, as the audited run used it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..engine.results.settings import Settings
from ..language.errors import MonitorError
from ..language.sample import Preprocessing
from ..language.scores import recorded_settings
from ..models import LoadedModel, open_model, runs_code
from .monitor_file import MonitorFile


def monitored_model(monitor: MonitorFile, model: Any, device: str) -> tuple[LoadedModel, str]:
    """The model of a monitor, and the device that it runs on.

    Args:
        model: as :meth:`~.monitor.Monitor.load` has it.
        device: "auto", "cpu", "cuda", ...

    Raises:
        MonitorError: nothing but the monitor's file names it, and loading it would run code.
        ModelError: it cannot be opened.
    """
    if isinstance(model, LoadedModel):
        return model, _resolved(device)
    if model is None and runs_code(monitor.model.reference):
        raise MonitorError(
            f"{monitor.model.reference}: opening this model runs code, which the file of a monitor alone may not do; "
            f"name the model yourself: --model {monitor.model.reference}, or Monitor.load(..., model=...)"
        )
    opened = open_model(
        monitor.model.reference if model is None else model,
        root=Path.cwd(),
        preprocessing=Preprocessing(**monitor.model.preprocessing),
        classes=monitor.model.classes,
        allow_code=True,
        scores=recorded_settings(monitor.model.scores),
        labels=monitor.model.outputs,
    )
    return opened, _resolved(device)


def _resolved(device: str) -> str:
    return Settings(Path.cwd(), Path.cwd(), device).resolved_device()
