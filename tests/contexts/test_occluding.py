"""The covered share of the object: exact, nested, in one piece of the object, and nothing else."""

from __future__ import annotations

import pytest
import torch
from contexts.scenes import boxed_mask, part, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelaudit.contexts import apply, exempt, occlude_object
from modelaudit.contexts.base import ContextInput
from modelaudit.language.errors import ExpressionError
from modelaudit.language.parser import parse_context

few = settings(max_examples=40, deadline=None)


def ragged(seed: int, height: int = 26, width: int = 31) -> ContextInput:
    """Objects of any form, with ring pixels among them; no pixel is white."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(3, height, width, generator=generator)
    values = torch.where(mask > 0.6, 1, torch.where(mask > 0.5, 255, 0)).to(torch.uint8)
    return ContextInput(0.9 * torch.rand(3, 3, height, width, generator=generator), values, ("a", "b", "c"), seed)


def covered(own: ContextInput, share: float) -> Tensor:
    """[B, H, W] bool."""
    return (apply(occlude_object(share, fill="white"), own).pixels == 1).all(dim=1)


@few
@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_the_share_of_object_pixels_is_covered_and_no_background(seed: int, share: float) -> None:
    own = ragged(seed)
    assert own.mask is not None
    done = covered(own, share)
    area = (own.mask == 1).flatten(1).sum(1)
    assert ((done & (own.mask == 1)).flatten(1).sum(1) == (share * area.double() + 0.5).floor()).all()
    assert not (done & (own.mask == 0)).any()


@few
@given(seed=st.integers(0, 1000), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_what_is_covered_at_a_share_is_covered_at_every_larger_one(seed: int, shares: tuple[float, float]) -> None:
    own = ragged(seed)
    less, more = (covered(own, share) for share in sorted(shares))
    assert not (less & ~more).any()


def test_nothing_is_the_image_to_the_bit_and_all_is_object_and_ring() -> None:
    own = ragged(0)
    assert torch.equal(apply(occlude_object(0), own).pixels, own.pixels)
    assert exempt(occlude_object(0)) and not exempt(occlude_object(0.1))
    assert own.mask is not None and torch.equal(covered(own, 1), own.mask != 0)


def test_the_patch_is_a_square_round_one_point() -> None:
    mask = torch.ones(1, 60, 60, dtype=torch.uint8)
    mask[0, 0, 0] = 0
    own = ContextInput(torch.full((1, 3, 60, 60), 0.4), mask, ("wide",), 3)
    rows, columns = covered(own, 121 / 3599)[0].nonzero(as_tuple=True)
    height, width = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
    assert len(rows) == 121 and max(height, width) >= 11
    assert len(rows) > 0.6 * height * width


def test_every_object_pixel_is_a_centre_equally_often() -> None:
    mask = boxed_mask(6, 7, 2, 1, 2, 4, ring=1)
    count = 2400
    own = ContextInput(torch.zeros(count, 3, 6, 7), mask.expand(count, -1, -1), tuple(map(str, range(count))), 0)
    found = covered(own, 1 / 8).sum(dim=0)
    assert int(found.sum()) == count and not found[mask != 1].any()
    assert float(((found[mask == 1] - 300.0).square() / 300).sum()) < 24.3  # chi square, 7 degrees, 0.1 %


@pytest.mark.parametrize("fill", ["mean", "black", "gaussian_noise", "white_noise"])
def test_the_fill_covers_and_the_mask_stays(fill: str) -> None:
    own = ragged(1)
    done = apply(occlude_object(0.5, fill=fill), own)  # type: ignore[arg-type]
    changed = (done.pixels != own.pixels).any(dim=1)
    assert torch.equal(changed, covered(own, 0.5))
    assert done.mask is own.mask


def test_doses_share_point_and_noise() -> None:
    own = ragged(2)
    half, all_of_it = (apply(occlude_object(share, fill="white_noise"), own).pixels for share in (0.5, 1))
    where = covered(own, 0.5).unsqueeze(1).expand_as(half)
    assert torch.equal(half[where], all_of_it[where])


def test_without_an_object_there_is_nothing_to_cover() -> None:
    own = scene(2)
    assert own.mask is not None
    own.mask[1] = 0
    assert apply(occlude_object(0.5), own).impossible.tolist() == [False, True]
    own.mask[1] = 1
    assert apply(occlude_object(0.5), own).impossible.tolist() == [False, False]


def test_a_value_does_not_depend_on_the_batch() -> None:
    own = ragged(4)
    together = apply(occlude_object(0.3), own).pixels
    for index in range(3):
        assert torch.equal(together[index], apply(occlude_object(0.3), part(own, index)).pixels[0])


@pytest.mark.parametrize("share", [-0.1, 1.1, True, "half", float("nan"), None])
def test_bad_shares_are_refused(share: object) -> None:
    with pytest.raises(ExpressionError, match="share"):
        occlude_object(share)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["occlude_object(0.25)", "occlude_object(each=[0, 0.25, 0.5])", "occlude_object(1, fill=black)"]
)
def test_texts_come_back(text: str) -> None:
    assert str(parse_context(text)) == text
