"""CSV and JSON-lines manifests: what a table may look like, and the line of whatever is wrong in it."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import image_array, mask_array, save
from data.trees import write

from modelaudit.data import decode, open_data
from modelaudit.data.masks import MaskFile
from modelaudit.language.errors import DataError
from modelaudit.language.sample import DataSet

MASK = mask_array()


def files(root: Path, mask: Any = MASK) -> Path:
    """``line/images/{a,b}.png`` and ``line/masks/{a,b}.png``."""
    for name in "ab":
        save(root / "line" / "images" / f"{name}.png", image_array(MASK))
        save(root / "line" / "masks" / f"{name}.png", mask)
    return root / "line"


def read(root: Path, text: str | bytes, options: str = "", *, kind: str = "csv", mask: Any = MASK) -> DataSet:
    write(files(root, mask) / f"list.{kind}", text)
    return open_data(f"{kind}:line/list.{kind}{options}", root=root)


TABLE = "image,label,mask,group\nimages/a.png,bolt,masks/a.png,cam1\nimages/b.png,nut,,\n"


def test_a_row_is_a_sample(tmp_path: Path) -> None:
    data = read(tmp_path, TABLE)
    found = [(one.id, one.label, one.group, one.mask_kind) for one in data.samples]
    assert found == [("images/a.png", "bolt", "cam1", "mask"), ("images/b.png", "nut", None, "none")]
    decoded = decode(data.samples[0])
    assert decoded.mask is not None and np.array_equal(decoded.mask, MASK)
    assert data.notes == (
        "1 images have no mask, e.g. 'images/b.png'",
        "1 samples have no group, e.g. 'images/b.png'",
    )


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_of_one_image_may_be_its_labels(tmp_path: Path, kind: str) -> None:
    rows = [{"image": f"images/{name}.png", "label": label} for name in "ab" for label in ("red", "blue")]
    text = "\n".join(map(json.dumps, rows)) if kind == "jsonl" else lines(rows)
    found = [(one.id, one.label, one.cluster) for one in read(tmp_path, text, "?objects=each", kind=kind).samples]
    assert found[:2] == [
        ("images/a.png#blue", "blue", "images/a.png"),
        ("images/a.png#red", "red", "images/a.png"),
    ]
    assert len(found) == 4 and found[3] == ("images/b.png#red", "red", "images/b.png")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("options", "found"),
    [("", ["own", "own"]), ("?cluster=column:lot", ["7", "8"]), (r"?cluster=path:(\w)\.png", ["a", "b"])],
)
def test_clusters_stand_in_a_column_or_are_found(tmp_path: Path, kind: str, options: str, found: list[str]) -> None:
    rows = [{"image": f"images/{n}.png", "label": "x", "cluster": "own", "lot": lot} for n, lot in (("a", 7), ("b", 8))]
    text = "\n".join(map(json.dumps, rows)) if kind == "jsonl" else lines(rows)
    data = read(tmp_path, text, options, kind=kind)
    assert [one.cluster for one in data.samples] == found
    assert [one.attributes["lot"] for one in data.samples] == ["7", "8"]


def lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n"


ROWS = [["image", "label", "mask"], ["images/a.png", "a, b; c", "masks/a.png"], ["images/b.png", "nut", "masks/b.png"]]


def table(delimiter: str, end: str = "\n") -> str:
    return end.join(delimiter.join(f'"{cell}"' if " " in cell else cell for cell in row) for row in ROWS) + end


@pytest.mark.parametrize("options", ["", "?delimiter={}"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_the_delimiter_is_read_off_the_header_or_given(tmp_path: Path, delimiter: str, options: str) -> None:
    given = options.format("tab" if delimiter == "\t" else delimiter)
    data = read(tmp_path, table(delimiter), given)
    assert [(one.id, one.label) for one in data.samples] == [("images/a.png", "a, b; c"), ("images/b.png", "nut")]


@pytest.mark.parametrize(
    "text",
    [
        table(",").encode("utf-8-sig"),
        table(",", "\r\n"),
        table(";", "\r\n").encode("utf-8-sig"),
        table(",", "\r"),
        "\n\r\n" + table(",") + "\n  \n,,\n",
        table(",").replace(",", ",  "),
        '"image";"label";"mask"\n"images/a.png";"a, b; c";"masks/a.png"\n"images/b.png";"nut";""\n',
    ],
    ids=["byte order mark", "crlf", "both", "cr", "blank lines", "spaces", "all in quotes"],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str | bytes) -> None:
    samples = read(tmp_path, text).samples
    assert samples[0].label in ("a, b; c", "a,   b; c") and samples[1].label == "nut"
    assert decode(samples[0]).mask is not None


def test_a_field_may_hold_quotes_and_line_ends_and_lines_are_still_counted(tmp_path: Path) -> None:
    text = 'image,label,remark\nimages/a.png,"a ""good"" one","first\nsecond"\nimages/b.png,,\n'
    with pytest.raises(DataError, match=r"list\.csv:4: has no label \(column 'label'\)"):
        read(tmp_path, text)
    assert read(tmp_path, text.replace("b.png,,", "b.png,x,")).samples[0].label == 'a "good" one'


def test_columns_may_be_called_otherwise(tmp_path: Path) -> None:
    text = "part id,path,class,outline,camera\n7,images/a.png,bolt,masks/a.png,2\n8,images/b.png,nut,masks/b.png,3\n"
    options = "?image=path&label=class&mask=outline&id=part id&group=column:camera"
    samples = read(tmp_path, text, options).samples
    assert [(one.id, one.label, one.group) for one in samples] == [("7", "bolt", "2"), ("8", "nut", "3")]
    assert all(decode(one).mask is not None for one in samples)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_other_groups_replace_those_of_the_column(tmp_path: Path, kind: str) -> None:
    rows = [{"image": f"images/{name}.png", "label": "x", "group": "own"} for name in "ab"]
    text = TABLE if kind == "csv" else "\n".join(map(json.dumps, rows))
    data = read(tmp_path, text, r"?group=path:(\w)\.png", kind=kind)
    assert [one.group for one in data.samples] == ["a", "b"]


def test_paths_are_relative_to_the_file_or_to_the_folders_of_the_reference(tmp_path: Path) -> None:
    base = files(tmp_path)
    write(tmp_path / "lists" / "list.csv", "image,label,mask\na.png,bolt,a.png\n")
    (sample,) = open_data("csv:lists/list.csv?images=line/images&masks=line/masks", root=tmp_path).samples
    assert sample.id == "a.png" and decode(sample).mask is not None
    with pytest.raises(DataError, match=r"list\.csv:2: .*outside of the data"):
        write(tmp_path / "lists" / "list.csv", "image,label\n../line/images/a.png,bolt\n")
        open_data("csv:lists/list.csv", root=tmp_path)
    write(base / "list.csv", f"image,label\n{base / 'images' / 'a.png'},bolt\n")
    assert open_data("csv:line/list.csv", root=tmp_path).samples[0].id == "images/a.png"


def test_ids_and_labels_are_in_nfc(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Träger")
    (sample,) = read(tmp_path, f"image,label,id\nimages/a.png,{name},{name}\n").samples
    assert sample.id == sample.label == "Träger"


def test_masks_of_0_and_255_are_read_as_the_reference_says(tmp_path: Path) -> None:
    white = ((MASK == 1) * 255).astype(np.uint8)
    for options in ("", "?mask_255=object", "?mask_threshold=128", "?mask_object=255"):
        samples = read(tmp_path, TABLE, options, mask=white).samples
        assert isinstance(samples[0].mask, MaskFile)
        decoded = decode(samples[0])
        assert decoded.mask is not None and np.array_equal(decoded.mask, MASK == 1)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", "", r":1: is empty"),
        ("\n\n", "", r":1: is empty"),
        ("image,label\n", "", r"has no row"),
        ("a.png,bolt\n", "", r":1: no column 'image'.*; known: a\.png, bolt; \?image= names"),
        ("path,label\na.png,x\n", "", r":1: no column 'image' \(image=image\)"),
        ("image,class\na.png,x\n", "", r"no column 'label'.*\?label= names the one"),
        ("image,label\na.png,x\n", "?mask=masks", r"no column 'masks' \(mask=masks\)"),
        ("image,label,camera\na.png,x,1\n", "?group=column:camra", r"\(group=column:camra\); did you mean 'camera'"),
        ("image,label,lot\na.png,x,1\n", "?cluster=column:lott", r"\(cluster=column:lott\); did you mean 'lot'"),
        ("image,label,label\na.png,x,y\n", "", r":1: the column 'label' occurs twice"),
        ("image,label\nimages/a.png,x\nimages/b.png,x,y\n", "", r":3: 3 fields, and 2 columns"),
        ("image,label,mask\nimages/a.png,x\n", "", r":2: 2 fields, and 3 columns"),
        ("image,label\nimages/a.png,\n", "", r":2: has no label"),
        ("image,label\n ,x\n", "", r":2: has no image"),
        ("image,label\nimages/a.png,x\n./images/a.png,y\n", "", r":3: the id 'images/a\.png' is in line 2 too"),
        ("id,image,label\n1,images/a.png,x\n1,images/b.png,y\n", "", r":3: the id '1' is in line 2 too"),
        ('image,label\nimages/a.png,"x\n', "", r":2: is not valid CSV with ',' as the delimiter: unexpected end"),
        ('image,label\nimages/a.png,"x"y\n', "", r":2: is not valid CSV with ',' as the delimiter"),
        ("image,label\nimages/a.png," + "x" * 200_000, "", r":2: is not valid CSV .*field larger"),
        (b"image,label\nimages/a.png,x\nimages/b.png,\xe4\n", "", r":3: is not UTF-8"),
        ("image,label\nimages/a.png,x\n".encode("utf-16"), "", r":1: is UTF-16; save it as UTF-8"),
        (TABLE, "?delimiter=::", "not one character"),
        (TABLE, "?delimiter=;", r"no column 'image'"),
        (TABLE, "?masks=nowhere", "no folder at"),
        (TABLE, "?mask_255=objekt", "did you mean 'object'"),
        (TABLE, "?labels=x", "did you mean 'label'"),
        (TABLE, "?group=cam", "column:NAME"),
        (TABLE, "?objects=all", "of a table only objects=each"),
        ("image,label\nimages/a.png,x\nimages/a.png,y\n", "", r":3: .*\?objects=each takes several labels"),
        (
            "image,label\nimages/a.png,x\nimages/a.png,x\n",
            "?objects=each",
            r":3: the id 'images/a\.png#x' is in line 2",
        ),
    ],
    ids=range(30),
)
def test_what_is_wrong_with_a_table_is_said_with_its_line(
    tmp_path: Path, text: str | bytes, options: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, options)


def test_json_lines_have_labels_of_either_kind(tmp_path: Path) -> None:
    rows = [
        {"image": "images/a.png", "label": 151, "mask": None, "group": 7, "meta": {"shift": "night"}},
        {"image": "images/b.png", "label": "bolt\u2028nut", "mask": "masks/b.png"},
    ]
    text = "\ufeff" + "\r\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    samples = read(tmp_path, text, kind="jsonl").samples
    assert [(one.label, one.group, one.mask_kind) for one in samples] == [
        (151, "7", "none"),
        ("bolt\u2028nut", None, "mask"),
    ]


GOOD = '{"image": "images/a.png", "label": "x"}'


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", "", r":1: is empty"),
        ("[1]\n", "", r":1: is not a JSON object"),
        (GOOD + "\n{\n", "", r":2: is not valid JSON"),
        (GOOD + "\n\n" + "[" * 100_000, "", r":3: is not valid JSON"),
        (
            '{"image": "a.png", "image": "b.png", "label": "x"}',
            "",
            r":1: is not valid JSON: the key 'image' occurs twice",
        ),
        (GOOD + '\n{"image": "images/b.png"}', "", r":2: has no label"),
        ('{"path": "a.png", "label": "x"}', "", r"no column 'image'"),
        ('{"image": "images/a.png", "label": true}', "", r":1: label is True; give a text or a whole number"),
        ('{"image": "images/a.png", "label": ["x"]}', "", r":1: label is \['x'\]"),
        ('{"image": "images/a.png", "label": 1.5}', "", r":1: label is 1\.5"),
        ('{"image": 7, "label": "x"}', "", r":1: expected a path relative to .*, got 7"),
        (GOOD + "\n" + GOOD, "", r":2: the id 'images/a\.png' is in line 1 too"),
        (GOOD, "?delimiter=;", "unknown option 'delimiter'"),
    ],
    ids=range(13),
)
def test_what_is_wrong_with_json_lines_is_said_with_the_line(
    tmp_path: Path, text: str, options: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, options, kind="jsonl")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match=r"nowhere: No such file"):
        open_data(f"{kind}:nowhere", root=tmp_path)


def test_other_columns_travel_as_text_whatever_stands_in_them(tmp_path: Path) -> None:
    long, html = "x" * 5000, "<script>alert(1)</script>"
    accent = unicodedata.normalize("NFD", "é")
    head = f"image,label,camera,{html},カメラ,{accent}\n"
    data = read(tmp_path, head + f"images/a.png,bolt,cam3,{long},鉄,{accent}\nimages/b.png,nut,,{html},,\n")
    first, second = (one.attributes for one in data.samples)
    assert first == {"camera": "cam3", html: long, "カメラ": "鉄", "\u00e9": "\u00e9"}
    assert second == {html: html}


def test_of_json_only_texts_and_numbers_are_columns(tmp_path: Path) -> None:
    row = {"image": "images/a.png", "label": "a", "group": "g", "exposure": 2.5, "lot": 7, "ok": True, "boxes": [1]}
    (one,) = read(tmp_path, json.dumps({**row, "none": None}), kind="jsonl").samples
    assert one.attributes == {"group": "g", "exposure": "2.5", "lot": "7", "ok": "true"}
