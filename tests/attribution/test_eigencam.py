from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, check, eigencam
from modelaudit.attribution.cam import EigenCam, eigencam_maps, first_projection
from modelaudit.language.errors import ExpressionError
from modelaudit.language.reasons import Missing


def asked(activation: Tensor) -> AttributionInput:
    """What the engine hands over: the model itself is not run, and there is no gradient."""
    count, idle = len(activation), nn.Identity()
    tensors = {"layer_activation": activation}
    return AttributionInput(
        idle, torch.rand(count, 3, 8, 8), torch.eye(9)[:count], torch.ones(count), idle, tensors=tensors
    )


def cells(activation: Tensor, method: EigenCam | None = None) -> Tensor:
    coarse = eigencam_maps(method or eigencam(), asked(activation)).coarse
    assert coarse is not None
    return coarse


def test_the_map_of_one_pattern_is_that_pattern() -> None:
    """A_k = c_k p has the one singular vector c / |c|: the map is |c| p."""
    pattern = torch.tensor([[0.0, 1.0], [2.0, 4.0]])
    strength = torch.tensor([3.0, 0.0, 4.0])
    activation = (strength[:, None, None] * pattern)[None]
    torch.testing.assert_close(cells(activation), 5 * pattern[None])
    torch.testing.assert_close(cells(-activation), 5 * pattern[None])
    torch.testing.assert_close(cells(activation, eigencam(centred=True)), 5 * (pattern - pattern.mean()).relu()[None])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(2, 7), st.integers(2, 7))
def test_both_gram_matrices_give_the_singular_vector(seed: int, rows: int, columns: int) -> None:
    matrix = torch.randn(2, rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    left, singular, _ = torch.linalg.svd(matrix, full_matrices=False)
    expected = left[:, :, 0] * singular[:, :1]
    sign = expected.gather(1, expected.abs().argmax(1, keepdim=True)).sign()
    found = first_projection(matrix)
    clear = (singular[:, 1] < 0.99 * singular[:, 0])[:, None]
    torch.testing.assert_close(found.where(clear, 0), (expected * sign).where(clear, 0), rtol=1e-6, atol=1e-8)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(4)), st.integers(-6, 6), st.booleans())
def test_order_company_and_scale_change_nothing(order: list[int], power: int, centred: bool) -> None:
    activation = torch.rand(4, 6, 3, 3, generator=torch.Generator().manual_seed(1))
    method = eigencam(centred=centred)
    together = cells(activation, method)
    assert torch.equal(cells(activation[order], method), together[order])
    torch.testing.assert_close(cells(activation[:1], method), together[:1])
    torch.testing.assert_close(cells(activation * 2.0**power, method), together * 2.0**power)
    assert bool((together >= 0).all()) and bool((together > 0).any())


def test_two_patterns_of_one_strength_are_no_map() -> None:
    activation = torch.zeros(3, 2, 2, 2)
    activation[0, 0, 0, 0], activation[0, 1, 1, 1] = 1, 1
    activation[1, 0, 0, 0], activation[1, 1, 1, 1] = 1, 0.9
    question = asked(activation)
    found = check(eigencam_maps(eigencam(), question), question.pixels, question.explained)
    assert found[Missing.ATTRIBUTION_INVALID].tolist() == [True, False, False]
    assert found[Missing.ZERO_ATTRIBUTION].tolist() == [False, False, True]


def test_an_image_without_finite_values_spoils_no_other() -> None:
    activation = torch.rand(3, 4, 2, 2)
    expected = cells(activation)
    activation[1, 0, 0, 0] = torch.nan
    found = cells(activation)
    assert bool(found[1].isnan().all())
    assert torch.equal(found[[0, 2]], expected[[0, 2]])


def test_no_gradient_is_needed() -> None:
    """A model that switches gradients off has an Eigen-CAM."""

    class Blocked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 4, 3, padding=1, stride=2)

        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            return self.features(x).relu().mean((2, 3))

    model = Blocked().eval().requires_grad_(False)
    images = torch.rand(2, 3, 8, 8)
    question = AttributionInput(model, images, torch.eye(4)[:2], torch.ones(2), model.features)
    maps = eigencam_maps(eigencam(), question)
    assert maps.values.shape == (2, 8, 8) and not maps.values.requires_grad
    torch.testing.assert_close(maps.coarse, cells(model.features(images)))
    assert not model.features._forward_hooks


def test_centred_is_yes_or_no() -> None:
    with pytest.raises(ExpressionError, match="centred must be true or false"):
        eigencam(centred=1)  # type: ignore[arg-type]
    with pytest.raises(ExpressionError, match="eigencam: layer must"):
        eigencam(layer="")
