from __future__ import annotations

import pytest
import torch
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
