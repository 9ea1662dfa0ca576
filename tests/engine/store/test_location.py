"""Network drives are told from the disks of this machine by what the system says of its mounts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from modelaudit.engine.store.location import (
    filesystem_of,
    is_network,
    mounts,
    network_drive,
    refuse_network,
)
from modelaudit.engine.store.upkeep import open_store
from modelaudit.language.errors import ResultsError


def mounted(monkeypatch: pytest.MonkeyPatch, *mounts: tuple[str, str, str]) -> None:
    """The system lists these mounts: place, file system, options."""
    listed = [SimpleNamespace(mountpoint=place, fstype=kind, opts=opts) for place, kind, opts in mounts]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: listed)


LINUX = [
    ("/proc", "proc"),
    ("/", "ext4"),
    ("/home", "nfs4"),
    ("/home/me/scratch", "xfs"),
    ("/mnt/team drive", "cifs"),
    ("/mnt/remote", "fuse.sshfs"),
    ("/mnt/windows", "9p"),
    ("/mnt/usb", "fuseblk"),
    ("/mnt/photos", "fuse.rclone"),
    ("/mnt/both", "nfs"),
    ("/mnt/both", "tmpfs"),
]


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/", "ext4"),
        ("/srv/audits", "ext4"),
        ("/home/me/audits/.modelaudit", "nfs4"),
        ("/home/me/scratch/audits", "xfs"),
        ("/home/me/scratchpad", "nfs4"),
        ("/homework", "ext4"),
        ("/mnt/team drive/line", "cifs"),
        ("/mnt/remote", "fuse.sshfs"),
        ("/mnt/windows/audits", "9p"),
        ("/mnt/both/here", "tmpfs"),
    ],
)
def test_the_longest_mount_that_holds_a_folder_says_what_it_lies_on(place: str, kind: str) -> None:
    assert filesystem_of(Path(place), LINUX) == kind


def test_the_mounts_of_this_machine_are_listed() -> None:
    assert filesystem_of(Path("/"), mounts())


def test_a_drive_of_windows_that_lies_on_a_server_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, ("C:\\", "NTFS", "rw,fixed"), ("Z:\\", "NTFS", "rw,remote"))
    monkeypatch.setattr("modelaudit.engine.store.location.os.name", "nt")
    found = dict(mounts())
    assert found == {"C:\\": "NTFS", "Z:\\": "a share"} and is_network(found["Z:\\"])


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.rclone", "9p", "lustre", "afs", "ceph", "NFS"]
)
def test_network_drives_are_known_and_unknown_ones_in_user_space_count_as_such(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "apfs", "tmpfs", "overlay", "fuseblk", "fuse.ntfs-3g"])
def test_disks_of_this_machine_are_none(kind: str) -> None:
    assert not is_network(kind)


def test_nothing_is_said_of_a_folder_that_no_mount_holds() -> None:
    assert filesystem_of(Path("/srv"), []) is None


@pytest.fixture
def on_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on NFS, as the list of mounts has it."""
    mounted(monkeypatch, ("/", "ext4", "rw"), (f"{tmp_path}/share", "nfs4", "rw"))
    return tmp_path / "share"


def test_a_folder_that_was_asked_for_on_a_share_is_refused_with_the_way_out(on_a_share: Path) -> None:
    assert network_drive(on_a_share / "deep" / "down") == "nfs4"
    with pytest.raises(ResultsError, match=r"network drive \(nfs4\).*on a disk of this machine, or --audit-store off"):
        refuse_network(on_a_share / "store")
    with pytest.raises(ResultsError, match="network drive"):
        open_store(on_a_share / "store", root=on_a_share)


def test_a_link_to_a_share_is_a_share(on_a_share: Path, tmp_path: Path) -> None:
    on_a_share.mkdir()
    (tmp_path / "link").symlink_to(on_a_share)
    assert network_drive(tmp_path / "link" / "store") == "nfs4"


def test_the_default_place_on_a_share_means_no_store_and_says_so(on_a_share: Path) -> None:
    store = open_store(None, root=on_a_share)
    assert not store.active
    (note,) = store.notes
    assert "were not stored" in note and "--audit-store" in note and not on_a_share.exists()


def test_by_default_the_store_lies_below_the_root_and_hides_from_git(tmp_path: Path) -> None:
    from modelaudit.engine.store.store import Key, StoreBatch

    store = open_store(None, root=tmp_path)
    batch = StoreBatch()
    batch.content(Key(b"k" * 16, "pictures"), b"s" * 16, b"content")
    assert store.commit(batch) and store.notes == []
    assert (tmp_path / ".modelaudit" / "store.sqlite").exists()
    assert (tmp_path / ".modelaudit" / ".gitignore").read_text() == "*\n"
    assert not open_store(None, root=tmp_path, off=True).active
