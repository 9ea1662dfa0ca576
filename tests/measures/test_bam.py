from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from modelaudit import measures
from modelaudit.language import registry
from modelaudit.language.reasons import Missing
from modelaudit.measures.bam import (
    concept_attribution,
    input_dependence,
    input_independence,
    model_contrast_score,
    scaled,
)
from modelaudit.measures.base import MeasureInput


def maps(seed: int) -> Tensor:
    return torch.randn(4, 15, 11, generator=torch.Generator().manual_seed(seed))


REGION = torch.zeros(4, 15, 11, dtype=torch.bool)
REGION[:, 3:9, 2:7] = True


def by_numpy(one: Tensor, region: Tensor) -> float:
    """The formula of their released code."""
    positive = one.double().numpy().clip(min=0)
    top, low = np.percentile(positive, 99), positive.min()
    return float(np.clip((positive - low) / (top - low), 0, 1)[region.numpy()].mean())


def test_a_regions_attribution_is_that_of_their_formula() -> None:
    expected = [by_numpy(one, region) for one, region in zip(maps(0), REGION, strict=True)]
    np.testing.assert_allclose(concept_attribution(maps(0), REGION), expected, atol=1e-12)


def test_as_a_measure_it_is_that_of_the_object_and_undefined_where_the_map_has_no_scale() -> None:
    spec = measures.concept_attribution("saliency").spec
    some, mask = maps(1), REGION.to(torch.uint8)
    some[0], some[1, 0, 0] = -1.0, torch.nan
    logits, labels = torch.zeros(4, 2), torch.zeros(4, dtype=torch.long)
    found = registry.entry_of(spec).function(spec, MeasureInput(logits, labels, attribution=some, mask=mask))
    torch.testing.assert_close(found.values[2:], concept_attribution(some, REGION)[2:])
    assert found.undefined[Missing.ZERO_ATTRIBUTION].tolist() == [True, False, False, False]
    assert found.undefined[Missing.ATTRIBUTION_INVALID].tolist() == [False, True, False, False]


def test_a_factor_on_the_map_changes_nothing_and_outliers_are_clipped() -> None:
    torch.testing.assert_close(scaled(4 * maps(0)), scaled(maps(0)))
    wild = maps(0)
    wild[0, 0, 0] = 1e6
    assert concept_attribution(wild, REGION)[0] == pytest.approx(
        float(concept_attribution(maps(0), REGION)[0]), rel=0.3
    )


def test_a_model_that_uses_the_region_has_a_higher_score_than_one_that_does_not() -> None:
    on, off = maps(0).abs() + 9 * REGION, maps(1).abs() + 9 * ~REGION
    assert (model_contrast_score(on, off, REGION) > 0.5).all()
    torch.testing.assert_close(model_contrast_score(on, off, REGION), -model_contrast_score(off, on, REGION))


def test_the_input_counts_as_seen_where_the_pasted_object_has_less_than_what_it_covers() -> None:
    high, low = maps(0).abs() + 9 * REGION, maps(0).abs() + 9 * ~REGION
    assert input_dependence(low, high, REGION).tolist() == [1, 1, 1, 1]
    assert input_dependence(high, low, REGION).tolist() == [0, 0, 0, 0]
    assert input_dependence(high, high, REGION).tolist() == [0, 0, 0, 0]


def test_a_patch_is_ignored_where_less_than_a_tenth_changes() -> None:
    plain = torch.zeros(2, 10, 10)
    plain[:, :5] = 1.0
    patched = plain.clone()
    region = plain == 1
    patched[0, 0, :4] = 0.0  # 4 of 50
    patched[1, 0, :6] = 0.0  # 6 of 50
    assert input_independence(plain, patched, region).tolist() == [1, 0]
    assert input_independence(plain, patched, region, threshold=0.13).tolist() == [1, 1]


@pytest.mark.parametrize("bad", [0.0, -1.0, torch.nan, torch.inf])
def test_a_map_that_says_nothing_has_no_value_and_spoils_no_other(bad: float) -> None:
    spoilt = maps(0)
    spoilt[1] = bad
    for found in (
        model_contrast_score(spoilt, maps(1), REGION),
        input_dependence(spoilt, maps(1), REGION),
        input_independence(maps(1), spoilt, REGION),
    ):
        assert found.isnan().tolist() == [False, True, False, False]


def test_an_empty_region_has_no_value() -> None:
    assert concept_attribution(maps(0), torch.zeros_like(REGION)).isnan().all()
