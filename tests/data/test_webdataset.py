"""WebDataset shards: keys and endings, what is read lazily, and archives that are not what they say."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import encoded, image_array, mask_array
from PIL import Image

from modelaudit.data import FilePart, UnusableSample, decode, open_data
from modelaudit.data.files import expanded
from modelaudit.engine.images.contents import SampleContents
from modelaudit.engine.store.file_digests import FileDigests
from modelaudit.engine.store.store import Store
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing

MASK = encoded(Image.fromarray(mask_array()))


def picture(shade: int = 0, format: str = "PNG") -> bytes:
    return encoded(Image.fromarray(image_array(mask_array()) + np.uint8(shade)), format)


def shard(path: Path, files: Mapping[str, bytes] | list[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def shards(root: Path, count: int = 3) -> None:
    """``line-<n>.tar`` with two samples each."""
    for number in range(count):
        first, second = f"line/{number}a", f"line/{number}b"
        files = {
            f"{first}.jpg": picture(number, "JPEG"),
            f"{first}.cls": b"bolt",
            f"{first}.mask.png": MASK,
            f"{second}.png": picture(number),
            f"{second}.cls": b"nut\n",
            f"{second}.seg.png": MASK,
        }
        shard(root / f"line-{number:03d}.tar", files)


def test_samples_of_several_shards(tmp_path: Path) -> None:
    shards(tmp_path)
    data = open_data("webdataset:line-{000..002}.tar", root=tmp_path)
    assert [(one.id, one.label) for one in data.samples] == [
        (f"line/{number}{letter}", label) for number in range(3) for letter, label in (("a", "bolt"), ("b", "nut"))
    ]
    assert data.notes == ()
    for sample in data.samples:
        decoded = decode(sample)
        assert decoded.mask is not None and np.array_equal(decoded.mask, mask_array())
        assert decoded.image.shape == (24, 32, 3)
    assert np.array_equal(decode(data.samples[5]).image, image_array(mask_array()) + np.uint8(2))


def test_nothing_but_headers_and_labels_is_read_before_a_sample_is_decoded(tmp_path: Path) -> None:
    shards(tmp_path, 1)
    (one, _) = open_data("webdataset:line-000.tar", root=tmp_path).samples
    assert isinstance(one.image, FilePart) and isinstance(one.mask, FilePart)
    content = bytearray((tmp_path / "line-000.tar").read_bytes())
    content[one.image.start : one.image.start + 4] = b"gone"
    (tmp_path / "line-000.tar").write_bytes(content)
    open_data("webdataset:line-000.tar", root=tmp_path)
    with pytest.raises(UnusableSample, match=r"line-000\.tar: line/0a\.jpg") as caught:
        decode(one)
    assert caught.value.reason is Missing.UNREADABLE_IMAGE


def test_a_sample_that_moves_to_another_shard_keeps_its_content(tmp_path: Path) -> None:
    shards(tmp_path, 1)
    (one, other) = open_data("webdataset:line-000.tar", root=tmp_path).samples
    contents = SampleContents(FileDigests(Store(tmp_path / "store"))).of([one, other])
    assert contents == [decode(one).content, decode(other).content]
    shard(tmp_path / "x.tar", {"line/0b.png": picture(), "line/0b.cls": b"nut", "line/0b.seg.png": MASK})
    assert decode(open_data("webdataset:x.tar", root=tmp_path).samples[0]).content == contents[1]


def test_labels_and_groups_from_json(tmp_path: Path) -> None:
    facts: list[dict[str, Any]] = [{"class": "bolt", "scene": 7}, {"class": 3, "scene": "night", "more": [1]}]
    files = {f"{at}.json": json.dumps(one).encode() for at, one in enumerate(facts)}
    shard(tmp_path / "x.tar", {**files, "0.png": picture(), "1.webp": picture(1, "WEBP")})
    data = open_data("webdataset:x.tar?label=class&group=column:scene", root=tmp_path)
    assert [(one.id, one.label, one.group) for one in data.samples] == [("0", "bolt", "7"), ("1", 3, "night")]
    data = open_data("webdataset:x.tar?label=class&cluster=column:scene", root=tmp_path)
    assert [(one.group, one.cluster) for one in data.samples] == [(None, "7"), (None, "night")]
    assert data.notes == ("2 of 2 images have no mask",)


def test_a_cls_of_digits_is_an_index_and_other_text_a_name(tmp_path: Path) -> None:
    files = {"a.png": picture(), "a.cls": b"17", "b.png": picture(), "b.cls": "Schräube 2\n".encode()}
    shard(tmp_path / "x.tar", files)
    assert [one.label for one in open_data("webdataset:x.tar", root=tmp_path).samples] == [17, "Schräube 2"]


def test_a_key_ends_at_the_first_dot_of_the_file_name(tmp_path: Path) -> None:
    files = {"./a.b/1.input.JPG": picture(0, "JPEG"), "./a.b/1.CLS": b"bolt", "./a.b/1.part.png": MASK}
    shard(tmp_path / "x.tar", files)
    (sample,) = open_data("webdataset:x.tar?image=.input.jpg&mask=part.png", root=tmp_path).samples
    assert (sample.id, sample.label) == ("a.b/1", "bolt")
    assert decode(sample).mask is not None


def test_masks_of_0_and_255_are_read_as_the_reference_says(tmp_path: Path) -> None:
    binary = encoded(Image.fromarray(((mask_array() == 1) * 255).astype(np.uint8)))
    shard(tmp_path / "x.tar", {"a.png": picture(), "a.cls": b"bolt", "a.mask.png": binary})
    for options in ("", "?mask_255=object", "?mask_object=255"):
        data = open_data(f"webdataset:x.tar{options}", root=tmp_path)
        decoded = decode(data.samples[0])
        assert decoded.mask is not None and np.array_equal(decoded.mask, mask_array() == 1)
    assert any("255 is the object" in note for note in open_data("webdataset:x.tar", root=tmp_path).notes)


def test_a_key_without_an_image_is_a_counted_named_sample(tmp_path: Path) -> None:
    shard(tmp_path / "x.tar", {"a.png": picture(), "a.cls": b"bolt", "b.cls": b"nut", "b.mask.png": MASK})
    data = open_data("webdataset:x.tar", root=tmp_path)
    assert [one.id for one in data.samples] == ["a", "b"]
    assert "1 samples have no image, e.g. b" in data.notes
    with pytest.raises(UnusableSample, match=r"x\.tar: 'b' has no image") as caught:
        decode(data.samples[1])
    assert caught.value.reason is Missing.UNREADABLE_IMAGE


def test_files_of_no_sample_are_counted(tmp_path: Path) -> None:
    shard(tmp_path / "x.tar", {"a.png": picture(), "a.cls": b"bolt", "README": b"hi", "b.txt": b"hi", ".c.png": b"hi"})
    data = open_data("webdataset:x.tar", root=tmp_path)
    assert len(data.samples) == 1
    assert "files that belong to no sample were skipped: 1 x .c.png, 1 x .txt, 1 x README" in data.notes


def test_an_empty_image_is_a_counted_sample(tmp_path: Path) -> None:
    shard(tmp_path / "x.tar", {"a.png": b"", "a.cls": b"bolt"})
    with pytest.raises(UnusableSample, match=r"a\.png is empty"):
        decode(open_data("webdataset:x.tar", root=tmp_path).samples[0])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("a.png", b"1"), ("a.png", b"2")], r"'a\.png' occurs twice"),
        ([("a.png", b"1"), ("a.PNG", b"2")], "occurs twice"),
        ([("a.png", b"1"), ("a.jpg", b"2"), ("a.cls", b"0")], r"'a' has \.jpg and \.png; choose one: \?image=jpg"),
        (
            [("a.png", b"1"), ("a.cls", b"0"), ("a.mask.png", b"2"), ("a.seg.png", b"3")],
            r"choose one: \?mask=mask\.png",
        ),
        ([("a.png", b"1"), ("b.png", b"1"), ("b.cls", b"0")], r"1 of 2 samples have no label, e\.g\. .*x\.tar: 'a'"),
        ([("a.png", b"1"), ("a.cls", b" \n")], "1 of 1 samples have no label"),
        ([("a.png", b"1"), ("a.cls", b"\xff\xfe\x00")], r"a\.cls cannot be read"),
        ([("a.txt", b"1")], r"has no sample; looked for <key>\.jpg with <key>\.cls and found 1 x \.txt"),
        ([], "has no sample.*found nothing"),
        ([("/etc/a.png", b"1")], "leads out of the archive"),
        ([("../a.png", b"1")], "leads out of the archive"),
        ([("x/../../a.png", b"1")], "leads out of the archive"),
        ([("..\\a.png", b"1")], "leads out of the archive"),
    ],
    ids=range(13),
)
def test_a_shard_that_cannot_be_right_is_refused(tmp_path: Path, files: list[tuple[str, bytes]], message: str) -> None:
    shard(tmp_path / "x.tar", files)
    with pytest.raises(DataError, match=message):
        open_data("webdataset:x.tar", root=tmp_path)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (b"{", r"a\.json:1: is not valid JSON"),
        (b"[1]", r"a\.json holds a list"),
        (b'{"class": [1]}', r"the field 'class' is \[1\]"),
        (b'{"class": true}', "the field 'class' is True"),
        (b'{"class": null}', "1 of 1 samples have no label"),
        (b'{"kind": 1}', "1 of 1 samples have no label.*the field 'class'"),
        (b'{"class": 1, "lot": {}}', "the field 'lot' is {}; a group"),
    ],
)
def test_invalid_facts_are_refused(tmp_path: Path, facts: bytes, message: str) -> None:
    shard(tmp_path / "x.tar", {"a.png": picture(), "a.json": facts})
    with pytest.raises(DataError, match=message):
        open_data("webdataset:x.tar?label=class&group=column:lot", root=tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        member = tarfile.TarInfo("a.png")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(DataError, match=r"'a\.png' is a link or no plain file"):
        open_data("webdataset:x.tar", root=tmp_path)


def test_one_key_in_two_shards_is_refused(tmp_path: Path) -> None:
    for name in ("x", "y"):
        shard(tmp_path / f"{name}.tar", {"a.png": picture(), "a.cls": b"bolt"})
    with pytest.raises(DataError, match=r"y\.tar: the key 'a' is in .*x\.tar too"):
        open_data("webdataset:{x,y}.tar", root=tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_shard_that_is_cut_off_anywhere_is_an_error(tmp_path: Path, share: float) -> None:
    path = shard(tmp_path / "x.tar", {f"{at}.{end}": picture() for at in range(9) for end in ("png", "cls")})
    content = path.read_bytes()
    used = len(content.rstrip(b"\0"))
    path.write_bytes(content[: int(used * share)])
    with pytest.raises(DataError, match=r"x\.tar"):
        open_data("webdataset:x.tar", root=tmp_path)


def test_a_shard_that_is_cut_off_between_two_files_is_an_error(tmp_path: Path) -> None:
    files = {f"{at}.{end}": picture() if end == "png" else b"bolt" for at in range(4) for end in ("png", "cls")}
    path = shard(tmp_path / "x.tar", files)
    third = open_data("webdataset:x.tar", root=tmp_path).samples[2].image
    assert isinstance(third, FilePart)
    path.write_bytes(path.read_bytes()[: third.start - 512])
    with pytest.raises(DataError, match="no end mark"):
        open_data("webdataset:x.tar", root=tmp_path)


def test_damage_in_the_middle_does_not_end_a_shard_in_silence(tmp_path: Path) -> None:
    files = {f"{at}.{end}": picture() if end == "png" else b"bolt" for at in range(4) for end in ("png", "cls")}
    path = shard(tmp_path / "x.tar", files)
    third = open_data("webdataset:x.tar", root=tmp_path).samples[2].image
    assert isinstance(third, FilePart)
    whole = path.read_bytes()
    for block in (b"\xaa" * 512, b"\0" * 512):  # a broken header; one that looks like the end
        path.write_bytes(whole[: third.start - 512] + block + whole[third.start :])
        with pytest.raises(DataError, match="damaged"):
            open_data("webdataset:x.tar", root=tmp_path)


def test_archives_joined_to_one_are_refused(tmp_path: Path) -> None:
    one = shard(tmp_path / "a.tar", {"a.png": picture(), "a.cls": b"bolt"})
    two = shard(tmp_path / "b.tar", {"b.png": picture(), "b.cls": b"bolt"})
    (tmp_path / "x.tar").write_bytes(one.read_bytes() + two.read_bytes())
    with pytest.raises(DataError, match="several archives in one"):
        open_data("webdataset:x.tar", root=tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_bytes(b"hello" * 300)
    (tmp_path / "empty.tar").write_bytes(b"")
    path = shard(tmp_path / "plain.tar", {"a.png": picture(), "a.cls": b"bolt"})
    (tmp_path / "packed.tar").write_bytes(gzip.compress(path.read_bytes()))
    for name, message in [
        ("text", "not a complete tar archive"),
        ("empty", "not a complete tar archive"),
        ("packed", "unpack it"),
        ("nowhere", "No such file"),
    ]:
        with pytest.raises(DataError, match=message):
            open_data(f"webdataset:{name}.tar", root=tmp_path)


def test_long_names_and_large_offsets_are_read(tmp_path: Path) -> None:
    key = "ä" * 90 + "/" + "b" * 120
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for ending, content in (("png", picture()), ("cls", b"bolt")):
            member = tarfile.TarInfo(f"{key}.{ending}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    (sample,) = open_data("webdataset:x.tar", root=tmp_path).samples
    assert sample.id == key
    assert np.array_equal(decode(sample).image, image_array(mask_array()))


def test_braces() -> None:
    assert expanded("plain.tar") == ["plain.tar"]
    assert expanded("s-{000..003}.tar") == ["s-000.tar", "s-001.tar", "s-002.tar", "s-003.tar"]
    assert expanded("s-{8..11}.tar") == ["s-8.tar", "s-9.tar", "s-10.tar", "s-11.tar"]
    assert expanded("{train,val}/{0..1}.tar") == ["train/0.tar", "train/1.tar", "val/0.tar", "val/1.tar"]
    assert expanded("s-{7..7}.tar") == ["s-7.tar"]
    for text in ("{a}", "{3..1}", "{0..999999999999}", "{1..a}", "{a", "a}", "{{a,b},c}", "{0..999}{0..999}"):
        with pytest.raises(DataError):
            expanded(text)
