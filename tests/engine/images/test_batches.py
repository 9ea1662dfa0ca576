"""Chunks under contexts: who lends a background, who cannot, and what sizes must fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import AS_IT_IS, SIDE, sample
from numpy.typing import NDArray
from PIL import Image

from modelaudit.contexts import (
    ContextInput,
    ContextOutput,
    apply,
    gaussian_blur,
    gaussian_noise,
    lighting,
    swap_background,
)
from modelaudit.engine.images import batches as scenes
from modelaudit.engine.images.batches import BatchBuilder, ContextBatch
from modelaudit.engine.images.donor_ranking import DonorRanking
from modelaudit.engine.images.prepared import PreparedSample
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language import ContextError, DataError, Missing, Preprocessing, Sample
from modelaudit.language.spec import Context

SWAP = swap_background("random")
FULL = np.ones((SIDE, SIDE), np.uint8)
RAW = Preprocessing()


def flat(number: int, **changes: Any) -> Sample:
    """An image of one grey value of its own, so that a borrowed background says whose it is."""
    return sample(number, **{"image": np.full((SIDE, SIDE, 3), 10 * number + 5, np.uint8), **changes})


def shown(
    data: list[Sample], context: Any, preprocessing: Preprocessing = AS_IT_IS
) -> tuple[BatchBuilder, ContextBatch]:
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        return stage, stage.show(stage.chunk(data, 0), context, preprocessing)


def donors_of(data: list[Sample], context: Any = SWAP) -> list[int]:
    """For every image the number of the one whose grey stands in its corner."""
    _, found = shown(data, context)
    assert not found.validity.impossible.any()
    return [round((float(value) * 255 - 5) / 10) for value in found.pixels[:, 0, 0, 0]]


def ranked(data: list[Sample], at: int, rule: str = "random") -> list[int]:
    pool = DonorRanking(data, seed=0, name="swap_background")
    return [int(one.id[:3]) for one in pool.ranked(data[at], rule)]


def test_a_process_that_allows_coarser_products_sees_the_same_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    during: list[str] = []

    def watched(context: Context, scene: ContextInput) -> ContextOutput:
        during.append(torch.get_float32_matmul_precision())
        return apply(context, scene)

    monkeypatch.setattr(scenes, "apply", watched)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        shown([flat(0)], gaussian_blur(5))
        assert during == ["highest"] and torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_what_lends_waits_without_its_decoded_pixels() -> None:
    with BatchBuilder([flat(0)], seed=0, device="cpu", passes=PassCounts()) as stage:
        found = stage._begin(flat(0), AS_IT_IS).result()
        assert isinstance(found, PreparedSample) and found.decoded.image.size == 0 and found.decoded.mask is None
        pixels, mask = found.view(AS_IT_IS)
        assert pixels.shape == (3, SIDE, SIDE) and mask is not None


def test_the_first_in_rank_lends() -> None:
    data = [flat(at) for at in range(8)]
    assert donors_of(data) == [ranked(data, at)[0] for at in range(8)]


@pytest.mark.parametrize(
    "changes",
    [
        {"mask": FULL},  # no strip beside the object
        {"mask": None, "mask_kind": "none"},
        {"image": b"no picture"},
        {"mask": np.zeros((3, 3), np.uint8)},  # of another size
    ],
    ids=["fills the image", "no mask", "unreadable image", "mask of another size"],
)
def test_an_image_that_cannot_lend_is_passed_over_by_all(changes: dict[str, Any]) -> None:
    data = [flat(at) for at in range(8)]
    before = donors_of(data)
    useless = before[0]
    data[useless] = flat(useless, **changes)
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        others = [one for one in data if one is not data[useless]]
        found = stage.show(stage.chunk(others, 0), SWAP, AS_IT_IS)
    after = [round((float(value) * 255 - 5) / 10) for value in found.pixels[:, 0, 0, 0]]
    expected = [next(one for one in ranked(data, at) if one != useless) for at in range(8) if at != useless]
    assert after == expected
    assert after != [one for at, one in enumerate(before) if at != useless]


@pytest.mark.parametrize("rule", ["same_class", "other_class"])
def test_donors_obey_the_rule(rule: str) -> None:
    data = [flat(at) for at in range(12)]
    for at, lender in enumerate(donors_of(data, swap_background(rule))):
        assert lender != at
        assert (data[lender].label == data[at].label) == (rule == "same_class")


def test_an_image_without_any_donor_is_impossible_and_the_others_are_not() -> None:
    data = [*(flat(at, label="bolt") for at in range(3)), flat(3, label="nut")]
    _, found = shown(data, swap_background("same_class"))
    assert found.validity.impossible.tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([flat(at, label="bolt") for at in range(3)], r"other classes, and the data have only \{'bolt'\}"),
        ([flat(0)], "only '000.png' has a mask"),
        ([flat(0), *(flat(at, mask=None, mask_kind="none") for at in (1, 2))], "only '000.png' has a mask"),
        ([flat(at, mask=None, mask_kind="none") for at in range(3)], "no image has a mask"),
    ],
)
def test_data_that_could_never_lend_are_an_error(data: list[Sample], message: str) -> None:
    with pytest.raises(ContextError, match=message):
        shown(data, swap_background("other_class"))


def test_an_image_without_a_mask_is_marked_where_the_context_needs_one() -> None:
    data = [flat(0), flat(1), flat(2, mask=None, mask_kind="none")]
    _, swapped = shown(data, SWAP)
    assert swapped.validity.without_mask.tolist() == [False, False, True]
    assert not swapped.validity.impossible[2]  # counted once, as what it is
    _, lit = shown(data, lighting(3))
    assert not lit.validity.without_mask.any() and lit.validity.changed.all()


def test_a_composition_lends_to_the_part_that_asks() -> None:
    data = [flat(at) for at in range(8)]
    _, swapped = shown(data, SWAP)
    _, noisy = shown(data, SWAP | gaussian_noise(1))
    difference = (noisy.pixels - swapped.pixels).abs().flatten(1).amax(1)
    assert ((difference > 0) & (difference < 0.6)).all()
    corners = noisy.pixels[:, :, :3].mean((1, 2, 3)) - swapped.pixels[:, :, :3].mean((1, 2, 3))
    assert corners.abs().max() < 0.1  # the same donors, with noise of sigma 0.08


def test_a_swap_keeps_the_object_and_takes_the_background() -> None:
    data = [flat(at) for at in range(6)]
    stage, found = shown(data, swap_background("other_class", feather=0))
    original = stage.scene(stage_chunk(data), AS_IT_IS)
    assert original.mask is not None
    on_object = (original.mask == 1)[:, None].expand_as(found.pixels)
    assert torch.equal(found.pixels[on_object], original.pixels[on_object])
    assert bool((found.pixels != original.pixels)[~on_object].all())


def stage_chunk(data: list[Sample]) -> Any:
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        return stage.chunk(data, 0)


@pytest.mark.parametrize("split", [False, True], ids=["in one chunk", "in two"])
def test_images_of_different_sizes_are_an_error_that_names_two_and_the_way_out(split: bool) -> None:
    data = [sample(0), sample(1, side=20)]
    message = r"000.png is 16 x 16, 001.png is 20 x 20.*Preprocessing\(resize=...\)"
    with (
        BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage,
        pytest.raises(DataError, match=message),
    ):
        for part in [data[:1], data[1:]] if split else [data]:
            stage.show(stage.chunk(part, 0), lighting(1), RAW)
    assert shown(data, lighting(1), AS_IT_IS)[1].pixels.shape == (2, 3, SIDE, SIDE)


def test_one_context_is_rendered_once_a_geometry() -> None:
    data = [sample(at, side=20) for at in range(3)]
    photometry = Preprocessing(resize=SIDE, mean=(0.5, 0.5, 0.5))
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        chunk = stage.chunk(data, 0)
        first = stage.show(chunk, SWAP, AS_IT_IS)
        assert stage.show(chunk, swap_background("random"), photometry) is first
        assert stage.show(chunk, SWAP, Preprocessing(resize=8)) is not first


def test_unreadable_images_and_masks_are_named_with_their_reason_and_the_rest_keep_their_places() -> None:
    data = [flat(at) for at in range(5)]
    data[1], data[3] = flat(1, image=b"no picture"), flat(3, mask=np.full((SIDE, SIDE), 7, np.uint8))
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        chunk = stage.chunk(data, 10)
        assert chunk.positions == (10, 12, 13, 14)
        assert {name: reason for name, (reason, _) in stage.unusable.items()} == {"001.png": Missing.UNREADABLE_IMAGE}
        assert {name: reason for name, (reason, _) in stage.mask_errors.items()} == {"003.png": Missing.UNREADABLE_MASK}
        assert set(stage.digests) == {one.id for one in data}


def test_a_donor_that_no_longer_exists_is_asked_once(tmp_path: Path) -> None:
    """An image on a lost drive must not be waited for by every image that would borrow from it."""
    tries: list[str] = []

    def lost() -> NDArray[np.uint8]:
        tries.append("")
        raise OSError("the drive is gone")

    data = [flat(at) for at in range(8)]
    useless = max(set(before := donors_of(data)), key=before.count)
    data[useless] = flat(useless, image=lost)
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        others = [one for one in data if one is not data[useless]]
        stage.show(stage.chunk(others, 0), SWAP, AS_IT_IS)
    assert len(tries) == 1


def test_files_are_read_as_files(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(np.full((SIDE, SIDE, 3), 40, np.uint8)).save(picture)
    _, found = shown([sample(0, image=picture), flat(1)], lighting(1))
    assert len(found.pixels) == 2
    picture.unlink()
    stage, left = shown([sample(0, image=picture), flat(1)], lighting(1))
    assert len(left.pixels) == 1 and stage.unusable["000.png"][0] is Missing.UNREADABLE_IMAGE
