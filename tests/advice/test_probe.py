"""The probe on a line of its own: objects and backgrounds of plain colours, and a model that looks at both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modelaudit.advice.probe import ProbeData, ProbeSettings, probe
from modelaudit.evidence.probe import ProbeEffect, ProbeRecord
from modelaudit.language.errors import DataError
from modelaudit.language.progress import Advance
from modelaudit.language.sample import BuiltModel, DataSet, Preprocessing, Sample
from modelaudit.models import open_model

SIDE = 16
WHEN = datetime(2026, 11, 30, tzinfo=UTC)
SWAPPED = "swap_background(other_class)"


class Looks(nn.Module):
    """The mean colour of the middle and of the border, and a linear layer whose weights follow the border alone."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(4, 2)
        with torch.no_grad():
            self.score.weight.copy_(torch.tensor([[0.0, 0.0, 9.0, -9.0], [0.0, 0.0, -9.0, 9.0]]))
            self.score.bias.zero_()

    def forward(self, pixels: Tensor) -> Tensor:
        middle = pixels[:, :2, 6:10, 6:10].mean((2, 3))
        border = pixels[:, :2, :2].mean((2, 3))
        scores: Tensor = self.score(torch.cat([middle, border], 1))
        return scores


def line(count: int, seed: int, *, coupling: float = 0.9, start: str = "", clusters: int | None = None) -> DataSet:
    """Images whose object is reddish ("a") or greenish ("b"), with noise; the background has its colour in a share
    `coupling`."""
    draw = np.random.default_rng(seed)
    samples = []
    for at in range(count):
        kind = at % 2
        behind = kind if draw.random() < coupling else 1 - kind
        pixels = draw.integers(0, 60, (SIDE, SIDE, 3))
        pixels[:, :, behind] += 150
        pixels[5:11, 5:11] = draw.integers(0, 160, 3)
        pixels[5:11, 5:11, kind] += 60
        mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
        mask[5:11, 5:11] = 1
        cluster = None if clusters is None else f"{start}{at % clusters}"
        samples.append(Sample(f"{at:04d}", pixels.astype(np.uint8), "ab"[kind], mask, cluster=cluster))
    return DataSet(tuple(samples))


@contextmanager
def quiet(_: str, __: int) -> Iterator[Advance]:
    yield lambda count: None


def probed(train: DataSet, test: DataSet, **how: Any) -> ProbeRecord:
    loaded = open_model(BuiltModel(Looks().eval(), Preprocessing(), ("a", "b")), root=Path())
    settings = replace(ProbeSettings(resamples=40), **how)
    return probe(loaded, ProbeData("train", train), ProbeData("test", test), settings, created=WHEN, steps=quiet)


def effect(record: ProbeRecord, context: str, measure: str = "accuracy") -> ProbeEffect:
    return next(one for one in record.effects if (one.context, one.measure) == (context, measure))


TRAIN, TEST = line(200, 1), line(120, 2)


def test_a_layer_that_followed_the_background_learns_the_object() -> None:
    record = probed(TRAIN, TEST)
    clean, swapped = effect(record, "original"), effect(record, SWAPPED)
    assert swapped.before < 0.2
    assert swapped.after > 0.6
    assert swapped.lower > 0.3
    assert swapped.lower <= swapped.change <= swapped.upper
    assert swapped.change == pytest.approx(swapped.after - swapped.before)
    assert swapped.without_copies is not None
    assert swapped.without_copies < swapped.after - 0.2  # fitting alone does not bring it
    assert clean.change < 0  # the coupled background was worth something on images as photographed
    assert (record.layer, record.train_images, record.train_copies) == ("score", 200, 200)
    assert (record.images, swapped.images) == (120, 120)


def test_it_does_not_depend_on_the_order_of_the_images_and_repeats_itself() -> None:
    first, other = probed(TRAIN, TEST), probed(DataSet(TRAIN.samples[::-1]), DataSet(TEST.samples[::-1]))
    assert (other.train_root, other.data_root) == (first.train_root, first.data_root)
    for one, again in zip(first.effects, other.effects, strict=True):
        assert (one.before, one.after) == (again.before, again.after)
        assert (one.lower, one.upper) == (pytest.approx(again.lower, abs=0.03), pytest.approx(again.upper, abs=0.03))
    assert probed(TRAIN, TEST) == first


def test_the_size_of_a_pass_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = probed(TRAIN, TEST)
    monkeypatch.setattr("modelaudit.advice.features.micro_batch", lambda *_: 7)
    second = probed(TRAIN, TEST)
    for one, other in zip(first.effects, second.effects, strict=True):
        assert one.after == pytest.approx(other.after, abs=0.01)


def test_training_images_that_are_test_images_are_left_out_and_counted() -> None:
    other = line(80, 1)  # the first 80 of the training images
    renamed = DataSet(tuple(replace(sample, id=f"other/{sample.id}") for sample in other.samples))
    record = probed(TRAIN, renamed)
    assert record.left_out.same_picture == 80
    assert record.train_images == 120


def test_images_of_a_cluster_of_the_test_images_are_left_out() -> None:
    record = probed(line(200, 1, clusters=20), line(120, 2, clusters=10))
    assert record.left_out.same_cluster == 100
    record = probed(line(200, 1, clusters=20, start="train "), line(120, 2, clusters=10))
    assert (record.left_out.same_cluster, record.train_images) == (0, 200)


def test_where_too_few_remain_nothing_is_told() -> None:
    with pytest.raises(DataError, match=r"of 200 training images 0 can be used.*200 are the same picture"):
        probed(TRAIN, TRAIN)


def test_images_without_a_mask_are_used_as_they_are() -> None:
    samples = [replace(one, mask=None, mask_kind="none") if at < 60 else one for at, one in enumerate(TRAIN.samples)]
    record = probed(DataSet(tuple(samples)), TEST)
    assert (record.train_images, record.train_copies, record.left_out.unchanged) == (200, 140, 60)


def test_misses_and_false_alarms() -> None:
    record = probed(TRAIN, TEST, good=("a",))
    missed, alarms = (effect(record, SWAPPED, name) for name in ("miss_rate", "false_alarm_rate"))
    assert (missed.images, alarms.images) == (60, 60)
    assert missed.before > 0.8 and missed.upper < 0
    wrong = (missed.before * 60 + alarms.before * 60) / 120
    assert 1 - wrong == pytest.approx(effect(record, SWAPPED).before)
    with pytest.raises(DataError, match="--good c: test has no such label; it has a, b"):
        probed(TRAIN, TEST, good=("c",))
    with pytest.raises(DataError, match="every label of test would be good"):
        probed(TRAIN, TEST, good=("a", "b"))


def test_fewer_training_images_make_the_interval_wider() -> None:
    """The uncertainty of the refit is in it: the test images are the same."""
    many, few = probed(line(400, 1), TEST), probed(line(24, 1), TEST)
    widths = [one.upper - one.lower for one in (effect(many, SWAPPED), effect(few, SWAPPED))]
    assert widths[1] > widths[0]


def test_the_interval_holds_the_change_of_other_samples() -> None:
    truth = effect(probed(line(100, 60), line(500, 110), resamples=1), SWAPPED).change
    found = [effect(probed(line(100, 100 + seed), line(80, 200 + seed)), SWAPPED) for seed in range(4)]
    assert sum(one.lower <= truth <= one.upper for one in found) >= 3


def test_learning_curves_of_all_and_of_each_label() -> None:
    record = probed(line(300, 1), TEST, curve=True)
    assert [(one.context, one.label) for one in record.curves] == [
        (context, label) for context in ("original", SWAPPED) for label in (None, "a", "b")
    ]
    for curve in record.curves:
        assert [point.images for point in curve.points] == sorted(point.images for point in curve.points)
        assert curve.points[-1].images == 300
        assert (curve.refused is None) == bool(curve.forecasts)
        for forecast in curve.forecasts:
            assert 0 <= forecast.lower <= forecast.error <= forecast.upper <= 1
    assert "last_layer_alone" in record.assumptions


def test_few_clusters_are_said() -> None:
    record = probed(line(200, 1, clusters=4, start="train "), line(120, 2, clusters=4))
    assert "few_clusters" in record.assumptions


def test_the_record_names_model_and_data() -> None:
    record = probed(TRAIN, TEST)
    untouched = open_model(BuiltModel(Looks().eval(), Preprocessing(), ("a", "b")), root=Path())
    assert record.model == untouched.fingerprint
    assert record.data_root != record.train_root
    assert ProbeRecord.model_validate_json(record.model_dump_json()) == record
