"""Donors: chosen by fixed weights over the whole pool, so that little moves when the data or the limit do."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.engine.images.donor_pools import DonorPool
from modelaudit.engine.images.donor_ranking import DonorRanking, limited
from modelaudit.engine.store.mixing import mixed
from modelaudit.language import Sample

PIXEL = np.zeros((1, 1, 3), dtype=np.uint8)
RULES = ("same_class", "other_class", "random")


def line(count: int, classes: int = 4) -> list[Sample]:
    return [Sample(f"{number:04d}", PIXEL, f"class {number % classes}") for number in range(count)]


def grouped(count: int, groups: tuple[str | None, ...] = ("cam 1", "cam 2", None)) -> list[Sample]:
    return [
        Sample(f"{number:04d}", PIXEL, f"class {number % 4}", group=groups[number % len(groups)])
        for number in range(count)
    ]


#: who is eligible for whom, said without the pool's own code
ELIGIBLE: dict[str, Callable[[Sample, Sample], bool]] = {
    "next_class": lambda one, other: int(other.label[-1]) == (int(one.label[-1]) + 1) % 4,  # type: ignore[index]
    "class:class 2": lambda one, other: other.label == "class 2",
    "group:cam 2": lambda one, other: other.group == "cam 2",
    "other_group": lambda one, other: None not in (one.group, other.group) and one.group != other.group,
    "class:class 9": lambda one, other: False,
}


@pytest.mark.parametrize("rule", ELIGIBLE)
def test_classes_and_groups_say_who_is_eligible(rule: str) -> None:
    data = grouped(30)
    ranking = DonorRanking(data, seed=0, name="swap_background")
    for one in data:
        found = list(ranking.ranked(one, rule))
        assert {donor.id for donor in found} == {
            other.id for other in data if other.id != one.id and ELIGIBLE[rule](one, other)
        }
        assert ranking.first(one, rule) is (found[0] if found else None)


@pytest.mark.parametrize("rule", [*RULES, *ELIGIBLE])
def test_who_is_first_does_not_depend_on_how_far_the_ranking_is_put_in_order(rule: str) -> None:
    """Pools of more than 128 are put in order block by block."""
    data = grouped(300)
    ranking = DonorRanking(data, seed=0, name="swap_background")
    for one in data[:5]:
        order = [donor.id for donor in ranking.ranked(one, rule)]
        weights = {
            other.id: mixed(np.array([hashed(other.id)], np.uint64) ^ mixed(np.array([hashed(one.id)], np.uint64)))[0]
            for other in data
        }
        assert order == sorted(order, key=lambda name: weights[name], reverse=True)
        assert len(set(order)) == len(order)


def hashed(name: str) -> int:
    text = f"0\0swap_background\0{name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


@pytest.mark.parametrize(
    ("labels", "after"),
    [
        (["b", "a", "c"], {"a": "b", "b": "c", "c": "a"}),
        ([10, 9, 2], {"2": "9", "9": "10", "10": "2"}),
        (["10", "9", "2"], {"10": "2", "2": "9", "9": "10"}),
    ],
    ids=["names", "indices by their number", "names by their letters"],
)
def test_the_next_class_is_the_next_in_order_and_the_first_after_the_last(
    labels: list[str | int], after: dict[str, str]
) -> None:
    data = [Sample(f"{number}", PIXEL, label) for number, label in enumerate(labels * 2)]
    ranking = DonorRanking(data, seed=0, name="swap_background")
    assert {str(one.label): str(next(ranking.ranked(one, "next_class")).label) for one in data} == after


def test_images_from_outside_lend_to_all_and_a_pool_may_be_renamed() -> None:
    data, photos = line(20), [Sample(f"photo {number}", PIXEL, "photo") for number in range(6)]

    def chosen(pool_name: str) -> list[str]:
        named = tuple(replace(one, id=f"{pool_name}: {one.id}") for one in photos)
        pool = DonorPool(named, tuple(one.id for one in photos), outside=True)
        ranking = DonorRanking(data, seed=0, name="swap_background", pool=pool)
        found = []
        for one in data:
            order = list(ranking.ranked(one, f"pool:{pool_name}"))
            assert len(order) == 6 and ranking.first(one, f"pool:{pool_name}") is order[0]
            found.append(order[0].id.removeprefix(f"{pool_name}: "))
        return found

    assert chosen("night") == chosen("night shift") and len(set(chosen("night"))) > 3


def first(data: list[Sample], rule: str, *, seed: int = 0, name: str = "swap_background") -> dict[str, str]:
    ranking = DonorRanking(data, seed=seed, name=name)
    return {one.id: next(ranking.ranked(one, rule)).id for one in data}


@pytest.mark.parametrize("rule", RULES)
def test_every_eligible_image_is_ranked_once_and_no_other(rule: str) -> None:
    data = line(20)
    for one in data:
        found = list(DonorRanking(data, seed=0, name="swap_background").ranked(one, rule))
        eligible = {
            other.id
            for other in data
            if other.id != one.id and (rule == "random" or (other.label == one.label) == (rule == "same_class"))
        }
        assert len(found) == len(eligible) and {donor.id for donor in found} == eligible


@given(st.integers(0, 99), st.sampled_from(RULES), st.integers(0, 5))
def test_a_new_image_takes_over_few_and_changes_no_other(new: int, rule: str, seed: int) -> None:
    data = line(100)
    without = first(data[:new] + data[new + 1 :], rule, seed=seed)
    with_it = first(data, rule, seed=seed)
    moved = {name for name, donor in without.items() if with_it[name] != donor}
    assert all(with_it[name] == data[new].id for name in moved)
    assert len(moved) < 15  # one of a hundred on average; of a class of 25, four of a hundred


def test_the_order_of_the_data_moves_nothing() -> None:
    data = line(40)
    assert first(data, "random") == first(data[::-1], "random")


def test_another_seed_or_another_context_lends_otherwise() -> None:
    data = line(60)
    plain = first(data, "random")
    for other in (first(data, "random", seed=1), first(data, "random", name="tile")):
        same = sum(other[name] == donor for name, donor in plain.items())
        assert same < 10


def test_donors_are_spread_over_the_pool() -> None:
    """With independent uniform choices the count of each is near Poisson(1): more than 10 of 2,000 never happens."""
    counts = Counter(first(line(2000, classes=2), "random").values())
    assert max(counts.values()) < 10
    assert 0.58 < len(counts) / 2000 < 0.68  # 1 - 1/e of them lend at all


def test_a_limit_is_a_subset_in_order_that_grows_into_itself() -> None:
    data = line(50)
    ten, twenty = limited(data, 10, 0), limited(data, 20, 0)
    assert len(ten) == 10 and set(ten_ids := [one.id for one in ten]) < {one.id for one in twenty}
    assert ten_ids == sorted(ten_ids)
    assert ten_ids != [one.id for one in data[:10]]
    assert [one.id for one in limited(data, 10, 1)] != ten_ids


@pytest.mark.parametrize("limit", [None, 50, 51])
def test_no_limit_or_a_large_one_is_everything(limit: int | None) -> None:
    data = line(50)
    assert limited(data, limit, 0) == tuple(data)


def test_the_pool_of_a_limited_run_is_the_whole_data_set() -> None:
    data = line(50)
    whole, ranking = first(data, "other_class"), DonorRanking(data, seed=0, name="swap_background")
    for one in limited(data, 10, 0):
        assert [next(islice(ranking.ranked(one, "other_class"), 1)).id] == [whole[one.id]]
