"""Backgrounds from classes, groups, folders and pools: who lends, who cannot, and what an error takes down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.measurement.test_stored import Bench, cost, what
from engine.small_audits import AS_IT_IS, SIDE, Net, audit, column, measured, sample, samples, values
from PIL import Image

from modelaudit.contexts import mixed_rand, swap_background
from modelaudit.engine.images.batches import BatchBuilder, ContextBatch
from modelaudit.engine.images.donor_pools import DonorPool
from modelaudit.engine.images.donor_ranking import DonorRanking
from modelaudit.engine.images.same_picture import nearly_equal
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language import Audit, AuditCase, ContextError, Missing, Preprocessing, Sample
from modelaudit.measures import accuracy, adversarial_background_rate, confidence

FULL = np.ones((SIDE, SIDE), np.uint8)
NIGHT = swap_background("pool:night")


def flat(number: int, **changes: Any) -> Sample:
    """An image of one grey value of its own, so that a borrowed background says whose it is."""
    return sample(number, **{"image": np.full((SIDE, SIDE, 3), 10 * number + 5, np.uint8), **changes})


def photo(number: int, **changes: Any) -> Sample:
    return flat(number, mask=None, mask_kind="none", label="photo", **changes)


def shown(
    data: list[Sample], donors: str, *, rank: int = 0, pools: Mapping[str, Any] | None = None, root: Path = Path()
) -> ContextBatch:
    context = swap_background(donors, rank=rank)
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts(), pools=pools, root=root) as stage:
        return stage.show(stage.chunk(data, 0), context, AS_IT_IS)


def greys(found: ContextBatch) -> list[int]:
    """The number of the image whose grey stands in the corner of each."""
    return [round((float(value) * 255 - 5) / 10) for value in found.pixels[:, 0, 0, 0]]


def ranked(data: list[Sample], at: int, rule: str, photos: list[Sample] | None = None) -> list[int]:
    pool = None if photos is None else DonorPool(tuple(photos), tuple(one.id for one in photos), outside=True)
    ranking = DonorRanking(data, seed=0, name="swap_background", pool=pool)
    return [int(one.id[:3]) for one in ranking.ranked(data[at], rule)]


def grouped(count: int) -> list[Sample]:
    return [flat(at, group=("cam 1", "cam 2")[at % 2]) for at in range(count)]


# --- who lends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("donors", ["next_class", "class:nut", "group:cam 2", "other_group", "random"])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_donor_at_the_rank_lends(donors: str, rank: int) -> None:
    data = grouped(12)
    assert greys(shown(data, donors, rank=rank)) == [ranked(data, at, donors)[rank] for at in range(12)]


def test_different_ranks_are_different_backgrounds_and_the_ranks_of_an_image_are_all_of_them() -> None:
    data = grouped(6)
    by_rank = [greys(shown(data, "random", rank=rank)) for rank in range(5)]
    for at in range(6):
        assert sorted(found[at] for found in by_rank) == [other for other in range(6) if other != at]


def test_a_rank_counts_those_who_can_lend() -> None:
    """Who fills the frame is no donor, so the second in rank is the first of those who lend."""
    data = grouped(8)
    useless = ranked(data, 0, "random")[0]
    data[useless] = replace(data[useless], mask=FULL)
    rest = [one for one in ranked(data, 0, "random") if one != useless]
    assert [greys(shown(data, "random", rank=rank))[0] for rank in (0, 1)] == rest[:2]


def test_a_rank_that_an_image_has_not_is_impossible_there_and_only_there() -> None:
    data = [*(flat(at, label="bolt") for at in range(4)), *(flat(at, label="nut") for at in (4, 5))]
    found = shown(data, "same_class", rank=1)
    assert found.validity.impossible.tolist() == [False] * 4 + [True] * 2


def test_an_image_of_no_known_group_has_no_other_group() -> None:
    data = [*grouped(4), flat(4)]
    found = shown(data, "other_group")
    assert found.validity.impossible.tolist() == [False] * 4 + [True]
    assert all(grey < 4 for grey in greys(found)[:4])


def test_a_pool_lends_whole_photos_and_takes_objects_away_where_masks_are() -> None:
    data, bright = [flat(at) for at in range(4)], np.full((SIDE, SIDE, 3), 165, np.uint8)
    bright[4:9, 4:9] = 255
    with_object = sample(50, image=bright, mask=np.pad(np.ones((5, 5), np.uint8), ((4, 7), (4, 7))))
    photos = [photo(16, image=bright)]
    whole = shown(data, "pool:hall", pools={"hall": photos})
    filled = shown(data, "pool:hall", pools={"hall": [with_object]})
    kept = whole.pixels[0, 0, 8, 8] == 1.0, filled.pixels[0, 0, 8, 8] == 1.0
    assert kept == (True, False)
    assert greys(whole) == greys(filled) == [16] * 4


def test_photos_are_chosen_by_weight_and_named_after_their_pool() -> None:
    data, photos = [flat(at) for at in range(8)], [photo(at) for at in range(10, 20)]
    found = shown(data, "pool:night", pools={"night": photos})
    expected = [ranked(data, at, "pool:night", photos)[0] for at in range(8)]
    assert greys(found) == expected and len(set(expected)) > 2
    assert [donor[0] for donor in found.donors if donor] == [f"pool:night: {number:03d}.png" for number in expected]


def test_an_image_of_the_pool_with_the_id_of_one_of_the_data_is_another_image() -> None:
    data = [flat(at) for at in range(3)]
    found = shown(data, "pool:night", pools={"night": [photo(0, image=np.full((SIDE, SIDE, 3), 205, np.uint8))]})
    assert greys(found) == [20] * 3


def test_pools_that_refer_to_folders_are_found_below_the_root(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "night" / "any"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((SIDE, SIDE, 3), 95, np.uint8)).save(folder / "a.png")
    data = [flat(at) for at in range(3)]
    assert greys(shown(data, "pool:n", pools={"n": "folder:data/night"}, root=tmp_path)) == [9] * 3


def test_a_folder_of_photos_needs_no_pool(tmp_path: Path) -> None:
    (tmp_path / "halls").mkdir()
    Image.fromarray(np.full((SIDE, SIDE, 3), 95, np.uint8)).save(tmp_path / "halls" / "a.png")
    data = [flat(at) for at in range(3)]
    assert greys(shown(data, "photos:halls", root=tmp_path)) == [9] * 3
    with pytest.raises(ContextError, match=r"'swap_background\('photos:no'\)': .*no folder"):
        shown(data, "photos:no", root=tmp_path)


def test_photos_that_cannot_be_used_are_passed_over() -> None:
    data, photos = [flat(at) for at in range(8)], [photo(at) for at in range(10, 14)]
    useless = ranked(data, 0, "pool:night", photos)[0]
    photos[useless - 10] = photo(useless, image=b"no picture")
    found = shown(data, "pool:night", pools={"night": photos})
    assert greys(found) == [
        next(one for one in ranked(data, at, "pool:night", photos) if one != useless) for at in range(8)
    ]


# --- who cannot ------------------------------------------------------------------------------------------------------

UNUSABLE = [photo(1, image=b"no picture"), sample(2, image=np.zeros((SIDE, SIDE, 3), np.uint8), mask=FULL)]


@pytest.mark.parametrize(
    ("donors", "message"),
    [
        ("class:nutt", "the data have no class 'nutt'; did you mean 'nut'"),
        ("class:pin", "no image of the class 'pin' has a mask"),
        ("group:cam 3", "the data have no group 'cam 3'; did you mean 'cam 2' or 'cam 1'"),
        ("pool:nigth", "the audit names no pool 'nigth'; did you mean 'night'"),
        ("pool:nowhere", r"swap_background\('pool:nowhere'\)': folder:no/such: no folder"),
        ("pool:broken", r"of pool:broken no image can lend a background \(tried 2: 'pool:broken: 001.png', '"),
    ],
)
def test_what_cannot_lend_is_an_error_that_names_the_way_out(donors: str, message: str) -> None:
    data = [*grouped(6), flat(6, label="pin", mask=None, mask_kind="none")]
    pools = {"night": [photo(9)], "nowhere": "folder:no/such", "broken": UNUSABLE}
    with pytest.raises(ContextError, match=message):
        shown(data, donors, pools=pools)


@pytest.mark.parametrize(
    ("data", "donors", "message"),
    [
        ([flat(0), flat(1)], "group:a", "the data have no group 'a'; they have none at all"),
        ([flat(0), flat(1)], "other_group", "from other groups, and the data have none"),
        ([flat(0, group="a"), flat(1, group="a")], "other_group", r"other groups, and the data have only \{'a'\}"),
        (
            [flat(0, label="nut"), flat(1, label="nut")],
            "next_class",
            r"other classes, and the data have only \{'nut'\}",
        ),
        ([flat(0), flat(1)], "pool:x", r"the audit names no pool 'x'; say Audit\(pools=\{'x': 'photos:DIR'\}\)"),
    ],
)
def test_data_that_could_never_lend_are_an_error(data: list[Sample], donors: str, message: str) -> None:
    with pytest.raises(ContextError, match=message):
        shown(data, donors)


def test_a_rank_beyond_a_pool_is_an_error() -> None:
    pools = {"night": [*(photo(at) for at in (10, 11)), UNUSABLE[0]]}
    data = [flat(at) for at in range(4)]
    assert greys(shown(data, "pool:night", rank=1, pools=pools)) != greys(shown(data, "pool:night", pools=pools))
    with pytest.raises(
        ContextError, match="only 2 of the 3 images can lend a background, and rank=2 asks for one more"
    ):
        shown(data, "pool:night", rank=2, pools=pools)


def test_a_photo_of_another_size_without_a_resize_is_an_error_that_names_it() -> None:
    data = [flat(at) for at in range(3)]
    large = photo(0, image=np.zeros((20, 20, 3), np.uint8))
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts(), pools={"night": [large]}) as stage:
        chunk = stage.chunk(data, 0)
        with pytest.raises(Exception, match=r"pool:night: 000.png is 20 x 20.*Preprocessing\(resize=...\)"):
            stage.show(chunk, NIGHT, Preprocessing())


# --- in a run --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def photo_files(folder: Path, count: int = 4) -> str:
    for at in range(count):
        path = folder / "photos" / "any" / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(sample(at + 60).image)).save(path)
    return "folder:photos"


def asked(one: Audit) -> dict[str, AuditCase]:
    return {
        "night": one.expect(confidence.under(NIGHT) > 0.1),
        "second": one.expect(confidence.under(swap_background("pool:night", rank=1)) > 0.1),
        "next": one.expect(confidence.under(swap_background("next_class", rank=2)) > 0.1),
        "right": one.expect(accuracy > 0.1),
    }


def test_an_error_of_a_pool_takes_down_only_the_cases_that_need_it(tmp_path: Path) -> None:
    one = audit(Net(), samples(6), pools={"day": [photo(0)], "gone": "folder:gone"})
    found = measured(
        tmp_path,
        unknown=one.expect(accuracy.under(NIGHT) > 0.1),
        gone=one.expect(accuracy.under(swap_background("pool:gone")) > 0.1),
        day=one.expect(accuracy.under(swap_background("pool:day")) > 0.1),
        typo=one.expect(accuracy.under(swap_background("class:boltt")) > 0.1),
    )
    assert sorted(found.failures) == [
        "model:Net|accuracy.under(swap_background('class:boltt'))",
        "model:Net|accuracy.under(swap_background('pool:gone'))",
        "model:Net|accuracy.under(swap_background('pool:night'))",
    ]
    assert not np.isnan(values(found, "accuracy.under(swap_background('pool:day'))")).any()


def test_the_record_says_what_the_pool_is_and_who_was_passed_over(tmp_path: Path) -> None:
    reference = photo_files(tmp_path)
    (tmp_path / "photos" / "any" / "2.png").write_bytes(b"no picture")
    found = measured(tmp_path, **asked(audit(Net(), samples(9), pools={"night": reference})))
    assert found.failures == {} and found.data is not None
    (note,) = [note for note in found.data.notes if "pool:night" in note]
    assert note.startswith("backgrounds from pool:night (folder:photos): 4 images; no masks")
    assert note.endswith(
        "1 of them cannot be read or have no background to lend, and were passed over: pool:night: any/2.png"
    )


# --- donors that are passed over -------------------------------------------------------------------------------------

LARGE = np.ones((SIDE, SIDE), np.uint8)
LARGE[-2:] = 0


def test_an_image_whose_object_covers_most_of_the_frame_does_not_lend_but_borrows() -> None:
    data = [flat(at) for at in range(8)]
    large = ranked(data, 0, "random")[0]
    data[large] = replace(data[large], mask=LARGE)
    found = shown(data, "random")
    expected = [next(one for one in ranked(data, at, "random") if one != large) for at in range(8)]
    assert not found.validity.impossible.any()
    assert [int(donor[0][:3]) for donor in found.donors if donor] == expected


def noisy(number: int, of: int, levels: int) -> Sample:
    """A sample with the pixels of another one, each moved by up to so many levels."""
    draw = np.random.default_rng(number)
    pixels = np.asarray(sample(of).image, dtype=np.int16)
    moved = pixels + draw.integers(-levels, levels + 1, pixels.shape)
    return sample(number, image=np.clip(moved, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(("levels", "same"), [(0, True), (3, True), (12, False)])
def test_a_donor_that_is_nearly_the_same_picture_is_passed_over(levels: int, same: bool) -> None:
    data = samples(8)
    copy = ranked(data, 0, "random")[0]
    data[copy] = noisy(copy, 0, levels)
    by_rank = [shown(data, "random", rank=rank).donors[0] for rank in (0, 1)]
    order = [one for one in ranked(data, 0, "random") if not same or one != copy]
    assert [int(donor[0][:3]) for donor in by_rank if donor] == order[:2]


def test_the_variants_of_imagenet_9_pass_over_no_copy_and_no_large_object() -> None:
    data = [sample(0), sample(1, label="bolt", image=sample(0).image, mask=LARGE)]
    data = [replace(one, label="bolt") for one in data]
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        found = stage.show(stage.chunk(data, 0), mixed_rand(), AS_IT_IS)
    assert [donor[0] for donor in found.donors if donor] == ["001.png", "000.png"]


def test_an_image_whose_only_other_donors_are_copies_of_it_has_none(tmp_path: Path) -> None:
    """Its swap would change nothing; the others of the pool's borrowers are not affected."""
    data = samples(5)
    found = measured(
        tmp_path,
        a=audit(Net(), data, pools={"night": [photo(9, image=data[2].image)]}).expect(accuracy.under(NIGHT) > 0),
    )
    assert found.failures == {}
    assert column(found, f"accuracy.under({NIGHT})").missing == {2: Missing.CONTEXT_IMPOSSIBLE}
    assert found.data is not None
    (note,) = [note for note in found.data.notes if "pool:night" in note]
    assert note.endswith(
        "nearly the same picture as the image was passed over once, e.g. 'pool:night: 009.png' for '002.png'"
    )


def test_the_record_says_how_many_donors_were_passed_over_and_why_and_so_does_an_unchanged_run(bench: Bench) -> None:
    data, net = samples(9), Net()
    data[3], data[5], data[6] = sample(3, mask=LARGE), sample(5, mask=FULL), noisy(6, 0, 2)
    borrows = swap_background("random", rank=2)
    cases = {
        "first": audit(net, data).expect(accuracy.under(swap_background("random")) > 0),
        "third": audit(net, data).expect(accuracy.under(borrows) > 0),
        "every": audit(net, data).expect(adversarial_background_rate().under(swap_background("random")) < 1),
        "some": audit(net, data).expect(adversarial_background_rate(3).under(swap_background("random")) < 1),
    }
    first = bench.run(cases)
    assert first.failures == {} and first.data is not None
    (note,) = [note for note in first.data.notes if note.startswith("backgrounds of random: ")]
    assert "1 of them cannot be read or have no background to lend, and were passed over: 005.png" in note
    assert "in 1 of them object and ring cover more than 80% of the frame" in note
    assert "(max_donor_object=1 admits them): 003.png" in note
    assert "nearly the same picture as the image was passed over once, e.g. '000.png' for '006.png'" in note
    again = bench.again(cases)
    assert cost(again) == (0, 0) and what(again) == what(first)


def test_of_a_pool_whose_objects_are_all_too_large_the_error_names_the_argument(tmp_path: Path) -> None:
    pools = {"close": [flat(at, mask=LARGE, label="photo") for at in (9, 10)]}
    close = swap_background("pool:close")
    with pytest.raises(ContextError, match=r"no image can lend .*more than 80% of the frame, and max_donor_object=1"):
        shown(samples(3), "pool:close", pools=pools)
    admitted = replace(close, max_donor_object=1)
    cases = {"a": audit(Net(), samples(3), pools=pools).expect(accuracy.under(admitted) > 0)}
    assert not column(measured(tmp_path, **cases), f"accuracy.under({admitted})").missing


def test_twenty_images_a_class_find_donors_though_a_part_of_them_is_passed_over() -> None:
    data = [sample(at, mask=LARGE) if at % 4 == 0 else sample(at) for at in range(40)]
    found = shown(data, "other_class")
    assert all(donor is not None and int(donor[0][:3]) % 4 for donor in found.donors)


@pytest.mark.parametrize(
    ("changed", "by", "same"),
    [(2, 4, True), (3, 4, False), (256, 3, True), (256, 4, False)],
    ids=["a hundredth", "more than a hundredth", "all by three levels", "all by four levels"],
)
def test_pictures_agree_by_the_rule_for_copies(changed: int, by: int, same: bool) -> None:
    """99 % of the pixels within 3 of 255 in every channel."""
    one = torch.full((3, 16, 16), 100 / 255)
    other = one.clone()
    other.view(3, -1)[1, :changed] = (100 + by) / 255
    assert nearly_equal(one, other) is same and nearly_equal(other, one) is same
    assert not nearly_equal(one, torch.full((3, 16, 20), 100 / 255))


def test_an_unchanged_run_computes_nothing_and_says_the_same(bench: Bench, tmp_path: Path) -> None:
    reference, net, data = photo_files(tmp_path), Net(), samples(9)
    (tmp_path / "photos" / "any" / "2.png").write_bytes(b"no picture")
    data[3] = sample(3, mask=FULL)
    first = bench.run(asked(audit(net, data, pools={"night": reference})))
    again = bench.again(asked(audit(net, data, pools={"night": reference})))
    assert cost(again) == (0, 0) and what(again) == what(first) and first.failures == {}


def test_the_errors_of_pools_are_the_same_in_every_run(bench: Bench) -> None:
    one = audit(Net(), samples(6), pools={"broken": UNUSABLE, "few": [photo(10), UNUSABLE[0]]})
    cases = {
        "broken": one.expect(accuracy.under(swap_background("pool:broken")) > 0.1),
        "few": one.expect(accuracy.under(swap_background("pool:few", rank=1)) > 0.1),
        "unknown": one.expect(accuracy.under(NIGHT) > 0.1),
    }
    first = bench.run(cases)
    assert len(first.failures) == 3
    assert bench.run(cases).failures == first.failures


def test_another_photo_is_seen_by_those_who_borrow_it(bench: Bench, tmp_path: Path) -> None:
    reference, net, data = photo_files(tmp_path), Net(), samples(9)
    cases = {"night": audit(net, data, pools={"night": reference}).expect(confidence.under(NIGHT) > 0.1)}
    bench.run(cases)
    before = bench.values
    Image.fromarray(np.asarray(sample(80).image)).save(tmp_path / "photos" / "any" / "1.png")
    again = bench.again(cases)
    assert 0 < bench.values - before <= 4 and cost(again)[1] == 1


def test_another_pool_under_the_same_name_is_another_pool(bench: Bench) -> None:
    net, data = Net(), samples(6)
    one, other = [photo(10), photo(11)], [photo(12), photo(13)]
    first = bench.run({"a": audit(net, data, pools={"night": one}).expect(confidence.under(NIGHT) > 0)})
    again = bench.again({"a": audit(net, data, pools={"night": other}).expect(confidence.under(NIGHT) > 0)})
    key = f"confidence.under({NIGHT})"
    assert not np.array_equal(values(first, key), values(again, key))


def test_images_without_a_mask_still_cannot_borrow_from_a_pool(tmp_path: Path) -> None:
    data = [*samples(4), sample(4, mask=None, mask_kind="none")]
    found = measured(tmp_path, a=audit(Net(), data, pools={"night": [photo(9)]}).expect(accuracy.under(NIGHT) > 0))
    assert column(found, f"accuracy.under({NIGHT})").missing == {4: Missing.NO_MASK}


def test_values_under_a_pool_do_not_depend_on_the_limit(tmp_path: Path) -> None:
    net, data, photos = Net(), samples(11), [photo(at) for at in range(10, 20)]
    one = audit(net, data, pools={"night": photos})
    cases = {"a": one.expect(confidence.under(NIGHT) > 0)}
    key = f"confidence.under({NIGHT})"
    whole = measured(tmp_path, **cases)
    by_id = dict(zip([one.id for one in whole.samples], values(whole, key), strict=True))
    part = measured(tmp_path, {"limit": 5}, **cases)
    assert [by_id[one.id] for one in part.samples] == values(part, key).tolist()
