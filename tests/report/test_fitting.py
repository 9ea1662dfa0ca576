"""A report within its budget: pictures are laid out once, get smaller, then fewer; the report says so."""

from __future__ import annotations

import base64
import builtins
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from report.sample_record import case, decision, draw_gallery, measure, record

from modelaudit.evidence.record import GalleryRow, Panel, RunRecord
from modelaudit.language.byte_size import byte_size
from modelaudit.report import render_html
from modelaudit.report.fitting import SIDES, shown_once
from modelaudit.report.pictures import MANY, choose, read_pictures

SMALLER = "Pictures are shown with at most"


def sides(html: str) -> list[int]:
    """The longest side of every picture in the file."""
    found = re.findall(r"data:image/\w+;base64,([\w+/=]+)", html)
    return [max(Image.open(io.BytesIO(base64.b64decode(data))).size) for data in found]


def many(folder: Path, rows: int) -> RunRecord:
    """A requirement that fails on so many images, each with a picture of its own."""
    (folder / "images").mkdir()
    gallery = []
    for at in range(rows):
        file = f"images/{at}.jpg"
        Image.effect_noise((224, 224), 40 + at).save(folder / file, quality=90)
        panel = Panel(kind="original", model="m0", prediction="b", probability=0.5, right=False, file=file)
        gallery.append(GalleryRow(rank="worst", sample=f"{at}.png", label="a", value=1.0, panels=[panel]))
    found = decision("FAIL", 0.2, 0.1, 0.3)
    return record(cases=[case("a", measure(), ">", 0.9, "FAIL", gallery=gallery, decision=found)])


def test_pictures_get_smaller_before_any_is_left_out(tmp_path: Path) -> None:
    run = many(tmp_path, 30)
    full = render_html(run, tmp_path)
    assert sides(full) == [224] * 30 and SMALLER not in full
    seen = set()
    for share in (0.95, 0.25, 0.15):
        budget = round(len(full) * share)
        html = render_html(run, tmp_path, budget_bytes=budget)
        assert len(html.encode()) <= budget
        (side,) = set(sides(html))
        assert f"{SMALLER} {side} pixels" in html and f"一辺{side}画素" in html
        seen.add((side, len(sides(html)) == 30))
    assert seen == {(SIDES[0], True), (SIDES[1], True), (SIDES[1], False)}


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_pictures_of_every_kind_get_smaller_and_keep_it(tmp_path: Path, kind: str) -> None:
    run = many(tmp_path, 4)
    for at in range(4):
        Image.open(tmp_path / f"images/{at}.jpg").save(tmp_path / f"images/{at}.jpg", kind)
    html = render_html(run, tmp_path, budget_bytes=len(render_html(run, tmp_path)) - 1000)
    assert html.count(f"data:image/{kind};base64,") == 4 and sides(html) == [SIDES[0]] * 4


def test_without_pillow_there_are_only_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = many(tmp_path, 30)
    real = builtins.__import__

    def without(name: str, *more: Any, **how: Any) -> Any:
        if name.partition(".")[0] == "PIL":
            raise ImportError(name)
        return real(name, *more, **how)

    budget = len(render_html(run, tmp_path)) // 2
    monkeypatch.setattr(builtins, "__import__", without)
    html = render_html(run, tmp_path, budget_bytes=budget)
    monkeypatch.undo()
    assert len(html.encode()) <= budget and SMALLER not in html
    assert set(sides(html)) == {224} and 0 < len(sides(html)) < 30
    assert re.search(r"\d+ gallery rows? (were|was) left out to keep this file small", html)


def test_a_row_is_laid_out_once_where_it_matters_most(tmp_path: Path) -> None:
    rows = draw_gallery(tmp_path)
    names = {"met": "PASS", "failed": "FAIL", "also_failed": "FAIL"}
    stated = [
        case(name, measure(), ">", 0.9, verdict, gallery=rows, decision=decision(verdict, 0.5, 0.4, 0.6))
        for name, verdict in names.items()
    ]
    run = record(cases=stated)
    shown = shown_once(run, choose(run, *read_pictures(run, tmp_path), room=10**9))
    assert {key: place[0] for key, place in shown.again.items()} == {(at, row): 1 for at in (0, 2) for row in range(3)}
    html = render_html(run, tmp_path)
    met = html[html.index('id="r-met"') :]
    assert '<a href="#r-failed"><bdi>failed</bdi></a>: <bdi>gear/IMG_0000.jpg</bdi>' in met
    assert len(re.findall(r'class="strip[ "]', html)) == 3 and "left out to keep" not in html


def test_many_requirements_show_the_worst_images_alone_and_say_so(tmp_path: Path) -> None:
    rows = draw_gallery(tmp_path)
    worst = [*rows, rows[0].model_copy(update={"sample": "another.jpg"})]

    def run(count: int) -> RunRecord:
        verdicts = ["FAIL", "INCONCLUSIVE", *["PASS"] * (count - 2)]
        stated = [
            case(f"r{at}", measure(), ">", 0.9, verdict, decision=decision(verdict, 0.5, 0.4, 0.6), gallery=worst)
            for at, verdict in enumerate(verdicts)
        ]
        return record(cases=stated)

    few, many = render_html(run(MANY), tmp_path), render_html(run(MANY + 1), tmp_path)
    assert len(re.findall(r'class="strip[ "]', few)) == 4 and "With so many requirements" not in few
    assert len(re.findall(r'class="strip[ "]', many)) == 2 and "With so many requirements" in many
    assert f"{2 + 3 * MANY} gallery rows were left out" in many


@pytest.mark.parametrize(("text", "size"), [("5MB", 5_000_000), ("800 kB", 800_000), ("12", 12), ("0.5gb", 5 * 10**8)])
def test_a_size_reads_as_people_write_it(text: str, size: int) -> None:
    assert byte_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "0", "5 apples", "1e3", "٥MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 5MB"):
        byte_size(text)
