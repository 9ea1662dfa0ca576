"""Every path that a data set may name, in every format: none leads to a file outside of the data's root.

A row of the table is a field of a format; the columns are the ways in which such a field can lead elsewhere.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.hugging_face_files import check_patterns
from modelaudit.data.root import Root
from modelaudit.language.errors import DataError
from modelaudit.language.sample import DataSet, Sample

SIZE = 8
SECRET = (255, 0, 0)
GREY = (120, 120, 120)
#: the number of the class in segmentations of Pascal VOC
CAT = 8


def picture(path: Path, colour: tuple[int, int, int] | int = GREY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(colour, int) else "RGB", (SIZE, SIZE), colour).save(path)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def csv_image(root: Path, name: str) -> str:
    text(root / "t.csv", f'image,label\n"{name}",bolt\nok.png,bolt\n')
    return "csv:data/t.csv"


def csv_mask(root: Path, name: str) -> str:
    text(root / "t.csv", f'image,label,mask\nok.png,bolt,"{name}"\n')
    return "csv:data/t.csv"


def jsonl_image(root: Path, name: str) -> str:
    rows = [{"image": name, "label": "bolt"}, {"image": "ok.png", "label": "bolt"}]
    text(root / "t.jsonl", "\n".join(map(json.dumps, rows)))
    return "jsonl:data/t.jsonl"


def jsonl_mask(root: Path, name: str) -> str:
    text(root / "t.jsonl", json.dumps({"image": "ok.png", "label": "bolt", "mask": name}))
    return "jsonl:data/t.jsonl"


def coco_file_name(root: Path, name: str) -> str:
    names = ["ok.png", *(f"{number}.png" for number in range(30)), name]
    for one in names[:-1]:
        picture(root / one)
    document = {
        "images": [{"id": at, "file_name": one, "height": SIZE, "width": SIZE} for at, one in enumerate(names)],
        "annotations": [
            {"id": at, "image_id": at, "category_id": 1, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}
            for at in range(len(names))
        ],
        "categories": [{"id": 1, "name": "bolt"}],
    }
    text(root / "a.json", json.dumps(document))
    return "coco:data/a.json?images=."


def labelme_image_path(root: Path, name: str) -> str:
    shape = {"label": "bolt", "shape_type": "rectangle", "points": [[1, 1], [5, 5]]}
    text(root / "a.json", json.dumps({"imagePath": name, "imageData": None, "shapes": [shape]}))
    return "labelme:data"


def yolo_list_line(root: Path, name: str) -> str:
    text(root / "ok.txt", "0 0.5 0.5 0.5 0.5\n")
    text(root / "train.txt", f"ok.png\n{name}\n")
    text(root / "data.yaml", "train: train.txt\nval: train.txt\nnames: [bolt]\n")
    return "yolo:data/data.yaml?split=val"


def yolo_list(root: Path, name: str) -> str:
    text(root / "data.yaml", json.dumps({"val": name, "names": ["bolt"]}))
    return "yolo:data/data.yaml?split=val"


def yolo_path(root: Path, name: str) -> str:
    text(root / "ok.txt", "0 0.5 0.5 0.5 0.5\n")
    text(root / "data.yaml", json.dumps({"path": name.removesuffix("secret.png"), "val": ".", "names": ["bolt"]}))
    return "yolo:data/data.yaml?split=val"


def voc_split_list(root: Path, name: str) -> str:
    picture(root / "JPEGImages" / "ok.png")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    size = f"<size><width>{SIZE}</width><height>{SIZE}</height></size>"
    text(root / "Annotations" / "ok.xml", f"<annotation>{size}<object><name>cat</name>{box}</object></annotation>")
    text(root / "ImageSets" / "Main" / "val.txt", f"ok\n{name}\n")
    return "voc:data?split=val&masks=box"


def hf_image(root: Path, name: str) -> str:
    return _in_memory(root, [{"bytes": None, "path": name}, {"bytes": (root / "ok.png").read_bytes(), "path": "ok"}])


def hf_mask(root: Path, name: str) -> str:
    whole = {"bytes": (root / "ok.png").read_bytes(), "path": "ok"}
    return f"{_in_memory(root, [whole], [{'bytes': None, 'path': name}])}?mask=mask"


#: what the library is taken to have loaded, so that a test does not wait for it
LOADED: dict[str, Any] = {}


def _in_memory(root: Path, images: list[dict[str, Any]], masks: list[dict[str, Any]] | None = None) -> str:
    datasets = pytest.importorskip("datasets")
    columns = {"image": images, "label": ["bolt"] * len(images)} | ({"mask": masks} if masks else {})
    features = {name: datasets.Value("string") if name == "label" else datasets.Image() for name in columns}
    LOADED["data"] = datasets.Dataset.from_dict(columns, features=datasets.Features(features)), "train", root
    return "hf:data"


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "field" in request.fixturenames and str(request.getfixturevalue("field")).startswith("hf"):
        module = importlib.import_module("modelaudit.data.hugging_face")  # the package has a function of that name
        monkeypatch.setattr(module, "_loaded", lambda *_: LOADED["data"])


FIELDS: dict[str, Callable[[Path, str], str]] = {
    "csv image": csv_image,
    "csv mask": csv_mask,
    "jsonl image": jsonl_image,
    "jsonl mask": jsonl_mask,
    "coco file_name": coco_file_name,
    "labelme imagePath": labelme_image_path,
    "yolo line of a list": yolo_list_line,
    "yolo val": yolo_list,
    "yolo path": yolo_path,
    "voc split list": voc_split_list,
    "hf path of an image": hf_image,
    "hf path of a mask": hf_mask,
}


def absolute(root: Path, secret: Path) -> str:
    return str(secret)


def upwards(root: Path, secret: Path) -> str:
    return f"../../{secret.parent.name}/{secret.name}"


def round_about(root: Path, secret: Path) -> str:
    (root / "sub").mkdir(exist_ok=True)
    return f"sub/../../../{secret.parent.name}/./{secret.name}"


def backslashes(root: Path, secret: Path) -> str:
    return f"..\\..\\{secret.parent.name}\\{secret.name}"


def link(root: Path, secret: Path) -> str:
    (root / "link.png").symlink_to(secret)
    return "link.png"


def below_a_link(root: Path, secret: Path) -> str:
    (root / "nas").symlink_to(secret.parent, target_is_directory=True)
    return f"nas/{secret.name}"


WAYS: dict[str, Callable[[Path, Path], str]] = {
    "absolute": absolute,
    "..": upwards,
    "sub/..": round_about,
    "backslashes": backslashes,
    "link": link,
    "below a link": below_a_link,
    "drive": lambda *_: "C:\\secret\\secret.png",
    "share": lambda *_: "\\\\server\\share\\secret.png",
    "share with slashes": lambda *_: "//server/share/secret.png",
    "home": lambda *_: "~/secret.png",
    "home of another": lambda *_: "~root/secret.png",
    "URL of a file": lambda _, secret: f"file://{secret}",
    "URL": lambda *_: "https://127.0.0.1:1/secret.png",
    "device": lambda *_: "/dev/zero",
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture outside of the data, beside what stands where another field than an image is asked for."""
    text(tmp_path / "elsewhere" / "secret.txt", "0 0.5 0.5 0.5 0.5\n")
    return picture(tmp_path / "elsewhere" / "secret.png", SECRET)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    picture(tmp_path / "work" / "data" / "ok.png")
    return tmp_path / "work" / "data"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Takes the path of every file that is opened, without links."""
    paths: list[str] = []
    whole = os.open

    def noted(path: Any, *given: Any, **named: Any) -> int:
        paths.append(os.path.realpath(path))
        return whole(path, *given, **named)

    monkeypatch.setattr(os, "open", noted)
    return paths


def opened(reference: str, root: Path) -> DataSet:
    return open_data(reference, root=root.parent)


def pixels_of(data: DataSet) -> list[np.ndarray[Any, Any]]:
    """The images and masks that can be read of the samples."""
    pixels = []
    for sample in data.samples:
        try:
            decoded = decode(sample)
        except UnusableSample:
            continue
        pixels += [one for one in (decoded.image, decoded.mask) if one is not None]
    return pixels


#: fields in which tools write paths of other computers, so that files are looked for in the data by their last parts,
#: and ways to a file that is there, which are refused in these fields too
LENIENT = ("coco file_name", "labelme imagePath", "yolo line of a list", "yolo val", "yolo path", "voc split list")
REACHING = ("absolute", "..", "sub/..", "link", "below a link")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_path_that_leads_out_of_the_data_is_refused(
    root: Path, secret: Path, read: list[str], field: str, way: str
) -> None:
    reference = FIELDS[field](root, WAYS[way](root, secret))
    try:
        pixels = pixels_of(opened(reference, root))
    except DataError as error:
        named = re.search(r"\?(root|images)=DIR|leads upwards", str(error))
        assert named or (field in LENIENT and way not in REACHING) or field == "voc split list"
        assert field in LENIENT or "link" not in way or "?follow_links=yes" in str(error)
    else:
        assert field in LENIENT and not any((one == SECRET).all() for one in pixels if one.ndim == 3)
    assert not [path for path in read if not Path(path).is_relative_to(root.resolve())]


ADMITTED = ("csv image", "jsonl image", "csv mask", "jsonl mask", "hf path of an image", "hf path of a mask")


@pytest.mark.parametrize("way", ["absolute", ".."])
@pytest.mark.parametrize("field", ADMITTED)
def test_the_folder_that_the_audit_names_admits_the_same_file(root: Path, secret: Path, field: str, way: str) -> None:
    if "mask" in field:
        picture(secret, 1)
    reference = FIELDS[field](root, WAYS[way](root, secret))
    data = opened(f"{reference}{'&' if '?' in reference else '?'}root={secret.parent}", root)
    wanted = 1 if "mask" in field else SECRET
    assert any((one == wanted).all() for one in pixels_of(data))


@pytest.mark.parametrize("way", ["link", "below a link"])
@pytest.mark.parametrize("field", ADMITTED)
def test_a_link_that_the_user_trusts_is_followed(root: Path, secret: Path, field: str, way: str) -> None:
    if "mask" in field:
        picture(secret, 1)
    reference = FIELDS[field](root, WAYS[way](root, secret))
    data = opened(f"{reference}{'&' if '?' in reference else '?'}follow_links=yes", root)
    wanted = 1 if "mask" in field else SECRET
    assert any((one == wanted).all() for one in pixels_of(data))


# --- sources that list folders ---------------------------------------------------------------------------------------


def scene(root: Path, *names: str) -> None:
    for name in names:
        if name.endswith(".npy"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(root / name, np.ones((SIZE, SIZE), dtype=np.uint8))
        else:
            picture(root / name, 1 if "mask" in name else CAT if "Class" in name else GREY)


def folder(root: Path) -> str:
    scene(root, "images/bolt/1.png", "images/bolt/2.png", "masks/bolt/1.png")
    return "folder:data"


def photos(root: Path) -> str:
    scene(root, "images/bolt/1.png", "images/bolt/2.png")
    return "photos:data"


def stored(root: Path) -> str:
    scene(root, "images/bolt/1.png", "images/bolt/2.png", "dark/images/bolt/1.png")
    return "folder:data?stored.dark=dark&masks=none"


def voc(root: Path) -> str:
    voc_split_list(root, "ok")
    text(root / "ImageSets" / "Main" / "val.txt", "ok\n")
    scene(root, "SegmentationClass/ok.png")
    return "voc:data?split=val"


def yolo(root: Path) -> str:
    scene(root, "images/val/ok.png")
    text(root / "labels" / "val" / "ok.txt", "0 0.5 0.5 0.5 0.5\n")
    text(root / "classes.txt", "bolt\n")
    return "yolo:data?split=val"


def yolo_of_a_yaml_file(root: Path) -> str:
    yolo(root)
    (root / "classes.txt").unlink()
    text(root / "data.yaml", "val: images/val\nnames: [bolt]\n")
    return "yolo:data?split=val"


def yolo_of_darknet(root: Path) -> str:
    scene(root, "obj/ok.png")
    text(root / "obj" / "ok.txt", "0 0.5 0.5 0.5 0.5\n")
    text(root / "train.txt", "obj/ok.png\n")
    text(root / "obj.names", "bolt\n")
    text(root / "obj.data", "classes = 1\ntrain = train.txt\nnames = obj.names\n")
    return "yolo:data"


def voc_of_colours(root: Path) -> str:
    voc(root)
    text(root / "labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:8,8,8::\n")
    return "voc:data?split=val&masks=box"


def labelme(root: Path) -> str:
    return labelme_image_path(root, "ok.png")


def imagenet9(root: Path) -> str:
    scene(root, "original/val/00_dog/1.png", "fg_mask/val/00_dog/1.npy", "no_fg/val/00_dog/1.png")
    return "imagenet9:data"


#: by source: the files and folders that are moved out of the data, with a link in their place
LINKED: dict[Callable[[Path], str], tuple[str, ...]] = {
    folder: ("images/bolt/1.png", "images/bolt", "masks/bolt/1.png", "masks", "images"),
    photos: ("images/bolt/1.png", "images/bolt", "images"),
    stored: ("dark/images/bolt/1.png", "dark/images"),
    voc: (
        *("JPEGImages", "JPEGImages/ok.png", "Annotations", "Annotations/ok.xml", "ImageSets"),
        *("ImageSets/Main/val.txt", "SegmentationClass", "SegmentationClass/ok.png"),
    ),
    yolo: ("images/val", "images/val/ok.png", "labels/val", "labels/val/ok.txt", "classes.txt"),
    yolo_of_a_yaml_file: ("data.yaml", "images/val"),
    yolo_of_darknet: ("obj.data", "obj.names", "train.txt", "obj/ok.png", "obj/ok.txt"),
    voc_of_colours: ("labelmap.txt",),
    labelme: ("a.json", "ok.png"),
    imagenet9: (
        *("original/val", "original/val/00_dog/1.png", "fg_mask/val", "fg_mask/val/00_dog/1.npy"),
        *("no_fg", "no_fg/val/00_dog/1.png"),
    ),
}
PLACES = [(source, place) for source, places in LINKED.items() for place in places]


@pytest.mark.parametrize(("source", "place"), PLACES)
def test_a_link_out_of_the_data_is_refused_and_named(
    root: Path, read: list[str], source: Callable[[Path], str], place: str
) -> None:
    reference = source(root)
    moved_out(root, place)
    read.clear()
    with pytest.raises(DataError, match=r"\?root=DIR .*\?follow_links=yes"):
        opened(reference, root)
    assert not [path for path in read if not Path(path).is_relative_to(root.resolve())]


@pytest.mark.parametrize(("source", "place"), PLACES)
def test_with_follow_links_the_same_data_are_read_as_without_the_link(
    root: Path, source: Callable[[Path], str], place: str
) -> None:
    reference = source(root)
    plain = pixels_of(opened(reference, root))
    moved_out(root, place)
    linked = pixels_of(opened(f"{reference}{'&' if '?' in reference else '?'}follow_links=yes", root))
    assert plain and len(plain) == len(linked)
    assert all(np.array_equal(one, other) for one, other in zip(plain, linked, strict=True))


def moved_out(root: Path, place: str) -> None:
    path, target = root / place, root.parents[1] / "elsewhere" / Path(place).name
    target.parent.mkdir(exist_ok=True)
    path.rename(target)
    path.symlink_to(target, target_is_directory=target.is_dir())


# --- files that are none, archives, and what the library of hf: names ------------------------------------------------


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("field", ["csv image", "csv mask", "jsonl image", "coco file_name", "hf path of an image"])
def test_what_is_no_regular_file_is_unreadable_and_is_never_waited_for(root: Path, field: str, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(root / "odd.png")
        data = opened(FIELDS[field](root, "odd.png"), root)
    else:
        reference = FIELDS[field](root, "/dev/zero")
        data = opened(f"{reference}{'&' if '?' in reference else '?'}root=/dev", root)
    complaints = []
    for sample in data.samples:
        try:
            decode(sample)
        except UnusableSample as error:
            complaints.append(str(error))
    assert [one for one in complaints if f"is a {'named pipe' if kind == 'pipe' else 'device'}" in one]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "a.json", "data.yaml", "train.txt", "classes.txt"])
def test_a_table_or_list_that_is_a_pipe_is_refused_at_once(root: Path, name: str) -> None:
    os.mkfifo(root / name)
    references = {"t.csv": "csv:data/t.csv", "t.jsonl": "jsonl:data/t.jsonl", "a.json": "coco:data/a.json"}
    references |= {"data.yaml": "yolo:data/data.yaml", "classes.txt": "yolo:data?names=classes.txt"}
    if name == "train.txt":
        text(root / "data.yaml", "val: train.txt\nnames: [bolt]\n")
    with pytest.raises(DataError, match=r"named pipe|no file|usual places|cannot list"):
        opened(references.get(name, "yolo:data/data.yaml?split=val"), root)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "..\\secret.png"])
def test_a_member_of_an_archive_that_leads_out_is_refused(root: Path, name: str) -> None:
    with tarfile.open(root / "s.tar", "w") as archive:
        content = (root / "ok.png").read_bytes()
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with pytest.raises(DataError, match="leads out of the archive"):
        opened("webdataset:data/s.tar", root)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_member_of_an_archive_that_is_a_link_or_a_device_is_refused(root: Path, secret: Path, kind: bytes) -> None:
    with tarfile.open(root / "s.tar", "w") as archive:
        member = tarfile.TarInfo("1.png")
        member.type, member.linkname = kind, str(secret)
        archive.addfile(member)
    with pytest.raises(DataError, match="is a link or no plain file"):
        opened("webdataset:data/s.tar", root)


def test_a_shard_that_is_a_link_is_the_word_of_the_user(root: Path, secret: Path) -> None:
    with tarfile.open(secret.parent / "s.tar", "w") as archive:
        archive.add(root / "ok.png", "1.png")
        text(root / "1.cls", "bolt")
        archive.add(root / "1.cls", "1.cls")
    (root / "s.tar").symlink_to(secret.parent / "s.tar")
    assert len(pixels_of(opened("webdataset:data/s.tar", root))) == 1


def test_a_reference_that_is_a_link_is_the_word_of_the_user(root: Path) -> None:
    reference = folder(root)
    moved_out(root.parent, "data")
    assert len(opened(reference, root).samples) == 2


def test_images_beside_the_folder_of_annotations_are_of_the_data(root: Path) -> None:
    scene(root, "images/1.png")
    labelme_image_path(root / "annotations", "../images/1.png")
    assert len(pixels_of(opened("labelme:data/annotations", root))) == 2


def test_pictures_that_a_python_audit_hands_over_are_anywhere(root: Path, secret: Path) -> None:
    data = open_data([Sample("1", secret, "bolt")], root=root)
    assert (decode(data.samples[0]).image == SECRET).all()


def test_a_link_to_a_folder_of_the_data_is_read_once(root: Path) -> None:
    scene(root, "images/bolt/1.png", "images/bolt/2.png", "originals/3.png", "masks/bolt/1.png")
    (root / "images" / "bolt" / "more").symlink_to(root / "originals", target_is_directory=True)
    assert {one.id for one in opened("folder:data", root).samples} == {"bolt/1.png", "bolt/2.png", "bolt/more/3.png"}
    (root / "images" / "nut").symlink_to(root / "images" / "bolt", target_is_directory=True)
    with pytest.raises(DataError, match="whose files would count twice"):
        opened("folder:data", root)


def test_links_that_go_round_in_a_circle_end(root: Path, secret: Path) -> None:
    scene(root, "bolt/1.png")
    (root / "bolt" / "nas").symlink_to(secret.parent, target_is_directory=True)
    (secret.parent / "back").symlink_to(root, target_is_directory=True)
    with pytest.raises(DataError, match="whose files would count twice"):
        opened("photos:data?follow_links=yes", root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("root=nowhere", r"root=nowhere: no folder at .*nowhere"),
        ("follow_links=perhaps", "write follow_links=yes or follow_links=no"),
        ("rot=..", "unknown option 'rot'"),
    ],
)
def test_options_that_mean_nothing_are_errors(root: Path, options: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(f"{csv_image(root, 'ok.png')}?{options}", root)


def test_a_source_of_no_files_has_no_such_option(root: Path) -> None:
    with pytest.raises(DataError, match="unknown option"):
        opened("demo?root=.", root)


def test_a_path_that_goes_through_a_link_and_back_is_where_the_system_leads(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "a" / "b", target_is_directory=True)
    trusted = Root((tmp_path / "data",), follow_links=True)
    assert trusted.admits(tmp_path / "data" / "link" / "x.png")
    assert not trusted.admits(tmp_path / "data" / "link" / ".." / "x.png")
    assert not Root((tmp_path / "data",)).admits(tmp_path / "data-2" / "x.png")


def test_a_file_of_the_topmost_folder_is_none_of_the_working_directory(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    here = Root((root,))
    assert here.admits(Path("ok.png")) and here.admits(Path("ok.png"))
    assert not here.admits(Path("/ok.png"))


def saved(root: Path) -> Path:
    """A data set of two splits as the library saves it."""
    datasets = pytest.importorskip("datasets")
    content = (root / "ok.png").read_bytes()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    one = datasets.Dataset.from_dict({"image": [{"bytes": content, "path": "ok"}], "label": ["bolt"]}, features)
    datasets.DatasetDict({"val": one}).save_to_disk(root / "saved")
    return root / "saved"


@pytest.mark.parametrize("name", ["../../../elsewhere/data.arrow", "/elsewhere/data.arrow", "link.arrow", "pipe.arrow"])
def test_a_part_of_a_saved_data_set_that_leads_out_is_refused(root: Path, secret: Path, name: str) -> None:
    state = saved(root) / "val" / "state.json"
    document = json.loads(state.read_text())
    document["_data_files"] = [{"filename": name}]
    state.write_text(json.dumps(document))
    (state.parent / "link.arrow").symlink_to(secret)
    os.mkfifo(state.parent / "pipe.arrow")
    with pytest.raises(DataError, match=r"\?root=DIR|named pipe"):
        opened("hf:data/saved", root)


def test_a_split_of_a_saved_data_set_that_leads_out_is_refused(root: Path) -> None:
    text(saved(root) / "dataset_dict.json", json.dumps({"splits": ["../../elsewhere"]}))
    with pytest.raises(DataError, match=r"dataset_dict.json: splits: .*\?root=DIR"):
        opened("hf:data/saved", root)


@pytest.mark.parametrize("name", ["../ok.png", "/etc/passwd", "link.png"])
def test_a_file_name_of_metadata_that_leads_out_is_refused(
    root: Path, secret: Path, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    text(root / "hub" / "metadata.jsonl", json.dumps({"file_name": name, "label": "bolt"}))
    (root / "hub" / "link.png").symlink_to(secret)
    picture(root / "hub" / "1.png")
    with pytest.raises(DataError, match=r"Invalid metadata file_name|\?root=DIR"):
        opened("hf:data/hub", root)


CARDS = ["https://127.0.0.1:1/x.parquet", "../elsewhere/*.parquet", "/etc/*", "hf://datasets/owner/name/*", "link/*"]


@pytest.mark.parametrize("pattern", CARDS)
@pytest.mark.parametrize("form", ["text", "list", "splits", "folder"])
def test_a_card_that_names_files_elsewhere_is_refused(root: Path, secret: Path, pattern: str, form: str) -> None:
    (root / "hub").mkdir()
    (root / "hub" / "link").symlink_to(secret.parent, target_is_directory=True)
    stated: Any = {"text": pattern, "list": [pattern], "splits": [{"split": "train", "path": [pattern]}]}
    config = {"data_dir": pattern} if form == "folder" else {"data_files": stated[form]}
    text(root / "hub" / "README.md", f"---\nconfigs: {json.dumps([{'config_name': 'default', **config}])}\n---\n")
    with pytest.raises(DataError, match=r"README.md: configs: .*\?root=DIR"):
        check_patterns(root / "hub")


@pytest.mark.parametrize("options", ["", "?root={}"])
def test_a_row_of_a_parquet_file_that_names_a_file_elsewhere_is_refused(
    root: Path, secret: Path, options: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    arrow = pytest.importorskip("pyarrow")
    column = arrow.array([{"bytes": None, "path": str(secret)}], arrow.struct({"bytes": "binary", "path": "string"}))
    parquet.write_table(arrow.table({"image": column, "label": ["bolt"]}), root / "d.parquet")
    reference = f"hf:data/d.parquet{options.format(secret.parent)}"
    if options:
        assert (decode(opened(reference, root).samples[0]).image == SECRET).all()
    else:
        with pytest.raises(DataError, match=r"row 0 of train: image: .*\?root=DIR"):
            opened(reference, root)
