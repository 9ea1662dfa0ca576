"""How an audit says in what way it is itself audited."""

from __future__ import annotations

import numpy as np
import pytest

from modelaudit import Audit, CheckSettings
from modelaudit.language.checks import as_checks
from modelaudit.language.errors import ExpressionError


def test_checks_are_on_off_or_numbers_of_images() -> None:
    assert as_checks(None) is None
    assert as_checks("on") == CheckSettings() and as_checks("off") == CheckSettings.off()
    assert as_checks({"masks": 500, "noise": "off"}) == CheckSettings(masks=500, noise=0)
    assert Audit("demo:sound", "demo:", checks={"masks": np.int64(7)}).checks == CheckSettings(masks=7)


def test_seams_off_is_off_whatever_the_radius_is() -> None:
    assert (
        not CheckSettings.off().any
        and CheckSettings().any
        and CheckSettings(**{**vars(CheckSettings.off()), "seams": 1}).any
    )
    assert not CheckSettings(**{**vars(CheckSettings.off()), "radius": 0.03}).any


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"maks": 1}, "unknown check 'maks'.*masks"),
        ({"masks": -1}, "masks=-1"),
        ({"masks": 2.5}, "masks=2.5"),
        ({"radius": 0}, "radius=0 moves no mask"),
        ({"radius": 0.5}, "radius"),
        ("some", "checks='some'"),
    ],
)
def test_what_is_no_check_is_refused(given: object, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        as_checks(given)


def test_another_stop_than_early_is_refused() -> None:
    with pytest.raises(ExpressionError, match="stop='late'"):
        Audit("demo:sound", "demo:", stop="late")  # type: ignore[arg-type]
