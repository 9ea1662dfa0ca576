"""Infidelity, sensitivity and completeness on models whose answer is known; captum's numbers are in tests/oracle."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from modelaudit.measures.faithfulness import completeness_error, infidelity, normal, sensitivity_max, uniform

PIXELS = torch.rand(3, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHTS = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
TRUE = WEIGHTS.expand(3, -1, -1, -1)
CLASSES = torch.tensor([0, 1, 0])
IDS = ("a", "b", "c")


def linear(pixels: Tensor) -> Tensor:
    """Class 0 by the weights, class 1 by their opposite."""
    value = (pixels * WEIGHTS).sum(dim=(1, 2, 3))
    return torch.stack([value, -value], dim=1)


def signed(shares: Tensor) -> Tensor:
    return shares * torch.tensor([1.0, -1.0, 1.0]).view(3, 1, 1, 1)


def infidelity_of(shares: Tensor, *, normalize: bool = False) -> Tensor:
    return infidelity(shares, PIXELS, normal(IDS, PIXELS, 7, 5, 0.1), linear, CLASSES, normalize=normalize)


def test_the_weights_of_a_linear_model_are_faithful_and_others_are_not() -> None:
    torch.testing.assert_close(infidelity_of(signed(TRUE)), torch.zeros(3, dtype=torch.float64), atol=1e-20, rtol=0)
    assert (infidelity_of(TRUE)[[1]] > 1e-3).all()


def test_a_factor_is_forgiven_only_when_normalised() -> None:
    assert (infidelity_of(5 * signed(TRUE)) > 1e-3).all()
    assert (infidelity_of(5 * signed(TRUE), normalize=True) < 1e-12).all()


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_map_that_is_not_finite_has_no_infidelity_and_spoils_no_other(bad: float, normalize: bool) -> None:
    shares = TRUE.clone()
    shares[1, 0, 0, 0] = bad
    assert infidelity_of(shares, normalize=normalize).isnan().tolist() == [False, True, False]


def test_the_model_is_run_without_a_graph() -> None:
    weights = WEIGHTS.clone().requires_grad_()

    def trained(pixels: Tensor) -> Tensor:
        value = (pixels * weights).sum(dim=(1, 2, 3))
        return torch.stack([value, -value], dim=1)

    assert not infidelity(TRUE, PIXELS, normal(IDS, PIXELS, 7, 2), trained, CLASSES).requires_grad


def test_a_map_counts_for_each_channel() -> None:
    maps = torch.rand(3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(infidelity_of(maps), infidelity_of(maps[:, None].expand(-1, 3, -1, -1)))


def test_the_largest_change_counts_relative_to_the_map() -> None:
    steps = [torch.full_like(PIXELS, size) for size in (0.01, -0.03, 0.02)]
    found = sensitivity_max(PIXELS, PIXELS, steps, lambda pixels: pixels)
    expected = 0.03 * math.sqrt(60) / PIXELS.flatten(1).norm(dim=1)
    torch.testing.assert_close(found, expected)
    assert sensitivity_max(PIXELS, PIXELS, steps, lambda pixels: PIXELS).tolist() == [0, 0, 0]


def test_a_map_of_zeros_counts_as_one_and_one_that_is_not_finite_has_no_value() -> None:
    steps = [torch.full_like(PIXELS, 0.5)]
    found = sensitivity_max(torch.zeros(3, 4), PIXELS, steps, lambda pixels: torch.ones(3, 4))
    assert found.tolist() == [2, 2, 2]

    def broken(pixels: Tensor) -> Tensor:
        return torch.tensor([[1.0], [math.nan], [math.inf]])

    found = sensitivity_max(torch.ones(3, 1), PIXELS, steps * 2, broken)
    assert found.isnan().tolist() == [False, True, True]


def test_the_completeness_error_by_hand() -> None:
    total, difference, size = torch.tensor([[2.0, 1.0, 0.5, 0.0], [1.0, 1.0, 0.0, 0.0], [2.0, 9.0, 50.0, 0.0]])
    assert completeness_error(total, difference, size).tolist() == pytest.approx([1.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("noise", [normal, uniform])
def test_noise_depends_on_the_sample_the_seed_and_the_number_alone(noise: Callable[..., object]) -> None:
    first = torch.stack(list(noise(IDS, PIXELS, 7, 3)))  # type: ignore[call-overload]
    alone = torch.stack(list(noise(("b",), PIXELS[1:2], 7, 3)))  # type: ignore[call-overload]
    assert torch.equal(first[:, 1], alone[:, 0])
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[:, 0], first[:, 1])
    assert not torch.equal(first, torch.stack(list(noise(IDS, PIXELS, 8, 3))))  # type: ignore[call-overload]


def test_noise_has_the_size_that_was_asked_for() -> None:
    many = PIXELS.new_zeros(1, 3, 60, 60)
    (wide,), (flat,) = normal(("a",), many, 0, 1, 0.1), uniform(("a",), many, 0, 1, 0.1)
    assert float(wide.std()) == pytest.approx(0.1, rel=0.05)
    assert float(flat.abs().max()) <= 0.1 and float(flat.std()) == pytest.approx(0.1 / math.sqrt(3), rel=0.05)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="no perturbation"):
        infidelity(TRUE, PIXELS, [], linear, CLASSES)
    with pytest.raises(ValueError, match="no perturbation"):
        sensitivity_max(TRUE, PIXELS, [], lambda pixels: pixels)
    with pytest.raises(ValueError, match="a perturbation is"):
        infidelity(TRUE, PIXELS, [PIXELS[:1]], linear, CLASSES)
    with pytest.raises(ValueError, match="are not those of pixels"):
        infidelity(TRUE[:, :, 1:], PIXELS, [PIXELS], linear, CLASSES)
