"""What a model sees of the surroundings: squares without a pixel of the object, and nothing of the object."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from modelaudit.data import DataSet, Preprocessing, Sample
from modelaudit.demo import PARTS, InspectionLine
from modelaudit.language.errors import ModelError
from modelaudit.models import LoadedModel, open_model
from modelaudit.preview.model_surroundings import GRID, SQUARES, SurroundingsOfModel


def demo(count: int, coupling: float = 0.5) -> DataSet:
    frames = InspectionLine(coupling, 3).draw(range(count))
    return DataSet(
        tuple(Sample(f"{at}", frames.pixels[at], PARTS[frames.parts[at]], frames.masks[at]) for at in range(count))
    )


def seen(data: DataSet, model: LoadedModel) -> dict[str, NDArray[np.float32]]:
    view = SurroundingsOfModel(data)
    for sample in data.samples:
        view(sample, sample.image, sample.mask)  # type: ignore[arg-type]
    return dict(view.view(model).features)


@pytest.fixture(scope="module")
def shortcut() -> LoadedModel:
    return open_model("demo:shortcut", root=Path.cwd())


def test_nothing_of_the_object_is_seen(shortcut: LoadedModel) -> None:
    data = demo(6)
    painted = tuple(
        replace(one, image=np.where((one.mask == 0)[:, :, None], one.image, np.uint8(200)))  # type: ignore[operator, call-overload]
        for one in data.samples
    )
    before, after = seen(data, shortcut), seen(DataSet(painted), shortcut)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)


def test_an_image_has_features_at_up_to_four_places(shortcut: LoadedModel) -> None:
    for features in seen(demo(6), shortcut).values():
        assert features.shape[1:] == (GRID, GRID)
        known = np.isfinite(features)
        assert (known.all(axis=0) == known.any(axis=0)).all()
        assert 1 <= known[0].sum() <= SQUARES


def test_the_features_do_not_depend_on_the_other_images(shortcut: LoadedModel) -> None:
    data = demo(5)
    together = seen(data, shortcut)
    name = min(together)
    alone = seen(DataSet((data.samples[int(name)],)), shortcut)[name]
    assert np.allclose(together[name], alone, atol=1e-5, equal_nan=True)


def test_images_without_a_mask_or_without_room_are_left_out(shortcut: LoadedModel) -> None:
    one, other = demo(2).samples
    full = np.ones((64, 64), dtype=np.uint8)
    assert seen(DataSet((replace(one, mask=None, mask_kind="none"), replace(other, mask=full))), shortcut) == {}


def test_of_a_model_without_a_last_layer_the_logits_are_taken() -> None:
    class Means(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.stack([pixels.mean((1, 2, 3)), -pixels.mean((1, 2, 3))], dim=1)

    model = open_model(Means(), root=Path.cwd(), preprocessing=Preprocessing(resize=32))
    features = seen(demo(3), model)
    assert {one.shape[0] for one in features.values()} == {2}


def test_a_model_that_fails_on_a_frame_says_how_to_go_on(shortcut: LoadedModel) -> None:
    class Fails(nn.Module):
        calls = 0

        def forward(self, pixels: Tensor) -> Tensor:
            if len(pixels) == 3:
                raise ValueError("three are too many")
            return pixels.mean((2, 3))

    model = open_model(Fails(), root=Path.cwd(), preprocessing=Preprocessing(resize=32))
    data = demo(12)
    some = SurroundingsOfModel(data)
    taken = 0
    for sample in data.samples:
        if taken < 3:
            some(sample, sample.image, sample.mask)  # type: ignore[arg-type]
            some._squares = {name: dict(list(own.items())[:1]) for name, own in some._squares.items()}
            taken = len(some._squares)
    with pytest.raises(ModelError, match="leave out --model"):
        some.view(model)
