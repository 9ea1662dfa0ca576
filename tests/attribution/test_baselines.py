from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput
from modelaudit.attribution.baselines import BASELINES, NAMES, baseline_images, named, normal_noise
from modelaudit.language.errors import ExpressionError


def asked(pixels: Tensor, *ids: str, seed: int = 0) -> AttributionInput:
    empty = torch.zeros(len(pixels))
    return AttributionInput(nn.Identity(), pixels, empty[:, None], empty, ids=ids, seed=seed)


def pixels(count: int = 3, size: tuple[int, int] = (20, 31)) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", BASELINES)
def test_a_colour_fills_the_image(name: str) -> None:
    found = baseline_images(name, asked(pixels()), "method")
    assert found.shape == (3, 3, 20, 31)
    torch.testing.assert_close(found[1, :, 7, 9], torch.tensor(BASELINES[name]))
    assert all(torch.equal(found[:, :, :1, :1].expand_as(found)[at], found[at]) for at in range(3))


@pytest.mark.parametrize("size", [(20, 31), (31, 20), (4, 50)])
def test_blur_is_a_gaussian_of_a_tenth_of_the_shorter_side_without_what_lies_outside(size: tuple[int, int]) -> None:
    images = pixels(2, size).double()
    sigma = 0.1 * min(size)

    def filtered(values: np.ndarray) -> np.ndarray:
        return scipy.ndimage.gaussian_filter(values, sigma, mode="constant", truncate=200)  # type: ignore[no-any-return]

    inside = filtered(np.ones(size))
    expected = np.stack([[filtered(channel) / inside for channel in image] for image in images.numpy()])
    found = baseline_images("blur", asked(images), "method")
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_blur_leaves_an_even_image_as_it_is() -> None:
    grey = torch.full((1, 3, 12, 9), 0.3)
    torch.testing.assert_close(baseline_images("blur", asked(grey), "method"), grey)


def test_noise_is_uniform_and_belongs_to_the_sample_the_method_and_the_slot() -> None:
    images = pixels(2, (64, 64))
    found = baseline_images("noise", asked(images, "a", "b"), "method")
    assert float(found.min()) >= 0 and float(found.max()) <= 1
    assert float(found.mean()) == pytest.approx(0.5, abs=0.01) and float(found.var()) == pytest.approx(
        1 / 12, abs=0.003
    )
    swapped = baseline_images("noise", asked(images, "b", "a"), "method")
    assert torch.equal(swapped[[1, 0]], found) and not torch.equal(found[0], found[1])
    for other in (
        baseline_images("noise", asked(images, "a", "b"), "another"),
        baseline_images("noise", asked(images, "a", "b"), "method", slot=1),
        baseline_images("noise", asked(images, "a", "b", seed=1), "method"),
    ):
        assert not torch.equal(other[0], found[0])


def test_draws_are_the_same_in_every_type() -> None:
    question = asked(pixels(2), "a", "b")
    double = replace(question, pixels=question.pixels.double())
    for name in ("noise", "mean"):
        found = baseline_images(name, double, "method")
        assert found.dtype == torch.float64
        torch.testing.assert_close(found.float(), baseline_images(name, question, "method"), rtol=0, atol=0)
    assert torch.equal(normal_noise(double, [1], "method", 3).float(), normal_noise(question, [1], "method", 3))


def test_normal_noise_is_that_of_the_images_asked_for() -> None:
    question = asked(pixels(4, (40, 40)), *"abcd")
    found = normal_noise(question, [0, 1, 2, 3], "method", 0)
    assert torch.equal(normal_noise(question, [3, 1], "method", 0), found[[3, 1]])
    assert float(found.mean()) == pytest.approx(0, abs=0.03) and float(found.std()) == pytest.approx(1, abs=0.03)


def test_names() -> None:
    assert named("blur", "it") == ("blur",) and named(NAMES, "it") == NAMES


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("grey", "it: 'grey' is not possible"),
        ("blakc", "did you mean 'black'"),
        (("black", "noize"), "did you mean 'noise'"),
        ((), "at least one of black, white"),
        (("black", "white", "black"), "each once"),
        (None, "not possible"),
        (0, "not possible"),
    ],
)
def test_unknown_baselines_are_errors(wrong: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        named(wrong, "it")
