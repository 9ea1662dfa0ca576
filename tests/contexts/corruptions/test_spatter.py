"""Spatter: its parameters, where its edges are, and the colours of water and mud."""

from __future__ import annotations

import pytest
import torch
from contexts.corruptions.pictures import corruption, grey
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.contexts import apply
from modelaudit.contexts.corruptions import spatter
from modelaudit.contexts.corruptions.spatter import distance_to, edge_of, equalised


def test_the_parameters_are_those_of_the_released_code() -> None:
    assert spatter.SPATTER == (
        (0.65, 0.3, 4, 0.69, 0.6),
        (0.65, 0.3, 3, 0.68, 0.6),
        (0.65, 0.3, 2, 0.68, 0.5),
        (0.65, 0.3, 1, 0.65, 1.5),
        (0.67, 0.4, 1, 0.65, 1.5),
    )


@pytest.mark.parametrize("severity", [1, 2, 3])
def test_water_adds_pale_turquoise_up_to_its_strength_where_drops_are(severity: int) -> None:
    change = apply(corruption("spatter", severity, "whole"), grey(0.1)).pixels[0] - 0.1
    strength = (0.6, 0.6, 0.5)[severity - 1]
    assert float(change.min()) > -1e-6
    assert float(change[1].max()) == pytest.approx(strength * 238 / 255, abs=1e-5)
    wet = change[1] > 1e-4
    assert 0.005 < float(wet.float().mean()) < 0.4
    assert torch.allclose(change[0][wet] / change[1][wet], torch.tensor(175 / 238), atol=1e-2)
    assert torch.equal(change[1], change[2])


@pytest.mark.parametrize("severity", [4, 5])
def test_mud_covers_the_picture_in_brown(severity: int) -> None:
    done = apply(corruption("spatter", severity, "whole"), grey(1.0)).pixels[0]
    dirty = done[0] < 1
    assert 0.05 < float(dirty.float().mean()) < 0.5
    # cover is .8 or more wherever there is any
    assert float(done[0][dirty].max()) <= 0.2 + 0.8 * 63 / 255 + 1e-5
    thickest = done.flatten(1)[:, int(done[0].argmin())]
    assert thickest.tolist() == pytest.approx([63 / 255, 42 / 255, 20 / 255], abs=0.03)


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_an_edge_belongs_to_its_area_and_touches_the_outside(seed: int, share: float) -> None:
    area = torch.rand(2, 1, 9, 7, generator=torch.Generator().manual_seed(seed)) < share
    edge = edge_of(area)
    wide = torch.nn.functional.pad(area.float(), (1, 1, 1, 1), value=1.0)
    neighbours = wide[..., :-2, 1:-1] + wide[..., 2:, 1:-1] + wide[..., 1:-1, :-2] + wide[..., 1:-1, 2:]
    assert torch.equal(edge, area & (neighbours < 4))


def test_without_points_everything_is_far() -> None:
    assert float(distance_to(torch.zeros(1, 1, 8, 8, dtype=torch.bool), 20).min()) >= 20


def test_equalising_ranks_heights_and_leaves_one_height_alone_at_zero() -> None:
    heights = torch.tensor([0, 0, 0, 5, 5, 20]).view(1, 1, 2, 3)
    # ranks above the lowest: 2/3 and 3/3 of the rest
    assert equalised(heights).flatten().tolist() == [0, 0, 0, 170, 170, 255]
    assert not equalised(torch.full((2, 1, 3, 3), 7)).any()


def test_a_dry_frame_stays_as_it_is() -> None:
    # one pixel: the field there is below the threshold for half of the samples
    own = grey(0.3, 1, 1, count=40)
    done = apply(corruption("spatter", 1, "whole"), own).pixels[:, 0, 0, 0]
    assert torch.isfinite(done).all() and (done == own.pixels[:, 0, 0, 0]).any()
