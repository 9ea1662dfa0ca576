"""Which store a run uses."""

from __future__ import annotations

from pathlib import Path

from .location import NOTE, default_folder, network_drive, refuse_network
from .store import Store


def open_store(asked: Path | None, *, root: Path, off: bool = False) -> Store:
    """The store in the folder that was asked for; by default below `root`, unless that is a network drive.

    Raises:
        ResultsError: the folder that was asked for lies on a network drive.
    """
    if off:
        return Store(None)
    if asked is not None:
        refuse_network(asked)
        return Store(asked)
    folder = default_folder(root)
    kind = network_drive(folder)
    if kind is None:
        return Store(folder)
    note = (
        f"{NOTE}values were not stored: {folder} lies on a network drive ({kind}), where a database that several "
        "processes write can be damaged; name a folder on a disk of this machine by --audit-store"
    )
    return Store(None, notes=[note])
