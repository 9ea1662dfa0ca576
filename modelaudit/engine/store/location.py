"""Where the store lies, and which places it must not lie in.

SQLite's write-ahead log needs memory that all processes share and locks that work; network drives promise neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...language.errors import ResultsError

FOLDER = ".modelaudit"
FILE = "store.sqlite"
OFF = "off"
#: how every remark on the store begins
NOTE = "store: "
MOUNTINFO = Path("/proc/self/mountinfo")
#: file systems whose files other machines can change, by the name that the system gives them
_NETWORK = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "openafs", "9p", "v9fs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "pvfs2", "orangefs", "ocfs2", "gfs2", "coda", "davfs"),
        *("webdav", "afpfs", "acfs", "sshfs"),
    }
)
#: FUSE file systems that lie on this machine's own disks
_LOCAL_FUSE = frozenset(
    {
        *("fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.ext2", "fuse.ext3", "fuse.ext4", "fuse.bindfs"),
        *("fuse.encfs", "fuse.gocryptfs", "fuse.cryfs", "fuse.mergerfs", "fuse.unionfs", "fuse.unionfs-fuse"),
        *("fuse.fuse-overlayfs", "fuse.overlayfs", "fuse.lxcfs"),
    }
)
_WINDOWS_NETWORK = 4  # DRIVE_REMOTE of GetDriveTypeW


def default_folder(root: Path) -> Path:
    """Where the store lies unless the user says otherwise."""
    return root / FOLDER


def refuse_network(folder: Path) -> None:
    """Refuse a folder that lies on a network drive.

    Raises:
        ResultsError: it does; says what to do.
    """
    kind = network_drive(folder)
    if kind is not None:
        raise ResultsError(
            f"--audit-store {folder}: lies on a network drive ({kind}), where a database that several processes write "
            "can be damaged; name a folder on a disk of this machine, or --audit-store off"
        )


def network_drive(folder: Path) -> str | None:
    """The kind of the network drive that `folder` lies on (it need not exist yet); None on a disk of this machine.

    On Linux from the mounts of this process, on Windows from the drive's type, elsewhere from what ``mount`` says;
    None where the system does not tell.
    """
    place = Path(os.path.realpath(folder))
    if os.name == "nt":
        return _windows_drive(str(place))
    kind = filesystem_of(place, _mounts())
    return kind if kind is not None and is_network(kind) else None


def is_network(kind: str) -> bool:
    """Whether a file system of that name may lie on another machine; an unknown one in user space may."""
    name = kind.lower()
    return name in _NETWORK or (name.startswith("fuse.") and name not in _LOCAL_FUSE)


def filesystem_of(place: Path, mounts: Iterable[tuple[str, str]]) -> str | None:
    """The file system of an absolute path by the mounts (mount point, kind): the longest one that holds it; the last
    of several at one point covers the others."""
    best, found = -1, None
    for point, kind in mounts:
        depth = len(Path(point).parts)
        if depth >= best and (place == Path(point) or Path(point) in place.parents):
            best, found = depth, kind
    return found


def linux_mounts(text: str) -> Iterator[tuple[str, str]]:
    """(mount point, kind) of every line of ``/proc/self/mountinfo``."""
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if len(fields) > 4 and kind[0]:
            yield _unescaped(fields[4]), kind[0]


def bsd_mounts(text: str) -> Iterator[tuple[str, str]]:
    """(mount point, kind) of every line that ``mount`` prints on macOS and the BSDs."""
    for line in text.splitlines():
        _, separator, rest = line.partition(" on ")
        point, bracket, options = rest.rpartition(" (")
        if separator and bracket:
            yield point, options.rstrip(")").split(",")[0].strip()


def _mounts() -> list[tuple[str, str]]:
    try:
        if MOUNTINFO.exists():
            return list(linux_mounts(MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")))
        if sys.platform.startswith("linux"):
            return []
        done = subprocess.run(["mount"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return list(bsd_mounts(done.stdout))


def _unescaped(text: str) -> str:
    """mountinfo writes blanks, tabs, line ends and backslashes as octal numbers."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _windows_drive(place: str) -> str | None:
    if place.startswith("\\\\") and not place.startswith("\\\\?\\"):
        return "a share"
    import ctypes

    drive = os.path.splitdrive(place.removeprefix("\\\\?\\"))[0] + "\\"
    windows = getattr(ctypes, "windll", None)
    remote = windows is not None and windows.kernel32.GetDriveTypeW(drive) == _WINDOWS_NETWORK
    return "a share" if remote else None
