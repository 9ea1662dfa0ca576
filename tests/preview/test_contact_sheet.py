"""Contexts on a few images: what is shown is what an audit would show, and nothing is left out in silence."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from engine.small_audits import SIDE, sample
from PIL import Image

from modelaudit.contexts import swap_background
from modelaudit.engine.images.batches import BatchBuilder
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language import ExpressionError, Preprocessing, Sample, registry
from modelaudit.language.findings import ContextCell, ContextRow
from modelaudit.language.sample import DataSet
from modelaudit.language.spec import as_context
from modelaudit.preview.contact_sheet import sentence_of, showcase, texts_of
from modelaudit.preview.thumbnails import thumbnail

FULL = np.ones((SIDE, SIDE), np.uint8)


def shown(
    data: Sequence[Sample], *texts: str, images: int = 3, **options: Any
) -> tuple[tuple[ContextCell, ...], tuple[ContextRow, ...]]:
    return showcase(DataSet(tuple(data)), texts, images=images, size=SIDE, **options)


def pixels(picture: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def test_pictures_and_donors_are_those_of_an_audit() -> None:
    data = [sample(at) for at in range(9)]
    context = swap_background("other_class")
    originals, (row,) = shown(data, str(context), seed=5)
    ids = [cell.sample for cell in originals]
    with BatchBuilder(data, seed=5, device="cpu", passes=PassCounts()) as stage:
        chunk = stage.chunk([one for name in ids for one in data if one.id == name], 0)
        expected = stage.show(chunk, context, Preprocessing(resize=SIDE, crop=SIDE))
    assert [cell.donor for cell in row.cells] == [one[0] for one in expected.donors if one is not None]
    for cell, image in zip(row.cells, expected.pixels, strict=True):
        array = (image * 255).round().byte().permute(1, 2, 0).numpy()
        assert cell.picture == thumbnail(np.ascontiguousarray(array), most_bytes=30_000 // 3)


def test_images_are_spread_over_the_labels_by_the_seed() -> None:
    data = [sample(at) for at in range(30)]
    labels = {one.id: one.label for one in data}
    first = [cell.sample for cell in shown(data, "original")[0]]
    assert len({labels[name] for name in first}) == 3
    assert first == [cell.sample for cell in shown(data[::-1], "original")[0]]
    assert first != [cell.sample for cell in shown(data, "original", seed=1)[0]]


def test_images_with_masks_come_first_and_unreadable_ones_never() -> None:
    data = [sample(at, "bolt") for at in range(8)]
    spoilt = [replace(one, mask=None, mask_kind="none") for one in data[:3]]
    spoilt += [replace(one, image=b"no picture") for one in data[3:6]] + data[6:]
    ids = [cell.sample for cell in shown(spoilt, "original", images=4)[0]]
    assert set(ids[:2]) == {"006.png", "007.png"} and set(ids[2:]) < {"000.png", "001.png", "002.png"}


def test_every_context_that_is_registered_has_a_row() -> None:
    data = DataSet(tuple(sample(at) for at in range(6)))
    _, rows = showcase(data, texts_of(data), images=2, size=32)
    told = {row.text: row for row in rows}
    for name in registry.names("context"):
        for example in registry.find("context", name).declares.examples or (name,):
            assert example in told, f"{name}: {example} is not written canonically, or is left out"
            assert told[example].sentence
            assert told[example].cells or told[example].message
    assert [row.text for row in rows if row.message] == ["stored"]


def test_pictures_that_the_data_keep_are_shown() -> None:
    other = np.full((SIDE, SIDE, 3), 200, np.uint8)
    data = [replace(sample(at), stored={"night shift": other}) for at in range(3)]
    assert "stored('night shift')" in texts_of(DataSet(tuple(data)))
    _, (row,) = shown(data, "stored('night shift')")
    assert abs(pixels(row.cells[0].picture) - 200).max() < 4


def test_an_image_of_which_the_data_keep_no_such_picture_is_shown_as_such() -> None:
    other = np.full((SIDE, SIDE, 3), 200, np.uint8)
    data = [replace(sample(at), stored={"night": other} if at else {}) for at in range(3)]
    _, (row,) = shown(data, "stored(night)")
    found = {cell.sample: (cell.absence, bool(cell.picture), cell.unchanged) for cell in row.cells}
    assert found == {one.id: ("", True, False) if at else ("impossible", False, False) for at, one in enumerate(data)}


def test_a_series_is_a_row_a_dose() -> None:
    _, rows = shown([sample(at) for at in range(3)], "gaussian_noise(each=[1, 3, 5])")
    assert [row.text for row in rows] == ["gaussian_noise(1)", "gaussian_noise(3)", "gaussian_noise(5)"]


def test_without_masks_it_is_said_what_needs_them_and_the_rest_is_shown() -> None:
    data = [replace(sample(at), mask=None, mask_kind="none") for at in range(3)]
    originals, (noise, light, swap) = shown(data, "gaussian_noise(3)", "lighting(3)", "swap_background(random)")
    assert {cell.absence for cell in originals} == {"needs_mask"}
    assert {cell.absence for cell in noise.cells} == {"needs_mask"}
    assert {cell.picture for cell in noise.cells} == {b""}
    assert all(cell.picture and not cell.absence for cell in light.cells)
    assert "no image has a mask" in swap.message and swap.cells == ()


def test_an_image_on_which_a_context_has_no_meaning_is_shown_as_such() -> None:
    data = [replace(sample(0), mask=FULL), sample(1), sample(2)]
    _, (row,) = shown(data, "mean_fill(background)")
    found = {cell.sample: (cell.absence, bool(cell.picture)) for cell in row.cells}
    assert found == {"000.png": ("impossible", False), "001.png": ("", True), "002.png": ("", True)}


def test_a_context_that_these_data_cannot_have_says_why() -> None:
    _, (row,) = shown([sample(at, "bolt") for at in range(3)], "swap_background(other_class)")
    assert "other classes" in row.message


def test_an_image_that_stays_as_it_is_is_marked_except_under_controls() -> None:
    grey = replace(sample(0), image=np.zeros((SIDE, SIDE, 3), np.uint8))
    _, (dark, control) = shown([grey], "lighting(3)", "original", images=1)
    assert dark.cells[0].unchanged and not control.cells[0].unchanged


def test_an_invalid_context_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="did you mean"):
        shown([sample(0)], "gausian_noise(3)")


def test_data_without_a_readable_image_give_rows_that_say_so() -> None:
    originals, (row,) = shown([replace(sample(0), image=b"")], "lighting(3)")
    assert originals == () and row.message == "no image can be read"


def test_a_sentence_is_the_first_of_the_definition() -> None:
    assert sentence_of(as_context("original")) == "The image as it is."
    both = sentence_of(as_context("original | lighting(3)"))
    assert both.startswith("The image as it is. Then: ") and "`" not in both


def test_a_picture_keeps_to_its_bytes_and_its_side() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 500, 3)).astype(np.uint8)
    picture = thumbnail(noise, side=176, most_bytes=9_000)
    assert len(picture) <= 9_000
    assert Image.open(io.BytesIO(picture)).size == (176, 141)


def test_the_outline_is_drawn_round_the_object_and_not_along_the_frame() -> None:
    grey = np.full((60, 60, 3), 128, np.uint8)
    mask = np.zeros((60, 60), np.uint8)
    mask[20:40, 0:30] = 1
    found = pixels(thumbnail(grey, mask, most_bytes=100_000))
    yellow = (found[:, :, 0] > 180) & (found[:, :, 2] < 110)
    assert yellow[20, 10] and yellow[39, 10] and yellow[30, 29]
    assert not yellow[30, 0] and not yellow[30, 15] and not yellow[5, 5]
