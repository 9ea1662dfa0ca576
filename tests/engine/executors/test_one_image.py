"""One image answered alone has the values that it has when its audit is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import CLASSES, Broken, Net, audit, measured, sample, samples, settings, values
from torch import Tensor

from modelaudit import Audit, DataError, ModelError, Sample
from modelaudit.engine.executors.one_image import NoValueUnder, OneImagePredictor, listed_samples
from modelaudit.measures import confidence, flip_rate

CONTEXTS = (
    "swap_background(other_class)",
    "swap_background(random, rank=1)",
    "fade(0.7)",
    "exposure(1.5, region=background)",
    "gaussian_noise(3)",
    "move_object",
    "lighting(4)",
    "mean_fill(background)",
    "fog(2) | exposure(-1)",
)


@contextmanager
def opened(asked: Audit, folder: Path, model: str = "model", **options: Any) -> Iterator[OneImagePredictor]:
    with closing(OneImagePredictor(asked, model, settings(folder, **options))) as predictor:
        yield predictor


def test_answers_are_those_of_the_measurement(tmp_path: Path) -> None:
    asked = audit(seed=3)
    cases = {f"c{at}": asked.expect(confidence.under(text) > 0.1) for at, text in enumerate(CONTEXTS)}
    flips = {f"f{at}": asked.expect(flip_rate.under(text) < 0.9) for at, text in enumerate(CONTEXTS)}
    found = measured(tmp_path, original=asked.expect(confidence > 0.1), **cases, **flips)
    flipped = 0
    with opened(asked, tmp_path) as predictor:
        for row, one in enumerate(samples()):
            own = predictor.predict(one)
            at = CLASSES.index(str(one.label))
            assert own.probabilities[at] == pytest.approx(values(found, "confidence")[row], abs=1e-6)
            assert own.right == (own.label == one.label)
            for text in CONTEXTS:
                changed = predictor.predict(one, text)
                stored = values(found, f"confidence.under({text})")[row]
                assert changed.probabilities[at] == pytest.approx(stored, abs=1e-6)
                assert (changed != own) == bool(values(found, f"flip_rate.under({text})")[row])
                flipped += changed != own
    assert flipped > 5


def test_the_seed_of_the_audit_comes_before_that_of_the_run(tmp_path: Path) -> None:
    def noise(asked: Audit, seed: int) -> tuple[float, ...]:
        with opened(asked, tmp_path, seed=seed) as predictor:
            return predictor.predict(samples()[0], "gaussian_noise(3)").logits

    assert noise(audit(seed=1), 5) == noise(audit(seed=1), 6) == noise(audit(), 1) != noise(audit(), 2)


def test_an_original_is_run_once_and_a_pass_has_the_size_of_every_pass(tmp_path: Path) -> None:
    class Counting(Net):
        sizes: list[int] = []  # noqa: RUF012

        def forward(self, pixels: Tensor) -> Tensor:
            self.sizes.append(len(pixels))
            return super().forward(pixels)

    model, (one, *_) = Counting(), samples()
    with opened(audit(model), tmp_path) as predictor:
        predictor.predict(one)
        Counting.sizes.clear()
        assert predictor.predict(one) == predictor.predict(one)
        assert Counting.sizes == []
        predictor.predict(one, "fade(0.5)")
        assert Counting.sizes == [4]


def test_the_model_is_frozen_and_given_back_as_it_was(tmp_path: Path) -> None:
    model = Net().train()
    with opened(audit(model), tmp_path) as predictor:
        assert not predictor.loaded.module.training
        assert not any(one.requires_grad for one in model.parameters())
    assert model.training and all(one.requires_grad for one in model.parameters())


def test_several_outputs_that_mean_one_label_are_one_answer(tmp_path: Path) -> None:
    class Pair(Net):
        """The class 0 or 1 by the exposure, both of which mean "bolt"."""

        def forward(self, pixels: Tensor) -> Tensor:
            bright = pixels.mean((1, 2, 3)) > 0.4
            return torch.stack([bright, ~bright, torch.zeros_like(bright)], dim=1).float() + 0 * super().forward(pixels)

    one = sample(0, "bolt")
    with opened(audit(Pair(), [one, sample(1, "nut")], labels={"bolt": [0, 1], "nut": 2}), tmp_path) as predictor:
        dark, bright = predictor.predict(one, "exposure(-4)"), predictor.predict(one, "exposure(4)")
    assert dark == bright and hash(dark) == hash(bright) and dark.right and bright.right
    assert dark.label != bright.label


def test_what_has_no_value_in_an_audit_is_no_answer(tmp_path: Path) -> None:
    whole = sample(1, mask=np.ones((16, 16), dtype=np.uint8))
    bare = sample(2, mask=None)
    with opened(audit(data=[*samples(1), whole, bare]), tmp_path) as predictor:
        for one, text, of_context in (
            (whole, "mean_fill(background)", True),
            (whole, "exposure(1, region=background)", True),
            (bare, "mean_fill(background)", False),
        ):
            with pytest.raises(NoValueUnder, match=rf"{one.id} has no value under {text.split('(')[0]}") as error:
                predictor.predict(one, text)
            assert error.value.of_context == of_context
        assert predictor.predict(bare, "exposure(1)").label in CLASSES


def test_what_cannot_be_answered_says_why(tmp_path: Path) -> None:
    class Blank(Net):
        def forward(self, pixels: Tensor) -> Tensor:
            return super().forward(pixels) * (torch.nan if pixels.shape[-1] == 16 and len(pixels) > 1 else 1)

    one = samples()[0]
    with opened(audit(), tmp_path) as predictor:
        with pytest.raises(DataError, match=r"lost\.png: "):
            predictor.predict(Sample("lost.png", tmp_path / "lost.png", "nut"))
        with pytest.raises(DataError, match="no class for the label 'screw'"):
            predictor.predict(sample(3, "screw"))
        with pytest.raises(DataError, match="the data have no sample 'x'"):
            predictor.sample_at("x")
        assert predictor.sample_at(10) is None
        known = predictor.sample_at(one.id)
        assert known is not None and known.id == one.id
    with opened(audit(Broken()), tmp_path) as predictor, pytest.raises(ModelError, match="the belt stands still"):
        predictor.predict(one)
    with pytest.raises(ModelError, match=r"missing\.py"):
        OneImagePredictor(audit("missing.py:build"), "model", settings(tmp_path))


def test_samples_are_taken_in_an_order_that_the_seed_fixes(tmp_path: Path) -> None:
    def order(seed: int) -> list[str]:
        with opened(audit(), tmp_path, seed=seed) as predictor:
            return [one.id for at in range(4) if (one := predictor.sample_at(at)) is not None]

    assert order(0) == order(0) != order(1)
    listed = listed_samples(Audit("demo:sound", "demo:?images=12"), settings(tmp_path))
    assert listed is not None and len(listed) == 12
    assert listed_samples(audit(), settings(tmp_path)) is None, "samples of a Python audit are not touched"


def test_labels_without_an_object_are_not_taken(tmp_path: Path) -> None:
    data = [sample(at, mask=None) if at % 3 == 0 else sample(at) for at in range(9)]
    with opened(audit(data=data, without_object=["bolt"]), tmp_path) as predictor:
        found = [predictor.sample_at(at) for at in range(7)]
    assert {one.label for one in found[:6] if one is not None} == {"nut", "washer"} and found[6] is None
