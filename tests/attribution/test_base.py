"""Maps, and which of them count."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from modelaudit.attribution import Maps, base, check
from modelaudit.language.errors import AttributionError
from modelaudit.language.reasons import Missing


def test_a_coarse_map_is_upsampled_when_somebody_looks_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    original = base.upsampled
    monkeypatch.setattr(base, "upsampled", lambda coarse, size: calls.append(size) or original(coarse, size))
    coarse = torch.rand(2, 3, 4)
    maps = Maps.on_grid(coarse, (9, 12))
    assert maps.shape == (2, 9, 12) and maps.coarse is coarse and maps.cells is coarse
    check(maps, torch.rand(2, 3, 9, 12), torch.ones(2))
    assert calls == []
    expected = functional.interpolate(coarse[:, None], (9, 12), mode="bilinear", align_corners=False)[:, 0]
    assert torch.equal(maps.values, expected) and maps.values is maps.values
    assert calls == [(9, 12)]


def test_a_full_map_has_no_coarse_one() -> None:
    values = torch.randn(2, 5, 6)
    maps = Maps(values, torch.zeros(2), torch.ones(2, dtype=torch.long))
    assert maps.coarse is None and maps.values is values and maps.cells is values and maps.shape == (2, 5, 6)


@pytest.mark.parametrize("coarse", [False, True])
def test_what_remains_of_a_padded_batch(coarse: bool) -> None:
    values, errors, steps = torch.rand(3, 2, 2), torch.rand(3), torch.arange(3)
    maps = Maps.on_grid(values, (4, 5), errors, steps) if coarse else Maps(values, errors, steps)
    first = maps.first(2)
    assert torch.equal(first.values, maps.values[:2]) and first.shape == (2, *maps.shape[1:])
    assert first.completeness is not None and torch.equal(first.completeness, errors[:2])
    assert first.steps is not None and torch.equal(first.steps, steps[:2])
    assert (first.coarse is None) is not coarse


def test_the_checks_read_the_coarse_map() -> None:
    coarse = torch.ones(4, 2, 2)
    coarse[0], coarse[1, 0, 1], coarse[2, 1, 1] = 0, torch.nan, -1e-9
    found = check(Maps.on_grid(coarse, (5, 5)), torch.rand(4, 3, 5, 5), torch.ones(4))
    assert found[Missing.ZERO_ATTRIBUTION].tolist() == [True, False, False, False]
    assert found[Missing.ATTRIBUTION_INVALID].tolist() == [False, True, True, False]
    with pytest.raises(AttributionError, match="maps of shape"):
        check(Maps.on_grid(coarse, (5, 6)), torch.rand(4, 3, 5, 5), torch.ones(4))


PIXELS = torch.rand(4, 3, 5, 6)
ONES = torch.ones(4)


def undefined(maps: Maps, explained: torch.Tensor = ONES) -> dict[Missing, list[bool]]:
    return {reason: flags.tolist() for reason, flags in check(maps, PIXELS, explained).items()}


def test_honest_maps_have_no_reason() -> None:
    found = undefined(Maps(torch.randn(4, 5, 6), torch.tensor([0.0, 0.01, 0.049, 0.05])))
    assert found == {Missing.ATTRIBUTION_INVALID: [False] * 4, Missing.ZERO_ATTRIBUTION: [False] * 4}


def test_a_map_of_zeros_is_a_zero_attribution() -> None:
    values = torch.zeros(4, 5, 6)
    values[1, 2, 3] = -1e-30
    found = undefined(Maps(values))
    assert found[Missing.ZERO_ATTRIBUTION] == [True, False, True, True]
    assert not any(found[Missing.ATTRIBUTION_INVALID])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_invalid_and_only_there(bad: float) -> None:
    values = torch.ones(4, 5, 6)
    values[2, 0, 0] = bad
    assert undefined(Maps(values))[Missing.ATTRIBUTION_INVALID] == [False, False, True, False]
    explained = torch.tensor([1.0, bad, 1.0, 1.0])
    assert undefined(Maps(torch.ones(4, 5, 6)), explained)[Missing.ATTRIBUTION_INVALID] == [False, True, False, False]
    broken = Maps(torch.ones(4, 5, 6), torch.tensor([0.0, 0.0, 0.0, abs(bad)]))
    assert undefined(broken)[Missing.ATTRIBUTION_INVALID] == [False, False, False, True]


@settings(deadline=None)
@given(st.lists(st.floats(0, 2), min_size=4, max_size=4))
def test_completeness_beyond_five_percent_is_invalid(errors: list[float]) -> None:
    maps = Maps(torch.ones(4, 5, 6), torch.tensor(errors, dtype=torch.float64))
    assert undefined(maps)[Missing.ATTRIBUTION_INVALID] == [error > 0.05 for error in errors]


def test_an_image_has_one_reason_at_most() -> None:
    found = undefined(Maps(torch.zeros(4, 5, 6), torch.tensor([1.0, 0.0, 1.0, 0.0])))
    assert found[Missing.ATTRIBUTION_INVALID] == [True, False, True, False]
    assert found[Missing.ZERO_ATTRIBUTION] == [False, True, False, True]


@pytest.mark.parametrize("shape", [(4, 6, 5), (4, 3, 5, 6), (4, 5), (1, 5, 6), (4, 1, 6)])
def test_maps_over_other_axes_are_an_error_of_the_method(shape: tuple[int, ...]) -> None:
    with pytest.raises(AttributionError, match="maps of shape"):
        check(Maps(torch.ones(shape)), PIXELS, ONES)


def test_one_number_an_image_is_wanted() -> None:
    with pytest.raises(AttributionError, match="completeness errors"):
        check(Maps(torch.ones(4, 5, 6), torch.zeros(3)), PIXELS, ONES)
    with pytest.raises(AttributionError, match="explained values"):
        check(Maps(torch.ones(4, 5, 6)), PIXELS, torch.ones(4, 1))
