from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.monitoring.lots import ClosedLot, LotFrame, OpenLot, close, gather
from modelaudit.monitoring.monitor_file import UnitRule

Frames = list[tuple[str, float, float]]
RULES = [
    UnitRule(kind="each"),
    UnitRule(kind="frames", size=3),
    UnitRule(kind="minutes", size=2),
    UnitRule(kind="stated"),
    UnitRule(kind="stated", score="mean"),
    UnitRule(kind="folder"),
]


def units(
    rule: UnitRule, frames: Frames, *, seed: int = 0, stored: bool = False
) -> tuple[list[ClosedLot], OpenLot | None]:
    """The units of (lot, time, score) of one group; with `stored` the open lot is written and read after each."""
    lot, last, found = None, 0, []
    for name, time, score in frames:
        step = gather(rule, seed, lot, last, LotFrame("a", name, time, {"light": score, "classes": score}))
        lot, last = step.lot, step.number
        found += step.closed
        if stored and lot is not None:
            lot = OpenLot.from_json(json.loads(json.dumps(lot.to_json())))
    return found, lot


frames = st.lists(
    st.tuples(st.sampled_from("xyz"), st.floats(0, 1e6, width=32), st.floats(-1e3, 1e3, width=32)), max_size=30
)


@given(st.sampled_from(RULES), frames, st.integers(0, 99))
def test_every_frame_is_in_one_lot_and_the_lot_survives_a_restart(rule: UnitRule, given: Frames, seed: int) -> None:
    closed, left = units(rule, given, seed=seed)
    assert sum(one.frames for one in closed) + (0 if left is None else left.frames) == len(given)
    assert [one.number for one in closed] == [*range(1, len(closed) + 1)]
    assert units(rule, given, seed=seed, stored=True) == (closed, left)


@given(frames, st.integers(0, 99))
def test_where_each_image_is_a_unit_its_scores_are_those_of_the_image(given: Frames, seed: int) -> None:
    closed, left = units(UnitRule(kind="each"), given, seed=seed)
    assert left is None
    assert [one.scores["light"] for one in closed] == [score for _, _, score in given]


def test_a_lot_of_frames_closes_with_its_last_frame() -> None:
    closed, left = units(UnitRule(kind="frames", size=3), [("", 0, k) for k in range(7)])
    assert [one.frames for one in closed] == [3, 3]
    assert left is not None and left.frames == 1


def test_a_lot_of_minutes_begins_with_its_first_frame() -> None:
    times = [0, 60, 119, 120, 130, 250, 251]
    closed, left = units(UnitRule(kind="minutes", size=2), [("", time, 0) for time in times])
    assert [one.frames for one in closed] == [3, 2]
    assert left is not None and left.frames == 2


def test_files_that_come_out_of_order_stay_in_the_open_lot_and_a_clock_set_back_ends_it() -> None:
    rule = UnitRule(kind="minutes", size=2)
    closed, _ = units(rule, [("", time, 0) for time in (1000, 990, 1010)])
    assert closed == []
    lot = OpenLot("", 1, 1000, 4)
    step = gather(rule, 0, lot, 1, LotFrame("a", "", 500, {}))
    assert step.clock_jumped and step.number == 2
    assert [one.frames for one in step.closed] == [4]
    assert step.lot is not None and step.lot.began == 500


def test_a_lot_scores_the_mean_where_the_rule_says_so_and_a_class_is_never_averaged() -> None:
    given: Frames = [("x", 0, 1.0), ("x", 0, 2.0), ("x", 0, 6.0), ("y", 0, 0.0)]
    (mean,), _ = units(UnitRule(kind="stated", score="mean"), given)
    assert mean.scores["light"] == 3.0
    assert mean.scores["classes"] in (1.0, 2.0, 6.0)
    (drawn,), _ = units(UnitRule(kind="stated"), given)
    assert drawn.scores["light"] in (1.0, 2.0, 6.0)


def test_each_frame_of_a_lot_is_drawn_as_often_as_any_other() -> None:
    rule = UnitRule(kind="frames", size=5)
    drawn = Counter(
        units(rule, [("", 0, k) for k in range(5)], seed=seed)[0][0].scores["light"] for seed in range(2000)
    )
    assert sorted(drawn) == [0, 1, 2, 3, 4]
    assert sum((count - 400) ** 2 / 400 for count in drawn.values()) < 18.5  # chi-square with 4 degrees: 1 in 1000


def test_a_statistic_that_some_frames_lack_is_scored_over_those_that_have_it() -> None:
    rule = UnitRule(kind="stated", score="mean")
    lot = None
    for scores in ({"light": 1.0}, {"light": 3.0, "surroundings": 7.0}):
        lot = gather(rule, 0, lot, 1, LotFrame("a", "x", 0, scores)).lot
    assert lot is not None
    assert close(rule, lot).scores == {"light": 2.0, "surroundings": 7.0}


@pytest.mark.parametrize("rule", RULES)
def test_no_frames_make_no_unit(rule: UnitRule) -> None:
    assert units(rule, []) == ([], None)
