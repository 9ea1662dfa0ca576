from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import Tensor

from modelaudit.measures.agreement import spearman, top_iou


def maps(seed: int, *, ties: bool = False, count: int = 3) -> Tensor:
    drawn = torch.randn(count, 9, 7, generator=torch.Generator().manual_seed(seed))
    return (2 * drawn).round() if ties else drawn


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_rank_correlation_is_that_of_scipy(seed: int, ties: bool) -> None:
    first, second = maps(seed, ties=ties), maps(seed + 100, ties=ties)
    second = second + first.roll(1, 0) * (seed % 2)
    expected = [spearmanr(one.flatten(), other.flatten()).statistic for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(spearman(first, second), expected, atol=1e-12)


@given(st.integers(0, 1000))
def test_a_monotone_change_of_a_map_changes_nothing(seed: int) -> None:
    first, second = maps(seed), maps(seed + 1)
    torch.testing.assert_close(spearman(first.exp(), second), spearman(first, second))
    torch.testing.assert_close(top_iou(3 * first + 1, second), top_iou(first, second))


def test_equal_maps_agree_and_opposite_ones_do_not() -> None:
    first = maps(0)
    torch.testing.assert_close(spearman(first, first), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(spearman(first, -first), -torch.ones(3, dtype=torch.float64))
    assert top_iou(first, first).tolist() == [1, 1, 1]
    assert top_iou(first, -first).tolist() == [0, 0, 0]


def test_the_top_is_counted_by_hand() -> None:
    first = torch.tensor([[[4.0, 3.0, 2.0, 1.0]]])
    second = torch.tensor([[[4.0, 1.0, 3.0, 2.0]]])
    assert top_iou(first, second, 0.5).tolist() == pytest.approx([1 / 3])


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf])
def test_a_map_without_an_order_has_no_agreement(bad: float) -> None:
    first = maps(0)
    flat = first.clone()
    flat[1] = bad
    for value in (spearman(first, flat), top_iou(first, flat)):
        assert value.isnan().tolist() == [False, True, False]


def test_an_image_does_not_depend_on_its_batch() -> None:
    first, second = maps(5, count=6), maps(6, count=6)
    assert torch.equal(spearman(first, second)[2:3], spearman(first[2:3], second[2:3]))
