"""``modelaudit verify --recompute``: what must be given with it, and how its result reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.acceptance.draw import Draw
from modelaudit.acceptance.recompute import SpotCheck
from modelaudit.acceptance.recomputed_values import Difference
from modelaudit.acceptance.verification import Check, Verification
from modelaudit.cli import main
from modelaudit.cli.recomputed import with_measured
from modelaudit.cli.words import command_words


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--recompute", "5"], "add --model REF"),
        (["--recompute", "5", "--model", "net.py:build"], "add --data REF"),
        (["--seed", "5"], "--seed: is for measuring again; add --recompute"),
        (["--data", "demo:"], "--data: is for measuring again; add --recompute"),
    ],
)
def test_what_does_not_go_together_is_a_wrong_call(
    given: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pack.zip").touch()
    assert main(["verify", str(tmp_path / "pack.zip"), *given]) == 2
    assert complaint in capsys.readouterr().err


HELD = Verification("run", "PASS", "2026-06-01T09:00:00+00:00", (Check("record", "held"),), ("vendor",))
DRAWN = SpotCheck(12, (Draw("line_a", 10_000, 30),), 90, ())


def test_the_power_of_the_draw_is_stated_and_the_level_is_reached() -> None:
    found = with_measured(HELD, DRAWN, command_words("en"))
    assert found.level == "spot_checked" and found.checks[-1].status == "held"
    assert found.checks[-1].said[0] == (
        "line_a: 30 of 10000 images, drawn by the seed 12; so many find 5% of forged values with 78.6%, and 9.49% with "
        "95%"
    )
    whole = SpotCheck(12, (Draw("line_a", 30, 30),), 90, ())
    assert with_measured(HELD, whole, command_words("en")).level == "reproduced"


def test_a_difference_is_a_failed_check_that_names_sample_column_and_both_values() -> None:
    odd = Difference("value", "red/03.png", "1.0", "0.0", "accuracy.under(flip)", "model:net.py:build")
    found = with_measured(HELD, SpotCheck(12, DRAWN.draws, 90, (odd,)), command_words("en"))
    assert found.level == "none" and not found.holds
    assert found.checks[-1].said[-1] == (
        "value of red/03.png (accuracy.under(flip), net.py:build): the record says 1.0, measured now 0.0"
    )


def test_what_was_not_measured_is_said() -> None:
    failed = Verification("run", "PASS", None, (Check("record", "failed"),))
    found = with_measured(failed, None, command_words("en"))
    assert found.level == "none" and found.checks[-1].status == "not_checked"
