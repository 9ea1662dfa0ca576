"""Where the store is kept, and where it must not be.

SQLite's write-ahead log needs memory that all processes share and locks that work; network drives promise neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...language.errors import ResultsError

FOLDER = ".modelaudit"
FILE = "store.sqlite"
OFF = "off"
#: how every remark on the store begins
NOTE = "store: "
#: file systems whose files other machines can change, by the name that the system gives them
_NETWORK = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "openafs", "9p", "v9fs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "pvfs2", "orangefs", "ocfs2", "gfs2", "coda", "davfs"),
        *("webdav", "afpfs", "acfs", "sshfs"),
    }
)
#: FUSE file systems on this machine's own disks
_LOCAL_FUSE = frozenset(
    {
        *("fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.ext2", "fuse.ext3", "fuse.ext4", "fuse.bindfs"),
        *("fuse.encfs", "fuse.gocryptfs", "fuse.cryfs", "fuse.mergerfs", "fuse.unionfs", "fuse.unionfs-fuse"),
        *("fuse.fuse-overlayfs", "fuse.overlayfs", "fuse.lxcfs"),
    }
)
#: what a drive of Windows that lies on another machine is called in messages
_SHARE = "a share"


def default_folder(root: Path) -> Path:
    """The store's folder unless the user names one."""
    return root / FOLDER


def refuse_network(folder: Path) -> None:
    """Refuse a folder on a network drive.

    Raises:
        ResultsError: it is on one; says what to do.
    """
    kind = network_drive(folder)
    if kind is not None:
        raise ResultsError(
            f"--audit-store {folder}: is on a network drive ({kind}), where a database that several processes write "
            "can be damaged; name a folder on a disk of this machine, or --audit-store off"
        )


def network_drive(folder: Path) -> str | None:
    """The kind of the network drive that holds `folder` (which need not exist yet); None on a disk of this machine, or
    where the system does not list its mounts."""
    place = os.path.realpath(folder).removeprefix("\\\\?\\")
    if place.startswith("\\\\"):
        return _SHARE
    kind = filesystem_of(Path(place), mounts())
    return kind if kind is not None and is_network(kind) else None


def is_network(kind: str) -> bool:
    """Whether a file system of that name may be on another machine; an unknown one in user space may."""
    name = kind.lower()
    return name in _NETWORK or name == _SHARE or (name.startswith("fuse.") and name not in _LOCAL_FUSE)


def filesystem_of(place: Path, mounted: Iterable[tuple[str, str]]) -> str | None:
    """The file system of an absolute path by the mounts (mount point, kind): the longest one that holds it; the last
    of several at one point covers the others."""
    best, found = -1, None
    for point, kind in mounted:
        depth = len(Path(point).parts)
        if depth >= best and (place == Path(point) or Path(point) in place.parents):
            best, found = depth, kind
    return found


def mounts() -> list[tuple[str, str]]:
    """(mount point, kind) of everything that is mounted, in order of mounting; empty where the system does not say."""
    import psutil

    try:
        partitions = psutil.disk_partitions(all=True)
    except OSError:
        return []
    # Windows names the file system of the disk behind a share
    on_windows = os.name == "nt"
    return [
        (one.mountpoint, _SHARE if on_windows and "remote" in one.opts.split(",") else one.fstype) for one in partitions
    ]
