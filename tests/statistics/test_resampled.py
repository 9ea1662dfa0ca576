"""Audits drawn from the images of another one: what is drawn, and what stays together."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from statistics_tables import Values, column, named

from modelaudit.language import Missing, correct
from modelaudit.statistics import Clustering, Membership
from modelaudit.statistics.resampled import Draw, Resampled, drawn_by, draws

X, Y = named("x"), named("y")
ALONE = np.full(6, -1)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def at(*positions: int) -> Draw:
    return Draw(np.array(positions), np.zeros(len(positions), dtype=np.int64))


def test_values_reasons_and_strata_go_with_their_images() -> None:
    inside, unknown = np.array([True, False, True]), np.array([False, False, True])
    table = Values({"x": column([0.1, np.nan, 0.3])}, {"correct": Membership(inside, unknown)})
    drawn = Resampled(table, at(2, 1, 1, 0))
    found = drawn.column(X)
    assert np.array_equal(found.values, [0.3, np.nan, np.nan, 0.1], equal_nan=True)
    assert found.missing == {1: Missing.ZERO_ATTRIBUTION, 2: Missing.ZERO_ATTRIBUTION}
    assert drawn.members(correct, None).inside.tolist() == [True, False, False, True]
    assert drawn.members(correct, None).unknown.tolist() == [True, False, False, False]


def test_every_image_is_drawn_as_often_as_any_other() -> None:
    counts = sum(np.bincount(draw.at, minlength=6) for draw in draws(ALONE, 50, 400, generator()))
    expected = 50 * 400 / 6
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("images", [1, 5, 6, 1000])
def test_so_many_images_are_drawn_whatever_there_is(images: int) -> None:
    for draw in draws(np.array([0, 0, 0, 1, -1, -1]), images, 20, generator()):
        assert draw.at.shape == draw.copy.shape == (images,)
        assert set(draw.at.tolist()) <= set(range(6))


def test_clusters_are_drawn_whole_and_copies_are_clusters_of_their_own() -> None:
    codes = np.array([7, 2, 7, 2, 2, -1])
    table = Values({"x": column(np.linspace(0, 1, 6))}, clusters={"*": (Clustering("cluster", codes),)})
    for draw in draws(drawn_by(table, [X], 6), 60, 20, generator()):
        (found,) = Resampled(table, draw).clusterings(X)
        for code in set(found.codes.tolist()) - {-1}:
            members = draw.at[found.codes == code]
            whole = [np.flatnonzero(codes == one).tolist() for one in (7, 2)]
            last = code == found.codes[-1]  # is cut where the images are enough
            assert sorted(members.tolist()) in whole or last
        assert ((found.codes == -1) == (draw.at == 5)).all()


def test_a_draw_of_every_cluster_once_has_the_clusters_of_the_whole() -> None:
    codes: NDArray[np.int64] = np.array([0, 0, 1, 1, -1, -1])
    donors = np.array([3, 4, 4, 3, -1, 3])
    table = Values(
        {"x": column(np.zeros(6))}, clusters={"*": (Clustering("cluster", codes), Clustering("donor", donors))}
    )
    once = Resampled(table, Draw(np.arange(6), np.zeros(6, dtype=np.int64)))
    group, donor = once.clusterings(X)
    assert group.codes.tolist() == codes.tolist() and donor.codes.tolist() == donors.tolist()
    twice = Resampled(table, Draw(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))).clusterings(X)
    assert [one.name for one in twice] == ["cluster", "donor"]
    assert len(set(twice[0].codes.tolist())) == 2 and len(set(twice[1].codes.tolist())) == 4


def test_groups_of_the_data_are_drawn_before_what_shares_donors() -> None:
    donor, group = Clustering("donor", np.array([1, 1, 2])), Clustering("cluster", np.array([5, 6, 6]))
    table = Values({"x": column(np.zeros(3)), "y": column(np.zeros(3))}, clusters={"x": (donor,), "y": (donor, group)})
    assert drawn_by(table, [X, Y], 3).tolist() == group.codes.tolist()
    assert drawn_by(table, [X], 3).tolist() == donor.codes.tolist()
    assert drawn_by(Values({"x": column(np.zeros(3))}), [X], 3).tolist() == [-1, -1, -1]


def test_one_seed_is_one_series_of_draws() -> None:
    first, again = (list(draws(ALONE, 9, 5, generator())) for _ in range(2))
    assert all(np.array_equal(one.at, other.at) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[0].at, first[1].at)
