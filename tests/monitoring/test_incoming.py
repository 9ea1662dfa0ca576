from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelaudit.language.errors import DataError, MonitorError
from modelaudit.monitoring.incoming import FileStamp, ImageFolder, IncomingImage, PathPart, Retries, line_image

LONG_AGO = 1_700_000_000


def never(id: str, stamp: FileStamp) -> bool:
    return False


def put(folder: Path, name: str, modified: float = LONG_AGO, content: bytes = b"x") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified, modified))
    return path


def ids(folder: ImageFolder, known: Callable[[str, FileStamp], bool] = never) -> list[str]:
    return [one.id for one in folder.scan(known)]


def test_images_come_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    put(tmp_path, "b/2.png", LONG_AGO + 1)
    put(tmp_path, "a/1.PNG", LONG_AGO + 2)
    put(tmp_path, "z.jpeg", LONG_AGO)
    put(tmp_path, "a/0.png", LONG_AGO + 2)
    assert ids(ImageFolder(tmp_path)) == ["z.jpeg", "b/2.png", "a/0.png", "a/1.PNG"]


def test_drafts_other_files_and_folders_of_alarms_are_left_out(tmp_path: Path) -> None:
    for name in ("1.png", ".2.png", ".hidden/3.png", "4.png.tmp", "5.json", "alarms/a/images/6.jpg"):
        put(tmp_path, name)
    (tmp_path / "folder.png").mkdir()
    assert ids(ImageFolder(tmp_path, without=((tmp_path / "alarms").resolve(),))) == ["1.png"]


def test_what_is_known_is_left_out_until_its_file_changes(tmp_path: Path) -> None:
    path = put(tmp_path, "1.png")
    folder = ImageFolder(tmp_path)
    (image,) = folder.scan(never)
    assert image.stamp is not None
    known = {("1.png", image.stamp)}
    assert ids(folder, lambda id, stamp: (id, stamp) in known) == []
    put(tmp_path, path.name, content=b"y")
    assert ids(folder, lambda id, stamp: (id, stamp) in known) == ["1.png"]


def test_a_file_is_left_alone_while_somebody_writes_to_it(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path, settle=True)
    put(tmp_path, "new.png", time.time())
    put(tmp_path, "old.png")
    assert ids(folder) == ["old.png"]
    put(tmp_path, "new.png", time.time(), b"xx")
    assert ids(folder) == ["old.png"]
    assert sorted(ids(folder)) == ["new.png", "old.png"]


def test_a_clock_that_is_ahead_does_not_hide_a_file(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path, settle=True)
    put(tmp_path, "1.png", time.time() + 86400)
    assert ids(folder) == []
    assert ids(folder) == ["1.png"]


def test_groups_and_lots_are_found_in_the_path_and_lots_stay_together(tmp_path: Path) -> None:
    put(tmp_path, "cam1/s2_0.png", LONG_AGO + 1)
    put(tmp_path, "cam1/s1_0.png", LONG_AGO)
    put(tmp_path, "cam1/s2_1.png", LONG_AGO + 3)
    put(tmp_path, "cam2/s1_1.png", LONG_AGO + 2)
    put(tmp_path, "loose.png", LONG_AGO + 9)
    folder = ImageFolder(tmp_path, PathPart("folder", "--group-by"), PathPart(r"(s\d)_", "--lot-by"))
    assert [(one.id, one.group, one.lot) for one in folder.scan(never)] == [
        ("cam1/s1_0.png", "cam1", "s1"),
        ("cam2/s1_1.png", "cam2", "s1"),
        ("cam1/s2_0.png", "cam1", "s2"),
        ("cam1/s2_1.png", "cam1", "s2"),
        ("loose.png", None, None),
    ]


def test_masks_are_found_under_the_path_of_the_image(tmp_path: Path) -> None:
    put(tmp_path, "in/cam1/0.jpg")
    put(tmp_path, "in/cam1/1.jpg")
    put(tmp_path, "masks/cam1/0.png")
    found = ImageFolder(tmp_path / "in", masks=tmp_path / "masks").scan(never)
    assert [one.mask for one in found] == [tmp_path / "masks/cam1/0.png", None]


def test_a_missing_folder_is_an_error_from_the_start_and_later_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--images .*nowhere: is not a folder"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "in").mkdir()
    folder = ImageFolder(tmp_path / "in")
    (tmp_path / "in").rmdir()
    with pytest.raises(DataError, match="check that the folder is there"):
        folder.scan(never)


def test_an_invalid_pattern_is_refused() -> None:
    with pytest.raises(DataError, match=r"--group-by \(: not a valid pattern"):
        PathPart("(", "--group-by")


def test_a_name_that_is_no_text_can_be_written(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        os.close(os.open(path, os.O_CREAT))
    except OSError:
        pytest.skip("this file system takes text alone")
    (image,) = ImageFolder(tmp_path).scan(never)
    assert image.id == "\\udcff.png"
    assert image.path.exists()
    json.dumps(image.id).encode()


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("a.png\n", IncomingImage("a.png", Path("a.png"))),
        ("  ", None),
        ('{"image": "a.png"}', IncomingImage("a.png", Path("a.png"))),
        (
            '{"image": "a.png", "group": "cam", "lot": "7", "mask": "m.png", "time": 5, "id": "x"}',
            IncomingImage("x", Path("a.png"), "cam", "7", Path("m.png"), 5),
        ),
    ],
)
def test_a_line_names_an_image(line: str, image: IncomingImage | None) -> None:
    assert line_image(line, 1) == image


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 3:.*is not valid JSON"),
        ("{}", "names no image"),
        ('{"image": 5}', "image must be a text"),
        ('{"image": "a.png", "time": "now"}', "time must be a number"),
        ('{"image": "a.png", "camera": "1"}', "unknown key 'camera'; known: image, group"),
    ],
)
def test_a_line_that_names_none_says_why(line: str, said: str) -> None:
    with pytest.raises(MonitorError, match=said):
        line_image(line, 3)


def test_what_cannot_be_read_is_tried_later_and_later_and_at_once_when_it_changes(tmp_path: Path) -> None:
    now = 0.0
    retries = Retries(lambda: now)
    image = IncomingImage("1.png", put(tmp_path, "1.png"))
    assert retries.due(image)
    assert retries.note(image)
    waits = []
    for _ in range(12):
        before = now
        while not retries.due(image):
            now += 0.5
        waits.append(now - before)
        assert not retries.note(image)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300
    put(tmp_path, "1.png", content=b"longer")
    assert retries.due(image)
    assert retries.note(image)
    retries.forget(["1.png"])
    assert retries.due(image) and retries.note(image)
