from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput
from modelaudit.attribution.baselines import NAMES, baseline_images
from modelaudit.attribution.perturbed import filled, for_each_image, perturbed_scores


class Sums(nn.Module):
    """Two logits: the sum of the first channel and that of the second; remembers the size of every pass."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        return x.sum((2, 3))[:, :2]


def question(model: nn.Module, images: int, rows: int | None, ids: tuple[str, ...] = ()) -> AttributionInput:
    pixels = torch.arange(images, dtype=torch.float64).view(-1, 1, 1, 1).expand(images, 3, 2, 2).clone()
    selector = torch.eye(2, dtype=torch.float64)[torch.arange(images) % 2]
    return AttributionInput(model, pixels, selector, torch.zeros(images), rows=rows, ids=ids)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 7), st.one_of(st.none(), st.integers(1, 9)), st.integers(1, 40))
def test_every_score_is_of_its_perturbation_and_passes_are_of_one_size_and_full(
    images: int, rows: int | None, count: int
) -> None:
    model = Sums()
    asked = question(model, images, rows)

    def perturb(image: int, numbers: range) -> Tensor:
        signs = torch.tensor([1.0, -1.0, 0.0]).double().view(3, 1, 1)  # the second logit is the negative of the first
        return torch.stack([(asked.pixels[image] + 100 * number) * signs for number in numbers])

    for image in range(images):
        model.sizes.clear()
        found = perturbed_scores(asked, image, count, lambda numbers, image=image: perturb(image, numbers))
        sign = -1 if image % 2 else 1
        assert torch.equal(found, sign * 4 * (image + 100 * torch.arange(count, dtype=torch.float64)))
        assert len(set(model.sizes)) == 1 and model.sizes[0] <= (rows or images)
        assert sum(model.sizes) < count + len(model.sizes) == count + -(-count // (rows or images))


def test_one_pass_of_images_is_made_at_a_time() -> None:
    model, made = Sums(), []
    asked = question(model, 2, 8)

    def perturb(numbers: range) -> Tensor:
        made.append(len(numbers))
        assert len(model.sizes) == len(made) - 1
        return asked.pixels[:1].expand(len(numbers), -1, -1, -1)

    perturbed_scores(asked, 0, 50, perturb)
    assert max(made) <= 8 and sum(made) == 50


def test_a_row_that_repeats_the_one_before_it_is_not_computed_again() -> None:
    asked = question(Sums(), 4, 4, ids=("a", "b", "b", "b"))
    asked.pixels[2:] = asked.pixels[1]
    asked.selector[2], asked.selector[3] = asked.selector[1], asked.selector[0]
    seen: list[int] = []

    def explain(image: int) -> int:
        seen.append(image)
        return 10 * image

    assert for_each_image(asked, explain) == [0, 10, 10, 30]  # the last has another selector
    assert seen == [0, 1, 3]
    assert len(for_each_image(replace(asked, ids=("a", "b", "c", "d")), explain)) == 4 and seen[3:] == [0, 1, 2, 3]
    asked.pixels[2, 0, 0, 0] += 1
    for_each_image(asked, explain)
    assert seen[7:] == [0, 1, 2, 3]


def test_without_ids_every_row_draws_for_itself() -> None:
    asked = question(Sums(), 2, 2)
    asked.pixels[1], asked.selector[1] = asked.pixels[0], asked.selector[0]
    assert for_each_image(asked, lambda image: image) == [0, 1]


def test_fills_are_the_baselines_and_noise_is_drawn_by_the_id() -> None:
    asked = question(Sums(), 3, 3, ids=("a", "b", "a"))
    for fill in NAMES:
        image = filled(asked, 1, fill, "rise")
        assert image.shape == asked.pixels.shape[1:] and image.dtype == asked.pixels.dtype
        if fill != "noise":
            assert torch.equal(image, baseline_images(fill, asked, "rise")[1])
    assert torch.equal(filled(asked, 0, "noise", "rise"), filled(asked, 2, "noise", "rise"))
    assert not torch.equal(filled(asked, 0, "noise", "rise"), filled(asked, 1, "noise", "rise"))
