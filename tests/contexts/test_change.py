"""The swapped background to the bit and its seam; the controls; pictures that the data keep."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import boxed_mask, part, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from modelaudit.contexts import (
    apply,
    can_lend,
    exempt,
    family,
    gaussian_noise,
    identity,
    in_place,
    lending,
    lighting,
    mixed_rand,
    needs_mask,
    original,
    paste_back,
    stored,
    stored_picture,
    swap_background,
    swap_identical,
)
from modelaudit.contexts.base import ContextInput
from modelaudit.contexts.donor_rules import Lending
from modelaudit.contexts.filling import FILLS, in_box, without_object
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context

seeds = st.integers(0, 1000)
few = settings(max_examples=25, deadline=None)


def distance_to_edge(kept: Tensor) -> Tensor:
    """[H, W]: the distance of each pixel to the nearest pixel of the other side, by brute force."""
    points = torch.stack(torch.meshgrid(*(torch.arange(side) for side in kept.shape), indexing="ij"), -1).flatten(0, 1)
    distances = torch.cdist(points.double(), points.double())
    other = kept.flatten()[:, None] != kept.flatten()[None, :]
    return distances.masked_fill(~other, torch.inf).amin(dim=1).view_as(kept)


@few
@given(seed=seeds)
def test_a_hard_edge_keeps_object_and_ring_to_the_bit_and_takes_the_rest_from_the_donor(seed: int) -> None:
    own = scene(seed=seed)
    assert own.donors is not None
    done = apply(swap_background("other_class", feather=0), own)
    donor_background, _ = without_object(own.donors, "inpaint")
    kept = own.kept().expand_as(own.pixels)
    assert torch.equal(done.pixels[kept], own.pixels[kept])
    assert torch.equal(done.pixels[~kept], donor_background[~kept])
    assert done.mask is own.mask
    assert not done.impossible.any()


@few
@given(seed=seeds, fill=st.sampled_from(["tile", "mean", "inpaint"]))
def test_of_the_donor_nothing_of_its_object_is_left(seed: int, fill: str) -> None:
    own = scene(seed=seed)
    assert own.donors is not None and own.donors.mask is not None
    marked = own.donors.pixels.masked_fill((own.donors.mask != 0).unsqueeze(1), 0.123456)
    own = replace(own, pixels=torch.full_like(own.pixels, 0.5), donors=replace(own.donors, pixels=marked))
    done = apply(swap_background("random", fill=fill), own).pixels  # type: ignore[arg-type]
    assert not (done == 0.123456).any()


def test_a_donor_that_is_kept_lends_every_pixel_even_if_it_is_all_object() -> None:
    own = scene(2)
    assert own.donors is not None and own.donors.mask is not None
    context = swap_background("random", feather=0, fill="keep")
    for mask in (own.donors.mask, torch.ones_like(own.donors.mask)):
        done = apply(context, replace(own, donors=replace(own.donors, mask=mask)))
        assert torch.equal(done.pixels, torch.where(own.kept(), own.pixels, own.donors.pixels))
        assert not done.impossible.any()
        assert can_lend(context, replace(own.donors, mask=mask)).all()


def test_an_inpainted_donor_changes_at_its_object_and_a_rim_of_two_pixels() -> None:
    own = scene(3, 40, 40)
    assert own.donors is not None
    background, _ = without_object(own.donors, "inpaint")
    changed = (background != own.donors.pixels).any(dim=1, keepdim=True)
    assert torch.equal(changed, functional.max_pool2d(own.donors.kept().float(), 5, 1, 2) > 0)


@few
@given(seed=seeds, feather=st.floats(1, 6))
def test_a_feathered_seam_ends_at_its_radius(seed: int, feather: float) -> None:
    own = scene(1, seed=seed)
    hard = apply(swap_background("random", feather=0), own).pixels
    soft = apply(swap_background("random", feather=feather), own).pixels
    far = distance_to_edge(own.kept()[0, 0]) > feather
    assert torch.equal(soft[0][:, far], hard[0][:, far])
    assert not torch.equal(soft, hard)
    assert soft.min() >= 0 and soft.max() <= 1


@few
@given(seed=seeds, feather=st.sampled_from([0.0, 2.5]), fill=st.sampled_from(FILLS))
def test_a_value_does_not_depend_on_the_batch_or_the_order(seed: int, feather: float, fill: str) -> None:
    own = scene(4, seed=seed)
    context = swap_background("random", feather=feather, fill=fill)  # type: ignore[arg-type]
    together = apply(context, own).pixels
    reversed_order = apply(context, part(own, 3, 2, 1, 0)).pixels
    assert torch.equal(together, reversed_order.flip(0))
    for index in range(4):
        assert torch.equal(together[index], apply(context, part(own, index)).pixels[0])


def one(pixels: Tensor, mask: Tensor, donors: ContextInput | None = None) -> ContextInput:
    return ContextInput(pixels[None], mask[None], ("one",), 0, donors)


def test_the_largest_strip_is_tiled_over_the_box_from_its_corner() -> None:
    pixels = torch.arange(8 * 6, dtype=torch.float32).view(1, 8, 6).expand(3, -1, -1) / 48
    mask = boxed_mask(8, 6, 3, 2, 4, 2, ring=0)
    filled, impossible = without_object(one(pixels, mask), "tile")
    expected = pixels.clone()
    expected[:, 3:6, 2:4] = pixels[:, 0:3, 2:4]
    expected[:, 6:7, 2:4] = pixels[:, 0:1, 2:4]
    assert torch.equal(filled[0], expected)
    assert not impossible.any()


@pytest.mark.parametrize(
    ("top", "left", "rows", "columns", "source"),
    [
        (0, 1, 4, 3, lambda row, column: (4 + (row - 4) % 4, column)),
        (1, 0, 6, 2, lambda row, column: (row, 2 + (column - 2) % 4)),
        (1, 4, 6, 2, lambda row, column: (row, column % 4)),
    ],
    ids=["below", "right", "left"],
)
def test_every_side_can_lend_its_strip(top: int, left: int, rows: int, columns: int, source: object) -> None:
    pixels = torch.arange(48, dtype=torch.float32).view(1, 8, 6).expand(3, -1, -1) / 48
    filled, _ = without_object(one(pixels, boxed_mask(8, 6, top, left, rows, columns, ring=0)), "tile")
    for row in range(top, top + rows):
        for column in range(left, left + columns):
            from_row, from_column = source(row, column)  # type: ignore[operator]
            assert filled[0, 0, row, column] == pixels[0, from_row, from_column]


def test_the_mean_fill_takes_the_mean_of_the_background_only() -> None:
    mask = boxed_mask(6, 6, 2, 2, 2, 2)
    pixels = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(1))
    filled, _ = without_object(one(pixels, mask), "mean")
    assert torch.allclose(filled[0, :, 3, 3], pixels[:, mask == 0].mean(dim=1))


def test_a_donor_without_an_object_lends_all_of_its_image() -> None:
    own = scene(1)
    assert own.donors is not None and own.donors.mask is not None
    own = replace(own, donors=replace(own.donors, mask=torch.zeros_like(own.donors.mask)))
    done = apply(swap_background("random", feather=0), own)
    assert own.donors is not None
    kept = own.kept().expand_as(own.pixels)
    assert torch.equal(done.pixels[~kept], own.donors.pixels[~kept])
    assert not done.impossible.any()


@pytest.mark.parametrize("value", [0, 1, 255], ids=["no object", "all object", "all ring"])
def test_an_image_without_object_or_without_background_cannot_be_swapped(value: int) -> None:
    own = scene(2)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[1] = value
    assert apply(swap_background("random"), replace(own, mask=mask)).impossible.tolist() == [False, True]


@pytest.mark.parametrize("fill", ["tile", "mean", "inpaint"])
def test_a_donor_with_nothing_beside_its_object_cannot_lend(fill: str) -> None:
    own = scene(2)
    assert own.donors is not None and own.donors.mask is not None
    mask = own.donors.mask.clone()
    mask[0] = 1
    context = swap_background("random", fill=fill)  # type: ignore[arg-type]
    assert apply(context, replace(own, donors=replace(own.donors, mask=mask))).impossible.tolist() == [True, False]


def test_a_donor_whose_box_fills_the_frame_has_no_strip_but_a_mean() -> None:
    own = scene(1, 9, 9)
    assert own.donors is not None
    donors = replace(own.donors, mask=torch.eye(9, dtype=torch.uint8)[None])
    for fill, impossible in (("tile", True), ("mean", False), ("inpaint", False)):
        context = swap_background("random", fill=fill)  # type: ignore[arg-type]
        assert apply(context, replace(own, donors=donors)).impossible.tolist() == [impossible]


def test_it_is_known_beforehand_who_can_lend() -> None:
    own = scene(3, 12, 12)
    assert own.mask is not None
    mask = own.mask.clone()
    mask[0], mask[1] = 0, torch.eye(12, dtype=torch.uint8)
    donors = replace(own, mask=mask)
    assert can_lend(swap_background("random", fill="tile"), donors).tolist() == [True, False, True]
    assert can_lend(swap_background("random", fill="mean") | lighting(1), donors).tolist() == [True, True, True]
    assert can_lend(lighting(1), donors).tolist() == [True, True, True]


@pytest.mark.parametrize(("limit", "able"), [(0.8, Lending.TOO_LARGE), (0.81, Lending.ABLE), (1.0, Lending.ABLE)])
@pytest.mark.parametrize("fill", ["inpaint", "tile", "mean"])
def test_an_image_whose_object_and_ring_cover_too_much_is_no_donor(limit: float, able: Lending, fill: str) -> None:
    own = scene(1, 10, 10)
    mask = torch.zeros(1, 10, 10, dtype=torch.uint8)
    mask[:, :8], mask[:, 8, 0] = 1, 255
    context = swap_background("random", fill=fill, max_donor_object=limit)  # type: ignore[arg-type]
    assert lending(context, replace(own, mask=mask)) == [able]
    assert lending(context | lighting(1), replace(own, mask=mask)) == [able]
    assert lending(mixed_rand(), replace(own, mask=mask)) == [Lending.ABLE]


def test_with_no_background_at_all_size_is_not_the_reason() -> None:
    own = scene(1, 10, 10)
    full = replace(own, mask=torch.ones(1, 10, 10, dtype=torch.uint8))
    assert lending(swap_background("random"), full) == [Lending.NOTHING]
    assert lending(swap_background("random", fill="keep"), full) == [Lending.ABLE]


def test_missing_masks_donors_or_sizes_are_errors() -> None:
    own = scene(2)
    context = swap_background("random")
    with pytest.raises(ContextError, match="masks"):
        apply(context, replace(own, mask=None))
    with pytest.raises(ContextError, match="donors"):
        apply(context, replace(own, donors=None))
    with pytest.raises(ContextError, match="same size"):
        apply(context, replace(own, donors=scene(2, 10, 10)))
    assert own.donors is not None
    with pytest.raises(ContextError, match="donor"):
        apply(context, replace(own, donors=replace(own.donors, mask=None)))


@pytest.mark.parametrize(
    "text",
    [
        "swap_background(other_class)",
        "swap_background(random, feather=2)",
        "swap_background(same_class, feather=0, fill=tile)",
    ],
)
def test_texts_come_back(text: str) -> None:
    assert str(parse_context(text)) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"donors": "other_clas"}, "other_class"),
        ({"donors": "random", "fill": "blur"}, "fill"),
        ({"donors": "random", "feather": -1}, "feather"),
        ({"donors": "random", "feather": 0.5}, "feather"),
        ({"donors": "random", "feather": float("nan")}, "feather"),
        ({"donors": "random", "feather": True}, "feather"),
        ({"donors": "random", "max_donor_object": 0}, "share of the frame"),
        ({"donors": "random", "max_donor_object": 1.1}, "share of the frame"),
        ({"donors": "random", "max_donor_object": True}, "share of the frame"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        swap_background(**arguments)  # type: ignore[arg-type]


def test_the_original_is_untouched_and_needs_no_mask() -> None:
    own = replace(scene(), mask=None)
    done = apply(original(), own)
    assert torch.equal(done.pixels, own.pixels)
    assert not done.impossible.any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_hard_edge_pastes_back_the_original_to_the_bit(seed: int) -> None:
    own = scene(seed=seed)
    assert torch.equal(apply(paste_back(), own).pixels, own.pixels)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), feather=st.sampled_from([1, 2.0, 3.5]))
def test_a_feather_changes_the_seam_of_the_swap_and_nothing_else(seed: int, feather: float) -> None:
    own = scene(4, seed=seed)
    changed = (apply(paste_back(feather), own).pixels != own.pixels).any(dim=1)
    hard, soft = (apply(swap_background("random", feather=width), own).pixels for width in (0, feather))
    seam = (hard != soft).any(dim=1)
    assert changed.flatten(1).any(dim=1).all()
    assert not (changed & ~own.kept()[:, 0]).any()
    assert not (changed & ~seam).any()


def test_a_value_does_not_depend_on_the_batch() -> None:
    own = scene(3)
    together = apply(paste_back(2), own).pixels
    for index in range(3):
        assert torch.equal(together[index], apply(paste_back(2), part(own, index)).pixels[0])


@pytest.mark.parametrize("value", [0, 1])
def test_without_object_or_background_there_is_nothing_to_paste(value: int) -> None:
    own = scene(1)
    assert own.mask is not None
    assert apply(paste_back(), replace(own, mask=torch.full_like(own.mask, value))).impossible.tolist() == [True]


def test_controls_are_exempt_and_a_swap_is_not() -> None:
    assert exempt(original()) and exempt(paste_back(3)) and not exempt(swap_background("random"))


def test_paste_back_without_masks_is_an_error() -> None:
    with pytest.raises(ContextError, match="masks"):
        apply(paste_back(), replace(scene(), mask=None))


@pytest.mark.parametrize("feather", [-1, 0.3, 65, "wide", True])
def test_bad_feathers_are_refused(feather: object) -> None:
    with pytest.raises(ExpressionError, match="feather"):
        paste_back(feather)  # type: ignore[arg-type]


def test_the_identity_is_a_context_of_its_own_that_changes_nothing() -> None:
    own = replace(scene(), mask=None)
    done = apply(identity(), own)
    assert torch.equal(done.pixels, own.pixels) and not done.impossible.any()
    assert identity() != original() and exempt(identity())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), feather=st.sampled_from([0, 1, 2.5, 6]))
def test_a_swap_with_the_image_itself_is_the_image_when_nothing_is_filled(seed: int, feather: float) -> None:
    own = scene(seed=seed)
    done = apply(swap_identical(feather, "keep"), own)
    assert torch.equal(done.pixels, own.pixels) and not done.impossible.any()


@pytest.mark.parametrize("fill", ["tile", "mean", "inpaint"])
@pytest.mark.parametrize("feather", [0, 2])
def test_a_swap_with_the_image_itself_is_the_swap(fill: str, feather: float) -> None:
    own = scene(3, 40, 40)
    assert own.mask is not None
    own = replace(own, mask=own.mask.masked_fill(torch.arange(40) % 2 == 0, 0))  # a box with background in it
    itself = replace(own, donors=replace(own, donors=None))
    swapped = apply(swap_background("random", feather=feather, fill=fill), itself)  # type: ignore[arg-type]
    done = apply(swap_identical(feather, fill), own)  # type: ignore[arg-type]
    assert torch.equal(done.pixels, swapped.pixels) and torch.equal(done.impossible, swapped.impossible)
    changed = (done.pixels != own.pixels).any(dim=1, keepdim=True)
    assert changed.any()
    if fill != "inpaint" and feather == 0:
        assert own.mask is not None
        assert not (changed & ~(in_box(own.mask) & ~own.kept())).any()


def test_swap_identical_refuses_what_the_swap_refuses() -> None:
    with pytest.raises(ExpressionError, match="feather"):
        swap_identical(-1)
    with pytest.raises(ExpressionError, match="inpaint"):
        swap_identical(fill="inpant")  # type: ignore[arg-type]
    assert exempt(swap_identical())


@pytest.mark.parametrize(
    "text", ["stored(mixed_rand)", "stored(line_b, mask=none)", "stored('line b') | gaussian_noise(3)"]
)
def test_texts_of_a_stored_picture_come_back(text: str) -> None:
    assert str(parse_context(text)) == text


def test_the_stored_pixels_are_shown_and_the_mask_stays() -> None:
    own = scene()
    kept = torch.rand(own.pixels.shape, generator=torch.Generator().manual_seed(5))
    done = apply(stored("line_b"), replace(own, stored={"line_b": kept}))
    assert torch.equal(done.pixels, kept) and done.mask is own.mask and not done.impossible.any()


def test_what_follows_acts_on_the_stored_picture_with_the_mask_of_the_original() -> None:
    own = scene()
    kept = torch.full_like(own.pixels, 0.5)
    done = apply(stored("line_b") | gaussian_noise(3), replace(own, stored={"line_b": kept}))
    on_object = own.kept().expand_as(kept)
    assert torch.equal(done.pixels[on_object], kept[on_object])
    assert bool((done.pixels[~on_object] != 0.5).any())


def test_what_it_declares() -> None:
    assert stored_picture(lighting(1)) is None and in_place(lighting(1))
    assert stored_picture(stored("a") | lighting(1)) == "a"
    assert not needs_mask(stored("a")) and needs_mask(stored("a") | gaussian_noise(1))
    assert in_place(stored("a")) and not in_place(stored("a", mask="none") | lighting(1))
    assert family(stored("a")) == "change"


def test_it_comes_first_in_a_composition() -> None:
    with pytest.raises(ExpressionError, match=r"stored\(a\) takes the place of the whole image; write it first"):
        lighting(1) | stored("a")
    with pytest.raises(ExpressionError, match=r"stored\(b\) takes the place"):
        parse_context("stored(a) | stored(b)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "give the name of a picture"),
        ({"name": 3}, "give the name"),
        ({"name": "a", "mask": "no"}, "none"),
    ],
)
def test_bad_arguments_of_a_stored_picture_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        stored(**arguments)  # type: ignore[arg-type]


def test_a_scene_without_the_picture_is_an_error() -> None:
    with pytest.raises(ContextError, match="the scene has none"):
        apply(stored("line_b"), scene())
