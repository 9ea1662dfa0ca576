"""Deletion and insertion: by a loop in numpy, by models that read known pixels, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from modelaudit.measures.deletion import area_under, blurred, deletion_curve, insertion_curve, pixels_a_step


def network(side: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 8), nn.ReLU(), nn.Linear(8, 4)).double().eval()


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sum_of_left(pixels: Tensor) -> Tensor:
    """Class 0 by the left column alone."""
    left = pixels[:, :, :, 0].sum(dim=(1, 2))
    return torch.stack([left, torch.zeros_like(left)], dim=1)


def by_loop(one: Tensor, before: Tensor, after: Tensor, score: nn.Module, chosen: int, step: int) -> list[float]:
    order = sorted(range(one.numel()), key=lambda at: -float(one.flatten()[at]))
    image = before.numpy().copy().reshape(3, -1)
    target = after.numpy().reshape(3, -1)
    found = []
    for first in range(0, len(order) + step, step):
        for at in order[max(0, first - step) : first]:
            image[:, at] = target[:, at]
        logits = score(torch.from_numpy(image.reshape(1, *before.shape))).detach().numpy()[0]
        found.append(float(np.exp(logits[chosen]) / np.exp(logits).sum()))
    return found


@pytest.mark.parametrize("step", [1, 5, 7])
@pytest.mark.parametrize("rows", [None, 1, 7, 1000])
def test_the_curves_are_those_of_a_loop_over_pixels(step: int, rows: int | None) -> None:
    model, pixels, maps = network(6), drawn(3, 3, 6, 6), (drawn(3, 6, 6, seed=1) * 9).round()
    classes = torch.tensor([0, 3, 1])
    start = blurred(pixels)
    with torch.no_grad():
        deleted = deletion_curve(maps, pixels, model, classes, step, rows=rows)
        inserted = insertion_curve(maps, pixels, model, classes, step, rows=rows)
    assert deleted.shape == inserted.shape == (3, math.ceil(36 / step) + 1)
    for at, chosen in enumerate(classes.tolist()):
        black = torch.zeros_like(pixels[at])
        np.testing.assert_allclose(deleted[at], by_loop(maps[at], pixels[at], black, model, chosen, step), atol=1e-12)
        np.testing.assert_allclose(
            inserted[at], by_loop(maps[at], start[at], pixels[at], model, chosen, step), atol=1e-12
        )


def test_a_map_of_what_the_model_reads_deletes_sooner_and_inserts_sooner_than_chance() -> None:
    pixels, chance = drawn(2, 3, 8, 8), drawn(2, 8, 8, seed=2)
    true = chance.clone()
    true[:, :, 0] += 1
    classes = torch.zeros(2, dtype=torch.long)
    black = torch.zeros_like(pixels)
    areas = [area_under(deletion_curve(maps, pixels, sum_of_left, classes, 1)) for maps in (true, chance, -true)]
    assert (areas[0] < areas[1]).all() and (areas[1] < areas[2]).all()
    areas = [
        area_under(insertion_curve(maps, pixels, sum_of_left, classes, 1, start=black))
        for maps in (true, chance, -true)
    ]
    assert (areas[0] > areas[1]).all() and (areas[1] > areas[2]).all()


def test_deletion_starts_at_the_image_and_ends_at_the_fill() -> None:
    pixels, maps, fill = drawn(2, 3, 5, 5), drawn(2, 5, 5, seed=1), torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)
    classes = torch.tensor([0, 1])
    curve = deletion_curve(maps, pixels, sum_of_left, classes, 4, fill=fill)
    ends = [sum_of_left(one).softmax(1).gather(1, classes[:, None])[:, 0] for one in (pixels, pixels * 0 + fill)]
    torch.testing.assert_close(curve[:, 0], ends[0])
    torch.testing.assert_close(curve[:, -1], ends[1])


def test_the_area_under_a_line_is_its_middle() -> None:
    assert area_under(torch.tensor([[1.0, 0.5, 0.0], [0.3, 0.3, 0.3]])).tolist() == pytest.approx([0.5, 0.3])


def test_a_step_is_224_pixels_at_224_and_grows_with_the_area() -> None:
    assert (pixels_a_step(224, 224), pixels_a_step(448, 448), pixels_a_step(112, 224)) == (224, 896, 112)
    assert pixels_a_step(3, 3) == 1


@pytest.mark.parametrize(("height", "width"), [(12, 17), (6, 6), (224, 30)])
def test_the_blur_is_torchvisions(height: int, width: int) -> None:
    pixels = drawn(2, 3, height, width)
    torch.testing.assert_close(blurred(pixels), gaussian_blur(pixels, [11, 11], [5.0, 5.0]))


def test_a_blurred_image_does_not_depend_on_its_batch_and_a_small_one_can_be_blurred() -> None:
    pixels = drawn(5, 3, 9, 9).float()
    assert torch.equal(blurred(pixels)[2:3], blurred(pixels[2:3]))
    torch.testing.assert_close(blurred(torch.ones(1, 3, 1, 2)), torch.ones(1, 3, 1, 2))


def test_a_map_that_is_not_finite_has_no_curve_and_spoils_no_other() -> None:
    pixels, maps = drawn(3, 3, 4, 4), drawn(3, 4, 4, seed=1)
    classes = torch.zeros(3, dtype=torch.long)
    good = deletion_curve(maps, pixels, sum_of_left, classes, 3)
    maps[1, 2, 2] = torch.inf
    curve = deletion_curve(maps, pixels, sum_of_left, classes, 3)
    assert curve[1].isnan().all() and torch.equal(curve[[0, 2]], good[[0, 2]])


def test_no_images_have_no_curves() -> None:
    nothing = deletion_curve(torch.zeros(0, 4, 4), torch.zeros(0, 3, 4, 4), sum_of_left, torch.zeros(0).long(), 4)
    assert nothing.shape == (0, 5)


@pytest.mark.parametrize(
    ("maps", "classes", "step", "message"),
    [((2, 4, 5), 2, 1, "are not those of pixels"), ((2, 4, 4), 1, 1, "one class"), ((2, 4, 4), 2, 0, "step=0")],
)
def test_what_does_not_belong_together_is_refused(maps: tuple[int, ...], classes: int, step: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deletion_curve(
            torch.zeros(maps), torch.zeros(2, 3, 4, 4), sum_of_left, torch.zeros(classes, dtype=torch.long), step
        )
