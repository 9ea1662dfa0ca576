"""The pictures of a comparison, of two real runs: from the galleries, drawn anew, and where they cannot be drawn."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modelaudit.cli.diff_pictures import draw_pictures
from modelaudit.demo import PARTS, InspectionLine
from modelaudit.evidence.record import RunRecord, read_record
from modelaudit.releases.comparison import compare
from modelaudit.releases.comparison_record import AnswerComparison, ComparisonRecord
from modelaudit.report.comparison import render_comparison

CONTEXT = "swap_background(other_class)"
_OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--audit-store=off", "--audit-checks=off"]
_AUDIT = """
model: demo:{model}
data: folder:photos
classes: [{classes}]
expect:
  right: accuracy > 0.5
  stays: accuracy.under(swap_background(other_class)) > 0.5
  looks: background_dependence(gradcam).under(swap_background(other_class)) < 0.5
"""
Runs = tuple[Path, RunRecord, RunRecord]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of both models of the demo on 28 photos in a folder."""
    root = tmp_path_factory.mktemp("compared")
    frames = InspectionLine(0.0, 5).draw(range(28))
    for at in range(28):
        name = PARTS[int(frames.parts[at])]
        for kind, pixels in (("images", frames.pixels[at]), ("masks", (frames.masks[at] == 1).astype("uint8") * 255)):
            (root / "photos" / kind / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / "photos" / kind / name / f"{at:03d}.png")
    (root / "audits").mkdir()
    for model in ("sound", "shortcut"):
        file = root / "audits" / f"{model}.audit.yaml"
        file.write_text(_AUDIT.format(model=model, classes=", ".join(PARTS)), encoding="utf-8")
        pytest.main([*_OPTIONS, "--rootdir", str(root), f"--audit-results={root / model}", str(file)])
    return root


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> Runs:
    """A copy of the photos, to be changed, and both records."""
    shutil.copytree(kept / "photos", tmp_path / "photos")
    old, new = (read_record(kept / model / "latest") for model in ("sound", "shortcut"))
    return tmp_path, old, new


def drawn(runs: Runs, kept: Path | None, **changed: Any) -> ComparisonRecord:
    """The comparison with pictures; `kept` holds those of the runs."""
    root, old, new = runs
    folders = [None if kept is None else (kept / model / "latest").resolve() for model in ("sound", "shortcut")]
    found = changed.pop("comparison", None) or compare(old, new)
    settings: dict[str, Any] = {"root": root, "device": "cpu", "pictures_old": folders[0], "pictures_new": folders[1]}
    return draw_pictures(found, old, new, root / "diff", **settings | changed)


def under_change(record: ComparisonRecord) -> AnswerComparison:
    return next(one for one in record.answers if one.context == CONTEXT)


def why(record: ComparisonRecord) -> set[tuple[str, str]]:
    return {(one.side, one.why) for one in record.no_pictures}


def test_both_models_are_shown_with_the_answers_of_their_records(runs: Runs, kept: Path) -> None:
    found = drawn(runs, kept)
    assert found.no_pictures == []
    lost = [image for image in under_change(found).newly_wrong if image.panels_new]
    assert len(lost) == 6 and {image.label for image in lost} == set(PARTS)  # each class by turns
    for image in lost:
        for panels, right in ((image.panels_old, True), (image.panels_new, False)):
            assert [panel.kind for panel in panels] == ["original", "context", "attribution"]
            assert panels[1].right is right and panels[1].context == CONTEXT and panels[2].method == "gradcam"
            assert all((runs[0] / "diff" / file).is_file() for panel in panels for file in panel.files)
        assert (image.panels_old[0].model, image.panels_new[0].model) == (
            found.answers[0].model_old,
            found.answers[0].model_new,
        )
    page = render_comparison(found, runs[0] / "diff")
    shown = (
        one
        for answers in found.answers
        for image in (*answers.newly_wrong, *answers.recovered)
        for one in image.panels_new
    )
    assert page.count("data:image/webp;base64") == len({one.file for one in shown}) and "Pictures that show it" in page


def test_what_a_gallery_shows_is_what_would_be_drawn(runs: Runs, kept: Path) -> None:
    taken, anew = under_change(drawn(runs, kept)), under_change(drawn(runs, None))
    assert [(one.panels_old, one.panels_new) for one in taken.newly_wrong] == [
        (one.panels_old, one.panels_new) for one in anew.newly_wrong
    ]


def test_without_drawing_only_galleries_are_shown(runs: Runs, kept: Path) -> None:
    found = drawn(runs, kept, redraw=False)
    shown = [image for image in under_change(found).newly_wrong if image.panels_new]
    assert 0 < len(shown) < 6 and found.no_pictures == []  # nobody asked for the others
    assert not any(image.panels_new for image in under_change(drawn(runs, None, redraw=False)).newly_wrong)


def test_python_code_that_a_record_names_is_not_run_unasked(runs: Runs) -> None:
    root, old, new = runs
    (root / "net.py").write_text(f"open({str(root / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    model = new.models[0].model_copy(update={"reference": "net.py:build"})
    new = new.model_copy(update={"models": [model]})
    found = drawn((root, old, new), None)
    assert why(found) == {("new", "needs_code")} and not (root / "ran").exists()
    lost = under_change(found).newly_wrong[0]
    assert lost.panels_old and not lost.panels_new
    allowed = drawn((root, old, new), None, allow_code=True)
    assert why(allowed) == {("new", "not_opened")} and any("build" in one.detail for one in allowed.no_pictures)
    assert (root / "ran").exists()


def test_another_model_image_or_answer_than_in_the_record_is_not_shown(runs: Runs) -> None:
    root, old, new = runs
    other = old.models[0].model_copy(update={"fingerprint": "0" * 64})
    assert why(drawn((root, old.model_copy(update={"models": [other]}), new), None)) == {("old", "other_model")}
    found = compare(old, new)
    answers = [
        one.model_copy(update={"newly_wrong": one.recovered, "recovered": one.newly_wrong}) for one in found.answers
    ]
    turned = drawn(runs, None, comparison=found.model_copy(update={"answers": answers}))
    assert why(turned) == {("old", "other_answer"), ("new", "other_answer")}
    changed = under_change(found).newly_wrong[0]
    path = next((root / "photos" / "images").rglob(f"{Path(changed.id).stem}.png"))
    Image.new("RGB", (64, 64), (250, 0, 0)).save(path)
    after = drawn(runs, None)
    assert {(one.why, one.images > 0) for one in after.no_pictures} == {("other_data", True)}
    first, *rest = under_change(after).newly_wrong[:6]
    assert not first.panels_old and any(image.panels_old for image in rest)


def test_data_that_are_gone_are_said_and_a_baseline_has_no_maps(runs: Runs) -> None:
    root, old, new = runs
    shutil.rmtree(root / "photos")
    found = drawn((root, old.model_copy(update={"baseline_of": "a" * 64}), new), None)
    assert why(found) == {("old", "baseline"), ("new", "not_opened")}
    assert all("photos" in one.detail for one in found.no_pictures)
    page = render_comparison(found, root / "diff")
    assert "the baseline holds no pictures" in page and "could not be opened" in page


def test_a_method_that_cannot_be_applied_leaves_the_images_without_maps(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelaudit.cli.diff_pictures._method", lambda old, new: "attention_rollout")
    image = under_change(drawn(runs, None)).newly_wrong[0]
    assert [panel.kind for panel in image.panels_new] == ["original", "context"]
