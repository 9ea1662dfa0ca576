"""The images beyond a limit: as a table, and as data to save; what the checks say, as lights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from report.sample_record import case, decision, measure, record, worded

from modelaudit.evidence.record import ColumnRecord, RunRecord, SampleRecord, TableRecord, ViewRecord
from modelaudit.report import render_html
from modelaudit.report.beyond import beyond_view

EN, JA = worded("en"), worded("ja")
WRONG = 23


def run(verdict: str = "FAIL", names: str = "part_{:03}.png") -> RunRecord:
    """Of 30 images 23 are classified wrong."""
    samples = [SampleRecord(id=names.format(at), label="gear", group="line 2") for at in range(30)]
    values: list[float | None] = [float(at >= WRONG) for at in range(30)]
    column = ColumnRecord(measure="accuracy", model="m0", scale="proportion", values=values)
    table = TableRecord(
        data="d0",
        samples=samples,
        columns=[column],
        views=[ViewRecord(model="m0", indices=[0] * 30, areas=[0.2] * 30)],
        labels=["gear"],
    )
    found = decision(verdict, 0.23, 0.1, 0.4)
    stated = case("a", measure(), ">", 0.9, verdict, decision=found, model_names={"": "m0"})
    return record(cases=[stated], tables=[table])


def data(html: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="embedded">(.*)</script>', html)
    found: dict[str, Any] = json.loads(text)["beyond"]
    return found


def test_twenty_images_are_listed_and_the_rest_is_counted() -> None:
    view = beyond_view(run(), 0, EN)
    assert view is not None
    assert view.title == "23 of 30 images are beyond the limit"
    assert len(view.rows) == 20 and view.rows[0] == ("part_000.png", "gear", "wrong")
    assert view.left_out == "3 more images are in the file to save."
    japanese = beyond_view(run(), 0, JA)
    assert japanese is not None and japanese.title == "30枚中23枚が許容範囲外の画像"
    met = beyond_view(run("PASS"), 0, EN)
    assert met is not None and met.rows == () and met.left_out == ""


def test_all_of_them_stand_in_the_data_once() -> None:
    found = data(render_html(run(), Path("nowhere")))
    assert len(found["images"]) == WRONG and found["images"][0] == ["part_000.png", "gear", "line 2"]
    assert found["cases"] == {"r-a": [list(range(WRONG)), [0.0] * WRONG]}


def test_names_in_the_data_cannot_end_it() -> None:
    hostile = "</script><b>{:03}"
    html = render_html(run(names=hostile), Path("nowhere"))
    assert "</script><b>" not in html
    assert data(html)["images"][0][0] == hostile.format(0)
