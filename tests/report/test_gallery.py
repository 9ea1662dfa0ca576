"""The pictures: embedded once, left out in the stated order, never read from elsewhere."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from report.sample_record import case, decision, draw_gallery, layered_case, measure, record

from modelaudit.engine.gallery.drawing import COLOURS
from modelaudit.evidence.record import GalleryRow, RunRecord
from modelaudit.report import render_html
from modelaudit.report.pictures import choose, read_pictures

TEMPLATES = Path(__file__).parents[2] / "templates"


def run_with(folder: Path) -> RunRecord:
    rows = draw_gallery(folder)
    passed = case("fine", measure(), ">", 0.9, "PASS", gallery=rows, decision=decision("PASS", 0.96, 0.93, 0.98))
    own = [
        row.model_copy(update={"panels": [p.model_copy(update={"file": _copy(folder, p.file)}) for p in row.panels]})
        for row in rows
    ]
    failed = case("bad", measure(), ">", 0.99, "FAIL", gallery=own, decision=decision("FAIL", 0.96, 0.93, 0.98))
    return record(cases=[passed, failed])


def _copy(folder: Path, file: str) -> str:
    content = (folder / file).read_bytes()
    (folder / f"{file}.other.jpg").write_bytes(content + b"other")
    return f"{file}.other.jpg"


def test_a_picture_is_embedded_once_however_often_it_is_shown(tmp_path: Path) -> None:
    html = render_html(record(tmp_path), tmp_path)
    assert html.count("data:image/") == 12
    assert html.count('class="picture"') == 12  # the row of another requirement is not laid out again


def test_equal_pictures_under_two_names_are_embedded_once(tmp_path: Path) -> None:
    rows = draw_gallery(tmp_path)
    (tmp_path / "images/again.jpg").write_bytes((tmp_path / rows[0].panels[0].file).read_bytes())
    again = rows[0].panels[0].model_copy(update={"file": "images/again.jpg"})
    row = rows[0].model_copy(update={"panels": [rows[0].panels[0], again]})
    run = record(cases=[case("a", measure(), ">", 0.9, "FAIL", gallery=[row])])
    assert render_html(run, tmp_path).count("data:image/") == 1


def test_the_report_keeps_to_its_budget_and_says_what_was_left_out(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    full = len(render_html(run, tmp_path).encode())
    bare = len(render_html(run, tmp_path, budget_bytes=1).encode())
    for budget in range(bare + 1000, full, (full - bare) // 5):
        html = render_html(run, tmp_path, budget_bytes=budget)
        assert len(html.encode()) <= budget
        assert "to keep this file small" in html
        assert "Range against limit" in html
    assert "to keep this file small" not in render_html(run, tmp_path, budget_bytes=full)


def test_what_ended_well_gives_way_first_and_the_worst_failures_last(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    by_file, missing = read_pictures(run, tmp_path)
    order: list[set[tuple[int, int]]] = []
    for room in range(0, 400_000, 1_000):
        shown = set(choose(run, by_file, missing, room).shown)
        if not order or shown != order[-1]:
            order.append(shown)
    gained = [next(iter(after - before)) for before, after in pairwise(order)]
    assert gained == [(1, 0), (0, 0), (1, 1), (1, 2), (0, 1), (0, 2)]


def test_no_picture_fits_no_picture_is_shown_and_the_text_is_whole(tmp_path: Path) -> None:
    html = render_html(record(tmp_path), tmp_path, budget_bytes=1)
    assert "data:image/" not in html
    assert "survives_layout_change" in html
    assert "4 gallery rows were left out" in html


def test_a_missing_picture_leaves_its_place_and_a_note(tmp_path: Path) -> None:
    run = record(tmp_path)
    (tmp_path / run.cases[0].gallery[0].panels[1].file).unlink()
    html = render_html(run, tmp_path)
    assert html.count('class="picture absent"') == 1
    assert "1 picture of the run record could not be shown" in html
    assert "画像がありません" in html


def test_nothing_outside_the_folder_and_no_other_kind_of_file_is_embedded(tmp_path: Path) -> None:
    inside = tmp_path / "results"
    rows = draw_gallery(inside)
    secret = tmp_path / "secret.jpg"
    secret.write_bytes((inside / rows[0].panels[0].file).read_bytes())
    (inside / "page.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")
    (inside / "link.jpg").symlink_to(secret)
    for file in ("../secret.jpg", str(secret), "page.svg", "link.jpg", "images", "a\0b"):
        panel = rows[0].panels[0].model_copy(update={"file": file})
        row = GalleryRow(rank="worst", sample="a", label="gear", value=0.5, panels=[panel])
        html = render_html(record(cases=[case("a", measure(), ">", 0.9, "FAIL", gallery=[row])]), inside)
        assert "data:image/" not in html, file
        assert 'class="picture absent"' in html


def test_a_label_that_is_no_class_of_the_model_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    rows = [row.model_copy(update={"label": "歯車"}) for row in draw_gallery(tmp_path)]
    run = record(cases=[case("a", measure(), ">", 0.9, "FAIL", gallery=rows)])
    html = render_html(run, tmp_path)
    assert 'class="mark"' not in html
    assert 'class="mark"' in render_html(record(tmp_path), tmp_path)


def test_images_stand_under_what_a_change_did_to_their_answers(tmp_path: Path) -> None:
    html = render_html(record(cases=[layered_case(tmp_path)]), tmp_path)
    headings = ["Newly wrong:", "Wrong before and after", "Recovered:", "Right before and after"]
    at = [html.index(f"<h4>{heading}") for heading in headings]
    assert at == sorted(at)
    samples = [html.index(f">gear/L_{number}.jpg<") for number in range(4)]
    assert all(heading < sample for heading, sample in zip(at, samples, strict=True)) and samples == sorted(samples)
    assert "新たに誤り" in html


def test_images_of_other_requirements_stand_under_worst_typical_and_best(tmp_path: Path) -> None:
    maps = measure("background_dependence", methods=["gradcam"])
    html = render_html(record(cases=[case("a", maps, "<", 0.4, "FAIL", gallery=draw_gallery(tmp_path))]), tmp_path)
    at = [html.index(f"<h4>{heading} ") for heading in ("Worst", "Typical", "Best")]
    assert at == sorted(at)


def test_the_colour_bar_has_the_colours_of_the_maps() -> None:
    bar = re.search(r"\.colours \{[^}]*linear-gradient\(to right, ([^)]*)\)", (TEMPLATES / "gallery.css").read_text())
    assert bar is not None
    stops = [list(bytes.fromhex(stop.removeprefix("#"))) for stop in bar[1].split(", ")]
    assert [stops[0], stops[-1]] == [COLOURS[0].tolist(), COLOURS[-1].tolist()]
    assert all(stop in COLOURS.tolist() for stop in stops)


@pytest.mark.parametrize("layered", [True, False])
def test_how_to_read_a_heat_map_is_said_as_it_was_drawn(tmp_path: Path, layered: bool) -> None:
    run = record(cases=[layered_case(tmp_path)]) if layered else record(tmp_path)
    html = render_html(run, tmp_path)
    assert ("Lines: the smallest areas that hold 25, 50 and 75% of the heat." in html) == layered
    assert ("the white line is the outline of the object" in html) != layered
