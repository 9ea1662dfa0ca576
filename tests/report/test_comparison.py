"""The page of a comparison: which outcome, where, on which images, what differs; one file in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report.sample_comparison import NEW_MODEL, answers, comparison, requirement

from modelaudit.language.errors import ResultsError
from modelaudit.releases.comparison_record import AnswerComparison, ImagesCompared, NoPictures, RunDifference
from modelaudit.report.comparison import (
    _read,
    comparison_view,
    render_comparison,
    render_comparison_summary,
    write_comparison_page,
)
from modelaudit.report.comparison_requirements import reach_of
from modelaudit.report.words import words_of

EN, JA = words_of("en"), words_of("ja")


def glance(**changed: object) -> dict[str, str]:
    return dict(comparison_view(comparison(**changed), {}, EN).glance)  # type: ignore[arg-type]


def test_the_page_is_one_file_in_both_languages(tmp_path: Path) -> None:
    page, summary = write_comparison_page(comparison(tmp_path), tmp_path, language="ja")
    text = page.read_text(encoding="utf-8")
    assert '<html lang="ja">' in text and "The new run is worse" in text and "新版は旧版より悪化しています" in text
    assert not re.search(r'(?:src|href)="(?!data:|#)', text) and text.count("data:image/webp;base64") == 10
    assert summary.read_text(encoding="utf-8").startswith("## modelaudit: 新版は旧版より悪化しています")


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        ("better", "The new run is no worse, and better on some requirements"),
        ("equivalent", "The new run is no worse: it is equivalent to the old one"),
        ("worse", "The new run is worse"),
        ("cannot_tell", "It cannot be told yet whether the new run is worse"),
        ("not_comparable", "Not every requirement can be compared"),
    ],
)
def test_the_headline_says_what_the_comparison_comes_to(outcome: str, title: str) -> None:
    view = comparison_view(comparison(outcome=outcome), {}, EN)
    assert view.title == title and len(view.meaning) == 2 and not any("diff_" in text for text in view.meaning)


def test_page_one_names_what_is_worse_and_by_how_much() -> None:
    found = glance()
    assert found["Where it is worse"] == (
        "survives_layout_change: −11.4 points (−15.1 to −7.9); falls_by_little: +11.0 points (7.2 to 14.8)"
    )
    assert found["Classes and groups"].startswith("gear, background of another class: −33.0 points")
    assert "camera 2" in found["Classes and groups"] and "nut" not in found["Classes and groups"]
    assert found["On which images"].startswith("236 common images; 2 only in the new run, 1 only in the old run")
    assert "7 doubled in the new run" in found["On which images"] and "renamed" not in found["On which images"]
    assert found["What differs between the runs"].startswith("Model: fingerprint; Data: images; Option: seed; Version:")
    assert (
        found["What cannot be told"]
        == "1 requirement is undecided. About 340 more images would be likely to settle it."
    )


def test_known_bad_models_and_what_does_not_count_stay_out_of_the_counts() -> None:
    (counts, _) = comparison_view(comparison(), {}, EN).meaning
    assert counts == (
        "Of 7 requirements: 2 worse, 1 not comparable, 1 undecided, 1 better, 1 equivalent, 1 only in the new run."
    )
    last = [one.name for one in comparison_view(comparison(), {}, EN).requirements[-2:]]
    assert last == ["survives_blur", "catches_the_shortcut"]


def test_right_is_better_on_every_drawing_whichever_way_the_numbers_go() -> None:
    record = comparison()
    views = {one.name: one.interval for one in comparison_view(record, {}, EN).requirements}
    for name in ("survives_layout_change", "falls_by_little"):  # one falls, the other rises: both are worse
        shown = views[name]
        assert shown is not None and shown.estimate < shown.margin[0] and shown.thin[1] < 50
    better, same = views["survives_lighting"], views["right"]
    assert better is not None and better.thin[0] > 50
    assert same is not None and same.margin[0] < same.thick[0] < same.thick[1] < same.margin[1]
    assert reach_of(record) == pytest.approx(6 * record.margin)


def test_an_interval_beyond_the_drawing_has_no_end_there() -> None:
    far = requirement("far", "worse", (-0.5, -0.6, -0.4))
    (view,) = comparison_view(comparison(requirements=[far]), {}, EN).requirements
    assert view.interval is not None
    assert (view.interval.thin, view.interval.beyond) == ((0.0, 0.0), (True, False))


def test_a_bound_that_is_not_known_runs_to_the_edge() -> None:
    open_ended = requirement("open", "cannot_tell", (0.0, -0.01, 0.01)).model_copy(
        update={"lower": None, "lower_diff": None, "lower_equivalence": None}
    )
    (view,) = comparison_view(comparison(requirements=[open_ended]), {}, EN).requirements
    assert view.interval is not None and view.interval.thick[0] == 0.0 and view.interval.beyond[0]
    assert view.change == "0.0 points (at most 1.0)"


def test_the_risk_is_said_of_the_requirements_that_are_decided() -> None:
    explained = " ".join(comparison_view(comparison(), {}, EN).explained)
    assert "any of the 5 requirements" in explained and "at most 5% in all" in explained
    assert "independent" not in comparison_view(comparison(), {}, EN).explained[0]
    assert "sample of its own" in explained  # survives_blur is unpaired


def test_images_of_every_fate_are_named() -> None:
    page = render_comparison(comparison(), Path())
    for name in ("gear/IMG_0300.jpg", "bolt/IMG_0007.jpg", "nut/IMG_0011.jpg: the mask", "nut/copy_6.jpg"):
        assert name in page
    assert (
        "nut/IMG_0012.jpg: the image, the label (nut → bolt)" in page and "gear/old_2.jpg → gear/IMG_0002.jpg" in page
    )


def test_why_something_is_not_comparable_and_what_has_no_picture_is_said() -> None:
    view = comparison_view(comparison(), {}, EN)
    (kept,) = (one for one in view.undecided if one.name == "margin_kept")
    assert "do not state or measure the same" in kept.text
    assert [(each.what, each.old, each.new) for each in kept.differences] == [
        ("measure", "margin(version=1)", "margin(version=2)")
    ]
    assert any("--allow-code" in text for text in view.notes)
    why = NoPictures(side="new", model=NEW_MODEL, why="not_opened", images=1, detail="models/v2.pt: does not exist")
    page = render_comparison(comparison(no_pictures=[why]), Path())
    assert "models/v2.pt: does not exist" in page


def test_answers_are_shown_where_they_changed_and_the_most_losses_first() -> None:
    view = comparison_view(comparison(), {}, EN)
    assert [one.title for one in view.answers] == ["Background of another class", "Original images"]
    assert [one.title for one in view.quiet_answers] == ["Other lighting of the whole image (severity 3 of 5)"]
    first = view.answers[0]
    assert [part.name for part in first.classes.rows] == ["gear", "nut", "bolt"]
    assert first.changed[0].listed[0] == "gear/IMG_0000.jpg (gear): gear → bolt"


def test_a_picture_that_both_models_saw_is_shown_once_with_both_maps(tmp_path: Path) -> None:
    record = comparison(tmp_path)
    page = render_comparison(record, tmp_path)
    assert page.count('<symbol id="p') == 2 * 5 + 2  # five images with original and change, and two maps
    assert page.count('class="heat"') == 2 * (2 * 5)  # each image has a map a model, in both languages


def test_where_the_models_saw_different_pictures_both_are_shown(tmp_path: Path) -> None:
    record = comparison(tmp_path)
    first = record.answers[1].newly_wrong[0]
    other = [
        panel.model_copy(update={"file": first_file.file})
        for panel, first_file in zip(first.panels_old, record.answers[1].newly_wrong[1].panels_old, strict=True)
    ]
    apart = first.model_copy(update={"panels_old": other})
    answer = record.answers[1].model_copy(update={"newly_wrong": [apart], "recovered": []})
    (view,) = comparison_view(record.model_copy(update={"answers": [answer]}), _read(record, tmp_path), EN).answers
    headings = [cell.heading for cell in view.changed[0].strips[0].cells]
    assert headings == [
        *("Original (Old)", "Background of another class (Old)", "Old (Grad-CAM)"),
        *("Original (New)", "Background of another class (New)", "New (Grad-CAM)"),
    ]


def test_strips_are_left_out_where_the_file_would_be_too_large(tmp_path: Path) -> None:
    record = comparison(tmp_path)
    whole = render_comparison(record, tmp_path)
    small = render_comparison(record, tmp_path, budget_bytes=len(whole.encode()) - 10_000)
    assert len(small.encode()) <= len(whole.encode()) - 10_000
    assert "left out here to keep the file small" in small and "gear/IMG_0000.jpg" in small
    assert "data:image" not in render_comparison(record, tmp_path, budget_bytes=1000)


def test_a_thousand_classes_and_images_stay_within_the_budget() -> None:
    record = comparison()
    first = record.answers[1]
    parts = [first.by_class[1].model_copy(update={"name": f"class {n}"}) for n in range(1000)]
    lost = [first.newly_wrong[0].model_copy(update={"id": f"{n}.png", "id_old": f"{n}.png"}) for n in range(1000)]
    answer = first.model_copy(update={"by_class": parts, "newly_wrong": lost})
    images = record.images[0].model_copy(update={"new": [f"new/{n}.png" for n in range(1000)]})
    page = render_comparison(record.model_copy(update={"answers": [answer], "images": [images]}), Path())
    assert len(page) < 400_000 and page.count("940 more in diff.json") == 1 and page.count("700 more in diff.json") == 2


def test_without_pictures_the_images_are_listed(tmp_path: Path) -> None:
    view = comparison_view(comparison(), {}, EN)
    assert view.first is None and "pictures" not in view.meaning[1]
    page = render_comparison(comparison(), tmp_path)
    assert "gear/IMG_0055" not in page and "gear/IMG_0054.jpg" in page


def test_a_comparison_without_answers_or_images_has_a_page() -> None:
    record = comparison(
        answers=[], images=[], differences=[], requirements=[requirement("one", "equivalent", (0, 0, 0))]
    )
    page = render_comparison(record, Path())
    assert "Nothing else differs." in page and "Pictures that show it" not in page


def test_several_models_and_data_sets_are_told_apart() -> None:
    (first, *_) = answers(None)
    other = first.model_copy(update={"data": "data:folder:data/line_b", "model_new": "model:demo:shortcut"})
    sets = [
        ImagesCompared(data_old="data:a", data_new="data:a", common=3),
        ImagesCompared(data_old="data:b", data_new="data:c", common=4),
    ]
    view = comparison_view(comparison(answers=[first, other], images=sets), {}, EN)
    assert view.answers[1].title.endswith("v1.pt → demo:shortcut · folder:data/line_b")
    assert [one.title for one in view.images] == ["a", "b → c"]
    assert dict(view.glance)["On which images"] == "a: 3 common images; c: 4 common images"


def test_text_of_a_run_cannot_become_markup() -> None:
    hostile = "<script>alert(1)</script>\u202e"
    one = requirement(hostile, "worse", (-0.1, -0.2, -0.05), says=hostile, clause=hostile)
    answer = AnswerComparison(
        data=hostile, model_old=hostile, model_new=hostile, context=hostile, images=1, newly_wrong=[], recovered=[]
    )
    differ = RunDifference(kind="option", code=hostile, where=hostile, old=hostile, new=hostile)
    record = comparison(requirements=[one], answers=[answer], differences=[differ])
    page = render_comparison(record, Path())
    assert "<script>alert" not in page and "\u202e" not in page
    assert "<script>" not in render_comparison_summary(record)


def test_the_markdown_has_a_row_a_requirement() -> None:
    text = render_comparison_summary(comparison())
    assert "| ❌ Worse | **survives\\_layout\\_change** (PoC 4.2)" in text
    assert text.count("\n| ") == 1 + len(comparison().requirements)
    assert "新版" in render_comparison_summary(comparison(), language="ja")


def test_a_picture_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.webp").write_bytes(b"RIFF0000WEBP")
    inside = tmp_path / "diff"
    record = comparison(inside)
    (wrong, *_) = record.answers[1].newly_wrong
    panels = [panel.model_copy(update={"file": "../secret.webp", "map": None}) for panel in wrong.panels_new]
    stolen = wrong.model_copy(update={"panels_old": [], "panels_new": panels})
    answer = record.answers[1].model_copy(update={"newly_wrong": [stolen], "recovered": []})
    assert "data:image" not in render_comparison(record.model_copy(update={"answers": [answer]}), inside)


def test_an_unknown_language_names_those_there_are() -> None:
    with pytest.raises(ResultsError, match="known: en, ja"):
        render_comparison(comparison(), Path(), language="xx")
