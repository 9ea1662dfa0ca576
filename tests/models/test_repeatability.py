"""A model that is not a function of its image is found out on a few images, with the cause named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from modelaudit import Preprocessing
from modelaudit.language.errors import ModelError
from modelaudit.models import LoadedModel, black_box, check_repeatable, frozen_on, open_model

IMAGES = torch.rand((4, 3, 12, 12), generator=torch.Generator().manual_seed(3))


class Net(nn.Module):
    """Four convolutions' channels, something done to them, two logits."""

    def __init__(self, between: Callable[[Tensor], Tensor] | nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last, self.between = nn.Conv2d(3, 16, 3), nn.Linear(16, 2), between

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.between(self.first(images).relu()).mean((2, 3)))  # type: ignore[no-any-return]


class Relapsing(nn.Module):
    """A dropout that is switched back to training mode, as for Monte Carlo estimates."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, values: Tensor) -> Tensor:
        self.dropout.train()
        return self.dropout(values)  # type: ignore[no-any-return]


class Counting(nn.Module):
    """Its answers depend on how often it was asked."""

    asked = 0

    def forward(self, values: Tensor) -> Tensor:
        self.asked += 1
        return values * self.asked


def seeded(values: Tensor) -> Tensor:
    """The same noise on every call, another one at every place of the batch."""
    return values + torch.randn(values.shape, generator=torch.Generator().manual_seed(1))


def tried(model: Any, images: Tensor = IMAGES, batch: int = 16) -> int:
    loaded: LoadedModel = open_model(model, root=Path(), preprocessing=Preprocessing())
    with frozen_on(loaded, "cpu"):
        return check_repeatable(loaded, images, batch)


@pytest.mark.parametrize(
    ("between", "says"),
    [
        (lambda x: functional.dropout(x, 0.5, training=True), "dropout is left on in forward()"),
        (lambda x: functional.dropout2d(x, 0.2), "dropout is left on in forward()"),
        (Relapsing(), "dropout is left on in forward()"),
        (nn.BatchNorm2d(16, track_running_stats=False), "a batch norm takes its statistics from the batch"),
        (lambda x: functional.batch_norm(x, None, None, training=True), "a batch norm takes its statistics"),
        (lambda x: x / x.amax(), "depend on the other images in the batch"),
        (lambda x: x - x.mean(0, keepdim=True), "depend on the other images in the batch"),
        (lambda x: x + 0.1 * torch.randn_like(x), "it draws random numbers"),
        (Counting(), "state that it keeps between calls"),
        (seeded, "depend on the other images in the batch"),
    ],
)
def test_the_cause_is_named(between: Any, says: str) -> None:
    with pytest.raises(ModelError, match=r"logits .* apart, the largest is") as found:
        tried(Net(between))
    assert says in str(found.value)


@pytest.mark.parametrize("images", [IMAGES[:1], IMAGES[:2], IMAGES[:3], IMAGES], ids=len)
@pytest.mark.parametrize("batch", [1, 16])
def test_a_function_of_the_image_passes_on_any_number_of_images(images: Tensor, batch: int) -> None:
    passed = tried(Net(nn.Sequential(nn.BatchNorm2d(16), nn.Dropout(0.5))).train(), images, batch)
    assert passed <= 8
    assert passed >= 5


@pytest.mark.parametrize("images", [IMAGES[:1], IMAGES[:2]], ids=len)
@pytest.mark.parametrize(
    "between", [lambda x: functional.dropout(x, 0.5), nn.BatchNorm2d(16, track_running_stats=False)]
)
def test_few_images_are_enough(between: Any, images: Tensor) -> None:
    with pytest.raises(ModelError):
        tried(Net(between), images)


class SameAtFirst(nn.Module):
    """Noise that spares the reference and the first comparison with it, as a dropout may by chance."""

    spared = 10**6

    def forward(self, values: Tensor) -> Tensor:
        self.spared -= 1
        return values if self.spared >= 0 else values + torch.randn_like(values)


@pytest.mark.parametrize("images", [IMAGES[:1], IMAGES[:2], IMAGES[:3], IMAGES], ids=len)
@pytest.mark.parametrize("batch", [1, 2, 3, 16])
def test_one_comparison_that_shows_nothing_is_not_enough(images: Tensor, batch: int) -> None:
    between = SameAtFirst()
    loaded = open_model(Net(between), root=Path(), preprocessing=Preprocessing())
    between.spared = 1 + -(-len(images) // batch)
    with frozen_on(loaded, "cpu"), pytest.raises(ModelError, match=r"logits .* apart"):
        check_repeatable(loaded, images, batch)


@pytest.mark.parametrize("batch", [2, 3, 16])
@pytest.mark.parametrize("between", [seeded, lambda x: x / x.amax()], ids=["place", "others"])
def test_a_dependence_on_the_batch_shows_whatever_its_size(between: Any, batch: int) -> None:
    with pytest.raises(ModelError, match="depend on the other images in the batch"):
        tried(Net(between), IMAGES, batch)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_rounding_is_no_difference(dtype: torch.dtype) -> None:
    def rounded(values: Tensor) -> Tensor:
        """What another kernel does for another number of images."""
        return values * (1 + (2 if len(values) > 2 else 0) * torch.finfo(dtype).eps)

    tried(Net(rounded).to(dtype))


def test_autocast_inside_of_the_model_is_judged_by_its_own_precision() -> None:
    class Cast(Net):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            return (logits * (1.01 if len(images) > 2 else 1)).bfloat16()

    tried(Cast(nn.Identity()))


def test_logits_that_are_not_finite_are_another_matter() -> None:
    tried(Net(lambda x: x if x.shape[-1] > 10 else x * torch.nan))


def draws(images: Any) -> Any:
    return torch.rand(len(images), 2).numpy()


def test_a_black_box_is_tested_and_the_message_names_the_option() -> None:
    with pytest.raises(ModelError, match=r"or give black_box\(\.\.\., deterministic=False\)"):
        tried(black_box(draws))


def test_a_black_box_declared_as_not_deterministic_is_not_tested_and_is_noted() -> None:
    model = black_box(draws, deterministic=False)
    assert tried(model) == 0
    assert any(note.startswith("answers: declared as not deterministic") for note in model.notes)
    both = [
        open_model(black_box(draws, deterministic=one), root=Path(), preprocessing=Preprocessing())
        for one in (0 == 0, False)
    ]
    assert both[0].fingerprint != both[1].fingerprint


def test_deterministic_must_be_true_or_false() -> None:
    with pytest.raises(ModelError, match="deterministic must be True or False, got 'no'"):
        black_box(draws, deterministic="no")  # type: ignore[arg-type]
