"""Sums over regions: a coarse map is worth what it is worth upsampled."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from modelaudit.language import registry
from modelaudit.language.expression import Measure
from modelaudit.language.reasons import Missing
from modelaudit.measures import background_dependence, background_share
from modelaudit.measures.base import MeasureInput, MeasureOutput, Regions

BOTH = pytest.mark.parametrize("measure", [background_share("gradcam"), background_dependence("gradcam")], ids=str)


def case(seed: int, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    cells = torch.rand(3, rows, columns, generator=draw) * (torch.rand(3, rows, columns, generator=draw) > 0.5)
    mask = torch.tensor([0, 1, 255], dtype=torch.uint8)[torch.randint(0, 3, (3, 23, 31), generator=draw)]
    return cells, mask


def read(measure: Measure, **maps: Tensor) -> MeasureOutput:
    seen = MeasureInput(torch.zeros(3, 2), torch.zeros(3, dtype=torch.long), **maps)
    return registry.entry_of(measure.spec).function(measure.spec, seen)


@BOTH
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 9), columns=st.integers(2, 9))
def test_cells_give_the_values_of_the_upsampled_map(measure: Measure, seed: int, rows: int, columns: int) -> None:
    cells, mask = case(seed, rows, columns)
    full = functional.interpolate(cells.double()[:, None], mask.shape[1:], mode="bilinear", align_corners=False)
    coarse, fine = read(measure, cells=cells, mask=mask), read(measure, attribution=full[:, 0], mask=mask)
    assert torch.allclose(coarse.values, fine.values, rtol=1e-6, atol=1e-9, equal_nan=True)
    for reason, where in fine.undefined.items():
        assert torch.equal(coarse.undefined[reason], where), reason


@BOTH
def test_cells_that_reach_no_region_are_no_attribution(measure: Measure) -> None:
    cells, mask = torch.zeros(3, 4, 4), torch.full((3, 32, 32), 255, dtype=torch.uint8)
    mask[:, 20:], mask[:, 28:] = 1, 0
    cells[:, 0, 0] = 1.0
    assert read(measure, cells=cells, mask=mask).undefined[Missing.ZERO_ATTRIBUTION].all()


@BOTH
def test_cells_that_are_not_finite_are_invalid(measure: Measure) -> None:
    cells, mask = case(1, 4, 4)
    mask[:, 0, 0], mask[:, 0, 1] = 0, 1
    cells[1, 2, 2] = torch.nan
    assert read(measure, cells=cells, mask=mask).undefined[Missing.ATTRIBUTION_INVALID].tolist() == [False, True, False]


@given(seed=st.integers(0, 10_000))
def test_the_sums_of_a_pass_are_prepared_once_and_independent_of_it(seed: int) -> None:
    cells, mask = case(seed, 5, 4)
    once = Regions(mask)
    first, again = once.sums_of_cells(cells), once.sums_of_cells(cells)
    fresh = Regions(mask).sums_of_cells(cells)
    for left, right, other in zip(first, again, fresh, strict=True):
        assert torch.equal(left, right)
        assert torch.equal(left, other)
