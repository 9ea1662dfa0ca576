"""Network drives are told from the disks of this machine by what the system says of its mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.engine.store.location import (
    bsd_mounts,
    filesystem_of,
    is_network,
    linux_mounts,
    network_drive,
    refuse_network,
)
from modelaudit.engine.store.opening import open_store
from modelaudit.language.errors import ResultsError

LINUX = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:40 / /home rw,relatime shared:5 - nfs4 server:/export/home rw,vers=4.2,hard
41 40 8:1 / /home/me/scratch rw,relatime - xfs /dev/sdb1 rw
42 27 0:44 / /mnt/team\040drive rw - cifs //server/team rw,vers=3.1.1
43 27 0:45 / /mnt/remote rw - fuse.sshfs me@server:/ rw,user_id=1000
44 27 0:46 / /mnt/windows rw shared:9 master:1 - 9p drvfs rw,trans=fd
45 27 0:47 / /mnt/usb rw - fuseblk /dev/sdc1 rw,user_id=0
46 27 0:48 / /mnt/photos rw - fuse.rclone cloud: rw
47 27 0:49 / /mnt/both rw - nfs server:/both rw
48 47 0:50 / /mnt/both rw - tmpfs none rw
"""
MAC = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//me@server/team on /Volumes/Team (on call) (smbfs, nodev, nosuid, mounted by me)
server:/export on /Volumes/export (nfs, nodev)
"""


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
    assert filesystem_of(Path(place), linux_mounts(LINUX)) == kind


def test_mounts_of_a_mac_are_read_too() -> None:
    mounts = list(bsd_mounts(MAC))
    assert filesystem_of(Path("/Volumes/Team (on call)/line"), mounts) == "smbfs"
    assert filesystem_of(Path("/Volumes/export"), mounts) == "nfs"
    assert filesystem_of(Path("/Users/me"), mounts) == "apfs"


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
    """A folder that this process's own list of mounts says is on NFS."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda rw\n40 27 0:40 / {tmp_path}/share rw - nfs4 server:/ rw\n")
    monkeypatch.setattr("modelaudit.engine.store.location.MOUNTINFO", mounts)
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
