"""Tables of a run: read back by pandas and pyarrow they are the values of the record, and what they hold is written
down."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pandas
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sample_record import record

from modelaudit.evidence.record import ColumnRecord, RunRecord, SampleRecord, TableRecord, ViewRecord, read_record
from modelaudit.exports.data_package import _csv_cell, write_tables
from modelaudit.exports.dictionary import GUARD
from modelaudit.exports.tables import tables_of

CONTEXT = "swap_background(other_class)"


def measured() -> RunRecord:
    """Two images, one of a hostile name, and a value that is missing."""
    samples = [
        SampleRecord(id="gear/1.png", label="gear", columns={"lot": "7"}, image="a1" * 32),
        SampleRecord(id="=HYPERLINK(1)\n.png", label="bolt", group="-1"),
    ]
    columns = [
        ColumnRecord(measure="accuracy", model="m0", scale="proportion", values=[1.0, 0.0]),
        ColumnRecord(
            measure=f"background_dependence(gradcam).under({CONTEXT})",
            model="m0",
            scale="mean",
            values=[0.1 + 0.2, None],
            missing={1: "zero_attribution"},
            steps={0: 64},
        ),
    ]
    views = [ViewRecord(model="m0", indices=[0, 1], areas=[0.25, None], predicted=[1, -1])]
    donors: dict[str, list[str | None]] = {f"m0|{CONTEXT}": ["bolt/9.png", None]}
    return record(tables=[TableRecord(data="d0", samples=samples, columns=columns, views=views, donors=donors)])


def unguarded(text: str) -> str:
    return text.removeprefix(GUARD)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_every_value_is_there_to_the_bit_and_a_missing_one_is_empty_with_its_reason(tmp_path: Path) -> None:
    write_tables(measured(), tmp_path, "csv")
    found = rows((tmp_path / "values.csv").read_bytes())
    assert [(unguarded(one["image"]), one["value"], one["missing"]) for one in found] == [
        ("gear/1.png", "1.0", ""),
        ("=HYPERLINK(1)\n.png", "0.0", ""),
        ("gear/1.png", repr(0.1 + 0.2), ""),
        ("=HYPERLINK(1)\n.png", "", "zero_attribution"),
    ]
    assert [(one["donor"], one["steps"]) for one in found] == [("", ""), ("", ""), ("bolt/9.png", "64"), ("", "")]
    assert {one["model"] for one in found} == {"torchvision:resnet50@IMAGENET1K_V2"}


def test_a_spreadsheet_finds_no_formula(tmp_path: Path) -> None:
    write_tables(measured(), tmp_path, "csv")
    for name in ("images", "values", "views", "requirements"):
        for row in rows((tmp_path / f"{name}.csv").read_bytes()):
            for cell in row.values():
                assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
                assert not cell.startswith("-") or math.isfinite(float(cell)), cell


@given(st.text())
def test_the_guard_can_be_taken_off_again(text: str) -> None:
    cell = _csv_cell(text)
    assert (unguarded(cell) if cell.startswith(GUARD) else cell) == text
    assert cell[:1] not in set("=+-@\t\r\n＝＋－＠")


def test_parquet_holds_the_same_with_types_and_empty_cells(tmp_path: Path) -> None:
    write_tables(measured(), tmp_path, "parquet")
    values = pq.read_table(tmp_path / "values.parquet")
    assert values.column("value").to_pylist() == [1.0, 0.0, 0.1 + 0.2, None]
    assert values.column("value").null_count == 1
    assert values.column("image").to_pylist()[1] == "=HYPERLINK(1)\n.png"
    assert values.schema.field("steps").type == "int64" and not values.schema.field("image").nullable
    assert values.schema.field("value").metadata[b"description"]


def test_attributes_views_and_classes_are_there(tmp_path: Path) -> None:
    write_tables(measured(), tmp_path, "csv")
    images, views = (rows((tmp_path / f"{name}.csv").read_bytes()) for name in ("images", "views"))
    assert [one["attribute:lot"] for one in images] == ["7", ""]
    assert (images[0]["image_sha256"], images[1]["group"]) == ("a1" * 32, "'-1")
    assert [(one["object_area"], one["predicted"]) for one in views] == [("0.25", "bolt"), ("", "(none of the labels)")]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_dictionary_describes_every_field_of_every_file(kind: Any, tmp_path: Path) -> None:
    write_tables(measured(), tmp_path, kind)
    found = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    for resource in found["resources"]:
        file = tmp_path / resource["path"]
        read = pandas.read_csv(file) if kind == "csv" else pandas.read_parquet(file)
        fields = resource["schema"]["fields"]
        assert list(read.columns) == [one["name"] for one in fields] and all(one["description"] for one in fields)
        assert not read.duplicated(resource["schema"]["primaryKey"]).any()
        for field in fields:
            allowed = field.get("constraints", {}).get("enum")
            assert allowed is None or set(read[field["name"]].dropna()) <= set(allowed)
    accuracy = next(one for one in found["measures"] if one["name"] == "accuracy")
    assert (accuracy["unit"], accuracy["minimum"], accuracy["maximum"]) == ("proportion", 0.0, 1.0)
    maps = next(one for one in found["measures"] if one["name"].startswith("background_dependence"))
    assert maps["meaning"] == {
        "en": "background dependence (Grad-CAM); background of another class",
        "ja": "背景依存度（Grad-CAM）（別クラスの背景）",
    }
    reason = next(one for one in found["missing_reasons"] if one["name"] == "zero_attribution")
    assert reason["errored"] is False and reason["meaning"]["ja"] == "ヒートマップに正の値がない"


def test_a_byte_order_mark_stands_before_each_file_that_is_for_excel(tmp_path: Path) -> None:
    write_tables(measured(), tmp_path, "csv", byte_order_mark=True)
    assert (tmp_path / "values.csv").read_bytes().startswith(b"\xef\xbb\xbfdata,")


def test_the_tables_of_a_real_run_are_those_of_its_record(audited: Path) -> None:
    found = read_record(audited / "audit-results" / "latest")
    values = next(one for one in tables_of(found) if one.name == "values")
    at = {field.name: number for number, field in enumerate(values.fields)}
    cells = [(row[at["value"]], row[at["missing"]]) for row in values.rows]
    wanted = [
        (value, column.missing.get(place))
        for table in found.tables
        for column in table.columns
        for place, value in enumerate(column.values)
    ]
    assert cells == wanted and any(value is None for value, _ in cells)
    assert all((value is None) == (missing is not None) for value, missing in cells)
    lent = [row for row in values.rows if row[at["donor"]] is not None]
    assert lent and all(".under(swap_background(other_class))" in str(row[at["measure"]]) for row in lent)
