"""Measuring again what a record says: the same values to the last bit, and every forged one that is drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytest_plugin import line

from modelaudit import Audit
from modelaudit.acceptance.draw import Draw
from modelaudit.acceptance.lock import Lock, now
from modelaudit.acceptance.locked_data import locked_data
from modelaudit.acceptance.recompute import SpotCheck, spot_check
from modelaudit.engine.executors.run import Run, read_measured
from modelaudit.engine.planning.plan import Asked
from modelaudit.engine.results.settings import Settings
from modelaudit.evidence.record import ColumnRecord, RunRecord, TableRecord
from modelaudit.interactive.check import _decided, _record
from modelaudit.language.errors import AcceptanceError
from modelaudit.language.progress import Silent

DATA = "folder:photos?masks=masks"
IMAGES = 24
EXPECTED = (
    "accuracy > 0.5",
    "accuracy - accuracy.under(swap_background(other_class)) < 0.2",
    "margin.under(swap_background(other_class)) > 0",
    "confidence.under(gaussian_noise(2)).where(correct) > 0.2",
    "background_dependence(smoothgrad, saliency) < 0.9",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for at in range(IMAGES):
        label = line.CLASSES[at % 2]
        for folder, pixels in (("photos", line.pixels(at, label)), ("masks", line.mask() * 255)):
            file = root / folder / label / f"{at:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return root


@pytest.fixture(scope="module")
def record(project: Path) -> RunRecord:
    """The record of a run on all images, in a seed of its own."""
    audit = Audit(**line.told(data=DATA), seed=11)
    # one asks for reviewers, so its answers on the noise are measured too
    cases = [audit.expect(text, reviewed_by=1 if "noise" in text else None) for text in EXPECTED]
    asked = [Asked(f"audit_line.py::case_{at}", one, one.expectation) for at, one in enumerate(cases)]
    settings = Settings(project, project / "run", "cpu", seed=3)
    run = Run(settings, Silent())
    run.select(asked)
    decided = [_decided(one, run) for one in asked]
    return _record(decided, read_measured(project / "run"), settings)


def again(record: RunRecord, project: Path, count: int = 8, **more: Any) -> SpotCheck:
    """What the other party finds, by the same seed in every test."""
    return spot_check(record, **{"model": line.Colour(), "data": DATA, "root": project, "seed": 7, **more}, count=count)


def test_an_honest_record_is_found_again_to_the_last_bit(
    record: RunRecord, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ABSOLUTE", "RELATIVE"):
        monkeypatch.setattr(f"modelaudit.acceptance.recomputed_values.{name}", 0.0)
    found = again(record, project)
    assert found.differences == () and found.level == "spot_checked" and found.seed == 7
    assert found.values == 8 * len(record.tables[0].columns) == 8 * 7
    assert [(draw.images, draw.drawn) for draw in found.draws] == [(IMAGES, 8)]
    assert again(record, project, count=10**6).level == "reproduced"


def test_the_images_follow_from_a_seed_that_nobody_could_foresee(record: RunRecord, project: Path) -> None:
    with_forged = forged(record, 0.9)
    first, second = again(with_forged, project, seed=None), again(with_forged, project, seed=None)
    assert first.seed != second.seed
    repeated = again(with_forged, project, seed=first.seed)
    assert repeated == first and first.differences != second.differences


def forged(record: RunRecord, value: float, column: str = "confidence") -> RunRecord:
    """Every value of a measure as somebody would like it."""

    def change(one: ColumnRecord) -> ColumnRecord:
        return one.model_copy(update={"values": [value] * IMAGES}) if one.measure.startswith(column) else one

    return of_table(record, lambda table: {"columns": [change(one) for one in table.columns]})


def of_table(record: RunRecord, change: Callable[[TableRecord], dict[str, Any]]) -> RunRecord:
    (table,) = record.tables
    return record.model_copy(update={"tables": [table.model_copy(update=change(table))]})


def test_a_forged_value_is_named_with_its_sample_and_what_was_found(record: RunRecord, project: Path) -> None:
    (table,) = record.tables
    (column,) = (one for one in table.columns if one.measure.startswith("confidence"))
    found = again(forged(record, 0.875), project)
    assert found.level is None and len(found.differences) == 8
    one = found.differences[0]
    at = [sample.id for sample in table.samples].index(one.where)
    assert (one.what, one.column, one.model) == ("value", column.measure, column.model)
    assert (one.recorded, one.found) == ("0.875", repr(column.values[at]))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda table: {"samples": [one.model_copy(update={"label": "red"}) for one in table.samples]}, "label"),
        (lambda table: {"samples": [one.model_copy(update={"group": "dark"}) for one in table.samples]}, "group"),
        (lambda table: {"samples": [one.model_copy(update={"id": f"x{one.id}"}) for one in table.samples]}, "sample"),
        (lambda table: {"donors": {key: [*names[1:], names[0]] for key, names in table.donors.items()}}, "donor"),
        (
            lambda table: {"views": [one.model_copy(update={"areas": [0.9] * IMAGES}) for one in table.views]},
            "object's share",
        ),
        (
            lambda table: {
                "columns": [
                    *table.columns,
                    table.columns[0].model_copy(update={"measure": "accuracy.under(flip_horizontal)"}),
                ]
            },
            "column",
        ),
        (lambda table: {"columns": [one.model_copy(update={"high": 9.0}) for one in table.columns]}, "high"),
    ],
    ids=["label", "group", "sample", "donor", "area", "column", "range"],
)
def test_whatever_else_the_record_says_of_a_drawn_image_is_compared(
    record: RunRecord, project: Path, change: Callable[[TableRecord], dict[str, Any]], what: str
) -> None:
    assert what in {one.what for one in again(of_table(record, change), project).differences}


def test_another_model_and_other_data_are_named(record: RunRecord, project: Path, tmp_path: Path) -> None:
    other = again(record, project, model=line.Colour(scale=5.0))
    assert {one.what for one in other.differences} >= {"model", "value"}
    for folder in ("photos", "masks"):
        (tmp_path / folder).symlink_to(project / folder)
    pixels = np.array(Image.open(project / "photos" / "red" / "00.png"))
    (tmp_path / "photos").unlink()
    for file in (project / "photos").rglob("*.png"):
        target = tmp_path / file.relative_to(project)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    Image.fromarray(255 - pixels).save(tmp_path / "photos" / "red" / "00.png")
    found = again(record, tmp_path)
    assert found.differences[0].what == "data"
    key = record.data[0].key
    held = locked_data(key, DATA, (), root=project, progress=Silent())
    lock = Lock(created=now(), modelaudit="1", agreement=None, cases=[], options={}, inputs=[], data=[held])
    named = again(record, tmp_path, count=IMAGES, lock=lock).differences
    assert ("image", "red/00.png") in {(one.what, one.where) for one in named}
    assert again(record, project, lock=lock).differences == ()


@pytest.mark.parametrize(
    ("change", "given", "complaint"),
    [
        ({"redacted": True}, {}, "a copy for showing"),
        ({"digest": "0" * 64}, {}, "a copy for showing"),
        ({"tables": []}, {}, "holds no values"),
        ({}, {"model": {"new": "demo:sound"}}, "--model: .* is not given; add --model .*=REFERENCE"),
        ({}, {"data": "folder:nowhere"}, "--data folder:nowhere: .*nowhere"),
        ({}, {"model": "nowhere.py:build"}, "--model, .*nowhere.py"),
        ({}, {"count": 0}, "--recompute 0: give the number"),
        ({}, {"seed": -1}, "--seed -1: give a whole number from 0"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    record: RunRecord, project: Path, change: dict[str, Any], given: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(AcceptanceError, match=complaint):
        again(record.model_copy(update=change), project, **given)


@pytest.mark.parametrize(("option", "given"), [("model", line.Colour()), ("data", DATA)])
def test_a_name_that_the_record_does_not_have_is_an_error(
    record: RunRecord, project: Path, option: str, given: Any
) -> None:
    (one,) = getattr(record, {"model": "models", "data": "data"}[option])
    with pytest.raises(AcceptanceError, match=f"--{option} line_c: the record does not have this name; it has "):
        again(record, project, **{option: {one.key: given, "line_c": given}})


def test_several_models_are_given_by_their_names(record: RunRecord, project: Path) -> None:
    (one,) = record.models
    two = record.model_copy(update={"models": [one, one.model_copy(update={"key": "model:old", "names": ["old"]})]})
    with pytest.raises(AcceptanceError, match=r"--model: the record has 2: .*, old; give each as NAME=REFERENCE"):
        again(two, project)


@pytest.mark.parametrize("part", ["image", "mask", "label", "digest"])
def test_each_digest_of_a_locked_image_is_compared(record: RunRecord, project: Path, part: str) -> None:
    held = locked_data(record.data[0].key, DATA, (), root=project, progress=Silent())
    samples = [one.model_copy(update={part: "0" * 64}) for one in held.samples or ()]
    other = held.model_copy(update={"samples": samples})
    lock = Lock(created=now(), modelaudit="1", agreement=None, cases=[], options={}, inputs=[], data=[other])
    found = again(record, project, count=2, lock=lock).differences
    assert [(one.what, one.recorded) for one in found] == [(part, "0" * 64)] * 2


def test_an_expectation_that_means_something_else_here_is_named(record: RunRecord, project: Path) -> None:
    case = record.cases[1]
    changed = case.model_copy(update={"long_form": case.long_form.replace("other_class", "another_class")})
    assert changed != case
    found = again(record.model_copy(update={"cases": [changed, *record.cases[2:], record.cases[0]]}), project, count=2)
    assert [(one.what, one.where) for one in found.differences] == [("definition", case.id)]


def test_another_number_of_images_is_named(record: RunRecord, project: Path) -> None:
    (data,) = record.data
    other = record.model_copy(update={"data": [data.model_copy(update={"available": IMAGES + 1})]})
    (found,) = again(other, project, count=2).differences
    assert (found.what, found.where, found.recorded, found.found) == ("data", data.key, "25 images", "24 images")


def test_all_images_of_every_data_set_must_be_measured_to_reproduce_a_run() -> None:
    whole, half = Draw("line", 8, 8), Draw("night", 8, 4)
    assert SpotCheck(7, (whole, half), 1, ()).level == "spot_checked"
    assert SpotCheck(7, (whole, whole), 1, ()).level == "reproduced"


@pytest.mark.parametrize("part", ["seed", "object_kept"])
def test_an_older_record_does_not_say_its_seed(record: RunRecord, project: Path, part: str) -> None:
    older = record.model_copy(update={"data": [one.model_copy(update={part: None}) for one in record.data]})
    with pytest.raises(AcceptanceError, match="written by an older modelaudit"):
        again(older, project)


def test_the_power_of_a_draw() -> None:
    endless = Draw("line", 10**6, 30)
    assert endless.chance_to_find(0.05) == pytest.approx(1 - 0.95**30, abs=1e-4)
    assert Draw("line", 40, 30).chance_to_find(0.05) == pytest.approx(1 - (10 * 9) / (40 * 39))
    assert Draw("line", 40, 40).share_found() == 1 / 40
    for draw in (Draw("line", 1000, 59), Draw("line", 90, 20)):
        share = draw.share_found()
        assert draw.chance_to_find(share) >= 0.95 > draw.chance_to_find(share - 1 / draw.images)
