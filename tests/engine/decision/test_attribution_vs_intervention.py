"""Heat map against intervention, image by image, and how far the methods of a case agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.small_audits import audit, column, measured, results, samples
from scipy.stats import spearmanr

from modelaudit import CheckSettings
from modelaudit.contexts import gaussian_noise, swap_background
from modelaudit.measures import accuracy, background_dependence, flip_rate

ONLY = CheckSettings(masks=0, noise=0, blind=0, seams=0, sensitivity=0, sanity=0, agreement=64)
ON: dict[str, Any] = {"checks": ONLY}
SWAP = swap_background("random")


def test_the_table_counts_images_by_what_map_and_swap_say(tmp_path: Path) -> None:
    line = audit(data=samples(24))
    cases = {
        "mapped": line.expect(background_dependence("saliency") < 0.5),
        "flips": line.expect(flip_rate.under(SWAP) < 0.5),
    }
    found = results(tmp_path / "a", ON, **cases)
    (table,) = found["mapped"].checks.two_by_two  # type: ignore[union-attr]
    values = measured(tmp_path / "b", ON, **cases)
    maps = np.array(column(values, "background_dependence(saliency)").values, dtype=float)
    flips = np.array(column(values, "flip_rate.under(swap_background(random))").values, dtype=float)
    says, flipped = maps > 0.5, flips == 1
    assert (table.both, table.map_only) == (int((says & flipped).sum()), int((says & ~flipped).sum()))
    assert (table.swap_only, table.neither) == (int((~says & flipped).sum()), int((~says & ~flipped).sum()))
    assert table.both + table.map_only + table.swap_only + table.neither + table.unknown == 24
    assert 0 < table.both + table.swap_only < 24 and 0 < table.both + table.map_only < 24
    assert (table.method, table.context, table.map_on) == ("saliency", "swap_background(random)", "original")
    assert found["flips"].checks.two_by_two == []  # type: ignore[union-attr]


def test_without_flips_an_answer_that_was_right_and_is_wrong_counts(tmp_path: Path) -> None:
    line = audit(data=samples(24))
    mapped = line.expect(background_dependence("saliency").under(SWAP) < 0.5)
    drop = line.expect(accuracy - accuracy.under(SWAP) < 0.5)
    found = results(tmp_path / "a", ON, mapped=mapped, drop=drop)
    (table,) = found["mapped"].checks.two_by_two  # type: ignore[union-attr]
    values = measured(tmp_path / "b", ON, mapped=mapped, drop=drop)
    lost = np.array(column(values, "accuracy").values, dtype=float) > np.array(
        column(values, "accuracy.under(swap_background(random))").values, dtype=float
    )
    assert table.both + table.swap_only == int(lost.sum()) > 0
    assert table.map_on == "context"


@pytest.mark.parametrize("context", [None, gaussian_noise(1)])
def test_there_is_no_table_without_a_change_of_the_background(tmp_path: Path, context: Any) -> None:
    measure = background_dependence("saliency")
    case = audit().expect((measure if context is None else measure.under(context)) < 0.5)
    assert results(tmp_path, ON, case=case)["case"].checks.two_by_two == []  # type: ignore[union-attr]


def test_methods_are_compared_by_their_maps_by_their_values_and_by_their_verdicts(tmp_path: Path) -> None:
    both = audit(data=samples(20)).expect(background_dependence("saliency", "input_x_gradient") < 0.9)
    found = results(tmp_path / "a", ON, both=both)["both"]
    (pair,) = found.checks.agreement  # type: ignore[union-attr]
    assert (pair.first, pair.second, pair.images) == ("saliency", "input_x_gradient", 20)
    values = measured(tmp_path / "b", ON, both=both)
    one, other = (column(values, f"background_dependence({name})").values for name in (pair.first, pair.second))
    assert pair.values == pytest.approx(spearmanr(one, other).statistic)
    assert pair.pixels is not None and -1 <= pair.pixels <= 1
    assert pair.top is not None and 0 <= pair.top <= 1
    parts = found.decision.parts  # type: ignore[union-attr]
    assert pair.same_verdict is (parts[0].verdict is parts[1].verdict)


def test_maps_are_compared_on_no_more_images_than_the_check_says(tmp_path: Path) -> None:
    few = CheckSettings(masks=0, noise=0, blind=0, seams=0, sensitivity=0, sanity=0, agreement=5)
    both = audit(data=samples(20)).expect(background_dependence("saliency", "input_x_gradient") < 0.9)
    (pair,) = results(tmp_path, {"checks": few}, both=both)["both"].checks.agreement  # type: ignore[union-attr]
    assert pair.images == 5


def test_a_run_without_checks_compares_nothing(tmp_path: Path) -> None:
    both = audit().expect(background_dependence("saliency", "input_x_gradient") < 0.9)
    checks = results(tmp_path, both=both)["both"].checks
    assert checks is not None and checks.agreement == [] and checks.two_by_two == []
