"""``modelaudit watch``: whether the images of a line are still like those that were audited."""

from __future__ import annotations

from typing import Any

from . import watch_fit, watch_list, watch_run, watch_status
from .command_help import Example, add_command

_ABOUT = (
    "Watches a line after the audit: collects evidence that its images are no longer like those that the audit rests "
    "on, and raises an alarm, of which it is stated how rarely it is false."
)


def add(commands: Any) -> None:
    """Add the command and its steps."""
    watch = add_command(
        commands,
        "watch",
        "watch a line: are its images still like those that were audited?",
        Example("learn from the latest run what the line is like", "modelaudit watch fit audit-results/latest"),
        Example("watch the folder that a camera fills", "modelaudit watch run monitor.json --images camera/ --follow"),
        Example("where the watch stands", "modelaudit watch status monitor.json"),
        description=_ABOUT,
    )
    steps = watch.add_subparsers(required=True, metavar="STEP")
    watch_fit.add(steps)
    watch_run.add(steps)
    watch_status.add(steps)
    watch_list.add(steps)
