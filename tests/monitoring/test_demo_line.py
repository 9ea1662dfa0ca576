"""On the demo: a line whose surroundings change after 500 frames is alarmed, one whose parts alone vary is not."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
from monitoring.demo_line import Watched, fitted, line, watch

#: green belt and blue mat; later wooden pallet and steel table
OWN, OTHERS = (0, 1), (2, 3)
BEFORE, AFTER, MORE = 500, 30, 60


@dataclass(frozen=True)
class Streams:
    """500 frames of the line, and then more of the same, other surroundings, or other parts."""

    same: Watched
    surroundings: Watched
    parts: Watched


def streams(seed: int, of_monitor: int, folder: Path, more: int) -> Streams:
    monitor = fitted(of_monitor, surroundings=OWN)
    own = line(seed, surroundings=OWN)
    state = folder / "before.sqlite"
    watch(monitor, [*islice(own, BEFORE)], state)
    found = {}
    for name, frames in {
        "same": islice(own, more),
        "surroundings": islice(line(1000 + seed, surroundings=OTHERS), AFTER),
        "parts": islice(line(2000 + seed, surroundings=OWN, parts=(1, 2)), more),
    }.items():
        shutil.copy(state, folder / f"{name}.sqlite")
        found[name] = watch(monitor, [*frames], folder / f"{name}.sqlite")
    return Streams(**found)


def assert_told_apart(found: Streams) -> None:
    assert found.same.alarms == ()
    noticed = found.surroundings.first("surroundings")
    assert noticed is not None and BEFORE < noticed <= BEFORE + AFTER
    assert not [one for one in found.surroundings.alarms if one.unit <= BEFORE]
    (chart,) = [one for one in found.surroundings.charts if one.statistic == "surroundings"]
    assert abs(chart.change_at - BEFORE) < 20
    # that other parts come is seen where it shows, in the classes, and not taken for other surroundings
    assert not {one.statistic for one in found.parts.alarms} & {"surroundings", "light"}


@pytest.mark.parametrize("seed", range(2))
def test_a_line_whose_surroundings_change_is_told_from_one_whose_parts_vary(seed: int, tmp_path: Path) -> None:
    assert_told_apart(streams(seed, 0, tmp_path, MORE))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_a_monitor_of_its_own_for_each_line(seed: int, tmp_path: Path) -> None:
    found = streams(seed, seed, tmp_path, 500)
    assert_told_apart(found)
    assert found.parts.first("classes") is not None
