"""The store: per-image values that outlive a run, in an embedded database."""

from .file_digests import FileDigests
from .location import OFF, default_folder, network_drive, refuse_network
from .opening import open_store
from .store import Batch, Cells, Key, Store

__all__ = [
    "OFF",
    "Batch",
    "Cells",
    "FileDigests",
    "Key",
    "Store",
    "default_folder",
    "network_drive",
    "open_store",
    "refuse_network",
]
