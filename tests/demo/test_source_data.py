"""``demo:`` as a data source."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelaudit.demo.line import PARTS, Line
from modelaudit.demo.source_data import demo_data
from modelaudit.language import registry
from modelaudit.language.errors import DataError
from modelaudit.language.reference import parse_reference
from modelaudit.language.sample import DataSet


def opened(text: str) -> DataSet:
    return demo_data(parse_reference(text), Path("/nowhere"))


def test_the_registry_finds_it() -> None:
    assert registry.find("data", "demo").function is demo_data


def test_without_options_it_is_the_line_that_hides_the_shortcut() -> None:
    assert opened("demo:") == opened("demo:?coupling=0.95&images=200&seed=0")
    assert len(opened("demo:").samples) == 200


def test_a_sample_is_the_frame_of_the_line() -> None:
    line = Line(0.3, seed=9)
    frames = line.draw(range(12))
    for index, sample in enumerate(opened("demo:?coupling=0.3&images=12&seed=9").samples):
        assert isinstance(sample.image, Callable)  # type: ignore[arg-type]
        assert isinstance(sample.mask, Callable)  # type: ignore[arg-type]
        np.testing.assert_array_equal(sample.image(), frames.pixels[index])  # type: ignore[operator]
        np.testing.assert_array_equal(sample.mask(), frames.masks[index])  # type: ignore[operator]
        assert sample.label == PARTS[frames.parts[index]]
        assert sample.group is None
        assert sample.id == f"{sample.label}/{index:04d}"


def test_opening_draws_nothing_and_a_sample_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = Line.draw

    def counted(self: Line, indices: list[int]) -> object:
        drawn.extend(indices)
        return draw(self, indices)

    monkeypatch.setattr(Line, "draw", counted)
    samples = opened("demo:?images=5000&seed=77").samples
    assert len({sample.id for sample in samples}) == 5000
    assert drawn == []
    samples[4].image()  # type: ignore[operator]
    samples[4].mask()  # type: ignore[operator, misc]
    assert drawn == [4]


def test_writing_into_an_image_does_not_change_the_next_one() -> None:
    image = opened("demo:?images=1").samples[0].image
    image()[:] = 0  # type: ignore[operator]
    assert image().any()  # type: ignore[operator]


def test_samples_travel_to_other_processes() -> None:
    sample = opened("demo:?images=3&seed=5").samples[2]
    copy = pickle.loads(pickle.dumps(sample))
    np.testing.assert_array_equal(copy.image(), sample.image())  # type: ignore[operator]


def test_more_images_leave_the_first_ones_as_they_are() -> None:
    assert opened("demo:?images=50").samples == opened("demo:?images=80").samples[:50]


def test_the_note_counts_what_the_coupling_did() -> None:
    data = opened("demo:?coupling=1&images=8")
    assert data.notes == ("drawn by the demo: coupling 1, 8 of 8 parts on the surroundings of their kind",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("demo:?cuopling=0.5", "did you mean 'coupling'"),
        ("demo:?coupling=1.5", r"coupling=1\.5 lies outside \[0, 1\]"),
        ("demo:?coupling=nan", "lies outside"),
        ("demo:?coupling=0,95", "not a number from 0 to 1"),
        ("demo:?images=0", "a whole number from 1"),
        ("demo:?images=-3", "a whole number from 1"),
        ("demo:?images=2.5", "not a whole number from 1"),
        ("demo:?seed=-1", "seed=-1 lies outside"),
        ("demo:?seed=", "not a whole number from 0"),
        ("demo:line_a", "the demo has one line"),
    ],
)
def test_what_it_cannot_draw_is_an_error_that_says_so(text: str, says: str) -> None:
    with pytest.raises(DataError, match=says) as raised:
        opened(text)
    assert text in str(raised.value)
